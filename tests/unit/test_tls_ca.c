/* SPDX-License-Identifier: Apache-2.0 */
/* What the node's own authority vouches for, and what it cannot. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/http/tls.h"
#include "node/http/tls_ca.h"
#include "protocol/base/err.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], key_path[96], cert_path[96];
static const char *const names[] = {"station-pc", "station-pc.local", "192.168.3.7", "10.1.2.3",
                                    "fd00::7"};
enum { N = sizeof names / sizeof names[0] };
#define NOW INT64_C(1796000000)

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/sanji-ca-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(key_path, sizeof key_path, "%s/ca.key", dir);
    snprintf(cert_path, sizeof cert_path, "%s/ca.crt", dir);
    return 0;
}

static int down(void **state)
{
    (void)state;
    unlink(key_path);
    unlink(cert_path);
    return rmdir(dir);
}

static struct tls_ca *opened(const char *const *v, size_t n, bool want_made)
{
    struct tls_ca *ca = NULL;
    bool made = !want_made;
    assert_int_equal(
        tls_ca_open(key_path, cert_path, "\xe5\x8e\x86\xe4\xb8\x8b", v, n, n, &ca, &made), 0);
    assert_int_equal(made, want_made);
    return ca;
}

/* Trusts only `ca`; looks at the leaf of ctx at `at`. */
static int browser(const struct tls_ca *ca, SSL_CTX *ctx, int64_t at)
{
    const uint8_t *p = tls_ca_der(ca).p;
    X509 *root = d2i_X509(NULL, &p, (long)tls_ca_der(ca).n);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *v = X509_STORE_CTX_new();
    assert_true(root != NULL && store != NULL && v != NULL);
    assert_int_equal(X509_STORE_add_cert(store, root), 1);
    assert_int_equal(X509_STORE_CTX_init(v, store, SSL_CTX_get0_certificate(ctx), NULL), 1);
    assert_int_equal(X509_STORE_CTX_set_default(v, "ssl_server"), 1);
    X509_STORE_CTX_set_time(v, 0, (time_t)at);
    int r = X509_verify_cert(v) == 1 ? 0 : X509_STORE_CTX_get_error(v);
    X509_STORE_CTX_free(v);
    X509_STORE_free(store);
    X509_free(root);
    return r;
}

static void a_browser_that_trusts_it_once(void **state)
{
    (void)state;
    struct stat st;
    struct tls_ca *ca = opened(names, N, true);
    SSL_CTX *ctx = NULL;
    assert_int_equal(stat(key_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(tls_ca_issue(ca, names, N, NOW, &ctx), 0);
    assert_int_equal(browser(ca, ctx, NOW), 0);
    assert_int_equal(browser(ca, ctx, NOW + 390LL * 86400), 0);
    assert_int_equal(browser(ca, ctx, NOW + 400LL * 86400), X509_V_ERR_CERT_HAS_EXPIRED);
    X509 *leaf = SSL_CTX_get0_certificate(ctx);
    static const char *const reached[] = {"localhost", "station-pc", "station-pc.local"};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(X509_check_host(leaf, reached[i], 0, 0, NULL), 1);
    }
    static const char *const at[] = {"127.0.0.1", "::1", "192.168.3.7", "fd00::7"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(X509_check_ip_asc(leaf, at[i], 0), 1);
    }
    assert_int_equal(X509_check_host(leaf, "example.org", 0, 0, NULL), 0);
    assert_int_equal(X509_check_purpose(leaf, X509_PURPOSE_SSL_SERVER, 0), 1);
    tls_ctx_free(ctx);

    /* Another address of the same house, months later: the same authority. */
    static const char *const moved[] = {"station-pc", "192.168.9.200", "172.20.1.1"};
    struct tls_ca *again = opened(moved, 3, false);
    assert_int_equal(tls_ca_der(ca).n, tls_ca_der(again).n);
    assert_memory_equal(tls_ca_der(ca).p, tls_ca_der(again).p, tls_ca_der(ca).n);
    assert_int_equal(tls_ca_issue(again, moved, 3, NOW, &ctx), 0);
    assert_int_equal(browser(ca, ctx, NOW), 0);
    tls_ctx_free(ctx);
    tls_ca_free(ca);
    tls_ca_free(again);
}

/* Its key in a thief's hand: no other site is his. */
static void it_vouches_for_nothing_else(void **state)
{
    (void)state;
    struct tls_ca *ca = opened(names, N, true);
    static const char *const foreign[] = {"bank.example", "8.8.8.8", "2001:db8::1", "other-pc",
                                          "xstation-pc"};
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        SSL_CTX *ctx = NULL;
        assert_false(tls_ca_covers(ca, &foreign[i], 1));
        assert_int_equal(tls_ca_issue(ca, &foreign[i], 1, NOW, &ctx), 0);
        assert_int_equal(browser(ca, ctx, NOW), X509_V_ERR_PERMITTED_VIOLATION);
        tls_ctx_free(ctx);
    }
    /* A name the administrator gives later needs a new one, and then it may. */
    static const char *const given[] = {"sanji.lixia.gov.cn"};
    struct tls_ca *more = opened(given, 1, true);
    assert_true(tls_ca_covers(more, given, 1));
    assert_false(tls_ca_covers(more, names, 1));
    tls_ca_free(more);
    /* One the machine has picked up by itself does not. */
    static const char *const picked[] = {"sanji.lixia.gov.cn", "new-name"};
    bool made = true;
    assert_int_equal(tls_ca_open(key_path, cert_path, "x", picked, 2, 1, &more, &made), 0);
    assert_false(made);
    assert_false(tls_ca_covers(more, &picked[1], 1));
    tls_ca_free(more);
    tls_ca_free(ca);
}

static void files_that_do_not_belong_together(void **state)
{
    (void)state;
    char other[128], print[TLS_CA_PRINT_BYTES], of_file[TLS_CA_PRINT_BYTES];
    struct tls_ca *ca = opened(names, N, true), *b = NULL;
    bool made = false;
    tls_ca_print(tls_ca_der(ca), print);
    assert_int_equal(strlen(print), 32 * 3 - 1 + 3);
    assert_int_equal(tls_ca_print_file(cert_path, of_file), 0);
    assert_string_equal(print, of_file);
    assert_int_equal(tls_ca_print_file("/nonexistent/x", of_file), SANJI_E_NOT_FOUND);
    snprintf(other, sizeof other, "%s/other.crt", dir);
    assert_int_equal(tls_ca_open(other, cert_path, "x", names, N, N, &b, &made), 0);
    assert_true(made); /* a certificate whose key is not there */
    unlink(other);
    tls_ca_free(b);
    tls_ca_free(opened(names, N, true)); /* the first key with the second certificate */
    static const char *const bad[] = {"a b", "x,permitted;DNS:bank.example", "", "a\nb"};
    for (size_t i = 0; i < 4; i++) {
        unlink(key_path);
        assert_int_equal(tls_ca_open(key_path, cert_path, "x", &bad[i], 1, 1, &b, &made),
                         SANJI_E_SPEC);
    }
    tls_ca_free(ca);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_browser_that_trusts_it_once, setup, down),
        cmocka_unit_test_setup_teardown(it_vouches_for_nothing_else, setup, down),
        cmocka_unit_test_setup_teardown(files_that_do_not_belong_together, setup, down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
