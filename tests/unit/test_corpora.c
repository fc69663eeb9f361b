/* SPDX-License-Identifier: Apache-2.0 */
/* Do our wrappers agree with vectors that nobody here wrote? JSONTestSuite, Wycheproof and RFC 9180
 * are looked for under $SANJI_TEST_DATA/corpora; without them the tests say what was skipped. */
#include "protocol/base/enc.h"
#include "protocol/base/err.h"
#include "protocol/json_gate.h"
#include "protocol/suite.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int skipped;

/* The file's bytes plus NUL, or NULL when there is no corpus. */
static char *slurp(const char *rel, size_t *ret_n)
{
    char path[1024];
    const char *root = getenv("SANJI_TEST_DATA");
    if (root == NULL) {
        return NULL;
    }
    (void)snprintf(path, sizeof(path), "%s/corpora/%s", root, rel);
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        return NULL;
    }
    size_t cap = 16U << 20;
    char *s = malloc(cap + 1);
    assert_non_null(s);
    *ret_n = fread(s, 1, cap, f);
    (void)fclose(f);
    s[*ret_n] = 0;
    return s;
}

static void skip_corpus(const char *what)
{
    skipped++;
    print_message("skipped: %s (SANJI_TEST_DATA not set or file absent)\n", what);
    skip();
}

/* ---- JSONTestSuite ------------------------------------------------------------------------- */

static void one_json(const char *name, int count[3])
{
    char rel[512];
    size_t n = 0;
    (void)snprintf(rel, sizeof(rel), "json-test-suite/test_parsing/%s", name);
    char *s = slurp(rel, &n);
    assert_non_null(s);
    /* An exact copy, so that reading one byte too far is seen by the address sanitizer. */
    char *exact = malloc(n > 0 ? n : 1);
    assert_non_null(exact);
    memcpy(exact, s, n);
    free(s);
    struct fault f = {0};
    int protocol = json_gate(exact, n, JSON_PROTOCOL, &f);
    int generic = json_gate(exact, n, JSON_GENERIC, &f);
    free(exact);
    if (name[0] == 'n') {
        count[0]++;
        if (protocol == 0 || generic == 0) {
            fail_msg("%s was accepted", name);
        }
    } else if (name[0] == 'y') {
        bool twice = strncmp(name, "y_object_duplicated_key", 23) == 0;
        count[1]++;
        if ((generic < 0) != twice) {
            fail_msg("%s: %s (%s)", name, err_name(generic), f.want);
        }
        if (protocol < 0) {
            print_message("protocol mode refuses %s\n", name);
        }
    } else {
        count[2]++;
    }
    /* What protocol mode takes, generic mode takes too. */
    assert_false(protocol == 0 && generic < 0);
}

static void test_json_suite(void **st)
{
    (void)st;
    char path[1024];
    const char *root = getenv("SANJI_TEST_DATA");
    (void)snprintf(path, sizeof(path), "%s/corpora/json-test-suite/test_parsing",
                   root != NULL ? root : "");
    DIR *d = root == NULL ? NULL : opendir(path);
    if (d == NULL) {
        skip_corpus("JSONTestSuite, 318 files");
    }
    int count[3] = {0};
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        if (e->d_name[0] != '.') {
            one_json(e->d_name, count);
        }
    }
    (void)closedir(d);
    print_message("JSONTestSuite: %d n_ refused, %d y_, %d i_\n", count[0], count[1], count[2]);
    assert_int_equal(count[0], 188);
    assert_int_equal(count[1], 95);
}

/* ---- Wycheproof ---------------------------------------------------------------------------- */

static const char *text_of(const cJSON *t, const char *name)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(t, name));
    assert_non_null(s);
    return s;
}

/* Hex member as bytes in one of eight static buffers. */
static struct span hex_of(const cJSON *t, const char *name)
{
    static uint8_t pool[8][70000];
    static unsigned next;
    const char *s = text_of(t, name);
    uint8_t *out = pool[next++ % 8];
    size_t n = strlen(s) / 2;
    assert_in_range(n, 0, sizeof(pool[0]));
    assert_int_equal(hex_get(s, strlen(s), out, n), 0);
    return span_of(out, n);
}

static int number_of(const cJSON *t, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(t, name);
    assert_true(cJSON_IsNumber(v));
    return v->valueint;
}

static bool flagged(const cJSON *t, const char *flag)
{
    const cJSON *f;
    cJSON_ArrayForEach(f, cJSON_GetObjectItemCaseSensitive(t, "flags"))
    {
        if (strcmp(cJSON_GetStringValue(f), flag) == 0) {
            return true;
        }
    }
    return false;
}

/* Returns whether our wrapper took the case (and its outputs matched); -1: not applicable. */
typedef int (*case_fn)(const cJSON *group, const cJSON *t);

