/* SPDX-License-Identifier: Apache-2.0 */
/* Has every field and every choice that the pages can show a name in both languages? The tables
 * grow in protocol/kinds, the names in node/text: this is what keeps them together. */
#include "protocol/kinds/referral.h"
#include "protocol/stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 1 << 20, KEY_MAX = 200 };

struct texts {
    const char *path;
    char *data;
};
static struct texts texts[] = {
    {SANJI_SOURCE_DIR "/node/text/web.zh-CN.json", NULL},
    {SANJI_SOURCE_DIR "/node/text/web.en.json", NULL},
};
enum { TEXTS_N = sizeof(texts) / sizeof(texts[0]) };

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < TEXTS_N; i++) {
        FILE *f = fopen(texts[i].path, "rb");
        if (f == NULL) {
            return -1;
        }
        texts[i].data = calloc(1, TEXT_MAX + 1);
        size_t n = texts[i].data == NULL ? 0 : fread(texts[i].data, 1, TEXT_MAX, f);
        (void)fclose(f);
        if (n == 0 || n == TEXT_MAX) {
            return -1;
        }
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < TEXTS_N; i++) {
        free(texts[i].data);
    }
    return 0;
}

static bool has_key(const struct texts *t, const char *key)
{
    char quoted[KEY_MAX + 8];
    (void)snprintf(quoted, sizeof(quoted), "\"%s\": \"", key);
    return strstr(t->data, quoted) != NULL;
}

/* `scope`.rest or, for the steps of a workflow, the scope above it. */
static int missing(const char *scope, const char *rest)
{
    char key[KEY_MAX];
    const char *up = strrchr(scope, '.');
    int n = 0;
    for (size_t i = 0; i < TEXTS_N; i++) {
        (void)snprintf(key, sizeof(key), "kind.%s.%s", scope, rest);
        bool found = has_key(&texts[i], key);
        if (!found && up != NULL) {
            (void)snprintf(key, sizeof(key), "kind.%.*s.%s", (int)(up - scope), scope, rest);
            found = has_key(&texts[i], key);
        }
        if (!found) {
            print_error("%s: no text for kind.%s.%s\n", texts[i].path, scope, rest);
            n++;
        }
    }
    return n;
}

static int missing_field(const char *scope, const struct kind_field *f)
{
    char rest[KEY_MAX];
    int n = f->type == KF_B64 ? 0 : missing(scope, f->name);
    for (const char *p = f->type == KF_REF ? NULL : f->choices; p != NULL && *p != '\0';) {
        size_t len = strcspn(p, " ");
        (void)snprintf(rest, sizeof(rest), "%s.%.*s", f->name, (int)len, p);
        n += missing(scope, rest);
        p += len;
        p += *p == ' ';
    }
    return n;
}

static int missing_kind(const struct kind *k)
{
    int n = 0;
    for (size_t i = 0; i < k->n_fields; i++) {
        n += missing_field(k->name, &k->fields[i]);
    }
    return n;
}

static void test_kinds(void **state)
{
    (void)state;
    char key[KEY_MAX];
    int n = 0;
    int seen = 0;
    for (size_t i = 0; i < kinds_n; i++) {
        bool shown = kinds[i]->shape == KS_STATE || kinds[i]->shape == KS_VIEW;
        if (!shown || !kinds[i]->in_export) {
            continue;
        }
        seen++;
        n += missing_kind(kinds[i]);
        (void)snprintf(key, sizeof(key), "kind.%s", kinds[i]->name);
        for (size_t j = 0; j < TEXTS_N; j++) {
            n += !has_key(&texts[j], key);
        }
    }
    assert_true(seen >= 6);
    assert_int_equal(n, 0);
}

static void test_referral(void **state)
{
    (void)state;
    int n = missing_kind(&kind_consent);
    for (int e = 0; e < RE_COUNT; e++) {
        n += missing_kind(&referral_content[e]);
    }
    assert_int_equal(n, 0);
}

/* States and events of the referral, and every step as a button with its help. */
static void test_workflow(void **state)
{
    (void)state;
    char key[4][KEY_MAX];
    for (int e = 0; e < RE_COUNT; e++) {
        const char *name = ref_event_name((enum ref_event)e);
        (void)snprintf(key[0], KEY_MAX, "referral.ev.%s", name);
        (void)snprintf(key[1], KEY_MAX, "referral.do.%s", name);
        (void)snprintf(key[2], KEY_MAX, "referral.do.%s.help", name);
        for (size_t i = 0; i < 3 * TEXTS_N; i++) {
            assert_true(has_key(&texts[i % TEXTS_N], key[i / TEXTS_N]));
        }
    }
    for (int s = 0; s < RS_COUNT; s++) {
        (void)snprintf(key[0], KEY_MAX, "referral.state.%s", ref_state_name((enum ref_state)s));
        for (size_t i = 0; i < TEXTS_N; i++) {
            assert_true(has_key(&texts[i], key[0]));
        }
    }
}

static void test_indicators(void **state)
{
    (void)state;
    char key[KEY_MAX];
    for (size_t i = 0; i < (size_t)STAT_COUNT * TEXTS_N; i++) {
        (void)snprintf(key, sizeof(key), "stat.%s", stat_indicators[i / TEXTS_N].code);
        assert_true(has_key(&texts[i % TEXTS_N], key));
    }
}

static void test_can_fail(void **state)
{
    (void)state;
    assert_int_equal(missing("listing", "no_such_field"), TEXTS_N);
    assert_int_equal(missing("referral.send", "no_such_field"), TEXTS_N);
    assert_false(has_key(&texts[0], "kind.listing.titl"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),    cmocka_unit_test(test_referral),
        cmocka_unit_test(test_workflow), cmocka_unit_test(test_indicators),
        cmocka_unit_test(test_can_fail),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
