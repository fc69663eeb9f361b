/* SPDX-License-Identifier: Apache-2.0 */
/* Is there exactly one spelling of a bundle, does every rule of PROTOCOL.md section 4 refuse, and
 * can no changed byte pass under the same id? */
#include "protocol/bundle.h"

#include "protocol/base/enc.h"
#include "protocol/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the headers above first */
#include <cmocka.h>

static const char me[] = "naaaaaaaaaaaaa";
static const char other[] = "nbbbbbbbbbbbbb";
static const char item1[] =
    "{\"id\":\"r1\",\"k\":\"listing/1\",\"op\":\"put\",\"r\":1,\"z\":\"AAAAAAAAAAAAAAAAAAAAAA\","
    "\"d\":{\"title\":\"\xe7\xa4\xbe\xe5\x8c\xba \\\"A\\\\B\\\" \\n\"}}";
static const char item2[] =
    "{\"id\":\"r2\",\"k\":\"listing/1\",\"op\":\"wd\",\"r\":2,\"z\":\"AAAAAAAAAAAAAAAAAAAAAA\"}";

struct world {
    struct sign_key *key;
    struct sign_pub *pub;
    struct arena *a;
    struct buf line;
    struct fault f;
    struct bundle b;
    uint8_t id[HASH_LEN];
};

static int setup(void **state)
{
    static const uint8_t seed[SIGN_SEED_LEN] = {42};
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->key = sign_key_new(seed);
    assert_non_null(w->key);
    assert_int_equal(sign_pub_new(sign_key_pub(w->key), &w->pub), 0);
    w->a = arena_new((size_t)8 << 20);
    assert_non_null(w->a);
    buf_init(&w->line, 3U << 20);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    sign_key_free(w->key);
    sign_pub_free(w->pub);
    arena_free(w->a);
    buf_done(&w->line);
    free(w);
    return 0;
}

static struct bundle_header header(enum bundle_type t)
{
    struct bundle_header h = {.v = 1, .t = t, .ep = 2, .seq = 5, .ts = 1700000000000};
    memset(h.g, 0x11, sizeof(h.g));
    (void)snprintf(h.by.s, sizeof(h.by.s), "%s", me);
    (void)snprintf(h.aud, sizeof(h.aud), "fed");
    memset(h.en, 0x22, sizeof(h.en));
    memset(h.prev, 0x33, sizeof(h.prev));
    memset(h.rv, 0x44, sizeof(h.rv));
    if (t == BUNDLE_BEAT) {
        h.has_live = true;
        h.live.c = 3;
        memset(h.live.s, 0x55, sizeof(h.live.s));
    }
    if (t == BUNDLE_EPOCH) {
        h.has_pe = true;
        h.pe = (struct prev_epoch){.ep = 1, .seq = 9, .ok = true};
        memset(h.pe.id, 0x66, sizeof(h.pe.id));
    }
    return h;
}

static int write_with(struct world *w, struct bundle_header *h, size_t n)
{
    struct span items[2] = {span_of(item1, strlen(item1)), span_of(item2, strlen(item2))};
    buf_reset(&w->line);
    return bundle_write(h, items, n, w->key, &w->line, w->id);
}

static int parse(struct world *w, const void *p, size_t n)
{
    memset(&w->f, 0, sizeof(w->f));
    arena_reset(w->a);
    return bundle_parse(span_of(p, n), w->a, &w->b, &w->f);
}

static int parse_line(struct world *w)
{
    return parse(w, w->line.data, w->line.len);
}

/* ---- a line made by hand: any header text, any items, correctly signed ---------------------- */

static void put_quoted(struct buf *b, const char *s)
{
    (void)buf_putc(b, '"');
    for (; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\') {
            (void)buf_putc(b, '\\');
        }
        (void)buf_putc(b, *s);
    }
    (void)buf_putc(b, '"');
}

static void hand_made(struct world *w, const char *h, const char *b)
{
    struct buf pre;
    uint8_t sig[SIG_LEN];
    char text[B64U_LEN(SIG_LEN)];
    buf_init(&pre, 1 << 16);
    (void)buf_printf(&pre, "SJ1-bundle\n%s", h);
    assert_int_equal(sign_raw(w->key, pre.data, pre.len, sig), 0);
    buf_done(&pre);
    (void)b64u_put(sig, sizeof(sig), text);
    buf_reset(&w->line);
    (void)buf_puts(&w->line, "{\"h\":");
    put_quoted(&w->line, h);
    (void)buf_printf(&w->line, ",\"s\":\"%.*s\"", (int)sizeof(text), text);
    (void)buf_puts(&w->line, b);
    assert_int_equal(buf_puts(&w->line, "}"), 0);
}

static const struct header_text {
    const char *name, *value;
} plain[] = {
    {"v", "1"},
    {"t", "\"data\""},
    {"g", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""},
    {"by", "\"naaaaaaaaaaaaa\""},
    {"aud", "\"fed\""},
    {"ep", "1"},
    {"en", "\"AAAAAAAAAAA\""},
    {"seq", "1"},
    {"prev", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\""},
    {"n", "0"},
    {"root", "\"S_USLzRFVMU73i67jNK349FgCtYxw4Wl18ziPHeFRZo\""},
    {"kid", "\"kaaaaaaaaaaaaa\""},
    {"rv", "\"AAAAAAAAAAA\""},
    {"ts", "0"},
};
enum { PLAIN_N = sizeof(plain) / sizeof(plain[0]) };

