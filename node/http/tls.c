/* SPDX-License-Identifier: Apache-2.0
 * Why: every node makes its own TLS identity, without a certificate authority and without a tool.
 * Trust comes from the pin that travels in invites and in the roster; the certificate is only the
 * envelope TLS demands. Files appear complete or not at all: a node that loses power while making
 * its key must start again cleanly, not with half a key. */
#include "node/http/tls.h"

#include "node/http/tls_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/buf.h"
#include "protocol/base/err.h"

enum { PEM_MAX = 256 * 1024, PATH_BYTES_MAX = 4096 };

static int write_full(int fd, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t w = write(fd, p, n);
        if (w < 0 && errno == EINTR) {
            continue;
        }
        if (w <= 0) {
            return errno == ENOSPC || errno == EDQUOT ? SANJI_E_FULL : SANJI_E_IO;
        }
        p += w;
        n -= (size_t)w;
    }
    return 0;
}

static int sync_dir_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    struct buf dir;
    buf_init(&dir, PATH_BYTES_MAX);
    if (slash == NULL) {
        buf_puts(&dir, ".");
    } else {
        buf_put(&dir, path, slash == path ? 1 : (size_t)(slash - path));
    }
    int fd = dir.err != 0 ? -1 : open(buf_str(&dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    buf_done(&dir);
    int r = fd >= 0 && fsync(fd) == 0 ? 0 : SANJI_E_IO;
    if (fd >= 0) {
        close(fd);
    }
    return r;
}

int tls__file_put(const char *path, mode_t mode, const uint8_t *p, size_t n)
{
    struct buf tmp;
    buf_init(&tmp, PATH_BYTES_MAX);
    buf_printf(&tmp, "%s.new", path);
    if (tmp.err != 0) {
        buf_done(&tmp);
        return SANJI_E_NOMEM;
    }
    unlink(buf_str(&tmp)); /* what a crash left behind */
    int fd = open(buf_str(&tmp), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    int r = fd < 0 ? SANJI_E_IO : write_full(fd, p, n);
    if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0)) {
        r = SANJI_E_IO;
    }
    if (fd >= 0 && close(fd) < 0 && r == 0) {
        r = SANJI_E_IO;
    }
    if (r == 0 && rename(buf_str(&tmp), path) < 0) {
        r = SANJI_E_IO;
    }
    if (r < 0) {
        unlink(buf_str(&tmp));
    }
    buf_done(&tmp);
    return r < 0 ? r : sync_dir_of(path);
}

int tls__file_get(const char *path, struct buf *b)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? SANJI_E_NOT_FOUND : SANJI_E_IO;
    }
    uint8_t chunk[4096];
    ssize_t n;
    while ((n = read(fd, chunk, sizeof chunk)) > 0 || (n < 0 && errno == EINTR)) {
        if (n > 0) {
            buf_put(b, chunk, (size_t)n);
        }
    }
    close(fd);
    OPENSSL_cleanse(chunk, sizeof chunk);
    return n < 0 ? SANJI_E_IO : b->err;
}

/* Writes what a memory BIO holds; the caller frees the BIO. */
int tls__bio_put(BIO *bio, const char *path, mode_t mode)
{
    char *p = NULL;
    long n = BIO_get_mem_data(bio, &p);
    return n <= 0 ? SANJI_E_NOMEM : tls__file_put(path, mode, (const uint8_t *)p, (size_t)n);
}

bool tls_name_ok(const char *s)
{
    size_t n = strlen(s);
    if (n == 0 || n > 253) {
        return false;
    }
    for (; *s != '\0'; s++) {
        bool alnum =
            (*s >= '0' && *s <= '9') || (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z');
        if (!alnum && strchr("-.*", *s) == NULL) {
            return false;
        }
    }
    return true;
}

static int alt_name_add(GENERAL_NAMES *names, const char *s)
{
    uint8_t ip[16];
    int ip_n = inet_pton(AF_INET, s, ip) == 1 ? 4 : inet_pton(AF_INET6, s, ip) == 1 ? 16 : 0;
    if (ip_n == 0 && !tls_name_ok(s)) {
        return SANJI_E_SPEC;
    }
    GENERAL_NAME *g = GENERAL_NAME_new();
    ASN1_STRING *v = ip_n > 0 ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
    if (g == NULL || v == NULL ||
        ASN1_STRING_set(v, ip_n > 0 ? (const void *)ip : s, ip_n > 0 ? ip_n : (int)strlen(s)) !=
            1) {
        GENERAL_NAME_free(g);
        ASN1_STRING_free(v);
        return SANJI_E_NOMEM;
    }
    GENERAL_NAME_set0_value(g, ip_n > 0 ? GEN_IPADD : GEN_DNS, v);
    if (sk_GENERAL_NAME_push(names, g) <= 0) {
        GENERAL_NAME_free(g);
        return SANJI_E_NOMEM;
    }
    return 0;
}

int tls__alt_names(X509 *x, const char *const *names, size_t names_n)
{
    static const char *const always[] = {"localhost", "127.0.0.1", "::1"};
    GENERAL_NAMES *list = sk_GENERAL_NAME_new_null();
    int r = list == NULL ? SANJI_E_NOMEM : 0;
    for (size_t i = 0; r == 0 && i < 3; i++) {
        r = alt_name_add(list, always[i]);
    }
    for (size_t i = 0; r == 0 && i < names_n; i++) {
        r = alt_name_add(list, names[i]);
    }
    if (r == 0 && X509_add1_ext_i2d(x, NID_subject_alt_name, list, 0, X509V3_ADD_DEFAULT) != 1) {
        r = SANJI_E_NOMEM;
    }
    sk_GENERAL_NAME_pop_free(list, GENERAL_NAME_free);
    return r;
}

bool tls__ext(X509 *x, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = e != NULL && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return ok;
}

bool tls__serial(X509 *x)
{
    uint8_t raw[16];
    if (RAND_bytes(raw, sizeof raw) != 1) {
        return false;
    }
    raw[0] = (uint8_t)((raw[0] & 0x3f) | 0x40); /* positive, fixed length */
    BIGNUM *bn = BN_bin2bn(raw, sizeof raw, NULL);
    bool ok = bn != NULL && BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(x)) != NULL &&
              X509_set_version(x, 2) == 1;
    BN_free(bn);
    return ok;
}

