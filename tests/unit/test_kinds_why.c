/* SPDX-License-Identifier: Apache-2.0 */
/* Does every step that says no need words, and does nobody get round it with blanks? */
#include "protocol/flow_pair.h"
#include "protocol/kinds/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct span text(const char *s)
{
    return span_of(s, strlen(s));
}

/* Which steps tell somebody no, or take back what he was told (the workflows' own rules, written
 * here a second time). */
static const char *const says_no[] = {
    "org_change returned",  "org_change refused",   "activity returned",      "assessment returned",
    "form_entry returned",  "consultation refused", "consultation cancelled", "org removed",
    "work_report returned", "work_report reopened",
};
static const char *const no_words[] = {
    "",
    ",\"reason\":\"\"",
    ",\"reason\":\" \"",
    ",\"reason\":\"\\n\\t \"",
    ",\"reason\":\"\xe3\x80\x80\xe2\x80\x8b\"", /* ideographic and no-width space */
};

static bool is_no(const char *kind, const char *word, size_t n)
{
    char both[64];
    (void)snprintf(both, sizeof(both), "%s %.*s", kind, (int)n, word);
    for (size_t i = 0; i < sizeof(says_no) / sizeof(says_no[0]); i++) {
        if (strcmp(says_no[i], both) == 0) {
            return true;
        }
    }
    return false;
}

/* Each way to say nothing is refused with the member and what is wanted; words are enough. Returns
 * how many were refused. */
static size_t silent(const struct kind *k, const struct kind_step *s, const char *word, size_t n)
{
    char was[80] = "", d[160];
    struct fault f;
    size_t refused = 0;
    if (s->from[0] != '\0') {
        (void)snprintf(was, sizeof(was), "{\"state\":\"%s\"}", s->from);
    }
    for (size_t i = 0; i < sizeof(no_words) / sizeof(no_words[0]); i++) {
        (void)snprintf(d, sizeof(d), "{\"state\":\"%.*s\"%s}", (int)n, word, no_words[i]);
        if (kind_step_check(k, text(was), text(d), NULL, &f) == 0) {
            continue;
        }
        refused++;
        assert_int_equal(f.err, SANJI_E_SPEC);
        assert_string_equal(f.member, KIND_WHY);
        assert_true(f.want[0] != '\0');
    }
    (void)snprintf(d, sizeof(d), "{\"state\":\"%.*s\",\"reason\":\" \xe7\xbc\xba\"}", (int)n, word);
    assert_int_equal(kind_step_check(k, text(was), text(d), NULL, &f), 0);
    return refused;
}

/* A step that says no needs words, by the table: all that do so have the property, and nobody gets
 * round it with blanks. */
static void test_reasons(void **st)
{
    (void)st;
    size_t edges = 0;
    for (size_t i = 0; i < kinds_n; i++) {
        const struct kind *k = kinds[i];
        for (size_t j = 0; j < k->n_steps; j++) {
            const struct kind_step *s = &k->steps[j];
            for (const char *w = s->to; w != NULL; w = strchr(w, ' ')) {
                w += *w == ' ';
                size_t n = strcspn(w, " ");
                bool why = s->why != NULL && kind__word_in(s->why, span_of(w, n));
                size_t want = why ? sizeof(no_words) / sizeof(no_words[0]) : 0;
                if ((is_no(k->name, w, n) && !why) || silent(k, s, w, n) != want) {
                    fail_msg("%s: from \"%s\" to %.*s", k->name, s->from, (int)n, w);
                }
                edges += why ? 1 : 0;
            }
        }
    }
    assert_int_equal(edges, 20);
    for (size_t i = 0; i < pair_flows_n; i++) {
        const struct pair_flow *p = pair_flows[i];
        for (size_t j = 0; j < p->n_edges; j++) {
            const struct pair_edge *e = &p->edges[j];
            for (const char *w = e->to; w != NULL; w = strchr(w, ' ')) {
                char word[32];
                w += *w == ' ';
                (void)snprintf(word, sizeof(word), "%.*s", (int)strcspn(w, " "), w);
                assert_int_equal(pair_asks_why(p, e->from, e->who, word),
                                 is_no(p->owner->name, word, strlen(word)));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