/* The plain header with one member replaced (value NULL: left out) and one text put at the end. */
static int parse_plain(struct world *w, const char *name, const char *value, const char *extra)
{
    struct buf h;
    buf_init(&h, 1 << 16);
    for (size_t i = 0; i < PLAIN_N; i++) {
        const char *v = name != NULL && strcmp(plain[i].name, name) == 0 ? value : plain[i].value;
        if (v != NULL) {
            (void)buf_printf(&h, "%c\"%s\":%s", h.len == 0 ? '{' : ',', plain[i].name, v);
        }
    }
    (void)buf_printf(&h, "%s}", extra);
    hand_made(w, buf_str(&h), ",\"b\":[]");
    buf_done(&h);
    int r = parse_line(w);
    if (r == 0) {
        assert_int_equal(bundle_verify(&w->b, w->pub), 0);
    }
    return r;
}

/* ---- round trips ---------------------------------------------------------------------------- */

static void test_round_trip_of_all_types(void **state)
{
    struct world *w = *state;
    for (int t = 0; t < BUNDLE_TYPE_COUNT; t++) {
        for (size_t n = 0; n <= (t == BUNDLE_BEAT ? 0U : 2U); n++) {
            struct bundle_header h = header((enum bundle_type)t);
            assert_int_equal(write_with(w, &h, n), 0);
            assert_int_equal(h.n, n);
            assert_int_equal(parse_line(w), 0);
            assert_memory_equal(&w->b.hdr, &h, sizeof(h));
            assert_memory_equal(w->b.id, w->id, HASH_LEN);
            assert_int_equal(bundle_verify(&w->b, w->pub), 0);
            assert_false(w->b.header_only);
            assert_ptr_equal(w->b.line.p, w->line.data);
            for (size_t i = 0; i < n; i++) {
                uint8_t leaf[HASH_LEN];
                assert_true(span_eqs(w->b.item[i].text, i == 0 ? item1 : item2));
                leaf_of(w->b.item[i].text, leaf);
                assert_memory_equal(leaf, w->b.item[i].leaf, HASH_LEN);
                assert_false(w->b.item[i].stub);
            }
        }
    }
    assert_string_equal(bundle_type_name(BUNDLE_EPOCH), "epoch");
    assert_string_equal(bundle_type_name(BUNDLE_TYPE_COUNT), "");
}

static void test_round_trip_of_every_member(void **state)
{
    struct world *w = *state;
    struct bundle_header h = header(BUNDLE_KEY);
    h.has_live = h.has_pe = h.has_kf = true;
    h.live.c = 0;
    h.pe = (struct prev_epoch){.ep = 1, .seq = 0};
    h.kf = (struct keyframe){.from = 5, .to = 5, .covers = 4, .live = {.c = 7}};
    memset(h.kf.sha, 1, sizeof(h.kf.sha));
    h.n_merges = 8;
    h.n_lnk = 16;
    h.n_crit = 8;
    memset(h.merges, 2, sizeof(h.merges));
    memset(h.lnk, 3, sizeof(h.lnk));
    for (size_t i = 0; i < 8; i++) {
        (void)snprintf(h.crit[i], sizeof(h.crit[i]), "crit_%zu", i);
    }
    assert_int_equal(write_with(w, &h, 1), 0);
    assert_int_equal(parse_line(w), 0);
    assert_memory_equal(&w->b.hdr, &h, sizeof(h));
}

/* Hashes computed from their definition, not by the code under test. */
static void test_hashes(void **state)
{
    struct world *w = *state;
    struct bundle_header h = header(BUNDLE_DATA);
    uint8_t one[1 + sizeof(item1)], two[1 + sizeof(item2)], list[1 + 64] = {1}, root[HASH_LEN];
    assert_int_equal(write_with(w, &h, 2), 0);
    assert_int_equal(parse_line(w), 0);
    one[0] = two[0] = 0;
    memcpy(one + 1, item1, strlen(item1));
    memcpy(two + 1, item2, strlen(item2));
    hash_bytes(one, strlen(item1) + 1, list + 1);
    hash_bytes(two, strlen(item2) + 1, list + 33);
    hash_bytes(list, sizeof(list), root);
    assert_memory_equal(w->b.hdr.root, root, HASH_LEN);
    uint8_t id[HASH_LEN];
    hash_two("SJ1-bundle\n", 11, w->b.h.p, w->b.h.n, id);
    assert_memory_equal(id, w->b.id, HASH_LEN);
    struct key_id kid;
    key_id_of(sign_key_pub(w->key), &kid);
    assert_string_equal(kid.s, w->b.hdr.kid.s);
}

static void test_peek(void **state)
{
    struct world *w = *state;
    struct bundle_header h = header(BUNDLE_DATA);
    assert_int_equal(write_with(w, &h, 2), 0);
    assert_int_equal(bundle_peek(span_of(w->line.data, w->line.len), w->a, &w->b, &w->f), 0);
    assert_memory_equal(&w->b.hdr, &h, sizeof(h));
    assert_memory_equal(w->b.id, w->id, HASH_LEN);
    assert_null(w->b.item);
    assert_int_equal(bundle_verify(&w->b, w->pub), 0);
    w->line.data[10] = ' ';
    assert_int_equal(bundle_peek(span_of(w->line.data, w->line.len), w->a, &w->b, &w->f),
                     SANJI_E_SYNTAX);
}

