/* SPDX-License-Identifier: Apache-2.0 */
#include "node/qr.h"
#include "node/totp.h"
#include "protocol/base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char key[] = "12345678901234567890";
static struct span secret(void)
{
    return span_of(key, TOTP_SECRET);
}

/* RFC 6238 appendix B, the rows of SHA-1, cut to the six digits that authenticators show. */
static void codes_of_the_rfc(void **state)
{
    static const struct {
        int64_t at;
        const char *code;
    } v[] = {{59, "287082"},         {1111111109, "081804"}, {1111111111, "050471"},
             {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"}};
    char code[TOTP_DIGITS + 1];
    int64_t step;
    (void)state;
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        assert_int_equal(totp_code(secret(), v[i].at / TOTP_STEP_S, code), 0);
        assert_string_equal(code, v[i].code);
        assert_true(totp_check(secret(), v[i].code, v[i].at * 1000, 0, &step));
        assert_int_equal(step, v[i].at / TOTP_STEP_S);
    }
}

static void a_code_works_once_and_near_its_time(void **state)
{
    int64_t step = 0, at = 1111111111;
    (void)state;
    assert_true(totp_check(secret(), "050471", (at + 30) * 1000, 0, &step));
    assert_true(totp_check(secret(), "050471", (at - 30) * 1000, 0, &step));
    assert_false(totp_check(secret(), "050471", (at + 61) * 1000, 0, &step));
    assert_false(totp_check(secret(), "050471", (at - 61) * 1000, 0, &step));
    assert_false(totp_check(secret(), "050471", at * 1000, step, &step));
    static const char *const wrong[] = {"", "05047", "0504710", "050472", "xxxxxx"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(totp_check(secret(), wrong[i], at * 1000, 0, &step));
    }
    assert_false(totp_check(span_of(NULL, 0), "050471", at * 1000, 0, &step));
}

static void keys_to_type(void **state)
{
    uint8_t back[TOTP_SECRET];
    char text[TOTP_BASE32 + 1];
    (void)state;
    totp_base32((const uint8_t *)key, text);
    assert_string_equal(text, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    assert_int_equal(totp_from_base32("gezd gnbv gy3t qojq gezd gnbv gy3t qojq", back), 0);
    assert_memory_equal(back, key, TOTP_SECRET);
    for (int i = 0; i < 256; i++) { /* every byte at every place of its group of five */
        uint8_t b[TOTP_SECRET];
        for (int k = 0; k < TOTP_SECRET; k++) {
            b[k] = (uint8_t)(i + 37 * k);
        }
        totp_base32(b, text);
        assert_int_equal(totp_from_base32(text, back), 0);
        assert_memory_equal(back, b, TOTP_SECRET);
    }
    static const char *const bad[] = {"", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ",
                                      "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQA",
                                      "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(totp_from_base32(bad[i], back), SANJI_E_SPEC);
    }
}

static void an_address_to_scan(void **state)
{
    struct buf b, path;
    int side = 0;
    (void)state;
    buf_init(&b, 4096);
    buf_init(&path, 65536);
    assert_int_equal(totp_uri("GEZDGNBV", "\xe5\xb8\x82 A&B", "wang:1", &b), 0);
    assert_string_equal(buf_str(&b), "otpauth://totp/%E5%B8%82%20A%26B:wang%3A1?secret=GEZDGNBV"
                                     "&issuer=%E5%B8%82%20A%26B");
    assert_int_equal(qr_path(buf_str(&b), &side, &path), 0);
    assert_true(side >= 21 + 2 * QR_QUIET && (side - 2 * QR_QUIET - 21) % 4 == 0);
    /* The finder pattern's upper edge: seven dark modules at the margin's corner. */
    assert_int_equal(strncmp(buf_str(&path), "M4 4h7v1h-7z", 12), 0);
    buf_done(&b);
    buf_done(&path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_of_the_rfc),
        cmocka_unit_test(a_code_works_once_and_near_its_time),
        cmocka_unit_test(keys_to_type),
        cmocka_unit_test(an_address_to_scan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
