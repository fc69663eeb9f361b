/* SPDX-License-Identifier: Apache-2.0 */
#include "node/http/tls_ca.h"

#include "node/http/tls.h"
#include "node/http/tls_internal.h"
#include "protocol/base/err.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FILE_MAX = 64 * 1024, DAY_S = 86400, BEFORE_DAYS = 2, LEAF_DAYS = 397, NAME_CHARS = 40 };

/* Where machines of one house find each other: RFC 1918, RFC 6598, link-local, RFC 4193, loopback.
 */
static const char private_nets[] = "permitted;IP:10.0.0.0/255.0.0.0,"
                                   "permitted;IP:172.16.0.0/255.240.0.0,"
                                   "permitted;IP:192.168.0.0/255.255.0.0,"
                                   "permitted;IP:100.64.0.0/255.192.0.0,"
                                   "permitted;IP:169.254.0.0/255.255.0.0,"
                                   "permitted;IP:127.0.0.0/255.0.0.0,"
                                   "permitted;IP:fc00::/fe00::,"
                                   "permitted;IP:fe80::/ffc0::,"
                                   "permitted;IP:::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,"
                                   "permitted;DNS:localhost";

struct tls_ca {
    EVP_PKEY *key;
    X509 *cert;
    uint8_t *der;
    int der_n;
};

void tls_ca_free(struct tls_ca *ca)
{
    if (ca != NULL) {
        EVP_PKEY_free(ca->key);
        X509_free(ca->cert);
        OPENSSL_free(ca->der);
        free(ca);
    }
}

struct span tls_ca_der(const struct tls_ca *ca)
{
    return span_of(ca->der, (size_t)ca->der_n);
}

void tls_ca_print(struct span der, char ret[static TLS_CA_PRINT_BYTES])
{
    uint8_t md[EVP_MAX_MD_SIZE] = {0};
    unsigned n = 0;
    size_t at = 0;
    (void)EVP_Digest(der.p, der.n, md, &n, EVP_sha256(), NULL);
    for (unsigned i = 0; i < 32; i++) {
        const char *between = i == 0 ? "" : i % 8 == 0 ? "  " : " ";
        at += (size_t)snprintf(ret + at, TLS_CA_PRINT_BYTES - at, "%s%02X", between, md[i]);
    }
}

int tls_ca_print_file(const char *cert_path, char ret[static TLS_CA_PRINT_BYTES])
{
    struct buf pem;
    uint8_t *der = NULL;
    buf_init(&pem, FILE_MAX);
    int r = tls__file_get(cert_path, &pem), n = 0;
    BIO *bio = r < 0 ? NULL : BIO_new_mem_buf(pem.data, (int)pem.len);
    X509 *x = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    if (r == 0) {
        n = x == NULL ? 0 : i2d_X509(x, &der);
        r = n > 0 ? 0 : SANJI_E_SYNTAX;
    }
    if (r == 0) {
        tls_ca_print(span_of(der, (size_t)n), ret);
    }
    OPENSSL_free(der);
    X509_free(x);
    BIO_free(bio);
    buf_done(&pem);
    ERR_clear_error();
    return r;
}

/* ---- making it ---- */

static int put_permitted(struct buf *out, const char *name)
{
    uint8_t ip[16];
    if (inet_pton(AF_INET, name, ip) == 1) {
        return buf_printf(out, ",permitted;IP:%s/255.255.255.255", name);
    }
    if (inet_pton(AF_INET6, name, ip) == 1) {
        return buf_printf(out, ",permitted;IP:%s/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", name);
    }
    if (!tls_name_ok(name)) {
        return SANJI_E_SPEC;
    }
    return buf_printf(out, ",permitted;DNS:%s", name);
}

static int constraints(const char *const *names, size_t names_n, struct buf *out)
{
    int r = buf_printf(out, "critical,%s", private_nets);
    for (size_t i = 0; r >= 0 && i < names_n; i++) {
        r = put_permitted(out, names[i]);
    }
    return r < 0 ? r : out->err;
}

/* "三级 · NAME": at most 64 characters stand in a name (RFC 5280 appendix A), so a long one is cut.
 */
