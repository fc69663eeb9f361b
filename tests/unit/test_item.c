/* SPDX-License-Identifier: Apache-2.0 */
/* Does an item say exactly what its text says, and is every other text refused with its member? */
#include "protocol/bundle.h"
#include "protocol/json_gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants the headers above first */
#include <cmocka.h>

#define Z    "AAAAAAAAAAAAAAAAAAAAAA"
#define HEAD "{\"id\":\"r1\",\"k\":\"listing/1\",\"op\":\"put\",\"r\":1,\"z\":\"" Z "\""

static int parse(const char *s, struct item *it, struct fault *f)
{
    assert_int_equal(json_gate(s, strlen(s), JSON_PROTOCOL, NULL), 0);
    return item_parse(span_of(s, strlen(s)), it, f);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct item it = {.r = 1000000000}, back;
    struct fault f;
    struct buf b;
    buf_init(&b, 4096);
    (void)snprintf(it.id, sizeof(it.id), "r.1:2_3-4");
    (void)snprintf(it.k, sizeof(it.k), "abcdefghijklmnopqrstuvwxyz01234/999");
    memset(it.z, 7, sizeof(it.z));
    for (int op = 0; op < OP_COUNT; op++) {
        for (int more = 0; more < 2; more++) {
            it.op = (enum item_op)op;
            it.d = op == OP_WITHDRAW ? (struct span){0} : span_of("{\"a\":{}}", 8);
            const char *bl =
                "[{\"sha256\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"len\":0}]";
            it.bl = more ? span_of(bl, strlen(bl)) : (struct span){0};
            (void)snprintf(it.on_behalf.s, sizeof(it.on_behalf.s), "%s",
                           more ? "naaaaaaaaaaaaa" : "");
            buf_reset(&b);
            assert_int_equal(item_write(&it, &b), 0);
            assert_int_equal(json_gate(b.data, b.len, JSON_PROTOCOL, NULL), 0);
            assert_int_equal(item_parse(span_of(b.data, b.len), &back, &f), 0);
            assert_string_equal(back.id, it.id);
            assert_string_equal(back.k, it.k);
            assert_int_equal(back.op, it.op);
            assert_int_equal(back.r, it.r);
            assert_memory_equal(back.z, it.z, 16);
            assert_string_equal(back.on_behalf.s, it.on_behalf.s);
            assert_true(span_eq(back.bl, it.bl));
            assert_true(span_eq(back.d, it.d));
            assert_false(back.unknown_crit);
        }
    }
    buf_done(&b);
}

static void test_exact_text(void **state)
{
    (void)state;
    struct item it = {.r = 4, .op = OP_PUT, .d = span_of("{}", 2)};
    struct buf b;
    buf_init(&b, 4096);
    (void)snprintf(it.id, sizeof(it.id), "x");
    (void)snprintf(it.k, sizeof(it.k), "listing/1");
    assert_int_equal(item_write(&it, &b), 0);
    assert_string_equal(buf_str(&b),
                        "{\"id\":\"x\",\"k\":\"listing/1\",\"op\":\"put\",\"r\":4,\"z\":\"" Z
                        "\",\"d\":{}}");
    it.r = 0;
    assert_int_equal(item_write(&it, &b), SANJI_E_SPEC);
    it.r = 1;
    it.d = (struct span){0};
    assert_true(item_write(&it, &b) < 0);
    buf_done(&b);
}

