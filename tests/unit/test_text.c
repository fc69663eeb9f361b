/* SPDX-License-Identifier: Apache-2.0 */
/* Do both languages say the same things, and does every key exist that C asks for? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/config.h"
#include "node/cli/verb.h"
#include "node/text.h"
#include "node/tidy.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The placeholders of a sentence, sorted, "a b c". */
static void placeholders(const char *s, char out[256])
{
    char name[16][32];
    size_t n = 0;
    out[0] = '\0';
    while ((s = strchr(s, '{')) != NULL) {
        size_t len = strcspn(++s, "}");
        assert_true(len > 0 && len < 32 && n < 16);
        char one[32];
        snprintf(one, sizeof one, "%.*s", (int)len, s);
        size_t at = n;
        bool dup = false;
        for (size_t i = 0; i < n; i++) {
            dup = dup || strcmp(name[i], one) == 0;
        }
        while (!dup && at > 0 && strcmp(name[at - 1], one) > 0) {
            memcpy(name[at], name[at - 1], 32);
            at--;
        }
        if (!dup) {
            memcpy(name[at], one, 32);
            n++;
        }
    }
    for (size_t i = 0; i < n; i++) {
        strncat(out, name[i], 255 - strlen(out)); /* NOLINT: a test */
        strncat(out, " ", 255 - strlen(out));
    }
}

static void same_in(const char *key, const char *sentence, void *arg)
{
    enum text_lang other = *(enum text_lang *)arg;
    char a[256], b[256];
    if (!text_has(other, key)) {
        fail_msg("%s is missing in %s", key, text_lang_name(other));
    }
    assert_true(sentence[0] != '\0');
    if (strncmp(key, "verb.", 5) == 0) {
        return; /* help shows JSON and fills nothing in */
    }
    placeholders(sentence, a);
    placeholders(text_get(other, key), b);
    if (strcmp(a, b) != 0) {
        fail_msg("%s: {%s} against {%s}", key, a, b);
    }
}

static void both_files_hold_the_same(void **state)
{
    (void)state;
    enum text_lang zh = TEXT_ZH, en = TEXT_EN;
    text_each(TEXT_EN, same_in, &zh);
    text_each(TEXT_ZH, same_in, &en);
}

static void every_error_has_a_sentence(void **state)
{
    (void)state;
    for (int l = 0; l < TEXT_LANGS; l++) {
        for (int e = 0; e < SANJI_ERR_COUNT; e++) {
            char key[64];
            snprintf(key, sizeof key, "error.%s", err_name(-e));
            if (!text_has((enum text_lang)l, key)) {
                fail_msg("%s", key);
            }
        }
        for (int w = 0; w < CONFIG_WRONG_COUNT; w++) {
            char key[64];
            snprintf(key, sizeof key, "config.%s", config_wrong_name((enum config_wrong)w));
            assert_true(text_has((enum text_lang)l, key));
        }
    }
}

static void every_verb_and_flag_is_explained(void **state)
{
    (void)state;
    for (size_t i = 0; i < verb_defs_n; i++) {
        const struct verb_def *d = &verb_defs[i];
        for (int l = 0; l < TEXT_LANGS; l++) {
            struct buf b;
            buf_init(&b, 1 << 20);
            verb_help((enum text_lang)l, d, &b);
            if (strstr(buf_str(&b), "verb.") != NULL || strstr(buf_str(&b), "flag.") != NULL) {
                fail_msg("%s: %s", d->name, buf_str(&b));
            }
            assert_non_null(strstr(buf_str(&b), "75"));
            buf_done(&b);
        }
        int words = 0;
        char a[64];
        snprintf(a, sizeof a, "%s", d->name);
        char *sp = strchr(a, ' ');
        if (sp != NULL) {
            *sp = '\0';
        }
        assert_ptr_equal(verb_find(a, sp != NULL ? sp + 1 : NULL, &words), d);
        assert_int_equal(words, sp != NULL ? 2 : 1);
    }
}

