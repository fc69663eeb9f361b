/* SPDX-License-Identifier: Apache-2.0 */
/* Two-sided records as tables and one fold. What one side may decide the other cannot undo: a
 * report that was locked stays locked whatever its station sends meanwhile, and one that was sent
 * again waits for a new answer whatever was said about the one before. */
#include "protocol/flow_pair.h"

#include "protocol/kinds/internal.h"

#include <string.h>

extern const struct kind kind_work_report, kind_report_answer;

/* clang-format off */
static const struct pair_edge report_edges[] = {
    {"none",      PAIR_OWNER, "draft submitted", NULL},
    {"draft",     PAIR_OWNER, "draft submitted", NULL},
    {"submitted", PAIR_OWNER, "submitted", NULL}, /* put right before anybody has answered */
    {"submitted", PAIR_OTHER, "returned accepted", "returned"},
    {"returned",  PAIR_OWNER, "submitted", NULL},
    {"returned",  PAIR_OTHER, "returned accepted", "returned"},
    {"accepted",  PAIR_OTHER, "locked reopened", "reopened"},
    {"locked",    PAIR_OTHER, "reopened", "reopened"},
    {"reopened",  PAIR_OWNER, "submitted", NULL},
    {"reopened",  PAIR_OTHER, "accepted locked", NULL},
};
static const struct pair_rule report_rules[] = {
    {"returned", true, "returned"}, {"returned", false, "submitted"},
    {"accepted", true, "accepted"}, {"accepted", false, "submitted"},
    {"locked",   true, "locked"},   {"locked",   false, "locked"},
    {"reopened", true, "reopened"}, {"reopened", false, "submitted"},
};
/* clang-format on */
static const struct pair_flow report_flow = {
    .owner = &kind_work_report,
    .answer = &kind_report_answer,
    .no = "no",
    .about = "about",
    .seen = "seen",
    .form = "form",
    .sent = "submitted",
    .states = "none draft submitted returned accepted locked reopened",
    .edges = report_edges,
    .n_edges = F_COUNT(report_edges),
    .rules = report_rules,
    .n_rules = F_COUNT(report_rules),
};

const struct pair_flow *const pair_flows[] = {&report_flow};
const size_t pair_flows_n = F_COUNT(pair_flows);

const struct pair_flow *pair_flow_of(const struct kind *k, enum pair_side *ret_side)
{
    for (size_t i = 0; i < pair_flows_n; i++) {
        if (pair_flows[i]->owner == k || pair_flows[i]->answer == k) {
            *ret_side = pair_flows[i]->owner == k ? PAIR_OWNER : PAIR_OTHER;
            return pair_flows[i];
        }
    }
    return NULL;
}

/* Does b count before a? */
static bool goes_before(const struct pair_answer *a, const struct pair_answer *b)
{
    if (a->seen != b->seen) {
        return b->seen > a->seen;
    }
    if (a->other != b->other) {
        return a->other;
    }
    return a->lv != b->lv ? b->lv < a->lv : strcmp(b->by.s, a->by.s) < 0;
}

void pair_fold(const struct pair_flow *f, const char *own, int64_t no, const struct pair_answer *a,
               size_t n, struct pair_now *ret)
{
    *ret = (struct pair_now){.state = own == NULL ? "none" : own, .which = n};
    if (own == NULL || strcmp(own, f->sent) != 0) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (ret->which == n || goes_before(&a[ret->which], &a[i])) {
            ret->which = i;
        }
    }
    if (ret->which == n) {
        return;
    }
    /* An answer to more than there is: the record's node was put back to an older day. */
    bool latest = a[ret->which].seen >= no && !a[ret->which].other;
    ret->again = !latest;
    for (size_t i = 0; i < f->n_rules; i++) {
        if (f->rules[i].latest == latest && strcmp(f->rules[i].answer, a[ret->which].state) == 0) {
            ret->state = f->rules[i].state;
        }
    }
}

static const struct pair_edge *edge_of(const struct pair_flow *f, const char *now,
                                       enum pair_side who, const char *to)
{
    for (size_t i = 0; i < f->n_edges; i++) {
        if (f->edges[i].who == who && strcmp(f->edges[i].from, now) == 0 &&
            kind__word_in(f->edges[i].to, span_of(to, strlen(to)))) {
            return &f->edges[i];
        }
    }
    return NULL;
}

int pair_may(const struct pair_flow *f, const char *now, enum pair_side who, const char *to)
{
    return edge_of(f, now, who, to) != NULL ? 0 : SANJI_E_STATE;
}

bool pair_asks_why(const struct pair_flow *f, const char *now, enum pair_side who, const char *to)
{
    const struct pair_edge *e = edge_of(f, now, who, to);
    return e != NULL && e->why != NULL && kind__word_in(e->why, span_of(to, strlen(to)));
}