static void test_wrong_key(void **state)
{
    struct world *w = *state;
    static const uint8_t seed[SIGN_SEED_LEN] = {43};
    struct sign_key *k = sign_key_new(seed);
    struct sign_pub *pub = NULL;
    struct bundle_header h = header(BUNDLE_DATA);
    assert_int_equal(sign_pub_new(sign_key_pub(k), &pub), 0);
    assert_int_equal(write_with(w, &h, 1), 0);
    assert_int_equal(parse_line(w), 0);
    assert_int_equal(bundle_verify(&w->b, pub), SANJI_E_SIGNATURE);
    sign_pub_free(pub);
    sign_key_free(k);
}

/* ---- header members ------------------------------------------------------------------------- */

static void test_plain_header_is_fine(void **state)
{
    struct world *w = *state;
    assert_int_equal(parse_plain(w, NULL, NULL, ""), 0);
    assert_int_equal(parse_plain(w, NULL, NULL, ",\"later\":{\"x\":[1,\"y\"]},\"zz\":true"), 0);
}

static void test_every_member_missing(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < PLAIN_N; i++) {
        assert_int_equal(parse_plain(w, plain[i].name, NULL, ""), SANJI_E_SPEC);
        assert_string_equal(w->f.member, plain[i].name);
    }
}

static void test_every_member_twice(void **state)
{
    struct world *w = *state;
    for (size_t i = 0; i < PLAIN_N; i++) {
        char extra[128];
        (void)snprintf(extra, sizeof(extra), ",\"%s\":%s", plain[i].name, plain[i].value);
        assert_int_equal(parse_plain(w, NULL, NULL, extra), SANJI_E_SYNTAX);
        assert_string_equal(w->f.member, "h");
    }
    assert_int_equal(parse_plain(w, NULL, NULL, ",\"later\":1,\"later\":1"), SANJI_E_SYNTAX);
}

static void test_every_member_of_another_type(void **state)
{
    struct world *w = *state;
    static const char *const other_types[] = {"[]", "{}", "true", "-1", "\"\"", "[1]"};
    for (size_t i = 0; i < PLAIN_N; i++) {
        for (size_t k = 0; k < sizeof(other_types) / sizeof(other_types[0]); k++) {
            assert_int_equal(parse_plain(w, plain[i].name, other_types[k], ""), SANJI_E_SPEC);
            assert_string_equal(w->f.member, plain[i].name);
        }
    }
}

#define ZERO43 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void test_members_out_of_range(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *name, *value;
        int want;
    } cases[] = {
        {"v", "0", SANJI_E_SPEC},
        {"v", "2", SANJI_E_VERSION},
        {"v", "999999999999999", SANJI_E_VERSION},
        {"t", "\"Data\"", SANJI_E_SPEC},
        {"t", "\"datas\"", SANJI_E_SPEC},
        {"t", "\"dat\"", SANJI_E_SPEC},
        {"g", "\"AAAA\"", SANJI_E_SPEC},
        {"g", "\"" ZERO43 "=\"", SANJI_E_SPEC},
        {"g", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB\"", SANJI_E_SPEC},
        {"g", "\"" ZERO43 "A\"", SANJI_E_SPEC},
        {"g", "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\\\\A\"", SANJI_E_SPEC},
        {"by", "\"kaaaaaaaaaaaaa\"", SANJI_E_SPEC},
        {"by", "\"naaaaaaaaaaaaaa\"", SANJI_E_SPEC},
        {"aud", "\"to:naaaaaaaaaaaaa\"", SANJI_E_SPEC},
        {"aud", "\"to:nbbbbbbbbbbbbb\"", 0},
        {"aud", "\"to:naaaaaaaaaaaaa,nbbbbbbbbbbbbb\"", SANJI_E_SPEC},
        {"aud", "\"sub:naaaaaaaaaaaaa\"", 0},
        {"aud", "\"Fed\"", SANJI_E_SPEC},
        {"ep", "0", SANJI_E_SPEC},
        {"ep", "1000000", 0},
        {"ep", "1000001", SANJI_E_SPEC},
        {"en", "\"AAAAAAAAAAB\"", SANJI_E_SPEC},
        {"en", "\"AAAAAAAAAAAA\"", SANJI_E_SPEC},
        {"seq", "0", SANJI_E_SPEC},
        {"seq", "1000000000", 0},
        {"seq", "1000000001", SANJI_E_SPEC},
        {"prev", "\"EAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", SANJI_E_SPEC},
        {"n", "1", SANJI_E_SPEC},
        {"n", "1024", SANJI_E_SPEC},
        {"n", "1025", SANJI_E_SPEC},
        {"root", "\"" ZERO43 "\"", SANJI_E_HASH},
        {"kid", "\"naaaaaaaaaaaaa\"", SANJI_E_SPEC},
        {"rv", "\"AAAAAAAAAA\"", SANJI_E_SPEC},
        {"ts", "999999999999999", 0},
        {"ts", "1000000000000000", SANJI_E_SYNTAX},
        {"ts", "1.0", SANJI_E_SYNTAX},
        {"ts", "null", SANJI_E_SYNTAX},
        {"ts", "01", SANJI_E_SYNTAX},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int r = parse_plain(w, cases[i].name, cases[i].value, "");
        if (r != cases[i].want) {
            print_message("%s %s: %s\n", cases[i].name, cases[i].value, err_name(r));
        }
        assert_int_equal(r, cases[i].want);
        if (r < 0 && r != SANJI_E_SYNTAX) {
            assert_string_equal(w->f.member, cases[i].name);
        }
    }
}