bool tls__always(X509 *x)
{
    return ASN1_TIME_set_string_X509(X509_getm_notBefore(x), "20000101000000Z") == 1 &&
           ASN1_TIME_set_string_X509(X509_getm_notAfter(x), "99991231235959Z") == 1;
}

static int cert_make(EVP_PKEY *key, const char *node_id, const char *const *names, size_t names_n,
                     X509 **ret)
{
    X509 *x = X509_new();
    X509_NAME *subject = x != NULL ? X509_get_subject_name(x) : NULL;
    int r = SANJI_E_NOMEM;
    if (x == NULL || !tls__serial(x) || !tls__always(x) ||
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)node_id, -1, -1,
                                   0) != 1 ||
        X509_set_issuer_name(x, subject) != 1 || X509_set_pubkey(x, key) != 1 ||
        !tls__ext(x, x, NID_basic_constraints, "critical,CA:FALSE") ||
        !tls__ext(x, x, NID_key_usage, "critical,digitalSignature") ||
        !tls__ext(x, x, NID_ext_key_usage, "serverAuth") ||
        !tls__ext(x, x, NID_subject_key_identifier, "hash")) {
        goto out;
    }
    r = tls__alt_names(x, names, names_n);
    if (r == 0 && X509_sign(x, key, EVP_sha256()) == 0) {
        r = SANJI_E_NOMEM;
    }
out:
    if (r < 0) {
        X509_free(x);
        ERR_clear_error();
        return r;
    }
    *ret = x;
    return 0;
}

static int pin_of(X509 *x, uint8_t ret_pin[static TLS_PIN_BYTES])
{
    uint8_t *der = NULL;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
    unsigned len = 0;
    uint8_t md[EVP_MAX_MD_SIZE];
    bool ok = n > 0 && EVP_Digest(der, (size_t)n, md, &len, EVP_sha256(), NULL) == 1 &&
              len == TLS_PIN_BYTES;
    OPENSSL_free(der);
    if (!ok) {
        ERR_clear_error();
        return SANJI_E_NOMEM;
    }
    memcpy(ret_pin, md, TLS_PIN_BYTES);
    return 0;
}

static int cert_write(EVP_PKEY *key, const char *cert_path, const char *node_id,
                      const char *const *names, size_t names_n,
                      uint8_t ret_pin[static TLS_PIN_BYTES])
{
    X509 *x = NULL;
    int r = cert_make(key, node_id, names, names_n, &x);
    if (r < 0) {
        return r;
    }
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL || PEM_write_bio_X509(bio, x) != 1) {
        r = SANJI_E_NOMEM;
    }
    r = r < 0 ? r : tls__bio_put(bio, cert_path, 0644);
    r = r < 0 ? r : pin_of(x, ret_pin);
    BIO_free(bio);
    X509_free(x);
    return r;
}

int tls_identity_create(const char *key_path, const char *cert_path, const char *node_id,
                        const char *const *names, size_t names_n,
                        uint8_t ret_pin[static TLS_PIN_BYTES])
{
    if (access(key_path, F_OK) == 0) {
        return SANJI_E_EXISTS;
    }
    EVP_PKEY *key = EVP_EC_gen("P-256");
    BIO *bio = BIO_new(BIO_s_secmem());
    int r = SANJI_E_NOMEM;
    /* Certificate first: a key file that exists means that the identity is complete. */
    if (key != NULL && bio != NULL &&
        PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1) {
        r = cert_write(key, cert_path, node_id, names, names_n, ret_pin);
        r = r < 0 ? r : tls__bio_put(bio, key_path, 0600);
    }
    BIO_free(bio);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return r;
}

/* A passphrase prompt on the terminal must never stop a daemon. */
static int no_passphrase(char *buf, int size, int rw, void *arg)
{
    (void)buf;
    (void)size;
    (void)rw;
    (void)arg;
    return -1;
}

