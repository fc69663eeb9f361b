/* SPDX-License-Identifier: Apache-2.0 */
/* Worked out anew from what is on file: which of its last months and of the forms for it an
 * organisation has not begun. What it has begun and not sent is a record that waits (app_todo.c).
 */
#include "node/app_todo_org.h"

#include "node/app_internal.h"
#include "protocol/base/text.h"
#include "protocol/ids.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MONTHS = 3,      /* looked back at, from its entry on */
    FORMS = 100,     /* published for organisations */
    FILED = 600,     /* entries of one organisation */
    SCAN_MAX = 5000, /* records looked at */
    FORM_DAYS = 10,  /* where a form does not say */
    REF_BYTES = LIM_NODE_ID + 1 + LIM_ID_BYTES + 1
};

struct filed {
    char form[REF_BYTES]; /* without its version; "": none */
    char period[PERIOD_BYTES];
};

struct form_due {
    char ref[REF_BYTES], base[REF_BYTES], title[484];
    int64_t version, days;
    int since;             /* 0: not said */
    enum period_type each; /* PERIOD_TYPES: once */
};

struct owing {
    struct app *a;
    const char *org;
    const struct calendar *cal;
    int today;
    bool found;
    char state[32], stage[40];
    int entered;          /* 0: not said */
    const struct kind *k; /* being listed */
    size_t n_filed, n_forms;
    struct filed filed[FILED];
    struct form_due form[FORMS];
    app_owed_fn *fn;
    void *arg;
};

static void copy_plain(struct span d, const char *member, char *out, size_t max)
{
    struct span s = jcur_plain_of(d, member);
    (void)snprintf(out, max, "%.*s", s.n < max ? (int)s.n : 0, s.n == 0 ? "" : (const char *)s.p);
}

static int day_of(struct span d, const char *member)
{
    struct span s = jcur_plain_of(d, member);
    int day = 0;
    return s.n > 0 && date_parse((const char *)s.p, s.n, &day) == 0 ? day : 0;
}

static int on_org(const struct store_rec *rec, void *arg)
{
    struct owing *w = arg;
    const struct kind_field *state = kind_field_with(kind_find("org"), KFF_STATE);
    w->found = !rec->withdrawn && strcmp(rec->kind, "org") == 0;
    if (w->found) {
        (void)snprintf(w->state, sizeof w->state, "%s", rec->state);
        if (w->state[0] == '\0') {
            (void)snprintf(w->state, sizeof w->state, "%.*s", (int)strcspn(state->choices, " "),
                           state->choices);
        }
        copy_plain(rec->d, "stage", w->stage, sizeof w->stage);
        w->entered = day_of(rec->d, "entered");
    }
    return 0;
}

/* "owner/form_template.CODE.VERSION" without the version. */
static void base_of(char ref[static REF_BYTES])
{
    char *dot = strrchr(ref, '.');
    if (dot != NULL) {
        *dot = '\0';
    }
}

static int on_filed(const struct store_rec *rec, void *arg)
{
    struct owing *w = arg;
    struct record_ref at;
    if (!span_eqs(jcur_plain_of(rec->d, "org"), w->org)) {
        return 0;
    }
    if (w->n_filed == FILED) {
        return 1; /* newest first: what counts is among them */
    }
    struct filed *x = &w->filed[w->n_filed++];
    memset(x, 0, sizeof *x);
    copy_plain(rec->d, "period", x->period, sizeof x->period);
    if (w->k->form != NULL && record_ref_parse(jcur_plain_of(rec->d, w->k->form->template), &at)) {
        (void)snprintf(x->form, sizeof x->form, "%.*s/%s", LIM_NODE_ID,
                       node_id_none(&at.owner) ? app_id(w->a) : at.owner.s, at.id);
        base_of(x->form);
    }
    return 0;
}

static int read_filed(struct owing *w, const struct kind *k)
{
    struct store_filter f = {.kind = k->name, .owner = app_id(w->a), .limit = SCAN_MAX};
    w->k = k;
    w->n_filed = 0;
    int r = store_record_list(w->a->store, &f, on_filed, w);
    return r > 0 ? 0 : r;
}