static void test_optional_members(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *extra, *bad; /* NULL: fine */
    } cases[] = {
        {",\"crit\":[]", NULL},
        {",\"crit\":[\"a\",\"b_1\"]", NULL},
        {",\"crit\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]", "crit"},
        {",\"crit\":[\"\"]", "crit"},
        {",\"crit\":[\"A\"]", "crit"},
        {",\"crit\":[1]", "crit"},
        {",\"crit\":[\"abcdefghijklmnopqrstuvwxyz012345\"]", NULL},
        {",\"crit\":[\"abcdefghijklmnopqrstuvwxyz0123456\"]", "crit"},
        {",\"crit\":\"a\"", "crit"},
        {",\"lnk\":[\"" ZERO43 "\"]", NULL},
        {",\"lnk\":[\"AAAA\"]", "lnk"},
        {",\"lnk\":{}", "lnk"},
        {",\"merges\":[\"" ZERO43 "\"]", NULL},
        {",\"merges\":[1]", "merges"},
        {",\"live\":{\"c\":0,\"s\":\"" ZERO43 "\"}", NULL},
        {",\"live\":{\"c\":0,\"s\":\"" ZERO43 "\",\"x\":1}", NULL},
        {",\"live\":{\"c\":-1,\"s\":\"" ZERO43 "\"}", "live"},
        {",\"live\":{\"c\":0}", "live"},
        {",\"live\":{\"s\":\"" ZERO43 "\"}", "live"},
        {",\"live\":[]", "live"},
        {",\"live\":1", "live"},
        {",\"pe\":{\"ep\":1,\"en\":\"AAAAAAAAAAA\",\"seq\":1,\"id\":\"" ZERO43 "\",\"ok\":true}",
         "pe"},
        {",\"pe\":{\"ep\":0,\"en\":\"AAAAAAAAAAA\",\"seq\":1,\"id\":\"" ZERO43 "\",\"ok\":true}",
         "pe"},
        {",\"kf\":{\"from\":1,\"to\":1,\"covers\":0,\"live\":{\"c\":0,\"s\":\"" ZERO43
         "\"},\"sha\":\"" ZERO43 "\"}",
         "kf"},
        {",\"kf\":1", "kf"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int r = parse_plain(w, NULL, NULL, cases[i].extra);
        assert_int_equal(r, cases[i].bad == NULL ? 0 : SANJI_E_SPEC);
        if (cases[i].bad != NULL) {
            assert_string_equal(w->f.member, cases[i].bad);
        }
    }
}

static int write_bad(struct world *w, struct bundle_header *h, size_t n)
{
    int r = write_with(w, h, n);
    assert_int_equal(w->line.len, 0); /* nothing of a refused bundle remains */
    return r;
}

/* A writer's own result goes through the reader's checks. */
static void test_writer_refuses_what_readers_refuse(void **state)
{
    struct world *w = *state;
    struct bundle_header h = header(BUNDLE_BEAT);
    assert_int_equal(write_bad(w, &h, 1), SANJI_E_SPEC);
    h = header(BUNDLE_BEAT);
    h.has_live = false;
    assert_int_equal(write_bad(w, &h, 0), SANJI_E_SPEC);
    h = header(BUNDLE_EPOCH);
    h.has_pe = false;
    assert_int_equal(write_bad(w, &h, 0), SANJI_E_SPEC);
    h = header(BUNDLE_EPOCH);
    h.pe.ep = h.ep;
    assert_int_equal(write_bad(w, &h, 0), SANJI_E_SPEC);
    h = header(BUNDLE_DATA);
    h.by.s[0] = 'x';
    assert_int_equal(write_bad(w, &h, 0), SANJI_E_SPEC);
    h = header(BUNDLE_DATA);
    (void)snprintf(h.aud, sizeof(h.aud), "to:%s,%s", me, other);
    assert_int_equal(write_bad(w, &h, 0), SANJI_E_SPEC);
    h = header(BUNDLE_DATA);
    h.seq = 1;
    assert_int_equal(write_bad(w, &h, 0), SANJI_E_SPEC);
    h = header(BUNDLE_DATA);
    h.n_lnk = 17;
    assert_int_equal(write_bad(w, &h, 0), SANJI_E_SPEC);
    h = header(BUNDLE_DATA);
    h.v = 2;
    assert_int_equal(write_bad(w, &h, 0), SANJI_E_VERSION);
    h = header(BUNDLE_DATA);
    struct span bad = span_of("{\"a\":1.5}", 9);
    assert_int_equal(bundle_write(&h, &bad, 1, w->key, &w->line, w->id), SANJI_E_SYNTAX);
    assert_int_equal(w->line.len, 0);
    bad = span_of("{\"a\":\"\xff\"}", 9);
    assert_int_equal(bundle_write(&h, &bad, 1, w->key, &w->line, w->id), SANJI_E_ENCODING);
    (void)buf_puts(&w->line, "kept");
    assert_int_equal(bundle_write(&h, &bad, 1, w->key, &w->line, w->id), SANJI_E_ENCODING);
    assert_string_equal(buf_str(&w->line), "kept");
    struct span good = span_of(item1, strlen(item1));
    assert_int_equal(bundle_write(&h, &good, 1, w->key, &w->line, w->id), 0);
    assert_memory_equal(w->line.data, "kept{\"h\":", 9);
}

