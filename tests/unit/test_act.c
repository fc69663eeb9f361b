/* SPDX-License-Identifier: Apache-2.0 */
/* Does every type of act survive writing and reading, and is nothing else taken for an act? */
#include "protocol/base/enc.h"
#include "tests/support/acts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static struct arena *ar;
static struct act_head heads[2];
static struct act_head heads_by[1];

/* One good act of each type. */
static struct act sample(enum act_type t)
{
    struct act a = {0};
    uint8_t h[HASH_LEN];
    memset(h, 5, sizeof(h));
    heads[0] = (struct act_head){.aud = "trust", .ep = 1, .seq = 3, .has_en = true, .id = {1}};
    heads[1] = (struct act_head){.id = {2}};
    heads_by[0] = heads[0];
    heads_by[0].by = "naaaaaaaaaaaaa";
    switch (t) {
    case ACT_ROOT:
        a = t_root("city", 2, 2, "root r2 r3");
        memcpy(a.prev, h, HASH_LEN);
        break;
    case ACT_NODE:
        a = t_node("s1", "d1", 40, true, "s1");
        a.url = "https://127.0.0.1:8443";
        break;
    case ACT_KEY:
        a = t_key("s1", "s1b", true);
        break;
    case ACT_CUT:
        a = t_cut("s1", "s1");
        break;
    case ACT_MOVE:
        a = t_move("s1", "d2");
        break;
    case ACT_STEWARD:
        a = (struct act){.type = t, .n = tnode("s1"), .st = tnode("d1")};
        break;
    case ACT_QUOTA:
        a = (struct act){.type = t, .n = tnode("s1"), .items = 10, .bytes = 20};
        break;
    case ACT_FLOOR:
        a = (struct act){.type = t, .n = tnode("d1"), .minv = "1.2", .date = "2026-12-01"};
        break;
    case ACT_CLOSE:
        a = t_close("s1");
        break;
    case ACT_INFO:
        a = t_info("s1", "\"quoted\" \\ \xe8\xa1\x97\xe9\x81\x93");
        a.area = "370102";
        a.url = "https://x";
        a.has_tls = true;
        break;
    case ACT_HANDOVER:
        a = (struct act){.type = t, .n = tnode("city"), .to = {7}};
        break;
    case ACT_ADOPT:
        a = (struct act){.type = t, .n = tnode("d1"), .to = {7}, .up = tnode("city"), .lv = 30};
        memcpy(a.prev, h, HASH_LEN);
        break;
    case ACT_TYPE_COUNT:
        break;
    }
    bool own = t == ACT_KEY || t == ACT_CUT || t == ACT_CLOSE;
    bool with_by = t == ACT_MOVE || t == ACT_HANDOVER;
    a.heads = own ? heads : with_by ? heads_by : NULL;
    a.n_heads = own ? 2 : with_by ? 1 : 0;
    a.type = t;
    a.has_g = true;
    memset(a.g, 3, HASH_LEN);
    memset(a.after, 4, HASH_LEN);
    a.ts = 1700000000000;
    if (t != ACT_ROOT && t != ACT_HANDOVER && t != ACT_ADOPT) {
        a.by = tnode("d1");
    }
    return a;
}

static const char *text_of(const struct act *a)
{
    struct buf b;
    buf_init(&b, LIM_ITEM_BYTES);
    int err = act_write(a, &b);
    if (err < 0) {
        fail_msg("%s: %s", act_type_name(a->type), err_name(err));
    }
    const char *s = arena_strdup(ar, buf_str(&b));
    buf_done(&b);
    return s;
}

static int parse(const char *s, struct act *ret, struct fault *f)
{
    *f = (struct fault){0};
    return act_parse(span_of(s, strlen(s)), ar, ret, f);
}