static bool is_filed(const struct owing *w, const char *base, const char *period)
{
    for (size_t i = 0; i < w->n_filed; i++) {
        if (strcmp(w->filed[i].form, base) == 0 && strcmp(w->filed[i].period, period) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- months ---- */

int app_owed_by(const struct kind *k, struct span d, const struct calendar *cal, bool *ret_marked)
{
    enum period_type t = PERIOD_TYPES;
    int first = 0, last = 0;
    return k->file_days > 0 && period_read(jcur_plain_of(d, "period"), &t, &first, &last) == 0
               ? calendar_add_workdays(cal, last, k->file_days, ret_marked)
               : 0;
}

/* Of an organisation that does not say since when it is here only the last one is asked for. */
static int months_of(struct owing *w, const struct kind *k)
{
    int first = 0, last = 0, day = w->today, r = read_filed(w, k);
    struct app_owed o = {.kind = k->name, .title = "", .form = ""};
    period_of(PERIOD_MONTH, day, o.period, &first, &last);
    for (int i = 0; r == 0 && i < MONTHS; i++) {
        period_of(PERIOD_MONTH, first - 1, o.period, &first, &last);
        if ((w->entered != 0 && last < w->entered) || (w->entered == 0 && i > 0)) {
            break;
        }
        o.marked = false;
        o.due = calendar_add_workdays(w->cal, last, k->file_days, &o.marked);
        r = is_filed(w, "", o.period) ? 0 : w->fn(&o, w->arg);
    }
    return r;
}

/* ---- forms ---- */

static bool for_stage(const struct owing *w, struct span d)
{
    struct span list, x;
    struct jcur c;
    if (!jcur_get(d, "stages", &list) || !jcur_array(&c, list)) {
        return true;
    }
    bool any = false, hit = false;
    while (jcur_element(&c, &x)) {
        struct span word;
        any = true;
        hit = hit || (jcur_plain(x, &word) && span_eqs(word, w->stage));
    }
    return hit || !any;
}

static enum period_type each_of(struct span d)
{
    struct span each = jcur_plain_of(d, "each");
    return span_eqs(each, "month")     ? PERIOD_MONTH
           : span_eqs(each, "quarter") ? PERIOD_QUARTER
           : span_eqs(each, "year")    ? PERIOD_YEAR
                                       : PERIOD_TYPES;
}

static int on_form(const struct store_rec *rec, void *arg)
{
    struct owing *w = arg;
    struct span v;
    if (!kind_is_about(kind_find("form_template"), w->org, rec->id, rec->d) ||
        !for_stage(w, rec->d) || w->n_forms == FORMS) {
        return 0;
    }
    struct form_due *x = &w->form[w->n_forms++];
    memset(x, 0, sizeof *x);
    (void)snprintf(x->ref, sizeof x->ref, "%s/%s", rec->owner, rec->id);
    memcpy(x->base, x->ref, sizeof x->base);
    base_of(x->base);
    (void)snprintf(x->title, sizeof x->title, "%s", rec->title);
    x->since = day_of(rec->d, "since");
    x->each = each_of(rec->d);
    x->days = FORM_DAYS;
    (void)(jcur_get(rec->d, "version", &v) && jcur_int(v, &x->version));
    (void)(jcur_get(rec->d, "due_days", &v) && jcur_int(v, &x->days));
    return 0;
}

static bool is_newest(const struct owing *w, const struct form_due *x)
{
    for (size_t i = 0; i < w->n_forms; i++) {
        if (strcmp(w->form[i].base, x->base) == 0 && w->form[i].version > x->version) {
            return false;
        }
    }
    return true;
}

/* The last whole period, unless it ended before the form was there or the organisation was. */
static int one_form(struct owing *w, const struct form_due *x)
{
    struct app_owed o = {.kind = w->k->name, .title = x->title, .form = x->ref};
    int first = 0, last = x->since;
    if (x->each != PERIOD_TYPES) {
        period_of(x->each, w->today, o.period, &first, &last);
        period_of(x->each, first - 1, o.period, &first, &last);
        if (last < x->since || last < w->entered) {
            return 0;
        }
    }
    o.due = last == 0 ? 0 : calendar_add_workdays(w->cal, last, (int)x->days, &o.marked);
    return is_filed(w, x->base, o.period) ? 0 : w->fn(&o, w->arg);
}

static int forms(struct owing *w, const struct kind *k)
{
    struct store_filter f = {.kind = "form_template", .state = "published", .limit = SCAN_MAX};
    int r = store_record_list(w->a->store, &f, on_form, w);
    r = r < 0 || w->n_forms == 0 ? r : read_filed(w, k);
    for (size_t i = 0; r == 0 && i < w->n_forms; i++) {
        r = is_newest(w, &w->form[i]) ? one_form(w, &w->form[i]) : 0;
    }
    return r;
}

int app_owed_each(struct app *a, const char *org, const struct calendar *cal, int today,
                  app_owed_fn *fn, void *arg)
{
    struct owing *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return SANJI_E_NOMEM;
    }
    w->a = a;
    w->org = org;
    w->cal = cal;
    w->today = today;
    w->fn = fn;
    w->arg = arg;
    int r = store_record_get(a->store, app_id(a), "org", org, on_org, w);
    r = r == SANJI_E_NOT_FOUND ? 0 : r;
    bool here = w->found && strcmp(w->state, "incubating") == 0;
    bool comes = w->found && strcmp(w->state, "applying") == 0;
    for (size_t i = 0; r == 0 && i < kinds_n; i++) {
        r = kinds[i]->file_days > 0 && here ? months_of(w, kinds[i]) : 0;
    }
    r = r == 0 && (here || comes) ? forms(w, kind_find("form_entry")) : r;
    free(w);
    return r;
}