/* Every literal in our sources that looks like a key ("group.word") of a group we own exists. */
static void check_source(const char *path)
{
    static const char *const groups[] = {
        "approve.", "config.", "control.",  "doctor.",   "error.",      "fault.", "ferry.f",
        "ferry.n",  "ferry.m", "ferry.why", "flag.",     "help.",       "init.",  "invite.",
        "join.",    "node.w",  "node.i",    "node.m",    "node.r",      "open.",  "parent_url.",
        "parked.",  "put.",    "rebuild.",  "rotate.",   "serve.ready", "stats.", "sync.done",
        "sync.top", "usage.",  "verify.",   "user.once", "clock.",      "col.",   "list.",
        "place.",   "root.",   "span.",     "state.",    "status.",     "user.n", "word."};
    static char src[1 << 20];
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(src, 1, sizeof src - 1, f);
    fclose(f);
    src[n] = '\0';
    for (char *p = strchr(src, '"'); p != NULL; p = strchr(p, '"')) {
        size_t len = strcspn(++p, "\"\n");
        char key[128];
        snprintf(key, sizeof key, "%.*s", (int)(len < 127 ? len : 127), p);
        p += len + (p[len] == '"');
        bool ours = false;
        for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
            ours = ours || strncmp(key, groups[g], strlen(groups[g])) == 0;
        }
        if (ours && strspn(key, "abcdefghijklmnopqrstuvwxyz_.") == strlen(key) && strlen(key) > 5 &&
            key[strlen(key) - 1] != '.' && !text_has(TEXT_EN, key)) {
            fail_msg("%s: no sentence for \"%s\"", path, key);
        }
    }
}

static void every_key_in_c_exists(void **state)
{
    (void)state;
    char dir[512], path[1024];
    int files = 0;
    snprintf(dir, sizeof dir, "%s/node/cli", SANJI_SOURCE_DIR);
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        size_t n = strlen(e->d_name);
        if (n > 2 && strcmp(e->d_name + n - 2, ".c") == 0) {
            snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
            check_source(path);
            files++;
        }
    }
    closedir(d);
    assert_true(files > 8);
}

static void language_is_chosen(void **state)
{
    (void)state;
    assert_int_equal(text_pick(NULL, NULL, NULL, NULL), TEXT_EN);
    assert_int_equal(text_pick(NULL, "", "", "zh_CN.UTF-8"), TEXT_ZH);
    assert_int_equal(text_pick(NULL, "C", NULL, "zh_CN.UTF-8"), TEXT_EN);
    assert_int_equal(text_pick(NULL, NULL, "zh", "en_US"), TEXT_ZH);
    assert_int_equal(text_pick(NULL, "POSIX", NULL, NULL), TEXT_EN);
    assert_int_equal(text_pick("zh", "C", NULL, NULL), TEXT_ZH);
    assert_int_equal(text_pick("en", "zh_CN", NULL, NULL), TEXT_EN);
    assert_int_equal(text_pick("auto", "zh_TW", NULL, NULL), TEXT_ZH);
    assert_int_equal(text_pick("fr", NULL, NULL, NULL), -1);
}

static void values_are_filled_in_safely(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 4096);
    text_put(&b, TEXT_EN, "usage.unknown_verb", "what", "a{what}\x1b[2J", NULL);
    assert_string_equal(buf_str(&b), "sanji: there is no command \"a{what}?[2J\"");
    buf_reset(&b);
    text_put(&b, TEXT_EN, "usage.unknown_verb", "other", "x", NULL);
    assert_non_null(strstr(buf_str(&b), "{what}"));
    buf_reset(&b);
    struct fault f = {.member = "title", .want = "1 .. 120"};
    text_fault(&b, TEXT_ZH, SANJI_E_SPEC, &f);
    assert_non_null(strstr(buf_str(&b), "title"));
    assert_non_null(strstr(buf_str(&b), "1 .. 120"));
    buf_done(&b);
}

static void json_is_tidied(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } good[] = {
        {" { \"a\" : [ 1 , -2 ] }\r\n", "{\"a\":[1,-2]}"},
        {"{\"a\":\"\\u4e2d\\/\\u000a\\ud83d\\ude00\"}", "{\"a\":\"中/\\n😀\"}"},
        {"{\"a\":{\"b\":true,\"c\":false}}", "{\"a\":{\"b\":true,\"c\":false}}"},
        {"[ ]", "[]"},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct buf b;
        struct fault f = {0};
        buf_init(&b, 4096);
        assert_int_equal(tidy_json(span_of(good[i].in, strlen(good[i].in)), &b, &f), 0);
        assert_string_equal(buf_str(&b), good[i].out);
        buf_done(&b);
    }
    static const char *const bad[] = {"{\"x\":{\"y\":1.0}}", "{\"x\":1e3}", "{\"x\":[null]}",
                                      "{\"x\":1234567890123456}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct buf b;
        struct fault f = {0};
        buf_init(&b, 4096);
        assert_int_equal(tidy_json(span_of(bad[i], strlen(bad[i])), &b, &f), SANJI_E_SPEC);
        assert_string_equal(f.member, "x");
        buf_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_files_hold_the_same),
        cmocka_unit_test(every_error_has_a_sentence),
        cmocka_unit_test(every_verb_and_flag_is_explained),
        cmocka_unit_test(every_key_in_c_exists),
        cmocka_unit_test(language_is_chosen),
        cmocka_unit_test(values_are_filled_in_safely),
        cmocka_unit_test(json_is_tidied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
