/* SPDX-License-Identifier: Apache-2.0 */
/* What a node writes into records beside what people type: how often a report was sent and when
 * first, what it counted itself, whom an answer goes to. Members marked KFF_AUTO come from here
 * alone; whatever a person or program gives for them is not looked at. */
#include "node/app_duty.h"
#include "node/app_pair.h"
#include "node/app_put.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/kinds/report.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- figures ---- */

enum { FIGURES_MAX = 16 };

struct counting {
    const char *kind; /* being walked */
    int first, last;
    int64_t n[FIGURES_MAX];
};

static bool dated_inside(const struct counting *c, struct span d, const char *member)
{
    struct span v, s;
    int day = 0;
    return member == NULL ||
           (jcur_get(d, member, &v) && jcur_plain(v, &s) &&
            date_parse((const char *)s.p, s.n, &day) == 0 && day >= c->first && day <= c->last);
}

static bool says(struct span d, const char *member, const char *word)
{
    struct span v, s;
    return member == NULL || (jcur_get(d, member, &v) && jcur_plain(v, &s) && span_eqs(s, word));
}

static int on_counted(const struct store_rec *rec, void *arg)
{
    struct counting *c = arg;
    for (size_t i = 0; i < report_figures_n; i++) {
        const struct report_figure *g = &report_figures[i];
        struct span v;
        int64_t add = 1;
        if (strcmp(g->kind, c->kind) != 0 || !dated_inside(c, rec->d, g->date) ||
            !says(rec->d, g->member, g->word)) {
            continue;
        }
        if (g->sum != NULL && (!jcur_get(rec->d, g->sum, &v) || !jcur_int(v, &add))) {
            add = 0;
        }
        c->n[i] += add;
    }
    return 0;
}

/* Appends {"services":3,...}: what this node has on file of the period. */
static int count_figures(struct app *a, struct span period, struct jw *w, const char *member)
{
    struct counting c = {0};
    enum period_type t;
    const char *last = "";
    assert(report_figures_n <= FIGURES_MAX);
    if (period_read(period, &t, &c.first, &c.last) < 0) {
        return SANJI_E_SPEC;
    }
    int r = app_outbox_flush(a);
    for (size_t i = 0; r == 0 && i < report_figures_n;
         i++) { /* figures of one kind stand together */
        struct store_filter f = {
            .kind = report_figures[i].kind, .owner = app_id(a), .limit = INT64_MAX / 2};
        c.kind = f.kind;
        r = strcmp(last, f.kind) == 0 ? 0 : store_record_list(a->store, &f, on_counted, &c);
        last = f.kind;
    }
    jw_obj(w, member);
    for (size_t i = 0; i < report_figures_n; i++) {
        jw_int(w, report_figures[i].field, c.n[i]);
    }
    jw_end_obj(w);
    return r;
}

/* ---- sendings ---- */

static struct span member_of(struct span d, const char *name)
{
    struct span v;
    return d.n > 0 && jcur_get(d, name, &v) ? v : span_of(NULL, 0);
}

/* The same but for what the node fills in? A figure left out is one the node fills in. */
static bool same_words(const struct kind *k, struct span a, struct span b)
{
    for (size_t i = 0; i < k->n_fields; i++) {
        const struct kind_field *f = &k->fields[i];
        struct span x = member_of(a, f->name), y = member_of(b, f->name);
        bool figure = false;
        for (size_t g = 0; g < report_figures_n; g++) {
            figure = figure || strcmp(report_figures[g].field, f->name) == 0;
        }
        if ((f->flags & KFF_AUTO) == 0 && !(figure && y.n == 0) && !span_eq(x, y)) {
            return false;
        }
    }
    return true;
}

static void put_kept(struct jw *w, const char *name, struct span was, const char *else_day)
{
    struct span v = member_of(was, name);
    if (v.n > 0) {
        jw_raw(w, name, v.p, v.n);
    } else if (else_day[0] != '\0') {
        jw_str(w, name, else_day);
    }
}

static int filing_autos(struct app_put *p, const struct old_rec *o, int64_t now_ms, struct jw *w)
{
    const struct kind_filing *g = p->k->filing;
    struct span d = span_of(p->d.data, p->d.len);
    struct span was = o->found && !o->withdrawn ? span_of(o->d.data, o->d.len) : span_of(NULL, 0);
    bool sent = span_eqs(jcur_plain_of(d, "state"), g->sent),
         before = span_eqs(jcur_plain_of(was, "state"), g->sent);
    bool same = sent && before && same_words(p->k, was, d);
    int64_t no = 0;
    char today[11], due[11] = "";
    struct span v = member_of(was, g->no);
    date_write(date_of_ms(now_ms), today);
    if (same) {
        v = member_of(was, "counted");
        jw_raw(w, "counted", v.n > 0 ? (const void *)v.p : "{}", v.n > 0 ? v.n : 2);
        v = member_of(was, g->no);
    } else {
        int r = count_figures(p->a, jcur_plain_of(d, "period"), w, "counted");
        if (r < 0) {
            return r;
        }
    }
    if (!sent) {
        return 0;
    }
    if (!before) {
        int day = 0;
        bool marked = false;
        int r = app_duty_due(p->a, jcur_plain_of(d, "report"), jcur_plain_of(d, "period"), &day,
                             &marked);
        if (r < 0 && r != SANJI_E_NOT_FOUND) {
            return r;
        }
        if (r == 0) {
            date_write(day, due);
        }
    }
    (void)(v.n > 0 && jcur_int(v, &no));
    jw_int(w, g->no, same ? no : no + 1);
    put_kept(w, g->first, before ? was : span_of(NULL, 0), today);
    put_kept(w, g->last, same ? was : span_of(NULL, 0), today);
    put_kept(w, g->due, before ? was : span_of(NULL, 0), due);
    return 0;
}