static void test_keyframe_rules(void **state)
{
    struct world *w = *state;
    static const struct {
        int64_t from, to, covers;
        enum bundle_type t;
        int want;
    } cases[] = {
        {5, 5, 4, BUNDLE_KEY, 0},
        {1, 5, 0, BUNDLE_KEY, 0},
        {3, 5, 1, BUNDLE_KEY, 0},
        {6, 5, 4, BUNDLE_KEY, SANJI_E_SPEC},
        {4, 4, 3, BUNDLE_KEY, SANJI_E_SPEC},
        {5, 6, 4, BUNDLE_KEY, SANJI_E_SPEC},
        {5, 5, 5, BUNDLE_KEY, SANJI_E_SPEC},
        {0, 5, 0, BUNDLE_KEY, SANJI_E_SPEC},
        {5, 5, 4, BUNDLE_DATA, SANJI_E_SPEC},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bundle_header h = header(cases[i].t);
        h.has_kf = true;
        h.kf =
            (struct keyframe){.from = cases[i].from, .to = cases[i].to, .covers = cases[i].covers};
        assert_int_equal(write_with(w, &h, 1), cases[i].want);
    }
}

/* ---- the line's one spelling ---------------------------------------------------------------- */

static int parse_replaced(struct world *w, const char *from, const char *to)
{
    struct buf changed;
    buf_init(&changed, 1 << 20);
    char *at = memmem(w->line.data, w->line.len, from, strlen(from));
    assert_non_null(at);
    size_t before = (size_t)(at - (char *)w->line.data);
    (void)buf_put(&changed, w->line.data, before);
    (void)buf_puts(&changed, to);
    size_t rest = before + strlen(from);
    assert_int_equal(buf_put(&changed, w->line.data + rest, w->line.len - rest), 0);
    int r = parse(w, changed.data, changed.len);
    buf_done(&changed);
    return r;
}

static void test_other_spellings_of_the_line(void **state)
{
    struct world *w = *state;
    struct bundle_header h = header(BUNDLE_DATA);
    static const char *const cases[][2] = {
        {"{\"h\"", " {\"h\""},
        {"{\"h\"", "{ \"h\""},
        {"{\"h\":", "{\"h\" :"},
        {"{\"h\":", "{\"h\": "},
        {",\"s\"", ", \"s\""},
        {",\"b\":[", ",\"b\": ["},
        {",\"b\":[", ",\"b\":[ "},
        {"]}", "] }"},
        {"]}", "]} "},
        {"]}", "]}\n"},
        {"]}", "]}x"},
        {"]}", "],\"x\":1}"},
        {"]}", "]"},
        {"]}", "}"},
        {"{\"h\"", "{\"H\""},
        {",\"s\"", ",\"t\""},
        {",\"b\"", ",\"c\""},
        {"\",\"{", "\", \"{"},
        {"\",\"{", "\",,\"{"},
        {",\"b\":[", ",\"b\":[,"},
        {"\\\"id\\\"", "\\u0022id\\\""},
        {"\\\"id\\\"", "\\\"\\u0069d\\\""},
        {"listing/1", "listing\\/1"},
        {"\\\\n", "\\n"},
        {"\"b\":[", "\"b\":[1,"},
        {"\"b\":[", "\"b\":[null,"},
        {"\"b\":[", "\"b\":[[],"},
        {"{\"h\":\"{", "{\"h\":\"\\{"},
    };
    assert_int_equal(write_with(w, &h, 2), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int r = parse_replaced(w, cases[i][0], cases[i][1]);
        if (r != SANJI_E_SYNTAX) {
            print_message("%s -> %s: %s\n", cases[i][0], cases[i][1], err_name(r));
        }
        assert_int_equal(r, SANJI_E_SYNTAX);
    }
    assert_int_equal(parse_replaced(w, "\\\\n", "\n"), SANJI_E_HASH); /* the root comes first */
    assert_int_equal(parse(w, "", 0), SANJI_E_SYNTAX);
    assert_int_equal(parse(w, NULL, 0), SANJI_E_SYNTAX);
}

static void test_other_member_order(void **state)
{
    struct world *w = *state;
    struct bundle_header h = header(BUNDLE_DATA);
    assert_int_equal(write_with(w, &h, 0), 0);
    char *text = strdup(buf_str(&w->line));
    char *s = strstr(text, ",\"s\":\"");
    char *b = strstr(text, ",\"b\":[");
    assert_true(s != NULL && b != NULL);
    struct buf changed;
    buf_init(&changed, 1 << 16);
    (void)buf_printf(&changed, "{%.*s,%.*s,\"b\":[]}", (int)(b - s - 1), s + 1, (int)(s - text - 1),
                     text + 1);
    assert_int_equal(parse(w, changed.data, changed.len), SANJI_E_SYNTAX);
    buf_done(&changed);
    free(text);
}

static void test_every_truncation(void **state)
{
    struct world *w = *state;
    struct bundle_header h = header(BUNDLE_DATA);
    assert_int_equal(write_with(w, &h, 2), 0);
    for (size_t n = 0; n < w->line.len; n++) {
        uint8_t *exact = malloc(n > 0 ? n : 1);
        memcpy(exact, w->line.data, n);
        assert_true(parse(w, exact, n) < 0);
        assert_true(w->f.off <= (long)n);
        arena_reset(w->a);
        (void)bundle_peek(span_of(exact, n), w->a, &w->b, &w->f);
        free(exact);
    }
}