EVP_PKEY *tls__key_read(const void *pem, size_t n)
{
    BIO *bio = n <= PEM_MAX ? BIO_new_mem_buf(pem, (int)n) : NULL;
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    BIO_free(bio);
    return key;
}

int tls_cert_renew(const char *key_path, const char *cert_path, const char *node_id,
                   const char *const *names, size_t names_n, uint8_t ret_pin[static TLS_PIN_BYTES])
{
    struct buf pem;
    buf_init(&pem, PEM_MAX);
    int r = tls__file_get(key_path, &pem);
    if (r == 0) {
        EVP_PKEY *key = tls__key_read(pem.data, pem.len);
        r = key == NULL ? SANJI_E_SYNTAX
                        : cert_write(key, cert_path, node_id, names, names_n, ret_pin);
        EVP_PKEY_free(key);
    }
    buf_wipe_done(&pem);
    ERR_clear_error();
    return r;
}

int tls_pin_of_pem(const char *pem, size_t n, uint8_t ret_pin[static TLS_PIN_BYTES])
{
    BIO *bio = n > 0 && n <= PEM_MAX ? BIO_new_mem_buf(pem, (int)n) : NULL;
    X509 *x = bio != NULL ? PEM_read_bio_X509(bio, NULL, no_passphrase, NULL) : NULL;
    int r = x == NULL ? SANJI_E_SYNTAX : pin_of(x, ret_pin);
    X509_free(x);
    BIO_free(bio);
    ERR_clear_error();
    return r;
}

int tls_pin_of_file(const char *cert_path, uint8_t ret_pin[static TLS_PIN_BYTES])
{
    struct buf pem;
    buf_init(&pem, PEM_MAX);
    int r = tls__file_get(cert_path, &pem);
    r = r < 0 ? r : tls_pin_of_pem(buf_str(&pem), pem.len, ret_pin);
    buf_done(&pem);
    return r;
}

static int pick_http11(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                       const unsigned char *in, unsigned in_n, void *arg)
{
    (void)ssl;
    (void)arg;
    static const unsigned char ours[] = "\x08http/1.1";
    for (unsigned i = 0; i < in_n; i += 1U + in[i]) {
        if (in_n - i >= sizeof ours - 1 && memcmp(in + i, ours, sizeof ours - 1) == 0) {
            *out = in + i + 1;
            *out_n = 8;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_NOACK; /* a client that offers only h2 will notice by itself */
}

static bool ctx_load(SSL_CTX *ctx, EVP_PKEY *key, BIO *certs)
{
    X509 *x = PEM_read_bio_X509(certs, NULL, no_passphrase, NULL);
    bool ok = x != NULL && SSL_CTX_use_certificate(ctx, x) == 1 &&
              SSL_CTX_use_PrivateKey(ctx, key) == 1 && SSL_CTX_check_private_key(ctx) == 1;
    X509_free(x);
    for (int i = 0; ok && i < 8; i++) { /* the chain of a public authority, if any */
        X509 *next = PEM_read_bio_X509(certs, NULL, no_passphrase, NULL);
        if (next == NULL) {
            break;
        }
        if (SSL_CTX_add0_chain_cert(ctx, next) != 1) {
            X509_free(next);
            ok = false;
        }
    }
    return ok;
}

int tls_ctx_from_pem(const char *key_pem, size_t key_n, const char *cert, size_t cert_n,
                     struct ssl_ctx_st **ret)
{
    EVP_PKEY *key = tls__key_read(key_pem, key_n);
    BIO *certs = cert_n <= PEM_MAX ? BIO_new_mem_buf(cert, (int)cert_n) : NULL;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    bool ok = key != NULL && certs != NULL && ctx != NULL &&
              SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
              SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
              ctx_load(ctx, key, certs);
    if (ok) {
        SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_IGNORE_UNEXPECTED_EOF);
        SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_num_tickets(ctx, 1);
        SSL_CTX_set_alpn_select_cb(ctx, pick_http11, NULL);
    } else {
        SSL_CTX_free(ctx);
    }
    BIO_free(certs);
    EVP_PKEY_free(key);
    ERR_clear_error();
    if (ok) {
        *ret = ctx;
    }
    return ok ? 0 : SANJI_E_CONFIG;
}

int tls_ctx_from_files(const char *key_path, const char *cert_path, struct ssl_ctx_st **ret)
{
    struct buf key, cert;
    buf_init(&key, PEM_MAX);
    buf_init(&cert, PEM_MAX);
    int r = SANJI_E_CONFIG;
    if (cert_path != NULL && tls__file_get(key_path, &key) == 0 &&
        tls__file_get(cert_path, &cert) == 0) {
        r = tls_ctx_from_pem(buf_str(&key), key.len, buf_str(&cert), cert.len, ret);
    }
    buf_wipe_done(&key);
    buf_done(&cert);
    return r;
}

void tls_ctx_free(struct ssl_ctx_st *ctx)
{
    SSL_CTX_free(ctx);
}