static bool name_it(X509 *x, const char *label)
{
    char cn[256] = "Sanji ";
    size_t n = strlen(cn);
    int chars = 0;
    for (const char *p = label; *p != '\0' && n < sizeof cn - 1; p++) {
        chars += ((unsigned char)*p & 0xc0) != 0x80;
        if (chars > NAME_CHARS) {
            break;
        }
        cn[n++] = *p;
    }
    cn[n] = '\0';
    X509_NAME *s = X509_get_subject_name(x);
    return X509_NAME_add_entry_by_txt(s, "CN", MBSTRING_UTF8, (const uint8_t *)cn, -1, -1, 0) ==
               1 &&
           X509_set_issuer_name(x, s) == 1;
}

static int cert_make(EVP_PKEY *key, const char *label, const char *permitted, X509 **ret)
{
    X509 *x = X509_new();
    if (x == NULL || !tls__serial(x) || !tls__always(x) || !name_it(x, label) ||
        X509_set_pubkey(x, key) != 1 ||
        !tls__ext(x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !tls__ext(x, x, NID_key_usage, "critical,keyCertSign") ||
        !tls__ext(x, x, NID_subject_key_identifier, "hash") ||
        !tls__ext(x, x, NID_name_constraints, permitted) || X509_sign(x, key, EVP_sha256()) == 0) {
        X509_free(x);
        ERR_clear_error();
        return SANJI_E_NOMEM;
    }
    *ret = x;
    return 0;
}

static int write_both(const struct tls_ca *ca, const char *key_path, const char *cert_path)
{
    BIO *key = BIO_new(BIO_s_secmem()), *cert = BIO_new(BIO_s_mem());
    int r = SANJI_E_NOMEM;
    if (key != NULL && cert != NULL && PEM_write_bio_X509(cert, ca->cert) == 1 &&
        PEM_write_bio_PKCS8PrivateKey(key, ca->key, NULL, NULL, 0, NULL, NULL) == 1) {
        /* The key first: a certificate of another one beside it is told apart and made again. */
        r = tls__bio_put(key, key_path, 0600);
        r = r < 0 ? r : tls__bio_put(cert, cert_path, 0644);
    }
    BIO_free(key);
    BIO_free(cert);
    return r;
}

static int make(struct tls_ca *ca, const char *label, const char *const *names, size_t names_n)
{
    struct buf permitted;
    buf_init(&permitted, 16384);
    int r = constraints(names, names_n, &permitted);
    if (r >= 0) {
        ca->key = EVP_EC_gen("P-256");
        r = ca->key == NULL ? SANJI_E_NOMEM
                            : cert_make(ca->key, label, buf_str(&permitted), &ca->cert);
    }
    buf_done(&permitted);
    return r;
}

/* ---- reading it ---- */

static int read_both(struct tls_ca *ca, const char *key_path, const char *cert_path)
{
    struct buf key, cert;
    buf_init(&key, FILE_MAX);
    buf_init(&cert, FILE_MAX);
    int r = tls__file_get(key_path, &key);
    r = r < 0 ? r : tls__file_get(cert_path, &cert);
    if (r == 0) {
        BIO *bio = BIO_new_mem_buf(cert.data, (int)cert.len);
        ca->key = tls__key_read(key.data, key.len);
        ca->cert = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
        BIO_free(bio);
        r = ca->key != NULL && ca->cert != NULL && X509_check_private_key(ca->cert, ca->key) == 1
                ? 0
                : SANJI_E_CORRUPT;
    }
    buf_wipe_done(&key);
    buf_done(&cert);
    ERR_clear_error();
    return r;
}

static void drop(struct tls_ca *ca)
{
    EVP_PKEY_free(ca->key);
    X509_free(ca->cert);
    ca->key = NULL;
    ca->cert = NULL;
}

int tls_ca_open(const char *key_path, const char *cert_path, const char *label,
                const char *const *names, size_t names_n, size_t must, struct tls_ca **ret,
                bool *ret_made)
{
    struct tls_ca *ca = calloc(1, sizeof *ca);
    if (ca == NULL) {
        return SANJI_E_NOMEM;
    }
    int r = read_both(ca, key_path, cert_path);
    *ret_made = r == SANJI_E_NOT_FOUND || r == SANJI_E_CORRUPT ||
                (r == 0 && !tls_ca_covers(ca, names, must));
    if (*ret_made) {
        drop(ca);
        r = make(ca, label, names, names_n);
        r = r < 0 ? r : write_both(ca, key_path, cert_path);
    }
    if (r == 0) {
        ca->der_n = i2d_X509(ca->cert, &ca->der);
        r = ca->der_n <= 0 ? SANJI_E_NOMEM : 0;
    }
    if (r < 0) {
        tls_ca_free(ca);
        ERR_clear_error();
        return r;
    }
    *ret = ca;
    return 0;
}

/* ---- what it vouches for ---- */

static bool set_dates(X509 *x, int64_t now_s)
{
    time_t t = (time_t)now_s;
    return X509_time_adj_ex(X509_getm_notBefore(x), -BEFORE_DAYS, 0, &t) != NULL &&
           X509_time_adj_ex(X509_getm_notAfter(x), LEAF_DAYS - BEFORE_DAYS, 0, &t) != NULL;
}

static int leaf_make(const struct tls_ca *ca, EVP_PKEY *key, const char *const *names,
                     size_t names_n, int64_t now_s, X509 **ret)
{
    X509 *x = X509_new();
    X509_NAME *subject = x != NULL ? X509_get_subject_name(x) : NULL;
    int r = SANJI_E_NOMEM;
    if (x != NULL && tls__serial(x) && set_dates(x, now_s) &&
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)"Sanji", -1, -1,
                                   0) == 1 &&
        X509_set_issuer_name(x, X509_get_subject_name(ca->cert)) == 1 &&
        X509_set_pubkey(x, key) == 1 &&
        tls__ext(x, ca->cert, NID_basic_constraints, "critical,CA:FALSE") &&
        tls__ext(x, ca->cert, NID_key_usage, "critical,digitalSignature") &&
        tls__ext(x, ca->cert, NID_ext_key_usage, "serverAuth") &&
        tls__ext(x, ca->cert, NID_subject_key_identifier, "hash") &&
        tls__ext(x, ca->cert, NID_authority_key_identifier, "keyid:always")) {
        r = tls__alt_names(x, names, names_n);
    }
    if (r == 0 && X509_sign(x, ca->key, EVP_sha256()) == 0) {
        r = SANJI_E_NOMEM;
    }
    if (r < 0) {
        X509_free(x);
        ERR_clear_error();
        return r;
    }
    *ret = x;
    return 0;
}