/* No byte of a bundle can change unnoticed: it is refused, or its signature is. */
static void test_one_bit_flips(void **state)
{
    struct world *w = *state;
    struct bundle_header h = header(BUNDLE_DATA);
    assert_int_equal(write_with(w, &h, 2), 0);
    for (size_t bit = 0; bit < w->line.len * 8; bit++) {
        w->line.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        if (parse_line(w) == 0) {
            assert_int_equal(bundle_verify(&w->b, w->pub), SANJI_E_SIGNATURE);
        }
        w->line.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(parse_line(w), 0);
    assert_int_equal(bundle_verify(&w->b, w->pub), 0);
}

/* ---- items, stubs, header-only -------------------------------------------------------------- */

static void test_item_count(void **state)
{
    struct world *w = *state;
    struct bundle_header h = header(BUNDLE_DATA);
    assert_int_equal(write_with(w, &h, 2), 0);
    assert_int_equal(parse_replaced(w, "\\\"n\\\":2", "\\\"n\\\":1"), SANJI_E_SPEC);
    assert_string_equal(w->f.member, "n");
    assert_int_equal(parse_replaced(w, "\\\"n\\\":2", "\\\"n\\\":3"), SANJI_E_SPEC);
    assert_string_equal(w->f.member, "n");
    assert_int_equal(parse_replaced(w, "\\\"n\\\":2", "\\\"n\\\":0"), SANJI_E_SPEC);
    assert_string_equal(w->f.member, "n");
    assert_int_equal(parse_replaced(w, "r2", "r3"), SANJI_E_HASH);
    assert_string_equal(w->f.member, "root");
}

static void test_items_pass_the_gate(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *item;
        int want;
    } cases[] = {
        {"{}", 0},
        {"{\"a\":1}", 0},
        {"", SANJI_E_SYNTAX},
        {"{\"a\":1,\"a\":1}", SANJI_E_SYNTAX},
        {"{\"a\": 1}", SANJI_E_SYNTAX},
        {"[]", SANJI_E_SYNTAX},
        {"{\"a\":1}x", SANJI_E_SYNTAX},
        {"{\"a\":\"\xc0\x80\"}", SANJI_E_ENCODING},
        {"{\"a\":null}", SANJI_E_SYNTAX},
        {"{\"a\":\"\t\"}", SANJI_E_SYNTAX},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf h, b;
        uint8_t list[33] = {1}, root[HASH_LEN];
        char text[B64U_LEN(HASH_LEN)];
        buf_init(&h, 4096);
        buf_init(&b, 4096);
        leaf_of(span_of(cases[i].item, strlen(cases[i].item)), list + 1);
        hash_bytes(list, sizeof(list), root);
        (void)b64u_put(root, sizeof(root), text);
        for (size_t k = 0; k < PLAIN_N; k++) {
            (void)buf_printf(&h, "%c\"%s\":", k == 0 ? '{' : ',', plain[k].name);
            if (strcmp(plain[k].name, "root") == 0) {
                (void)buf_printf(&h, "\"%.*s\"", (int)sizeof(text), text);
            } else {
                (void)buf_puts(&h, strcmp(plain[k].name, "n") == 0 ? "1" : plain[k].value);
            }
        }
        (void)buf_puts(&h, "}");
        (void)buf_puts(&b, ",\"b\":[");
        put_quoted(&b, cases[i].item);
        (void)buf_puts(&b, "]");
        hand_made(w, buf_str(&h), buf_str(&b));
        assert_int_equal(parse_line(w), cases[i].want);
        if (cases[i].want < 0) {
            assert_string_equal(w->f.member, "b[0]");
        }
        buf_done(&h);
        buf_done(&b);
    }
}

static void test_stubs(void **state)
{
    struct world *w = *state;
    struct bundle_header h = header(BUNDLE_DATA);
    struct buf stubbed, again;
    uint8_t leaf[HASH_LEN];
    buf_init(&stubbed, LIM_BUNDLE_BYTES);
    buf_init(&again, LIM_BUNDLE_BYTES);
    assert_int_equal(write_with(w, &h, 2), 0);
    assert_int_equal(parse_line(w), 0);
    memcpy(leaf, w->b.item[0].leaf, HASH_LEN);
    assert_int_equal(bundle_write_stubbed(&w->b, (const bool[]){false, false}, &stubbed), 0);
    assert_true(stubbed.len == w->line.len && memcmp(stubbed.data, w->line.data, stubbed.len) == 0);
    buf_reset(&stubbed);
    assert_int_equal(bundle_write_stubbed(&w->b, (const bool[]){true, false}, &stubbed), 0);
    assert_int_equal(parse(w, stubbed.data, stubbed.len), 0);
    assert_int_equal(bundle_verify(&w->b, w->pub), 0);
    assert_memory_equal(w->b.id, w->id, HASH_LEN);
    assert_true(w->b.item[0].stub && w->b.item[0].text.n == 0 && !w->b.item[1].stub);
    assert_memory_equal(w->b.item[0].leaf, leaf, HASH_LEN);
    assert_true(span_eqs(w->b.item[1].text, item2));
    /* A stub stays one. */
    assert_int_equal(bundle_write_stubbed(&w->b, (const bool[]){false, true}, &again), 0);
    assert_int_equal(parse(w, again.data, again.len), 0);
    assert_true(w->b.item[0].stub && w->b.item[1].stub);
    /* Its leaf is bound by the root, its spelling is fixed. */
    static const char *const cases[][2] = {
        {"{\"x\":\"", "{\"y\":\""}, {"{\"x\":\"", "{ \"x\":\""}, {"\"},{", "\",\"y\":1},{"},
        {"\"},{", "=\"},{"},        {"\"},{", "\"} ,{"},
    };
    buf_reset(&w->line);
    (void)buf_put(&w->line, again.data, again.len);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(parse_replaced(w, cases[i][0], cases[i][1]), SANJI_E_SYNTAX);
    }
    char *x = strstr((char *)w->line.data, "{\"x\":\"");
    x[6] = x[6] == 'A' ? 'B' : 'A';
    assert_int_equal(parse_line(w), SANJI_E_HASH);
    buf_done(&stubbed);
    buf_done(&again);
}