/* Figures nobody typed are those that were counted. */
static void put_figure(const struct kind *k, struct jw *w, const char *name, struct span autos)
{
    struct span counted, v;
    if (k->filing != NULL && jcur_get(autos, "counted", &counted) && jcur_get(counted, name, &v)) {
        jw_raw(w, name, v.p, v.n);
    }
}

static int merge(struct app_put *p, struct span autos)
{
    struct buf out;
    struct jw w;
    struct span d = span_of(p->d.data, p->d.len), v;
    buf_init(&out, LIM_ITEM_BYTES * 2);
    jw_init(&w, &out);
    jw_obj(&w, NULL);
    for (size_t i = 0; i < p->k->n_fields; i++) {
        const struct kind_field *f = &p->k->fields[i];
        bool is_auto = (f->flags & KFF_AUTO) != 0;
        if (jcur_get(is_auto ? autos : d, f->name, &v)) {
            jw_raw(&w, f->name, v.p, v.n);
        } else if (!is_auto) {
            put_figure(p->k, &w, f->name, autos);
        }
    }
    jw_end_obj(&w);
    int r = jw_done(&w);
    if (r == 0) {
        buf_reset(&p->d);
        r = buf_put(&p->d, out.data, out.len);
    }
    buf_done(&out);
    return r;
}

/* Who wrote what stands there. */
static void by_auto(const struct app_put *p, const struct old_rec *o, struct jw *w)
{
    const struct kind_field *by = kind_field_with(p->k, KFF_BY);
    struct span was = o->found && !o->withdrawn ? span_of(o->d.data, o->d.len) : span_of(NULL, 0);
    bool member = p->role != NULL && strcmp(p->role, KIND_MEMBER) == 0;
    if (by != NULL && (member || kind_org_keeps(p->k, was, span_of(p->d.data, p->d.len)))) {
        jw_str(w, by->name, KIND_BY_ORG);
    }
}

int app__put_autos(struct app_put *p, const struct old_rec *o, int64_t now_ms, struct fault *f)
{
    struct buf b;
    struct jw w;
    if (kind_field_with(p->k, KFF_AUTO) == NULL) {
        return 0;
    }
    if (p->owner[0] != '\0') { /* a steward counts nothing for the node it stands in for */
        return merge(p, span_of(o->d.data, o->d.len));
    }
    buf_init(&b, LIM_ITEM_BYTES);
    jw_init(&w, &b);
    jw_obj(&w, NULL);
    by_auto(p, o, &w);
    int r = app__effect_auto(p, o, &w);
    r = r < 0                                                  ? r
        : p->k->filing != NULL                                 ? filing_autos(p, o, now_ms, &w)
        : p->k->form != NULL                                   ? app__form_autos(p, o, &w, f)
        : app__word_in("question question_answer", p->k->name) ? app__question_autos(p, &w, f)
        : kind_field_with(p->k, KFF_BY) != NULL                ? 0
                                                               : app__pair_autos(p, &w, f);
    jw_end_obj(&w);
    r = r < 0 ? r : jw_done(&w);
    r = r < 0 ? r : merge(p, span_of(b.data, b.len));
    buf_done(&b);
    return r < 0 ? r : kind_check_content(p->k, span_of(p->d.data, p->d.len), f);
}

/* ---- whom it is for ---- */

/* Sorted, each once, without this node. */
static int to_audience(const struct app_put *p, char ret[static LIM_AUD_BYTES + 1])
{
    char node[LIM_NODE_ID + 1];
    struct span s =
        jcur_plain_of(span_of(p->d.data, p->d.len), kind_field_with(p->k, KFF_TO)->name);
    const struct roster_node *top = roster_top(app_roster(p->a));
    const char *me = app_id(p->a), *second = p->k->to_top && top != NULL ? top->id.s : "";
    (void)snprintf(node, sizeof node, "%.*s", (int)s.n, (const char *)s.p);
    if (strcmp(node, me) == 0) {
        return SANJI_E_AUDIENCE;
    }
    if (second[0] == '\0' || strcmp(second, me) == 0 || strcmp(second, node) == 0) {
        (void)snprintf(ret, LIM_AUD_BYTES + 1, "to:%s", node);
    } else {
        bool first = strcmp(node, second) < 0;
        (void)snprintf(ret, LIM_AUD_BYTES + 1, "to:%s,%s", first ? node : second,
                       first ? second : node);
    }
    return 0;
}

int app__put_audience(const struct app_put *p, const char *word, char ret[static LIM_AUD_BYTES + 1])
{
    if (p->k->home != NULL) { /* a draft stays at home */
        bool home = kind_at_home(p->k, span_of(p->d.data, p->d.len));
        return app_audience(p->a, home ? "own" : p->k->audience, ret);
    }
    if (strcmp(p->k->audience, "to") == 0) {
        return to_audience(p, ret);
    }
    return app_audience(p->a, word[0] != '\0' ? word : p->aud, ret);
}
