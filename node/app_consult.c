/* SPDX-License-Identifier: Apache-2.0 */
/* The account is worked out anew from the records each time: what is given is what stands in them.
 */
#include "node/app_consult.h"

#include "node/app_put.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/kinds/choices.h"
#include "protocol/period.h"

#include <stdio.h>
#include <string.h>

enum { EVERY = 1 << 30 };

static bool day_of(struct span d, const char *name, int *ret)
{
    struct span s = jcur_plain_of(d, name);
    return s.n > 0 && date_parse((const char *)s.p, s.n, ret) == 0;
}

/* ---- which rule ---- */

struct ruling {
    const char *org, *line;
    int day, from; /* of the one chosen: the first day it is in force */
    bool found, own;
    char id[LIM_ID_BYTES + 1];
    int64_t free;
    enum period_type per;
};

/* The organisation's own before that for all; then the one that began last, then the greater id. */
static bool better(const struct ruling *x, bool own, int from, const char *id)
{
    if (!x->found || own != x->own) {
        return !x->found || own;
    }
    return from != x->from ? from > x->from : strcmp(id, x->id) > 0;
}

static void rule(const struct store_rec *rec, struct ruling *x)
{
    struct span org = jcur_plain_of(rec->d, "org"), per = jcur_plain_of(rec->d, "per"), v;
    int from = -1000000, to = 1000000;
    (void)day_of(rec->d, "valid_from", &from);
    (void)day_of(rec->d, "valid_to", &to);
    bool own = org.n > 0;
    if (!span_eqs(jcur_plain_of(rec->d, "line"), x->line) || (own && !span_eqs(org, x->org)) ||
        x->day < from || x->day > to || !better(x, own, from, rec->id)) {
        return;
    }
    x->found = true;
    x->own = own;
    x->from = from;
    x->per = span_eqs(per, "month")     ? PERIOD_MONTH
             : span_eqs(per, "quarter") ? PERIOD_QUARTER
                                        : PERIOD_YEAR;
    (void)(jcur_get(rec->d, "free", &v) && jcur_int(v, &x->free));
    (void)snprintf(x->id, sizeof x->id, "%s", rec->id);
}

/* ---- what was given ---- */

enum { LINES = 8 };

/* Of several lines at once: each record is read once. */
struct accounts {
    const char *skip;
    size_t n;
    struct ruling rule[LINES];
    int first[LINES], last[LINES];
    struct app_consult_account of[LINES];
};

static bool counts(struct span state)
{
    return span_eqs(state, "accepted") || span_eqs(state, "done") || span_eqs(state, "no_show");
}

static int on_rule(const struct store_rec *rec, void *arg)
{
    struct accounts *x = arg;
    for (size_t i = 0; i < x->n; i++) {
        rule(rec, &x->rule[i]);
    }
    return 0;
}

static int on_given(const struct store_rec *rec, void *arg)
{
    struct accounts *x = arg;
    int day = 0;
    if (!counts(jcur_plain_of(rec->d, "state")) ||
        !span_eqs(jcur_plain_of(rec->d, "fee"), "free") || !day_of(rec->d, "date", &day) ||
        (x->skip != NULL && strcmp(rec->id, x->skip) == 0)) {
        return 0;
    }
    for (size_t i = 0; i < x->n; i++) {
        const struct ruling *r = &x->rule[i];
        x->of[i].used += r->found && day >= x->first[i] && day <= x->last[i] &&
                         span_eqs(jcur_plain_of(rec->d, "org"), r->org) &&
                         span_eqs(jcur_plain_of(rec->d, "line"), r->line);
    }
    return 0;
}

/* Fills `of` from the rulings' org, line and day. */
static int work_out(struct app *a, struct accounts *x)
{
    struct store_filter rules = {.kind = "consult_quota", .owner = app_id(a), .limit = EVERY},
                        given = {.kind = "consultation", .owner = app_id(a), .limit = EVERY};
    bool any = false;
    int r = store_record_list(a->store, &rules, on_rule, x);
    for (size_t i = 0; i < x->n; i++) {
        const struct ruling *u = &x->rule[i];
        struct app_consult_account *of = &x->of[i];
        *of = (struct app_consult_account){.free = u->found ? u->free : -1};
        if (u->found) {
            period_of(u->per, u->day, of->period, &x->first[i], &x->last[i]);
        }
        any = any || u->found;
    }
    return r < 0 || !any ? r : store_record_list(a->store, &given, on_given, x);
}

int app_consult_account(struct app *a, const char *org, const char *line, int day, const char *skip,
                        struct app_consult_account *ret)
{
    struct accounts x = {.skip = skip, .n = 1};
    x.rule[0] = (struct ruling){.org = org, .line = line, .day = day};
    int r = work_out(a, &x);
    *ret = x.of[0];
    return r;
}

int app_consult_list(struct app *a, const char *org, int day, const char *name, struct jw *w)
{
    struct accounts x = {0};
    char line[LINES][16];
    for (const char *p = CH_LINE; *p != '\0' && x.n < LINES; x.n++) {
        size_t n = strcspn(p, " ");
        (void)snprintf(line[x.n], sizeof line[0], "%.*s", (int)n, p);
        x.rule[x.n] = (struct ruling){.org = org, .line = line[x.n], .day = day};
        p += n + (p[n] == ' ');
    }
    int r = work_out(a, &x);
    jw_arr(w, name);
    for (size_t i = 0; r == 0 && i < x.n; i++) {
        if (x.of[i].free >= 0) {
            jw_obj(w, NULL);
            jw_str(w, "line", line[i]);
            jw_str(w, "period", x.of[i].period);
            jw_int(w, "free", x.of[i].free);
            jw_int(w, "used", x.of[i].used);
            jw_end_obj(w);
        }
    }
    jw_end_arr(w);
    return r;
}

/* ---- writing ---- */

/* What is pending, while the record with this id is on its way: the next form of it waits for it.
 */
static int flush_but(struct app_put *p, const char *id)
{
    bool given = p->has_given;
    int r = app_put_flush(p);
    p->has_given = given;
    (void)app__put_pending(p, id);
    return r;
}

int app__consult_may(struct app_put *p, const char *id, struct fault *f)
{
    struct app_consult_account x;
    struct span d = span_of(p->d.data, p->d.len), org = jcur_plain_of(d, "org"),
                line = jcur_plain_of(d, "line");
    char org_id[LIM_ID_BYTES + 1], word[16];
    int day = 0;
    if (strcmp(p->k->name, "consultation") != 0 || !counts(jcur_plain_of(d, "state")) ||
        !span_eqs(jcur_plain_of(d, "fee"), "free") || !day_of(d, "date", &day)) {
        return 0;
    }
    (void)snprintf(org_id, sizeof org_id, "%.*s", (int)org.n, (const char *)org.p);
    (void)snprintf(word, sizeof word, "%.*s", (int)line.n, (const char *)line.p);
    /* Whatever stands in the same input before it is counted, too. */
    int r = p->n > 0 && !p->dry ? flush_but(p, id) : 0;
    r = r < 0 ? r : app_outbox_flush(p->a);
    r = r < 0 ? r : app_consult_account(p->a, org_id, word, day, id, &x);
    return r == 0 && x.free >= 0 && x.used >= x.free
               ? fault_set(f, SANJI_E_SPEC, "fee", "paid: the free ones of the period are used up")
               : r;
}