static int ed25519_case(const cJSON *group, const cJSON *t)
{
    struct span pub = hex_of(cJSON_GetObjectItemCaseSensitive(group, "publicKey"), "pk");
    struct span msg = hex_of(t, "msg");
    struct span sig = hex_of(t, "sig");
    struct sign_pub *k = NULL;
    if (sig.n != SIG_LEN || pub.n != SIGN_PUB_LEN) {
        return 0; /* our types cannot carry it */
    }
    if (sign_pub_new(pub.p, &k) < 0) {
        return 0;
    }
    int r = verify_raw(k, msg.p, msg.n, sig.p);
    sign_pub_free(k);
    return r == 0;
}

static int x25519_case(const cJSON *group, const cJSON *t)
{
    (void)group;
    uint8_t out[32];
    struct span priv = hex_of(t, "private");
    struct span pub = hex_of(t, "public");
    struct span want = hex_of(t, "shared");
    if (priv.n != 32 || pub.n != 32) {
        return 0;
    }
    int r = x25519_raw(priv.p, pub.p, out);
    if (flagged(t, "ZeroSharedSecret")) {
        assert_int_equal(r, SANJI_E_OPEN);
        return -1; /* "acceptable" for the curve, never for us */
    }
    return r == 0 && memcmp(out, want.p, 32) == 0;
}

static int chacha_case(const cJSON *group, const cJSON *t)
{
    (void)group;
    static uint8_t ct[70000];
    static uint8_t pt[70000];
    struct span key = hex_of(t, "key");
    struct span iv = hex_of(t, "iv");
    struct span aad = hex_of(t, "aad");
    struct span msg = hex_of(t, "msg");
    struct span want = hex_of(t, "ct");
    struct span tag = hex_of(t, "tag");
    if (iv.n != AEAD_NONCE_LEN || key.n != AEAD_KEY_LEN) {
        return 0;
    }
    memcpy(ct, want.p, want.n);
    memcpy(ct + want.n, tag.p, tag.n);
    if (aead_open(key.p, iv.p, aad, span_of(ct, want.n + tag.n), pt) < 0) {
        return 0;
    }
    assert_memory_equal(pt, msg.p, msg.n);
    memset(pt, 0, sizeof(pt));
    assert_int_equal(aead_seal(key.p, iv.p, aad, msg, pt), 0);
    return memcmp(pt, ct, msg.n + AEAD_TAG_LEN) == 0;
}

static int hkdf_case(const cJSON *group, const cJSON *t)
{
    (void)group;
    static uint8_t out[70000];
    struct span ikm = hex_of(t, "ikm");
    struct span salt = hex_of(t, "salt");
    struct span info = hex_of(t, "info");
    struct span want = hex_of(t, "okm");
    int size = number_of(t, "size");
    assert_in_range(size, 0, sizeof(out));
    if (hkdf(salt.p, salt.n, ikm.p, ikm.n, info.p, info.n, out, (size_t)size) < 0) {
        return 0;
    }
    return want.n == (size_t)size && memcmp(out, want.p, want.n) == 0;
}

static int hmac_case(const cJSON *group, const cJSON *t)
{
    uint8_t out[HASH_LEN];
    struct span key = hex_of(t, "key");
    struct span msg = hex_of(t, "msg");
    struct span tag = hex_of(t, "tag");
    assert_int_equal(tag.n, number_of(group, "tagSize") / 8);
    hmac_bytes(key.p, key.n, msg.p, msg.n, out);
    return mem_equal_ct(out, tag.p, tag.n);
}

struct corpus {
    const char *file;
    case_fn fn;
    int tests;
};

static const struct corpus wycheproof[] = {
    {"wycheproof/ed25519_test.json", ed25519_case, 151},
    {"wycheproof/x25519_test.json", x25519_case, 518},
    {"wycheproof/chacha20_poly1305_test.json", chacha_case, 325},
    {"wycheproof/hkdf_sha256_test.json", hkdf_case, 86},
    {"wycheproof/hmac_sha256_test.json", hmac_case, 174},
};

static void run_wycheproof(const struct corpus *c)
{
    size_t n = 0;
    char *s = slurp(c->file, &n);
    if (s == NULL) {
        skip_corpus(c->file);
    }
    cJSON *root = cJSON_ParseWithLength(s, n);
    assert_non_null(root);
    int done = 0;
    int other = 0;
    const cJSON *g;
    const cJSON *t;
    cJSON_ArrayForEach(g, cJSON_GetObjectItemCaseSensitive(root, "testGroups"))
    {
        cJSON_ArrayForEach(t, cJSON_GetObjectItemCaseSensitive(g, "tests"))
        {
            /* "acceptable" is a matter of taste everywhere but for what the case function decides.
             */
            bool valid = strcmp(text_of(t, "result"), "invalid") != 0;
            int took = c->fn(g, t);
            done++;
            other += took < 0;
            if (took >= 0 && (took == 1) != valid) {
                fail_msg("%s tcId %d (%s): took %d", c->file, number_of(t, "tcId"),
                         text_of(t, "comment"), took);
            }
        }
    }
    print_message("%s: %d cases, %d of them refused by our own rule\n", c->file, done, other);
    assert_int_equal(done, c->tests);
    cJSON_Delete(root);
    free(s);
}