static void test_header_only(void **state)
{
    struct world *w = *state;
    struct bundle_header h = header(BUNDLE_KEY);
    struct buf only, line;
    buf_init(&only, LIM_BUNDLE_BYTES);
    buf_init(&line, LIM_BUNDLE_BYTES);
    assert_int_equal(write_with(w, &h, 2), 0);
    assert_int_equal(parse_line(w), 0);
    assert_int_equal(bundle_write_header_only(&w->b, &only), 0);
    assert_int_equal(parse(w, only.data, only.len), 0);
    assert_true(w->b.header_only && w->b.item == NULL && w->b.hdr.n == 2);
    assert_memory_equal(w->b.id, w->id, HASH_LEN);
    assert_int_equal(bundle_verify(&w->b, w->pub), 0);
    assert_int_equal(bundle_write_stubbed(&w->b, (const bool[]){true, true}, &line), SANJI_E_STATE);
    (void)buf_puts(&only, " ");
    assert_int_equal(parse(w, only.data, only.len), SANJI_E_SYNTAX);

    h = header(BUNDLE_DATA); /* no other type may come so */
    assert_int_equal(write_with(w, &h, 2), 0);
    assert_int_equal(parse_line(w), 0);
    assert_int_equal(bundle_write_header_only(&w->b, &line), SANJI_E_STATE);
    char *b = strstr((char *)w->line.data, ",\"b\":[");
    b[0] = '}';
    size_t n = (size_t)(b - (char *)w->line.data) + 1;
    assert_int_equal(parse(w, w->line.data, n), SANJI_E_SPEC);
    assert_string_equal(w->f.member, "b");
    /* but may be looked at: two headers prove a fork */
    assert_int_equal(bundle_peek(span_of(w->line.data, n), w->a, &w->b, &w->f), 0);
    assert_true(w->b.header_only);
    buf_done(&only);
    buf_done(&line);
}

/* ---- sizes ---------------------------------------------------------------------------------- */

static void big_item(struct buf *b, size_t n, char fill)
{
    buf_init(b, n + 1);
    (void)buf_puts(b, "{\"a\":\"");
    while (b->len < n - 2) {
        (void)buf_putc(b, fill);
    }
    assert_int_equal(buf_puts(b, "\"}"), 0);
}

static void test_sizes(void **state)
{
    struct world *w = *state;
    struct bundle_header h = header(BUNDLE_DATA);
    struct buf item;
    static struct span many[LIM_ITEMS + 1];
    big_item(&item, LIM_ITEM_BYTES, 'a');
    struct span s = span_of(item.data, item.len);
    assert_int_equal(bundle_write(&h, &s, 1, w->key, &w->line, w->id), 0);
    for (size_t i = 0; i < 16; i++) {
        many[i] = s;
    }
    buf_reset(&w->line);
    assert_int_equal(bundle_write(&h, many, 15, w->key, &w->line, w->id), 0);
    buf_reset(&w->line);
    assert_int_equal(bundle_write(&h, many, 16, w->key, &w->line, w->id), SANJI_E_SIZE);
    assert_int_equal(w->line.len, 0);
    buf_done(&item);
    big_item(&item, LIM_ITEM_BYTES + 1, 'a');
    s = span_of(item.data, item.len);
    assert_int_equal(bundle_write(&h, &s, 1, w->key, &w->line, w->id), SANJI_E_SIZE);
    buf_done(&item);
    for (size_t i = 0; i <= LIM_ITEMS; i++) {
        many[i] = span_of("{}", 2);
    }
    assert_int_equal(bundle_write(&h, many, LIM_ITEMS, w->key, &w->line, w->id), 0);
    assert_int_equal(bundle_write(&h, many, LIM_ITEMS + 1, w->key, &w->line, w->id), SANJI_E_SIZE);
}

