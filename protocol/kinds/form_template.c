/* SPDX-License-Identifier: Apache-2.0 */
/* A form that a platform makes for itself and those below it. What is asked does not change once it
 * is published: who needs other questions publishes the next version, and what was filled in stays
 * with the questions it answered. */
#include "protocol/form.h"
#include "protocol/kinds/choices.h"
#include "protocol/kinds/internal.h"

/* clang-format off */
static const struct kind_field question_fields[] = {
    F_TEXT("name", 1, FORM_NAME_MAX, KFF_REQ | KFF_KEY | KFF_AUTO),
    F_TEXT("label", 1, 120, KFF_REQ | KFF_TITLE),
    F_ENUM("type", FORM_TYPES, KFF_REQ),
    F_BOOL("required", 0),
    F_TEXTS("choices", 1, FORM_CHOICES, 0),
    F_TEXT("hint", 0, 200, 0),
};
static const struct kind_rows questions = {question_fields, F_COUNT(question_fields)};

static const struct kind_field fields[] = {
    F_TEXT("title", 1, 120, KFF_REQ | KFF_TITLE | KFF_SEARCH | KFF_LIST),
    F_TEXT("code", 1, 24, KFF_REQ | KFF_SEARCH | KFF_LIST | KFF_FILTER),
    F_INT("version", 1, 9999, KFF_REQ | KFF_LIST),
    F_ENUM("state", "draft published ended", KFF_STATE | KFF_LIST | KFF_FILTER),
    F_ENUM("about", "org none", KFF_REQ | KFF_FILTER),
    F_ENUM("fill", FORM_FILL, KFF_FILTER),
    F_INT("due_days", 1, 60, 0),
    F_ENUM("each", "once month quarter year", KFF_REQ | KFF_LIST),
    F_ENUMS("stages", 0, 5, CH_STAGE, KFF_LIST),
    F_LONG("guide", 0, 4000, KFF_SEARCH),
    F_ROWS("questions", 1, FORM_QUESTIONS, &questions, KFF_REQ),
    F_DATE("since", KFF_SINCE),
};

static const struct kind_step steps[] = {
    {"",          "draft published", NULL, NULL, NULL},
    {"draft",     "published",       NULL, NULL, NULL},
    {"published", "ended",           NULL, NULL, NULL},
    {"ended",     "published",       NULL, NULL, NULL},
};
/* clang-format on */

static int check(struct span d, struct fault *f)
{
    struct span code = jcur_plain_of(d, "code");
    struct span rows;
    if (span_eqs(jcur_plain_of(d, "fill"), "org") && !span_eqs(jcur_plain_of(d, "about"), "org")) {
        return kind__wrong(f, "about", "org, where organisations fill it in");
    }
    for (size_t i = 0; i < code.n; i++) {
        uint8_t c = code.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '-' && i > 0))) {
            code.n = 0;
        }
    }
    if (code.n == 0) {
        return kind__wrong(f, "code", "small letters, digits and -, such as monthly-a");
    }
    return jcur_get(d, "questions", &rows) ? form_check_questions(rows, f) : 0;
}

const struct kind kind_form_template = {
    .name = "form_template",
    .major = 1,
    .shape = KS_STATE,
    .owner = KO_ANY,
    .audience = "sub",
    .audiences = "sub own",
    .fields = fields,
    .n_fields = F_COUNT(fields),
    .access = &access_form,
    .check = check,
    .in_export = true,
    .steps = steps,
    .n_steps = F_COUNT(steps),
    .key = "code version",
    .home = "draft",
    .fixed = "about fill each questions",
};