static void test_wycheproof(void **st)
{
    run_wycheproof(*st);
}

/* ---- RFC 9180 ------------------------------------------------------------------------------ */

/* The value after "name:", which may be wrapped over lines of hex. Returns its end or NULL. */
static const char *field(const char *s, const char *name, uint8_t *out, size_t max, size_t *ret_n)
{
    char hex[512];
    size_t n = 0;
    s = strstr(s, name);
    if (s == NULL) {
        return NULL;
    }
    s += strlen(name);
    while (*s != 0 && n < sizeof(hex)) {
        const char *line = s;
        while (*s == ' ' || *s == '\n') {
            s++;
        }
        size_t k = strspn(s, "0123456789abcdef");
        if (k == 0 || (s[k] != '\n' && s[k] != ' ' && s[k] != 0) || (n > 0 && line + 1 != s)) {
            break; /* the next label, or an empty line */
        }
        assert_in_range(n + k, 1, sizeof(hex));
        memcpy(hex + n, s, k);
        n += k;
        s += k;
    }
    assert_in_range(n, 2, max * 2);
    assert_int_equal(hex_get(hex, n, out, n / 2), 0);
    *ret_n = n / 2;
    return s;
}

static void test_rfc9180(void **st)
{
    (void)st;
    size_t n = 0;
    char *s = slurp("hpke/base-x25519-sha256-chacha20poly1305.txt", &n);
    if (s == NULL) {
        skip_corpus("RFC 9180 A.2.1");
    }
    uint8_t info[64], pke[32], ske[32], pkr[32], skr[32], pt[64], aad[64], ct[128], enc[32],
        out[128];
    size_t info_n, pt_n, aad_n, ct_n, len;
    assert_non_null(field(s, "\ninfo:", info, sizeof(info), &info_n));
    assert_non_null(field(s, "\npkEm:", pke, 32, &len));
    assert_non_null(field(s, "\nskEm:", ske, 32, &len));
    assert_non_null(field(s, "\npkRm:", pkr, 32, &len));
    assert_non_null(field(s, "\nskRm:", skr, 32, &len));
    assert_int_equal(seal_pub_of(skr, enc), 0);
    assert_memory_equal(enc, pkr, 32);
    int done = 0;
    const char *label = "sequence number: ";
    for (char *p = strstr(s, label); p != NULL; p = strstr(p, label)) {
        p += strlen(label);
        uint64_t seq = strtoull(p, NULL, 10);
        assert_non_null(field(p, "\npt:", pt, sizeof(pt), &pt_n));
        assert_non_null(field(p, "\naad:", aad, sizeof(aad), &aad_n));
        assert_non_null(field(p, "\nct:", ct, sizeof(ct), &ct_n));
        assert_int_equal(ct_n, pt_n + AEAD_TAG_LEN);
        struct span in = span_of(info, info_n);
        struct span ad = span_of(aad, aad_n);
        assert_int_equal(hpke_seal_seq(pkr, ske, in, ad, span_of(pt, pt_n), seq, enc, out), 0);
        assert_memory_equal(enc, pke, 32);
        assert_memory_equal(out, ct, ct_n);
        if (seq == 0) {
            assert_int_equal(hpke_open(skr, enc, in, ad, span_of(ct, ct_n), out), 0);
            assert_memory_equal(out, pt, pt_n);
        }
        done++;
    }
    print_message("RFC 9180: %d encryptions\n", done);
    assert_int_equal(done, 6);
    free(s);
}

int main(void)
{
    static struct corpus c[5];
    memcpy(c, wycheproof, sizeof(c));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_suite),
        {"ed25519", test_wycheproof, NULL, NULL, &c[0]},
        {"x25519", test_wycheproof, NULL, NULL, &c[1]},
        {"chacha20_poly1305", test_wycheproof, NULL, NULL, &c[2]},
        {"hkdf_sha256", test_wycheproof, NULL, NULL, &c[3]},
        {"hmac_sha256", test_wycheproof, NULL, NULL, &c[4]},
        cmocka_unit_test(test_rfc9180),
    };
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    print_message("corpora skipped: %d of 7\n", skipped);
    return r;
}
