/* SPDX-License-Identifier: Apache-2.0 */
/* Two implementations must refuse the same bytes, and under the same name: an operator reads it,
 * and whether bytes are offered again hangs on it. One table per reader, against the names of
 * PROTOCOL.md sections 3, 4, 5, 9, 13 and 22. */
#include "protocol/act.h"
#include "protocol/bundle.h"
#include "protocol/bundle_header.h"
#include "protocol/json_gate.h"
#include "protocol/kinds/kind.h"
#include "protocol/msg.h"
#include "tests/support/acts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena *ar;

/* `text` with the first `from` replaced. */
static char *swap(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    assert_non_null(at);
    return arena_printf(ar, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static char *repeat(const char *s, int n)
{
    char *out = arena_alloc(ar, strlen(s) * (size_t)n + 1);
    for (int i = 0; i < n; i++) {
        memcpy(out + strlen(s) * (size_t)i, s, strlen(s));
    }
    return out;
}

static char *numbered(int n)
{
    struct buf b;
    buf_init(&b, 1 << 16);
    for (int i = 0; i < n; i++) {
        (void)buf_printf(&b, "\"x%d\":1,", i);
    }
    char *s = arena_strdup(ar, buf_str(&b));
    buf_done(&b);
    return s;
}

static void expect(const char *what, int got, const struct fault *f, const char *want,
                   const char *member)
{
    if (strcmp(err_name(got), want) != 0 || (member != NULL && strcmp(f->member, member) != 0)) {
        print_message("%s: %s at '%s', expected %s at '%s'\n", what, err_name(got), f->member, want,
                      member == NULL ? "" : member);
    }
    assert_string_equal(err_name(got), want);
    if (member != NULL) {
        assert_string_equal(f->member, member);
    }
}

static const char header[] =
    "{\"v\":1,\"t\":\"data\",\"g\":\"AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM\","
    "\"by\":\"ndlwkqi55kmaec\",\"aud\":\"fed\",\"ep\":1,\"en\":\"BQUFBQUFBQU\",\"seq\":1,"
    "\"prev\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"n\":0,"
    "\"root\":\"S_USLzRFVMU73i67jNK349FgCtYxw4Wl18ziPHeFRZo\",\"kid\":\"k3g2hmz5rgzgs6\","
    "\"rv\":\"BgYGBgYGBgY\",\"ts\":1760000000123}";

static void test_header(void **state)
{
    (void)state;
    const char *more = "\"ts\":1760000000123";
    const struct {
        const char *from, *to, *want, *member;
    } rows[] = {
        {"\"v\":1", "\"v\":1", "ok", NULL},
        {"\"v\":1", "\"v\":2", "needs_newer", "v"},
        {"\"v\":1", "\"v\":0", "bad_member", "v"},
        {"\"v\":1,", "", "bad_member", "v"},
        {"\"data\"", "\"dater\"", "bad_member", "t"},
        {"\"data\"", "\"beat\"", "bad_member", "live"},
        {"\"data\"", "\"epoch\"", "bad_member", "pe"},
        {"\"fed\"", "\"fad\"", "bad_member", "aud"},
        {"\"fed\"", "\"fed:\"", "bad_member", "aud"},
        {"\"fed\"", "\"to:\"", "bad_member", "aud"},
        {"\"fed\"", "\"sub:ndlwkqi55kmaec,nmkk4vxpxyfsiv\"", "bad_member", "aud"},
        {"\"fed\"", "\"to:nmkk4vxpxyfsiv,nmkk4vxpxyfsiv\"", "bad_member", "aud"},
        {"\"fed\"", "\"to:ndlwkqi55kmaec\"", "bad_member", "aud"}, /* the writer itself */
        {"\"ep\":1", "\"ep\":0", "bad_member", "ep"},
        {"\"ep\":1", "\"ep\":1000001", "bad_member", "ep"},
        {"\"seq\":1", "\"seq\":0", "bad_member", "seq"},
        {"\"seq\":1", "\"seq\":1000000001", "bad_member", "seq"},
        {"\"seq\":1", "\"seq\":\"1\"", "bad_member", "seq"},
        {"\"prev\":\"A", "\"prev\":\"B", "bad_member", "prev"},
        {"\"en\":\"BQUFBQUFBQU\"", "\"en\":\"BQUFBQUFBQV\"", "bad_member", "en"},
        {"\"n\":0", "\"n\":1025", "bad_member", "n"},
        {"ndlwkqi55kmaec", "ndlwkqi55kmae1", "bad_member", "by"},
        {more, "\"ts\":-1", "bad_member", "ts"},
        {more, "\"ts\":999999999999999", "ok", NULL},
        {more, "\"ts\":1000000000000000", "bad_syntax", "h"},
        {more, "\"ts\":1.0", "bad_syntax", "h"},
        {more, "\"ts\":01", "bad_syntax", "h"},
        {more, "\"ts\":null", "bad_syntax", "h"},
        {more, "\"ts\":1,\"ts\":1", "bad_syntax", "h"},
        {more, "\"ts\":1,\"new\":{\"a\":[1]}", "ok", NULL},
        {more, "\"ts\":1,\"New\":1", "bad_syntax", "h"},
        {more, "\"ts\":1 ", "bad_syntax", "h"},
        {more, "\"ts\":1,\"x\":\"\\u0000\"", "bad_syntax", "h"},
        {more, "\"ts\":1,\"x\":\"\\u0041\"", "bad_syntax", "h"},
        {more, "\"ts\":1,\"x\":\"\x80\"", "bad_encoding", "h"},
        {more, "\"ts\":1,\"crit\":[\"A\"]", "bad_member", "crit"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bundle_header h;
        struct fault f = {0};
        const char *s = swap(header, rows[i].from, rows[i].to);
        int r = bundle_header_parse(span_of(s, strlen(s)), &h, &f);
        expect(rows[i].to, r, &f, rows[i].want, rows[i].member);
    }
    struct bundle_header h;
    struct fault f = {0};
    const char *s = swap(header, "{", arena_printf(ar, "{%s", numbered(50)));
    expect("64 members", bundle_header_parse(span_of(s, strlen(s)), &h, &f), &f, "ok", NULL);
    s = swap(header, "{", arena_printf(ar, "{%s", numbered(51)));
    expect("65 members", bundle_header_parse(span_of(s, strlen(s)), &h, &f), &f, "too_large", "h");
    s = swap(header, "{", arena_printf(ar, "{\"x\":\"%s\",", repeat("x", 2048)));
    expect("long", bundle_header_parse(span_of(s, strlen(s)), &h, &f), &f, "too_large", "h");
}

static void test_gate_limits(void **state)
{
    (void)state;
    const struct {
        int deep, values;
        const char *want;
    } rows[] = {{15, 1, "ok"}, {16, 1, "too_large"}, {1, 4093, "ok"}, {1, 4094, "too_large"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fault f = {0};
        const char *s = arena_printf(ar, "{\"x\":%s%s1%s}", repeat("[", rows[i].deep),
                                     repeat("1,", rows[i].values - 1), repeat("]", rows[i].deep));
        expect(rows[i].want, json_gate(s, strlen(s), JSON_PROTOCOL, &f), &f, rows[i].want, NULL);
    }
}

static char *line_of(const char *h, const char *tail)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    for (const char *p = h; *p != '\0'; p++) {
        (void)buf_printf(&b, *p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
    }
    char *s = arena_printf(ar, "{\"h\":\"%s\",\"s\":\"%s\"%s", buf_str(&b), repeat("A", 86), tail);
    buf_done(&b);
    return s;
}

static void test_line(void **state)
{
    (void)state;
    const char *key = swap(header, "\"data\"", "\"key\"");
    const char *one = swap(header, "\"n\":0", "\"n\":1");
    const char *big = arena_printf(ar, ",\"b\":[\"%s\"]}", repeat("x", 65537));
    const struct {
        const char *h, *tail, *want, *member;
    } rows[] = {
        {header, ",\"b\":[]}", "ok", NULL},
        {header, "}", "bad_member", "b"},
        {key, "}", "ok", NULL},
        {header, ",\"b\":[]} ", "bad_syntax", NULL},
        {header, ",\"b\":[ ]}", "bad_syntax", NULL},
        {header, ",\"b\":[\"{}\"]}", "bad_member", "n"},
        {one, ",\"b\":[]}", "bad_member", "n"},
        {one, ",\"b\":[\"{}\"]}", "bad_hash", "root"},
        {one, ",\"b\":[{\"x\":\"AA\"}]}", "bad_syntax", "b[0]"},
        {one, ",\"b\":[\"\\n\"]}", "bad_syntax", "b[0]"},
        {one, big, "too_large", "b[0]"},
        {swap(header, "\"fed\"", "\"fad\""), ",\"b\":[]}", "bad_member", "aud"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bundle b;
        struct fault f = {0};
        const char *s = line_of(rows[i].h, rows[i].tail);
        int r = bundle_parse(span_of(s, strlen(s)), ar, &b, &f);
        expect(rows[i].tail, r, &f, rows[i].want, rows[i].member);
    }
}

static void test_item(void **state)
{
    (void)state;
    static const char good[] = "{\"id\":\"r1\",\"k\":\"notice/1\",\"op\":\"put\",\"r\":1,"
                               "\"z\":\"AAAAAAAAAAAAAAAAAAAAAA\",\"d\":{}}";
    const struct {
        const char *from, *to, *want, *member;
    } rows[] = {
        {"\"r\":1", "\"r\":1", "ok", NULL},
        {"\"r\":1", "\"r\":1000000000", "ok", NULL},
        {"\"r\":1", "\"r\":1000000001", "bad_member", "r"},
        {"\"r\":1", "\"r\":0", "bad_member", "r"},
        {"\"put\"", "\"del\"", "bad_member", "op"},
        {"\"put\"", "\"wd\"", "bad_member", "d"},
        {",\"d\":{}", "", "bad_member", "d"},
        {"\"r1\"", "\"-r1\"", "bad_member", "id"},
        {"notice/1", "notice/01", "bad_member", "k"},
        {"\"d\":{}", "\"d\":{},\"new\":1", "bad_member", "new"},
        {"\"d\":{}", "\"d\":{},\"new\":1,\"crit\":[]", "bad_member", "new"},
        {"\"d\":{}", "\"d\":{},\"new\":1,\"crit\":[\"new\"]", "ok", NULL},
        {"\"d\":{}", "\"crit\":[\"new\"],\"new\":1,\"d\":{}", "ok", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct item it;
        struct fault f = {0};
        const char *s = swap(good, rows[i].from, rows[i].to);
        assert_int_equal(json_gate(s, strlen(s), JSON_PROTOCOL, NULL), 0);
        int r = item_parse(span_of(s, strlen(s)), &it, &f);
        expect(rows[i].to, r, &f, rows[i].want, rows[i].member);
        if (r == 0 && strstr(s, "crit") != NULL) {
            r = kind_check_item(&it, AUD_FED, false, &f);
            expect(rows[i].to, r, &f, "needs_newer", "crit");
        }
    }
    struct item it;
    struct fault f = {0};
    const char *s = swap(good, "\"d\":{}", "\"d\":{\"kind\":\"notice\",\"title\":\"x\"}");
    assert_int_equal(item_parse(span_of(s, strlen(s)), &it, &f), 0);
    expect("notice to fed", kind_check_item(&it, AUD_FED, false, &f), &f, "ok", NULL);
    expect("notice to one", kind_check_item(&it, AUD_TO, false, &f), &f, "wrong_audience", "aud");
}

static void test_invite(void **state)
{
    (void)state;
    const struct tkey *k = tkey("d1");
    struct node_id node = tnode("s1"), up = tnode("d1");
    struct msg_invite in = {.v = 1, .node = node.s, .up = up.s, .url = "https://127.0.0.1:1"};
    in.name = "x";
    in.area = "370102";
    in.lv = 40;
    in.exp = 1;
    in.head_by = up.s;
    in.head_ep = in.head_seq = 1;
    in.kid = k->kid.s;
    struct buf line;
    buf_init(&line, 1 << 16);
    assert_int_equal(invite_write(&in, k->k, &line), 0);
    char *good = arena_strdup(ar, buf_str(&line));
    size_t n = strlen(good);
    char *sum = arena_strdup(ar, good), *text = arena_strdup(ar, good);
    sum[n - 1] = sum[n - 1] == 'a' ? 'b' : 'a';
    text[20] = text[20] == 'a' ? 'b' : 'a';
    const struct {
        const char *line, *want;
    } rows[] = {
        {good, "ok"},
        {arena_printf(ar, " %.30s \r\n %s\n", good, good + 30), "ok"},
        {sum, "bad_hash"},
        {text, "bad_hash"},
        {good + 1, "bad_syntax"},
        {arena_printf(ar, "%s-x", good), "bad_syntax"},
        {swap(good, "-ey", "-=="), "bad_encoding"},
        {repeat("x", 20000), "too_large"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct msg_invite back;
        struct fault f = {0};
        int r = invite_read(rows[i].line, strlen(rows[i].line), ar, &back, &f);
        expect(rows[i].line, r, &f, rows[i].want, NULL);
    }
    buf_reset(&line);
    in.lv = 100; /* no act could say so */
    assert_int_equal(invite_write(&in, k->k, &line), 0);
    struct msg_invite back;
    struct fault f = {0};
    expect("lv", invite_read(buf_str(&line), line.len, ar, &back, &f), &f, "bad_member", "lv");
    buf_done(&line);
}

static void test_act(void **state)
{
    (void)state;
    struct buf b;
    struct act a = t_key("s1", "s1b", true);
    a.has_g = true;
    a.by = tnode("d1");
    buf_init(&b, LIM_ITEM_BYTES);
    assert_int_equal(act_write(&a, &b), 0);
    const char *good = arena_strdup(ar, buf_str(&b));
    char sig[64];
    const char *at = strstr(good, "\"sig\":\"");
    (void)snprintf(sig, sizeof(sig), "%.*s", 51, at);
    const char *head = "{\"id\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}";
    const char *many =
        arena_printf(ar, "\"heads\":[%s%s]", repeat(arena_printf(ar, "%s,", head), 1023), head);
    const struct {
        const char *from, *to, *want, *member;
    } rows[] = {
        {"\"t\":\"key\"", "\"t\":\"key\"", "ok", NULL},
        {"\"t\":\"key\"", "\"t\":\"keys\"", "needs_newer", "t"},
        {"\"t\":\"key\",", "", "bad_member", "t"},
        {"\"lost\":true", "\"lost\":false", "bad_member", "lost"},
        {"\"lost\":true", "\"crit\":true", "bad_member", "crit"},
        {sig, "\"sig\":\"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"", "weak_key", "sig"},
        {"\"heads\":[]", arena_printf(ar, "\"heads\":[%s]", head), "ok", NULL},
        {"\"heads\":[]", many, "ok", NULL},
        {"\"heads\":[]", swap(many, "[", arena_printf(ar, "[%s,", head)), "too_large", "heads"},
        {"\"heads\":[]", "\"heads\":[{\"aud\":\"fed\"}]", "bad_member", "heads"},
        {"\"by\":\"n", "\"by\":\"m", "bad_member", "by"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct act back;
        struct fault f = {0};
        const char *s = swap(good, rows[i].from, rows[i].to);
        int r = act_parse(span_of(s, strlen(s)), ar, &back, &f);
        expect(rows[i].to, r, &f, rows[i].want, rows[i].member);
    }
    /* An act as long as the table of acts allows is an item as well. */
    const char *s = swap(good, "\"heads\":[]", many);
    struct act_co co;
    assert_true(strlen(s) > 32000);
    assert_int_equal(act_sign(span_of(s, strlen(s)), tkey("d1")->k, &co), 0);
    buf_done(&b);
    buf_init(&b, 1 << 20);
    assert_int_equal(act_body_write(span_of(s, strlen(s)), &co, 1, &b), 0);
    struct fault f = {0};
    int r = kind_check_content(kind_find("act"), span_of(b.data, b.len), &f);
    expect("long act", r, &f, "ok", NULL);
    buf_done(&b);
}

static int begin(void **state)
{
    (void)state;
    ar = arena_new(64 << 20);
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
        cmocka_unit_test(test_header), cmocka_unit_test(test_gate_limits),
        cmocka_unit_test(test_line),   cmocka_unit_test(test_item),
        cmocka_unit_test(test_invite), cmocka_unit_test(test_act),
    };
    return cmocka_run_group_tests(tests, begin, done);
}