/* As a browser would look at it. */
static bool verifies(const struct tls_ca *ca, X509 *leaf)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool ok = store != NULL && ctx != NULL && X509_STORE_add_cert(store, ca->cert) == 1 &&
              X509_STORE_CTX_init(ctx, store, leaf, NULL) == 1;
    if (ok) {
        X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_NO_CHECK_TIME);
        ok = X509_STORE_CTX_set_default(ctx, "ssl_server") == 1 && X509_verify_cert(ctx) == 1;
    }
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    ERR_clear_error();
    return ok;
}

bool tls_ca_covers(const struct tls_ca *ca, const char *const *names, size_t names_n)
{
    X509 *x = NULL;
    bool ok = leaf_make(ca, ca->key, names, names_n, 0, &x) == 0 && verifies(ca, x);
    X509_free(x);
    return ok;
}

int tls_ca_issue(const struct tls_ca *ca, const char *const *names, size_t names_n, int64_t now_s,
                 struct ssl_ctx_st **ret)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = NULL;
    BIO *k = BIO_new(BIO_s_secmem()), *c = BIO_new(BIO_s_mem());
    char *kp = NULL, *cp = NULL;
    int r = key == NULL || k == NULL || c == NULL ? SANJI_E_NOMEM
                                                  : leaf_make(ca, key, names, names_n, now_s, &x);
    if (r == 0 && (PEM_write_bio_PKCS8PrivateKey(k, key, NULL, NULL, 0, NULL, NULL) != 1 ||
                   PEM_write_bio_X509(c, x) != 1)) {
        r = SANJI_E_NOMEM;
    }
    if (r == 0) {
        long kn = BIO_get_mem_data(k, &kp), cn = BIO_get_mem_data(c, &cp);
        r = tls_ctx_from_pem(kp, (size_t)kn, cp, (size_t)cn, ret);
    }
    BIO_free(k);
    BIO_free(c);
    X509_free(x);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return r;
}
