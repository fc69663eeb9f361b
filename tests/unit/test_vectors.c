/* SPDX-License-Identifier: Apache-2.0 */
/* Do the committed conformance vectors hold: every positive with its values, every negative with
 * its error? And do the worked examples of PROTOCOL.md stand in them? */
#include "protocol/base/enc.h"
#include "protocol/base/err.h"
#include "tests/vectors/check.h"

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const topics[] = {"names",    "json",   "envelope", "acts",  "sealed", "session",
                                     "exchange", "invite", "enrol",    "ferry", "items"};

static char *slurp(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        fail_msg("%s is not there", path);
        return NULL;
    }
    size_t n = 0, cap = 1 << 22;
    char *s = malloc(cap);
    assert_non_null(s);
    n = fread(s, 1, cap - 1, f);
    s[n] = '\0';
    (void)fclose(f);
    return s;
}

static char *vector_file(const char *topic)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/tests/vectors/%s.json", SANJI_SOURCE_DIR, topic);
    return slurp(path);
}

static const char *text(const cJSON *o, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));
}

static void compare(const struct vcase *v, const char *name, const cJSON *want)
{
    size_t n = 0;
    for (const cJSON *x = want->child; x != NULL; x = x->next, n++) {
        if (n >= v->n_out || strcmp(v->out[n].name, x->string) != 0 ||
            strcmp(v->out[n].value, x->valuestring) != 0) {
            fail_msg("%s %s: %s is %s", v->check, name, x->string,
                     n < v->n_out ? v->out[n].value : "absent");
        }
    }
    assert_int_equal(n, v->n_out);
}

static void run_case(const cJSON *c)
{
    struct vcase v = {.check = text(c, "check")};
    const char *name = text(c, "name"), *in = text(c, "in"), *hex = text(c, "in_hex");
    const char *want = text(c, "err");
    uint8_t *bytes = NULL;
    assert_non_null(v.check);
    assert_true((in == NULL) != (hex == NULL));
    if (hex != NULL) {
        bytes = malloc(strlen(hex) / 2 + 1);
        assert_non_null(bytes);
        assert_int_equal(hex_get(hex, strlen(hex), bytes, strlen(hex) / 2), 0);
        v.in = span_of(bytes, strlen(hex) / 2);
    } else {
        v.in = span_of(in, strlen(in));
    }
    const cJSON *args = cJSON_GetObjectItemCaseSensitive(c, "args");
    for (const cJSON *x = args->child; x != NULL; x = x->next) {
        vcase_arg(&v, x->string, x->valuestring);
    }
    int err = vcase_run(&v);
    if (strcmp(err_name(err), want == NULL ? "ok" : want) != 0) {
        fail_msg("%s %s: %s, not %s", v.check, name, err_name(err), want == NULL ? "ok" : want);
    }
    if (want == NULL) {
        compare(&v, name, cJSON_GetObjectItemCaseSensitive(c, "want"));
    }
    vcase_done(&v);
    free(bytes);
}

static void test_all(void **state)
{
    (void)state;
    size_t n = 0, negative = 0;
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        char *s = vector_file(topics[i]);
        cJSON *all = cJSON_Parse(s);
        assert_non_null(all);
        for (const cJSON *c = all->child; c != NULL; c = c->next, n++) {
            run_case(c);
            negative += text(c, "err") != NULL ? 1 : 0;
        }
        cJSON_Delete(all);
        free(s);
    }
    print_message("%zu vectors, %zu negative\n", n, negative);
    assert_true(n >= 120 && negative >= 60);
}

/* Lines of PROTOCOL.md section 20 that are indented are values of some vector. */
static void test_examples(void **state)
{
    (void)state;
    char path[512], *all[sizeof(topics) / sizeof(topics[0])];
    size_t found = 0;
    (void)snprintf(path, sizeof(path), "%s/protocol/PROTOCOL.md", SANJI_SOURCE_DIR);
    char *doc = slurp(path), *end, *save = NULL;
    char *from = strstr(doc, "\n## 20 Worked examples");
    assert_non_null(from);
    end = strstr(from + 1, "\n## 21 ");
    assert_non_null(end);
    *end = '\0';
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        all[i] = vector_file(topics[i]);
    }
    for (char *l = strtok_r(from, "\n", &save); l != NULL; l = strtok_r(NULL, "\n", &save)) {
        if (strncmp(l, "    ", 4) != 0) {
            continue;
        }
        bool here = false;
        for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
            cJSON *a = cJSON_Parse(all[i]);
            for (const cJSON *c = a->child; c != NULL && !here; c = c->next) {
                const cJSON *want = cJSON_GetObjectItemCaseSensitive(c, "want");
                here = text(c, "in") != NULL && strcmp(text(c, "in"), l + 4) == 0;
                for (const cJSON *x = want == NULL ? NULL : want->child; x != NULL; x = x->next) {
                    here = here || strcmp(x->valuestring, l + 4) == 0;
                }
            }
            cJSON_Delete(a);
        }
        if (!here) {
            fail_msg("not in the vectors: %s", l);
        }
        found++;
    }
    assert_true(found >= 12);
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        free(all[i]);
    }
    free(doc);
}

/* Sections 21 and 22 name every limit and every error with its status. */
static void test_tables(void **state)
{
    (void)state;
    char path[512], row[96];
    size_t n = 0;
    (void)snprintf(path, sizeof(path), "%s/protocol/PROTOCOL.md", SANJI_SOURCE_DIR);
    char *doc = slurp(path);
    for (int e = 1; e < SANJI_ERR_COUNT; e++) {
        (void)snprintf(row, sizeof(row), "| `%s` | %d |", err_name(-e), err_http(-e));
        if (strstr(doc, row) == NULL) {
            fail_msg("no row %s", row);
        }
    }
    (void)snprintf(path, sizeof(path), "%s/protocol/limits.h", SANJI_SOURCE_DIR);
    char *lim = slurp(path), *save = NULL, name[64];
    for (char *l = strtok_r(lim, "\n", &save); l != NULL; l = strtok_r(NULL, "\n", &save)) {
        if (sscanf(l, " LIM_%32[A-Z_] =", name) == 1 ||
            sscanf(l, "#define LIM_%32[A-Z_]", name) == 1) {
            (void)snprintf(row, sizeof(row), "| `LIM_%s` | ", name);
            if (strstr(doc, row) == NULL) {
                fail_msg("no row %s", row);
            }
            n++;
        }
    }
    assert_true(n >= 30);
    free(lim);
    free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all), cmocka_unit_test(test_examples),
                                       cmocka_unit_test(test_tables)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