static void test_round_trip(void **state)
{
    (void)state;
    for (int t = 0; t < ACT_TYPE_COUNT; t++) {
        struct act a = sample((enum act_type)t), b;
        struct fault f;
        const char *s = text_of(&a);
        assert_int_equal(parse(s, &b, &f), 0);
        assert_int_equal(b.type, t);
        assert_string_equal(text_of(&b), s);
        assert_int_equal(b.n_heads, a.n_heads);
        assert_string_equal(b.by.s, a.by.s);
        uint8_t h[HASH_LEN];
        act_hash(span_of(s, strlen(s)), h);
        assert_memory_equal(b.hash, h, HASH_LEN);
        assert_int_equal(b.text.n, strlen(s));
    }
    assert_string_equal(act_type_name(ACT_HANDOVER), "handover");
    assert_string_equal(act_type_name(ACT_TYPE_COUNT), "?");
}

static void test_first_root(void **state)
{
    (void)state;
    struct act a = sample(ACT_ROOT), b;
    struct fault f;
    struct buf out;
    buf_init(&out, LIM_ITEM_BYTES);
    a.ver = 1;
    a.has_g = false;
    memset(a.after, 0, HASH_LEN);
    assert_null(strstr(text_of(&a), "\"g\""));
    assert_null(strstr(text_of(&a), "\"prev\""));
    assert_int_equal(parse(text_of(&a), &b, &f), 0);
    a.has_g = true;
    assert_int_equal(act_write(&a, &out), SANJI_E_SPEC);
    a.has_g = false;
    a.after[0] = 1;
    assert_int_equal(act_write(&a, &out), SANJI_E_SPEC);
    assert_int_equal(out.len, 0);
    buf_done(&out);
}

/* Each member of each type, taken away: refused and named, unless it is one of the optional ones.
 */
static void test_missing(void **state)
{
    (void)state;
    static const char *const optional[] = {"node.url", "key.lost",  "info.name",
                                           "info.url", "info.area", "info.tls"};
    size_t tried = 0;
    for (int t = 0; t < ACT_TYPE_COUNT; t++) {
        struct act a = sample((enum act_type)t), b;
        const char *s = text_of(&a);
        size_t n = strlen(s);
        int depth = 0;
        bool in_str = false;
        size_t start = 1;
        for (size_t i = 1; i < n; i++) {
            if (s[i] == '\\') {
                i++;
                continue;
            }
            in_str = s[i] == '"' ? !in_str : in_str;
            depth += !in_str && (s[i] == '[' || s[i] == '{') ? 1 : 0;
            if (!in_str && depth == 0 && (s[i] == ',' || s[i] == '}')) {
                char name[40], cut[8192], id[60];
                struct fault f;
                (void)sscanf(s + start, "\"%32[a-z0-9_]\"", name);
                size_t from = start, to = s[i] == ',' ? i + 1 : i;
                if (s[i] == '}') {
                    from--; /* the comma before the last member */
                }
                (void)snprintf(cut, sizeof(cut), "%.*s%s", (int)from, s, s + to);
                (void)snprintf(id, sizeof(id), "%s.%s", act_type_name((enum act_type)t), name);
                bool opt = false;
                for (size_t j = 0; j < sizeof(optional) / sizeof(optional[0]); j++) {
                    opt = opt || strcmp(optional[j], id) == 0;
                }
                int err = parse(cut, &b, &f);
                if (opt ? err != 0 : err != SANJI_E_SPEC) {
                    fail_msg("%s without: %s", id, err_name(err));
                }
                if (!opt && strcmp(f.member, name) != 0 &&
                    !(strcmp(name, "ver") == 0 || strcmp(name, "type") == 0)) {
                    fail_msg("%s named %s", id, f.member);
                }
                tried++;
                start = i + 1;
            }
            depth -= !in_str && (s[i] == ']' || (s[i] == '}' && depth > 0)) ? 1 : 0;
        }
    }
    assert_int_equal(tried, 12 * 6 + 42); /* common members and own ones */
}

struct change {
    enum act_type t;
    const char *from, *to;
    int err;
    const char *member;
};

static const char *replaced(const char *s, const char *from, const char *to)
{
    const char *p = strstr(s, from);
    if (p == NULL) {
        fail_msg("%s is not in %s", from, s);
        return NULL;
    }
    return arena_printf(ar, "%.*s%s%s", (int)(p - s), s, to, p + strlen(from));
}