static void test_header_size(void **state)
{
    struct world *w = *state;
    char extra[3000];
    assert_int_equal(parse_plain(w, NULL, NULL, ",\"x\":\"\""), 0);
    size_t base = w->b.h.n;
    for (size_t n = 0; n < 2; n++) {
        memset(extra, 'a', sizeof(extra));
        memcpy(extra, ",\"x\":\"", 6);
        size_t fill = LIM_HEADER_BYTES + n - base;
        memcpy(extra + 6 + fill, "\"", 2);
        assert_int_equal(parse_plain(w, NULL, NULL, extra), n == 0 ? 0 : SANJI_E_SIZE);
    }
    /* every byte escaped: the largest spelling of the largest header */
    for (size_t i = 0; i < LIM_HEADER_BYTES - base - 1; i += 2) {
        memcpy(extra + 6 + i, "\\\"", 2);
    }
    size_t fill = (LIM_HEADER_BYTES - base) / 2 * 2;
    memcpy(extra + 6 + fill, "\"", 2);
    assert_int_equal(parse_plain(w, NULL, NULL, extra), 0);
    /* a header string that does not end for a megabyte */
    buf_reset(&w->line);
    (void)buf_puts(&w->line, "{\"h\":\"");
    while (w->line.len < LIM_BUNDLE_BYTES) {
        (void)buf_puts(&w->line, "aaaaaaaa");
    }
    assert_int_equal(parse(w, w->line.data, LIM_BUNDLE_BYTES), SANJI_E_SIZE);
    assert_int_equal(parse(w, w->line.data, LIM_BUNDLE_BYTES + 1), SANJI_E_SIZE);
}

static void test_small_arena(void **state)
{
    struct world *w = *state;
    struct bundle_header h = header(BUNDLE_DATA);
    assert_int_equal(write_with(w, &h, 2), 0);
    for (size_t max = 0; max < 8000; max += 16) {
        struct arena *a = arena_new(max);
        int r = bundle_parse(span_of(w->line.data, w->line.len), a, &w->b, &w->f);
        assert_true(r == 0 || r == SANJI_E_NOMEM);
        arena_free(a);
        if (r == 0) {
            return;
        }
    }
    fail();
}

/* ---- heads and digests ---------------------------------------------------------------------- */

static void test_follows(void **state)
{
    struct world *w = *state;
    struct head none = {0}, at4 = {.seq = 4}, at5 = {.seq = 5};
    struct bundle_header h = header(BUNDLE_DATA);
    assert_int_equal(write_with(w, &h, 0), 0); /* seq 5, prev 33.. */
    assert_int_equal(parse_line(w), 0);
    assert_int_equal(bundle_follows(&none, &w->b), HEAD_GAP);
    assert_int_equal(bundle_follows(&(struct head){.seq = 3}, &w->b), HEAD_GAP);
    assert_int_equal(bundle_follows(&at4, &w->b), HEAD_CHAIN);
    memset(at4.id, 0x33, HASH_LEN);
    assert_int_equal(bundle_follows(&at4, &w->b), HEAD_NEXT);
    assert_int_equal(bundle_follows(&at5, &w->b), HEAD_OLD);
    memcpy(at5.id, w->b.id, HASH_LEN);
    assert_int_equal(bundle_follows(&at5, &w->b), HEAD_SAME);
    assert_int_equal(bundle_follows(&(struct head){.seq = 9}, &w->b), HEAD_OLD);
    h.seq = 1;
    memset(h.prev, 0, sizeof(h.prev));
    assert_int_equal(write_with(w, &h, 0), 0);
    assert_int_equal(parse_line(w), 0);
    assert_int_equal(bundle_follows(&none, &w->b), HEAD_NEXT);
}

static void test_live_digest(void **state)
{
    (void)state;
    struct live_digest d = {0}, zero = {0}, e = {0};
    uint8_t one[HASH_LEN] = {0}, max[HASH_LEN], x[HASH_LEN], y[HASH_LEN];
    one[31] = 1;
    memset(max, 0xff, sizeof(max));
    live_add(&d, max);
    live_add(&d, one); /* wraps around to nothing */
    assert_int_equal(d.c, 2);
    assert_memory_equal(d.s, zero.s, HASH_LEN);
    live_sub(&d, one);
    assert_memory_equal(d.s, max, HASH_LEN);
    live_sub(&d, max);
    assert_memory_equal(&d, &zero, sizeof(d));
    memset(one, 0, sizeof(one));
    one[0] = 0x80; /* the carry out of the highest byte is dropped */
    live_add(&d, one);
    live_add(&d, one);
    assert_memory_equal(d.s, zero.s, HASH_LEN);
    hash_bytes("x", 1, x);
    hash_bytes("y", 1, y);
    d = zero;
    live_add(&d, x);
    live_add(&d, y);
    live_add(&e, y);
    live_add(&e, x);
    assert_memory_equal(&d, &e, sizeof(d));
    live_sub(&d, x);
    e = zero;
    live_add(&e, y);
    assert_memory_equal(&d, &e, sizeof(d));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_round_trip_of_all_types),
        T(test_round_trip_of_every_member),
        T(test_hashes),
        T(test_peek),
        T(test_wrong_key),
        T(test_plain_header_is_fine),
        T(test_every_member_missing),
        T(test_every_member_twice),
        T(test_every_member_of_another_type),
        T(test_members_out_of_range),
        T(test_optional_members),
        T(test_writer_refuses_what_readers_refuse),
        T(test_keyframe_rules),
        T(test_other_spellings_of_the_line),
        T(test_other_member_order),
        T(test_every_truncation),
        T(test_one_bit_flips),
        T(test_item_count),
        T(test_items_pass_the_gate),
        T(test_stubs),
        T(test_header_only),
        T(test_sizes),
        T(test_header_size),
        T(test_small_arena),
        T(test_follows),
        T(test_live_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
