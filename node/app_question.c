/* SPDX-License-Identifier: Apache-2.0 */
/* A question goes to the owner of what it is about, the answer to whoever asked. Whether one waits
 * follows from the two records and is stored nowhere. */
#include "node/app_question.h"

#include "node/app_put.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <string.h>

enum { EVERY = 1 << 30, ARENA = 4 << 20 };

static const char asked_about[] = "listing need event notice";

/* "node/id" */
static bool about_of(struct span d, struct record_ref *ret)
{
    return record_ref_parse(jcur_plain_of(d, "about"), ret) && !node_id_none(&ret->owner);
}

/* ---- writing ---- */

static void put_copy(struct jw *w, struct span d, const char *from, const char *to)
{
    struct span v;
    if (jcur_get(d, from, &v)) {
        jw_raw(w, to, v.p, v.n);
    }
}

int app__question_autos(struct app_put *p, struct jw *w, struct fault *f)
{
    bool answer = strcmp(p->k->name, "question_answer") == 0;
    struct record_ref at;
    struct old_rec o = {0};
    struct buf title;
    if (!about_of(span_of(p->d.data, p->d.len), &at)) {
        return fault_set(f, SANJI_E_SPEC, "about", "NODE/ID");
    }
    if (strcmp(at.owner.s, app_id(p->a)) == 0) { /* nobody asks himself */
        return fault_set(f, SANJI_E_SPEC, "about", "a record of another platform");
    }
    const struct roster_node *n = roster_node(app_roster(p->a), at.owner.s);
    if (!answer && n != NULL && n->state == NODE_CLOSED) { /* nobody would ever read it */
        return fault_set(f, SANJI_E_CLOSED, "about", "a record of a platform that is open");
    }
    buf_init(&title, LIM_ITEM_BYTES);
    int r = app__put_old(p->a, at.owner.s, at.id, &o);
    bool fits = o.found && !o.withdrawn && app__word_in(answer ? "question" : asked_about, o.kind);
    if (r == 0 && (!fits || (answer && strstr(o.aud, app_id(p->a)) == NULL))) {
        r = fault_set(f, SANJI_E_NOT_FOUND, "about", answer ? "question" : asked_about);
    }
    struct span d = span_of(o.d.data, o.d.len);
    r = r < 0 ? r : kind_title(kind_find(o.kind), d, &title);
    if (r == 0) {
        jw_str(w, answer ? "asker" : "owner", at.owner.s);
        jw_strn(w, "title", buf_str(&title), title.len);
        if (answer) {
            jw_int(w, "seen", o.r);
            put_copy(w, d, "since", "asked");
        }
    }
    buf_done(&title);
    buf_done(&o.d);
    return r;
}

/* ---- looking ---- */

struct walk {
    struct app *a;
    struct arena *ar;
    const char *owner, *record;
    app_question_fn *fn;
    void *arg;
};

struct answer {
    struct arena *ar;
    struct app_question *q;
};

static int on_answer(const struct store_rec *rec, void *arg)
{
    struct answer *x = arg;
    struct span v;
    int64_t seen = 0;
    if (rec->withdrawn || !jcur_get(rec->d, "text", &v)) {
        return 0;
    }
    const char *text = arena_dup(x->ar, v.p, v.n);
    x->q->answer = span_of(text, text == NULL ? 0 : v.n);
    x->q->answer_ts = rec->ts;
    x->q->answer_r = rec->r;
    x->q->answered = jcur_get(rec->d, "seen", &v) && jcur_int(v, &seen) && seen >= x->q->r;
    return text == NULL ? SANJI_E_NOMEM : 0;
}

static int on_record(const struct store_rec *rec, void *arg)
{
    struct answer *x = arg;
    x->q->kind = rec->withdrawn ? "" : arena_strdup(x->ar, rec->kind);
    return x->q->kind == NULL ? SANJI_E_NOMEM : 0;
}

static int tell(struct walk *w, const struct store_rec *rec, const struct record_ref *at)
{
    char d[LIM_ID_BYTES + LIM_NODE_ID + 32], key[LIM_ID_BYTES + 1];
    struct app_question q = {.asker = rec->owner,
                             .id = rec->id,
                             .owner = at->owner.s,
                             .record = at->id,
                             .kind = "",
                             .title = rec->title,
                             .since = rec->since,
                             .r = rec->r,
                             .ts = rec->ts};
    struct answer x = {w->ar, &q};
    q.answer_id = key;
    (void)jcur_get(rec->d, "text", &q.text);
    int n = snprintf(d, sizeof d, "{\"about\":\"%s/%s\"}", rec->owner, rec->id);
    int r = kind_key_id(kind_find("question_answer"), span_of(d, (size_t)n), key);
    r = r < 0 ? r
              : store_record_get(w->a->store, at->owner.s, "question_answer", key, on_answer, &x);
    if (r == 0 || r == SANJI_E_NOT_FOUND) {
        r = store_record_get(w->a->store, at->owner.s, NULL, at->id, on_record, &x);
    }
    return r == 0 || r == SANJI_E_NOT_FOUND ? w->fn(&q, w->arg) : r;
}

static int on_question(const struct store_rec *rec, void *arg)
{
    struct walk *w = arg;
    struct record_ref at;
    bool ours = strcmp(rec->owner, app_id(w->a)) == 0 || strstr(rec->aud, app_id(w->a)) != NULL;
    arena_reset(w->ar);
    if (!ours || !about_of(rec->d, &at)) {
        return 0;
    }
    if (w->record != NULL && (strcmp(at.id, w->record) != 0 || strcmp(at.owner.s, w->owner) != 0)) {
        return 0;
    }
    return tell(w, rec, &at);
}

int app_question_each(struct app *a, const char *owner, const char *record, app_question_fn *fn,
                      void *arg)
{
    struct walk w = {a, arena_new(ARENA), owner, record, fn, arg};
    struct store_filter f = {.kind = "question", .limit = EVERY, .now_ms = app_now_ms()};
    int r = w.ar == NULL ? SANJI_E_NOMEM : store_record_list(a->store, &f, on_question, &w);
    arena_free(w.ar);
    return r > 0 ? 0 : r;
}

struct listing_of {
    struct app *a;
    struct jw *w;
};

static int on_listed(const struct app_question *q, void *arg)
{
    struct listing_of *x = arg;
    const struct roster_node *n = roster_node(app_roster(x->a), q->asker);
    jw_obj(x->w, NULL);
    jw_str(x->w, "asker", q->asker);
    jw_str(x->w, "asker_name", n != NULL ? n->name : q->asker);
    jw_str(x->w, "id", q->id);
    jw_bool(x->w, "mine", strcmp(q->asker, app_id(x->a)) == 0);
    jw_int(x->w, "ts", q->ts);
    jw_raw(x->w, "text", q->text.p, q->text.n);
    jw_bool(x->w, "answered", q->answered);
    if (q->answer.n > 0) {
        jw_obj(x->w, "answer");
        jw_raw(x->w, "text", q->answer.p, q->answer.n);
        jw_int(x->w, "ts", q->answer_ts);
        jw_str(x->w, "id", q->answer_id);
        jw_int(x->w, "r", q->answer_r);
        jw_end_obj(x->w);
    }
    jw_end_obj(x->w);
    return 0;
}

int app_question_list(struct app *a, const char *owner, const char *record, const char *name,
                      struct jw *w)
{
    struct listing_of x = {a, w};
    jw_arr(w, name);
    int r = app_question_each(a, owner, record, on_listed, &x);
    jw_end_arr(w);
    return r;
}