static void test_wrong_members(void **state)
{
    (void)state;
    const struct change rows[] = {
        {ACT_NODE, "\"lv\":40", "\"lv\":0", SANJI_E_SPEC, "lv"},
        {ACT_NODE, "\"lv\":40", "\"lv\":100", SANJI_E_SPEC, "lv"},
        {ACT_NODE, "\"lv\":40", "\"lv\":\"40\"", SANJI_E_SPEC, "lv"},
        {ACT_NODE, "\"lv\":40", "\"lv\":40,\"xx\":1", SANJI_E_SPEC, "xx"},
        {ACT_NODE, "\"reg\":true", "\"reg\":1", SANJI_E_SPEC, "reg"},
        {ACT_NODE, "370102", "3701a2", SANJI_E_SPEC, "area"},
        {ACT_NODE, "370102", "3", SANJI_E_SPEC, "area"},
        {ACT_NODE, "https://127", "https: //127", SANJI_E_SPEC, "url"},
        {ACT_NODE, "\"t\":\"node\"", "\"t\":\"nodes\"", SANJI_E_VERSION, "t"},
        {ACT_NODE, "\"t\":\"node\"", "\"t\":1", SANJI_E_SPEC, "t"},
        {ACT_NODE, "\"ts\":17", "\"ts\":-17", SANJI_E_SPEC, "ts"},
        {ACT_NODE, "\"ts\":", "\"ts\": ", SANJI_E_SYNTAX, NULL},
        {ACT_NODE, "\"by\":\"n", "\"by\":\"x", SANJI_E_SPEC, "by"},
        {ACT_KEY, "\"lost\":true", "\"lost\":false", SANJI_E_SPEC, "lost"},
        {ACT_KEY, "\"ep\":1", "\"ep\":0", SANJI_E_SPEC, "heads"},
        {ACT_KEY, "\"aud\":\"trust\"", "\"aud\":\"self\"", SANJI_E_SPEC, "heads"},
        {ACT_KEY, "\"aud\":\"trust\",", "", SANJI_E_SPEC, "heads"},
        {ACT_KEY, "\"aud\":\"trust\"", "\"by\":\"naaaaaaaaaaaaa\",\"aud\":\"trust\"", SANJI_E_SPEC,
         "heads"},
        {ACT_MOVE, "\"by\":\"naaaaaaaaaaaaa\",", "", SANJI_E_SPEC, "heads"},
        {ACT_MOVE, "\"aud\":\"trust\"", "\"aud\":\"fed\"", SANJI_E_SPEC, "heads"},
        {ACT_MOVE, "\"hist\":\"all\"", "\"hist\":\"some\"", SANJI_E_SPEC, "hist"},
        {ACT_CUT, "\"why\":\"stolen\"", "\"why\":\"Wang\"", SANJI_E_SPEC, "why"},
        {ACT_CUT, "\"kid\":\"k", "\"kid\":\"n", SANJI_E_SPEC, "kid"},
        {ACT_QUOTA, "\"items\":10", "\"items\":-1", SANJI_E_SPEC, "items"},
        {ACT_QUOTA, "\"bytes\":20", "\"bytes\":1000000000001", SANJI_E_SPEC, "bytes"},
        {ACT_FLOOR, "2026-12-01", "2026-02-30", SANJI_E_SPEC, "date"},
        {ACT_ROOT, "\"k\":2", "\"k\":4", SANJI_E_SPEC, "k"},
        {ACT_ROOT, "\"k\":2", "\"k\":0", SANJI_E_SPEC, "k"},
        {ACT_ROOT, "\"by\":\"root\"", "\"by\":\"naaaaaaaaaaaaa\"", SANJI_E_SPEC, "by"},
        {ACT_ROOT, "\"ver\":2", "\"ver\":1", SANJI_E_SPEC, "g"},
        {ACT_INFO, "quoted", "quo\\nted", SANJI_E_SPEC, "name"},
        {ACT_ADOPT, "\"by\":\"root\"", "\"by\":\"naaaaaaaaaaaaa\"", SANJI_E_SPEC, "by"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct act a = sample(rows[i].t), b;
        struct fault f;
        const char *s = replaced(text_of(&a), rows[i].from, rows[i].to);
        int err = parse(s, &b, &f);
        if (err != rows[i].err ||
            (rows[i].member != NULL && strcmp(f.member, rows[i].member) != 0)) {
            fail_msg("%s -> %s: %s at %s", rows[i].from, rows[i].to, err_name(err), f.member);
        }
    }
}

static void test_limits(void **state)
{
    (void)state;
    struct act a = sample(ACT_INFO), b;
    struct fault f;
    struct buf out;
    char name[400] = {0};
    buf_init(&out, LIM_ITEM_BYTES);
    for (int i = 0; i < 80; i++) {
        memcpy(name + 3 * (size_t)i, "\xe8\xa1\x97", 3);
    }
    a.name = name;
    assert_int_equal(act_write(&a, &out), 0);
    memcpy(name + 240, "\xe8\xa1\x97", 3);
    assert_int_equal(act_write(&a, &out), SANJI_E_SPEC);
    a = (struct act){.type = ACT_INFO, .n = tnode("s1"), .by = tnode("s1"), .has_g = true};
    assert_int_equal(act_write(&a, &out), SANJI_E_SPEC); /* says nothing */
    a = sample(ACT_FLOOR);
    a.by = tnode("city");
    assert_int_equal(act_write(&a, &out), SANJI_E_SPEC);
    a = sample(ACT_NODE);
    a.up = (struct node_id){{0}};
    assert_int_equal(act_write(&a, &out), SANJI_E_SPEC); /* the top is the root's to enrol */
    assert_int_equal(parse("", &b, &f), SANJI_E_SYNTAX);
    assert_int_equal(parse("[]", &b, &f), SANJI_E_SYNTAX);
    assert_int_equal(parse("{}", &b, &f), SANJI_E_SPEC);
    a.type = ACT_TYPE_COUNT;
    assert_int_equal(act_write(&a, &out), SANJI_E_SPEC);
    buf_done(&out);
}

static void test_weak_keys(void **state)
{
    (void)state;
    uint8_t weak[4][SIGN_PUB_LEN] = {{0}, {1}}; /* of order 4; the neutral element */
    memset(weak[2], 0xff, SIGN_PUB_LEN);        /* y = p, not canonical */
    weak[2][0] = 0xed;
    weak[2][31] = 0x7f;
    memset(weak[3], 0xff, SIGN_PUB_LEN);
    for (size_t i = 0; i < sizeof(weak) / sizeof(weak[0]); i++) {
        const enum act_type types[] = {ACT_NODE, ACT_KEY, ACT_ROOT};
        for (size_t j = 0; j < 3; j++) {
            struct act a = sample(types[j]);
            struct buf out;
            buf_init(&out, LIM_ITEM_BYTES);
            memcpy(types[j] == ACT_ROOT ? a.keys[1] : a.sig, weak[i], SIGN_PUB_LEN);
            assert_int_equal(act_write(&a, &out), SANJI_E_WEAK_KEY);
            buf_done(&out);
        }
    }
    /* one root key twice would let one holder be two */
    struct act a = sample(ACT_ROOT);
    struct buf out;
    buf_init(&out, LIM_ITEM_BYTES);
    memcpy(a.keys[2], a.keys[0], SIGN_PUB_LEN);
    assert_int_equal(act_write(&a, &out), SANJI_E_SPEC);
    buf_done(&out);
}

static void test_signatures(void **state)
{
    (void)state;
    struct act a = sample(ACT_NODE), b;
    struct act_co co[2];
    struct buf body;
    struct fault f;
    const char *s = text_of(&a);
    buf_init(&body, 2 * LIM_ITEM_BYTES);
    assert_int_equal(act_sign(span_of(s, strlen(s)), tkey("d1")->k, &co[0]), 0);
    assert_int_equal(act_sign(span_of(s, strlen(s)), tkey("s1")->k, &co[1]), 0);
    assert_int_equal(act_body_write(span_of(s, strlen(s)), co, 2, &body), 0);
    assert_int_equal(act_body_parse(span_of(body.data, body.len), ar, &b, &f), 0);
    assert_int_equal(b.n_co, 2);
    assert_true(act_signed_by(&b, tkey("d1")->pub));
    assert_true(act_signed_by(&b, tkey("s1")->pub));
    assert_false(act_signed_by(&b, tkey("s2")->pub));
    /* one bit of the signature, one bit of the text, another's key id on a good signature */
    for (int bit = 0; bit < SIG_LEN * 8; bit += 37) {
        struct act c = b;
        c.co[0].s[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        assert_false(act_signed_by(&c, tkey("d1")->pub));
        assert_true(act_signed_by(&c, tkey("s1")->pub));
    }
    struct act c = b;
    c.text = span_of(replaced(s, "\"lv\":40", "\"lv\":41"), strlen(s));
    assert_false(act_signed_by(&c, tkey("d1")->pub));
    c = b;
    c.co[0].kid = tkey("s2")->kid;
    assert_false(act_signed_by(&c, tkey("s2")->pub));
    assert_false(act_signed_by(&c, tkey("d1")->pub));
    /* a bad signature before a good one of the same key hides nothing */
    c = b;
    c.co[1] = c.co[0];
    c.co[0].s[0] ^= 1;
    assert_true(act_signed_by(&c, tkey("d1")->pub));
    buf_done(&body);
}

static void test_body(void **state)
{
    (void)state;
    struct act a = sample(ACT_INFO), b;
    struct act_co co[LIM_CO_SIGNATURES + 1];
    struct buf body;
    struct fault f;
    const char *s = text_of(&a);
    struct span t = span_of(s, strlen(s));
    buf_init(&body, 2 * LIM_ITEM_BYTES);
    for (size_t i = 0; i < LIM_CO_SIGNATURES + 1; i++) {
        assert_int_equal(act_sign(t, tkey("s1")->k, &co[i]), 0);
    }
    assert_int_equal(act_body_write(t, co, 0, &body), SANJI_E_SPEC);
    assert_int_equal(act_body_write(t, co, LIM_CO_SIGNATURES + 1, &body), SANJI_E_SPEC);
    assert_int_equal(act_body_write(t, co, LIM_CO_SIGNATURES, &body), 0);
    assert_int_equal(act_body_parse(span_of(body.data, body.len), ar, &b, &f), 0);
    buf_reset(&body);
    assert_int_equal(act_body_write(t, co, 1, &body), 0);
    const char *good = arena_strdup(ar, buf_str(&body));
    const char *const bad[][2] = {
        {"\"co\":[{", "\"co\":[]}"},    {"{\"a\":", "{\"x\":1,\"a\":"}, {"{\"a\":", "{\"b\":"},
        {"\"kid\":\"k", "\"kid\":\"q"}, {"\"s\":\"", "\"s\":\"="},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *x = replaced(good, bad[i][0], bad[i][1]);
        if (i == 0) {
            x = arena_printf(ar, "%.*s", (int)(strstr(x, "[]}") - x + 3), x);
        }
        int err = act_body_parse(span_of(x, strlen(x)), ar, &b, &f);
        if (err != SANJI_E_SPEC) {
            fail_msg("%s: %s", bad[i][1], err_name(err));
        }
    }
    assert_int_equal(act_body_parse(span_of("{\"a\":\"{}\",\"co\":[]}", 18), ar, &b, &f),
                     SANJI_E_SPEC);
    buf_done(&body);
}

static int begin(void **state)
{
    (void)state;
    ar = arena_new((size_t)64 << 20);
    return ar == NULL;
}

static int done(void **state)
{
    (void)state;
    arena_free(ar);
    tkey_done();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_first_root),
        cmocka_unit_test(test_missing),    cmocka_unit_test(test_wrong_members),
        cmocka_unit_test(test_limits),     cmocka_unit_test(test_weak_keys),
        cmocka_unit_test(test_signatures), cmocka_unit_test(test_body),
    };
    return cmocka_run_group_tests(tests, begin, done);
}
