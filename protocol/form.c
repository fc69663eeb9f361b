/* SPDX-License-Identifier: Apache-2.0 */
/* Answers against questions. Both come from people, the questions from another platform: what is
 * wrong is said with its place, and the order of members is nobody's concern. */
#include "protocol/form.h"

#include "protocol/kinds/internal.h"

#include <stdio.h>
#include <string.h>

/* What each type of question is in the words of the field tables. */
/* clang-format off */
static const struct kind_field as[FQ_TYPES] = {
    [FQ_TEXT]    = F_TEXT("", 1, FORM_TEXT_MAX, 0),
    [FQ_LONG]    = F_LONG("", 1, FORM_LONG_MAX, 0),
    [FQ_INT]     = F_INT("", -FORM_INT_MAX, FORM_INT_MAX, 0),
    [FQ_BOOL]    = F_BOOL("", 0),
    [FQ_DATE]    = F_DATE("", 0),
    [FQ_CHOICE]  = F_TEXT("", 1, 80, 0),
    [FQ_CHOICES] = F_TEXTS("", 1, FORM_CHOICES, 0),
};
/* clang-format on */

static enum form_type type_of(struct span question)
{
    struct span v = jcur_plain_of(question, "type");
    const char *p = FORM_TYPES;
    for (unsigned t = 0; t < FQ_TYPES; t++) {
        size_t n = strcspn(p, " ");
        if (n == v.n && memcmp(p, v.p, n) == 0) {
            return (enum form_type)t;
        }
        p += n + (p[n] == ' ');
    }
    return FQ_TYPES;
}

/* The text is one of the list's elements. Escapes are compared as written: the gate lets one
 * spelling through. */
static bool is_among(struct span list, struct span value)
{
    struct jcur c;
    struct span e;
    bool found = false;
    for (bool ok = jcur_array(&c, list); ok && !found && jcur_element(&c, &e);) {
        found = span_eq(e, value);
    }
    return found;
}

static bool has_twice(struct span list)
{
    struct jcur c, d;
    struct span a, b;
    int i = 0;
    for (bool ok = jcur_array(&c, list); ok && jcur_element(&c, &a); i++) {
        int k = 0;
        for (bool in = jcur_array(&d, list); in && jcur_element(&d, &b); k++) {
            if (k > i && span_eq(a, b)) {
                return true;
            }
        }
    }
    return false;
}

int form_check_questions(struct span questions, struct fault *f)
{
    struct jcur c;
    struct span q, v;
    if (!jcur_array(&c, questions)) {
        return kind__wrong(f, "questions", "a list");
    }
    for (int row = 1; jcur_element(&c, &q); row++) {
        enum form_type t = type_of(q);
        bool chooses = t == FQ_CHOICE || t == FQ_CHOICES, has = jcur_get(q, "choices", &v);
        if (!kind_word_valid(jcur_plain_of(q, "name"))) {
            return kind__wrong_row(f, "questions", row, "name", "small letters, digits, _");
        }
        if (chooses != has) {
            return kind__wrong_row(f, "questions", row, "choices",
                                   chooses ? "what to choose from, one a line"
                                           : "only where one chooses");
        }
        if (has && has_twice(v)) {
            return kind__wrong_row(f, "questions", row, "choices", "each choice once");
        }
    }
    return 0;
}

static bool question_of(struct span questions, struct span name, struct span *ret)
{
    struct jcur c;
    for (bool ok = jcur_array(&c, questions); ok && jcur_element(&c, ret);) {
        if (span_eq(jcur_plain_of(*ret, "name"), name)) {
            return true;
        }
    }
    return false;
}

static int wrong(struct fault *f, struct span name, const char *want)
{
    char place[64];
    int n = name.n < FORM_NAME_MAX ? (int)name.n : FORM_NAME_MAX;
    (void)snprintf(place, sizeof(place), "answers.%.*s", n, (const char *)name.p);
    return fault_set(f, SANJI_E_SPEC, place, want);
}

static int check_answer(struct span question, struct span name, struct span value, struct fault *f)
{
    enum form_type t = type_of(question);
    struct span choices = span_of("[]", 2), e;
    struct jcur c;
    if (t == FQ_TYPES) {
        return wrong(f, name, "a question of a newer version");
    }
    const char *want = kind__check_value(&as[t], value);
    if (want != NULL) {
        return wrong(f, name, want);
    }
    (void)jcur_get(question, "choices", &choices);
    if (t == FQ_CHOICE && !is_among(choices, value)) {
        return wrong(f, name, "one of the choices");
    }
    for (bool ok = t == FQ_CHOICES && jcur_array(&c, value); ok && jcur_element(&c, &e);) {
        if (!is_among(choices, e)) {
            return wrong(f, name, "some of the choices");
        }
    }
    return t == FQ_CHOICES && has_twice(value) ? wrong(f, name, "each choice once") : 0;
}

int form_check_answers(struct span questions, struct span answers, bool whole, struct fault *f)
{
    struct jcur c;
    struct span name, value, q, v;
    if (!jcur_object(&c, answers)) {
        return kind__wrong(f, "answers", "an object");
    }
    while (jcur_member(&c, &name, &value)) {
        int r = question_of(questions, name, &q) ? check_answer(q, name, value, f)
                                                 : wrong(f, name, "no such question");
        if (r < 0) {
            return r;
        }
    }
    for (bool ok = whole && jcur_array(&c, questions); ok && jcur_element(&c, &q);) {
        char member[FORM_NAME_MAX + 1];
        bool required = false;
        struct span n = jcur_plain_of(q, "name");
        (void)snprintf(member, sizeof(member), "%.*s", (int)n.n, (const char *)n.p);
        (void)(jcur_get(q, "required", &v) && jcur_bool(v, &required));
        if (required && !jcur_get(answers, member, &v)) {
            return wrong(f, n, "required");
        }
    }
    return 0;
}