static void test_faults(void **state)
{
    (void)state;
    static const struct {
        const char *text, *member; /* NULL: fine */
    } cases[] = {
        {HEAD ",\"d\":{}}", NULL},
        {"{\"d\":{},\"z\":\"" Z "\",\"r\":1,\"op\":\"ev\",\"k\":\"a/1\",\"id\":\"x\"}",
         NULL}, /* any order */
        {"{}", "id"},
        {HEAD "}", "d"},
        {HEAD ",\"d\":[]}", "d"},
        {HEAD ",\"d\":1}", "d"},
        {HEAD ",\"d\":{},\"x\":1}", "x"},
        {HEAD ",\"d\":{},\"crit\":[]}", NULL},
        {HEAD ",\"d\":{},\"crit\":[\"new\"]}", NULL},
        {HEAD ",\"d\":{},\"crit\":[1]}", "crit"},
        {HEAD ",\"d\":{},\"crit\":\"a\"}", "crit"},
        {HEAD ",\"d\":{},\"for\":\"nbbbbbbbbbbbbb\"}", NULL},
        {HEAD ",\"d\":{},\"for\":\"\"}", "for"},
        {HEAD ",\"d\":{},\"for\":\"kbbbbbbbbbbbbb\"}", "for"},
        {HEAD ",\"d\":{},\"bl\":[]}", NULL},
        {HEAD ",\"d\":{},\"bl\":[{}]}", "bl"},
        {HEAD ",\"d\":{},\"bl\":[1]}", "bl"},
        {HEAD ",\"d\":{},\"bl\":[{\"sha256\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
              "\"len\":-1}]}",
         "bl"},
        {HEAD ",\"d\":{},\"bl\":[{\"sha256\":\"AAAA\",\"len\":1}]}", "bl"},
        {HEAD ",\"d\":{},\"bl\":[{\"sha256\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
              "\"len\":1,\"x\":1}]}",
         "bl"},
        {"{\"id\":\"r1\",\"k\":\"a/1\",\"op\":\"wd\",\"r\":1,\"z\":\"" Z "\"}", NULL},
        {"{\"id\":\"r1\",\"k\":\"a/1\",\"op\":\"wd\",\"r\":1,\"z\":\"" Z "\",\"d\":{}}", "d"},
        {"{\"id\":\"-\",\"k\":\"a/1\",\"op\":\"wd\",\"r\":1,\"z\":\"" Z "\"}", "id"},
        {"{\"id\":\"\",\"k\":\"a/1\",\"op\":\"wd\",\"r\":1,\"z\":\"" Z "\"}", "id"},
        {"{\"id\":\"a\\\\b\",\"k\":\"a/1\",\"op\":\"wd\",\"r\":1,\"z\":\"" Z "\"}", "id"},
        {"{\"id\":1,\"k\":\"a/1\",\"op\":\"wd\",\"r\":1,\"z\":\"" Z "\"}", "id"},
        {"{\"id\":\"r1\",\"k\":\"a/0\",\"op\":\"wd\",\"r\":1,\"z\":\"" Z "\"}", "k"},
        {"{\"id\":\"r1\",\"op\":\"wd\",\"r\":1,\"z\":\"" Z "\"}", "k"},
        {"{\"id\":\"r1\",\"k\":\"a/1\",\"op\":\"del\",\"r\":1,\"z\":\"" Z "\"}", "op"},
        {"{\"id\":\"r1\",\"k\":\"a/1\",\"op\":\"wd\",\"r\":0,\"z\":\"" Z "\"}", "r"},
        {"{\"id\":\"r1\",\"k\":\"a/1\",\"op\":\"wd\",\"r\":1000000001,\"z\":\"" Z "\"}", "r"},
        {"{\"id\":\"r1\",\"k\":\"a/1\",\"op\":\"wd\",\"r\":\"1\",\"z\":\"" Z "\"}", "r"},
        {"{\"id\":\"r1\",\"k\":\"a/1\",\"op\":\"wd\",\"r\":1,\"z\":\"" Z "A\"}", "z"},
        {"{\"id\":\"r1\",\"k\":\"a/1\",\"op\":\"wd\",\"r\":1,\"z\":\"AAAAAAAAAAAAAAAAAAAAAB\"}",
         "z"},
        {"{\"id\":\"r1\",\"k\":\"a/1\",\"op\":\"wd\",\"r\":1}", "z"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct item it = {.r = 77};
        struct fault f = {0};
        int r = parse(cases[i].text, &it, &f);
        if ((r < 0) != (cases[i].member != NULL)) {
            print_message("%s: %s %s\n", cases[i].text, err_name(r), f.member);
        }
        if (cases[i].member == NULL) {
            assert_int_equal(r, 0);
            assert_int_equal(it.unknown_crit, strstr(cases[i].text, "new") != NULL);
        } else {
            assert_int_equal(r, SANJI_E_SPEC);
            assert_string_equal(f.member, cases[i].member);
            assert_int_equal(it.r, 77);
        }
    }
}

static void test_leaf(void **state)
{
    (void)state;
    uint8_t a[HASH_LEN], b[HASH_LEN];
    leaf_of(span_of("abc", 3), a);
    hash_bytes("\0abc", 4, b);
    assert_memory_equal(a, b, HASH_LEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_exact_text),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_leaf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
