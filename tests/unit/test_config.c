/* SPDX-License-Identifier: Apache-2.0 */
/* Does a settings file do what it says, and is every mistake in it named with its line? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/config.h"
#include "protocol/base/err.h"

#include <stdio.h>
#include <string.h>

struct seen {
    size_t n;
    struct config_problem p[32];
};

static void note(const struct config_problem *p, void *arg)
{
    struct seen *s = arg;
    assert_true(s->n < 32);
    s->p[s->n++] = *p;
}

static int parse(const char *text, struct config *c, struct seen *s)
{
    s->n = 0;
    return config_parse(text, strlen(text), c, note, s);
}

static void defaults_pass_their_own_table(void **state)
{
    (void)state;
    struct config c, d;
    struct seen s;
    config_defaults(&d);
    assert_int_equal(parse("", &c, &s), 0);
    assert_memory_equal(&c, &d, sizeof c);
    assert_string_equal(d.staff_listen, "127.0.0.1:8080");
    assert_int_equal(d.session_idle, 30 * 60 * 1000);
    for (size_t i = 0; i < config_settings_n; i++) {
        assert_true(strlen(config_settings[i].zh) > 0 && strlen(config_settings[i].en) > 0);
    }
}

static void values_comments_and_blanks(void **state)
{
    (void)state;
    struct config c;
    struct seen s;
    assert_int_equal(
        parse("\xef\xbb\xbf# one\r\n\r\n  staff_listen=[::1]:80 # here\r\nlog_json = on\n"
              "session_idle\t=\t15m\ndisk_reserve = 2GiB\nsync_listen =\nlanguage = zh-CN",
              &c, &s),
        0);
    assert_string_equal(c.staff_listen, "[::1]:80");
    assert_true(c.log_json);
    assert_int_equal(c.session_idle, 900000);
    assert_int_equal(c.disk_reserve, INT64_C(2) << 30);
    assert_string_equal(c.sync_listen, "");
    assert_string_equal(c.language, "zh-CN");
}

static void every_problem_is_reported(void **state)
{
    (void)state;
    struct config c;
    struct seen s;
    memset(&c, 0x5a, sizeof c);
    struct config before = c;
    assert_int_equal(parse("staff_listn = 1.2.3.4:1\n"
                           "log_json = yes\n"
                           "log_json = no\n"
                           "session_idle = 1s\n"
                           "just words\n"
                           "log_level = loud\n"
                           "= 3\n"
                           "url = ftp://x\n"
                           "zzzzzzzzzz = 1\n"
                           "url\x01 = x\n",
                           &c, &s),
                     SANJI_E_CONFIG);
    assert_memory_equal(&c, &before, sizeof c); /* nothing changed */
    assert_int_equal(s.n, 9);
    assert_int_equal(s.p[0].wrong, CONFIG_UNKNOWN);
    assert_int_equal(s.p[0].line, 1);
    assert_string_equal(s.p[0].near, "staff_listen");
    assert_int_equal(s.p[1].wrong, CONFIG_TWICE);
    assert_int_equal(s.p[1].line, 3);
    assert_int_equal(s.p[1].first_line, 2);
    assert_int_equal(s.p[2].wrong, CONFIG_BAD_VALUE);
    assert_string_equal(s.p[2].want, "1m .. 1d");
    assert_int_equal(s.p[3].wrong, CONFIG_NO_EQUALS);
    assert_int_equal(s.p[3].line, 5);
    assert_string_equal(s.p[4].want, "error warning notice info debug");
    assert_int_equal(s.p[5].wrong, CONFIG_NO_EQUALS);
    assert_string_equal(s.p[6].name, "url");
    assert_null(s.p[7].near);
    assert_int_equal(s.p[8].wrong, CONFIG_NOT_TEXT);
}

