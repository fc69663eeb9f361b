/* SPDX-License-Identifier: Apache-2.0 */
/* What is filled into a form (protocol/form.h): the template may be this node's or one from above;
 * the entry is held against it when it is written, and takes its title and version along. */
#include "node/app_put.h"
#include "protocol/base/text.h"
#include "protocol/form.h"
#include "protocol/jcur.h"
#include "protocol/jwrite.h"
#include "protocol/period.h"

#include <stdio.h>
#include <string.h>

enum { TITLE_POINTS = 120 };

/* "owner/id", or "id" of this node. */
static int read_named(struct app *a, struct span ref, struct old_rec *ret)
{
    struct record_ref at;
    bool ok = record_ref_parse(ref, &at);
    memset(ret, 0, sizeof *ret);
    return ok ? app__put_old(a, node_id_none(&at.owner) ? app_id(a) : at.owner.s, at.id, ret) : 0;
}

/* Is the period one of those the form is filled in for? */
static int check_each(struct span form, struct span period, struct fault *f)
{
    static const struct {
        const char *each, *want;
        enum period_type type;
    } map[] = {{"month", "a month, 2026-11", PERIOD_MONTH},
               {"quarter", "a quarter, 2026-Q4", PERIOD_QUARTER},
               {"year", "a year, 2026", PERIOD_YEAR}};
    struct span each = jcur_plain_of(form, "each");
    enum period_type t = PERIOD_TYPES;
    int first = 0, last = 0;
    for (size_t i = 0; i < sizeof map / sizeof *map; i++) {
        if (span_eqs(each, map[i].each)) {
            bool ok = period_read(period, &t, &first, &last) == 0 && t == map[i].type;
            return ok ? 0 : fault_set(f, SANJI_E_SPEC, "period", map[i].want);
        }
    }
    return period.n == 0 ? 0
                         : fault_set(f, SANJI_E_SPEC, "period", "none: the form is filled in once");
}

/* Appends text, as long as the title has room. */
static int add_title(struct buf *title, struct span text)
{
    size_t points = utf8_len(title->data, title->len);
    if (text.n == 0 || points + 3 >= TITLE_POINTS) {
        return 0;
    }
    int r = title->len > 0 ? buf_puts(title, " · ") : 0;
    points = utf8_len(title->data, title->len);
    size_t at = 0;
    for (; r == 0 && at < text.n && points < TITLE_POINTS; points++) {
        uint32_t cp = 0;
        size_t n = utf8_next(text.p + at, text.n - at, &cp);
        r = buf_put(title, text.p + at, n);
        at += n;
    }
    return r;
}

static int add_member(struct buf *title, struct span d, const struct kind *k)
{
    struct buf b;
    buf_init(&b, LIM_ITEM_BYTES);
    int r = kind_title(k, d, &b);
    r = r < 0 ? r : add_title(title, span_of(b.data, b.len));
    buf_done(&b);
    return r;
}

/* The organisation it is about, when the form is about one. */
static int check_about(struct app_put *p, struct span form, struct buf *title, struct fault *f)
{
    struct span org = jcur_plain_of(span_of(p->d.data, p->d.len), "org");
    bool wants = span_eqs(jcur_plain_of(form, "about"), "org");
    struct old_rec o = {0};
    if (wants != (org.n > 0)) {
        return fault_set(f, SANJI_E_SPEC, "org", wants ? "required" : "none: it is not about one");
    }
    if (!wants) {
        return 0;
    }
    int r = read_named(p->a, org, &o);
    const struct kind *k = r == 0 && o.found && !o.withdrawn ? kind_find(o.kind) : NULL;
    if (r == 0 && (k == NULL || strcmp(k->name, "org") != 0)) {
        r = fault_set(f, SANJI_E_NOT_FOUND, "org", "org");
    }
    r = r < 0 ? r : add_member(title, span_of(o.d.data, o.d.len), k);
    buf_done(&o.d);
    return r;
}

static int against(struct app_put *p, const struct old_rec *was, const struct old_rec *t,
                   struct jw *w, struct fault *f)
{
    const struct kind_form *form = p->k->form;
    const struct kind *tk = kind_find("form_template");
    struct span d = span_of(p->d.data, p->d.len), td = span_of(t->d.data, t->d.len),
                old = span_of(was->d.data, was->d.len);
    struct span questions, answers = span_of("{}", 2), version, state = jcur_plain_of(d, "state");
    bool stood = was->found && !was->withdrawn &&
                 span_eq(jcur_plain_of(old, form->template), jcur_plain_of(d, form->template));
    char word[32];
    struct buf title;
    if (!stood && !span_eqs(jcur_plain_of(td, "state"), "published")) {
        return fault_set(f, SANJI_E_STATE, form->template, "a form that is published");
    }
    if (!jcur_get(td, "questions", &questions) || !jcur_get(td, "version", &version)) {
        return fault_set(f, SANJI_E_SPEC, form->template, "a form with questions");
    }
    (void)jcur_get(d, form->answers, &answers);
    (void)snprintf(word, sizeof word, "%.*s", (int)state.n, (const char *)state.p);
    bool partly = state.n == 0 || app__word_in(form->partly, word); /* not said: the first one */
    buf_init(&title, LIM_ITEM_BYTES);
    int r = add_member(&title, td, tk);
    r = r < 0 ? r : check_each(td, jcur_plain_of(d, "period"), f);
    r = r < 0 ? r : check_about(p, td, &title, f);
    r = r < 0 ? r : add_title(&title, jcur_plain_of(d, "period"));
    r = r < 0 ? r : form_check_answers(questions, answers, !partly, f);
    if (r == 0) {
        jw_strn(w, form->title, (const char *)title.data, title.len);
        jw_raw(w, form->version, version.p, version.n);
        if (jcur_get(td, form->fill, &version)) {
            jw_raw(w, form->fill, version.p, version.n);
        }
    }
    buf_done(&title);
    return r;
}

/* The form is gone (erased): what was filled into it can be judged, and not changed. */
static bool keeps(const struct app_put *p, const struct old_rec *was, struct jw *w)
{
    const struct kind_form *form = p->k->form;
    struct span d = span_of(p->d.data, p->d.len), old = span_of(was->d.data, was->d.len);
    const char *const same[] = {form->template, form->answers, "org", "period"};
    if (!was->found || was->withdrawn) {
        return false;
    }
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct span a = span_of("", 0), b = span_of("", 0);
        (void)jcur_get(d, same[i], &a);
        (void)jcur_get(old, same[i], &b);
        if (!span_eq(a, b)) {
            return false;
        }
    }
    const char *const kept[] = {form->title, form->version, form->fill};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        struct span v;
        if (jcur_get(old, kept[i], &v)) {
            jw_raw(w, kept[i], v.p, v.n);
        }
    }
    return true;
}

int app__form_autos(struct app_put *p, const struct old_rec *was, struct jw *w, struct fault *f)
{
    const char *name = p->k->form->template;
    struct old_rec t = {0};
    int r = app_outbox_flush(p->a); /* the form may be among them */
    r = r < 0 ? r : read_named(p->a, jcur_plain_of(span_of(p->d.data, p->d.len), name), &t);
    bool there = t.found && !t.withdrawn && strcmp(t.kind, "form_template") == 0;
    if (r == 0 && !there && !keeps(p, was, w)) {
        r = fault_set(f, SANJI_E_NOT_FOUND, name, "form_template");
    }
    r = r < 0 || !there ? r : against(p, was, &t, w, f);
    buf_done(&t.d);
    return r;
}