static void addresses_and_urls(void **state)
{
    (void)state;
    static const char *const good[] = {"127.0.0.1:0", "[::1]:65535", "*:1", "localhost:80",
                                       "a-b.example.cn:443"};
    static const char *const bad[] = {
        "",      ":80",         "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
        "1:-1",  "1.2.3.4:080", "[::1:80",   "[]:80",      "a b:80",
        "a:80x", "**:80"};
    static const char *const gurl[] = {"https://a", "https://a:1/", "https://[::1]:8443",
                                       "https://a.cn/x/y"};
    static const char *const burl[] = {"",
                                       "http://a:1/",
                                       "a",
                                       "https://",
                                       "https://a:",
                                       "https://a:99999",
                                       "https://u@a",
                                       "https://a/?q",
                                       "https://a/#f",
                                       "https://a b",
                                       "HTTPS://a",
                                       "https://a:1x"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(config_addr_ok(good[i]));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(config_addr_ok(bad[i]));
    }
    for (size_t i = 0; i < sizeof gurl / sizeof *gurl; i++) {
        assert_true(config_url_ok(gurl[i]));
    }
    for (size_t i = 0; i < sizeof burl / sizeof *burl; i++) {
        assert_false(config_url_ok(burl[i]));
    }
}

static void printed_file_reads_back(void **state)
{
    (void)state;
    struct config c, d;
    struct seen s;
    assert_int_equal(parse("sync_listen = *:8443\nurl = https://a.cn:8443\nstats_delay = 1500ms\n"
                           "disk_reserve = 0\nlog_json = yes\nstaff_listen =\n",
                           &c, &s),
                     0);
    for (int zh = 0; zh < 2; zh++) {
        struct buf b;
        buf_init(&b, CONFIG_FILE_BYTES);
        assert_int_equal(config_print(&c, zh != 0, &b), 0);
        assert_int_equal(parse(buf_str(&b), &d, &s), 0);
        assert_memory_equal(&c, &d, sizeof c);
        assert_non_null(strstr(buf_str(&b), "\nstats_delay = 1500ms\n"));
        assert_non_null(strstr(buf_str(&b), "\n# session_max = 12h\n"));
        buf_done(&b);
    }
}

static void count_diff(const struct config_setting *s, void *arg)
{
    int *n = arg;
    n[s->reloadable]++;
}

static void diff_names_what_needs_a_restart(void **state)
{
    (void)state;
    struct config a, b;
    int n[2] = {0};
    config_defaults(&a);
    b = a;
    config_diff(&a, &b, count_diff, n);
    assert_int_equal(n[0] + n[1], 0);
    assert_int_equal(config_set(&b, config_find("log_level"), "debug", NULL), 0);
    assert_int_equal(config_set(&b, config_find("sync_listen"), "*:1", NULL), 0);
    assert_int_equal(config_set(&b, config_find("staff_connections"), "3", NULL), SANJI_E_CONFIG);
    config_diff(&a, &b, count_diff, n);
    assert_int_equal(n[0], 1);
    assert_int_equal(n[1], 1);
}

static void examples_are_right(void **state)
{
    (void)state;
    static const char *const names[] = {"city", "district", "street"};
    for (size_t i = 0; i < 3; i++) {
        char path[512], text[8192];
        snprintf(path, sizeof path, "%s/config/example-%s.conf", SANJI_SOURCE_DIR, names[i]);
        FILE *f = fopen(path, "rb");
        assert_non_null(f);
        size_t n = fread(text, 1, sizeof text, f);
        fclose(f);
        struct config c;
        struct seen s = {0};
        assert_int_equal(config_parse(text, n, &c, note, &s), 0);
    }
}

static void too_much_is_refused(void **state)
{
    (void)state;
    static char big[CONFIG_FILE_BYTES + 2];
    struct config c;
    struct seen s = {0};
    memset(big, '\n', sizeof big - 1);
    assert_int_equal(config_parse(big, sizeof big - 1, &c, note, &s), SANJI_E_CONFIG);
    assert_int_equal(s.p[0].wrong, CONFIG_TOO_LONG);
    memset(big, 'x', 2000);
    s.n = 0;
    assert_int_equal(config_parse(big, 2000, &c, note, &s), SANJI_E_CONFIG);
    assert_int_equal(s.p[0].wrong, CONFIG_TOO_LONG);
    s.n = 0;
    assert_int_equal(config_parse("url = \xff\n", 8, &c, note, &s), SANJI_E_CONFIG);
    assert_int_equal(s.p[0].wrong, CONFIG_NOT_TEXT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_pass_their_own_table),
        cmocka_unit_test(values_comments_and_blanks),
        cmocka_unit_test(every_problem_is_reported),
        cmocka_unit_test(addresses_and_urls),
        cmocka_unit_test(printed_file_reads_back),
        cmocka_unit_test(diff_names_what_needs_a_restart),
        cmocka_unit_test(examples_are_right),
        cmocka_unit_test(too_much_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
