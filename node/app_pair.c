/* SPDX-License-Identifier: Apache-2.0 */
/* A record and the answers of the nodes above to it, put together from what is held here; and what
 * this node may write of either. Who has the right to answer the roster says, former parents
 * included: what was accepted stays so when a station moves. */
#include "node/app_pair.h"

#include "node/app_put.h"
#include "protocol/base/enc.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <string.h>

int app_pair_answer_id(const struct pair_flow *f, const char *owner, const char *id,
                       char ret[static LIM_ID_BYTES + 1])
{
    char d[LIM_ID_BYTES + LIM_NODE_ID + LIM_NAME_BYTES + 16];
    int n = snprintf(d, sizeof d, "{\"%s\":\"%s/%s\"}", f->about, owner, id);
    return kind_key_id(f->answer, span_of(d, (size_t)n), ret);
}

static int64_t number_of(struct span d, const char *name)
{
    struct span v;
    int64_t n = 0;
    return jcur_get(d, name, &v) && jcur_int(v, &n) ? n : 0;
}

/* A word of the kind's states, as static text. */
static void state_word(const struct kind *k, struct span d, char *out, size_t size)
{
    struct buf b;
    buf_init(&b, 256);
    const char *first = kind_field_with(k, KFF_STATE)->choices; /* not said: the first one */
    (void)kind_field_text(k, d, KFF_STATE, &b);
    (void)snprintf(out, size, "%.*s", b.len > 0 ? (int)b.len : (int)strcspn(first, " "),
                   b.len > 0 ? buf_str(&b) : first);
    buf_done(&b);
}

enum { FORM = B64U_LEN(HASH_LEN) };

/* What an answer says it has read, so that nobody puts other content under it. */
static void form_of(struct span d, char out[static FORM + 1])
{
    uint8_t h[HASH_LEN];
    hash_bytes(d.p, d.n, h);
    out[b64u_put(h, sizeof h, out)] = '\0';
}

struct found {
    const struct pair_flow *f;
    const char *form; /* of the record as it is now */
    struct pair_answer *to;
    bool there;
};

static int on_answer(const struct store_rec *rec, void *arg)
{
    struct found *x = arg;
    char word[32];
    if (rec->withdrawn) {
        return 0;
    }
    state_word(x->f->answer, rec->d, word, sizeof word);
    for (size_t i = 0; i < x->f->n_rules; i++) {
        if (strcmp(x->f->rules[i].answer, word) == 0) {
            x->to->state = x->f->rules[i].answer;
            x->there = true;
        }
    }
    struct span v, form;
    x->to->seen = number_of(rec->d, x->f->seen);
    x->to->other =
        jcur_get(rec->d, x->f->form, &v) && jcur_plain(v, &form) && !span_eqs(form, x->form);
    return 0;
}

static int collect(struct app *a, const struct pair_flow *f, const char *owner, const char *id,
                   struct span d, struct app_pair *ret)
{
    char key[LIM_ID_BYTES + 1], form[FORM + 1];
    const struct roster *ro = app_roster(a);
    const struct roster_node *me = roster_node(ro, owner);
    int r = app_pair_answer_id(f, owner, id, key);
    form_of(d, form);
    for (size_t i = 0; r == 0 && me != NULL && i < roster_count(ro) && ret->n < PAIR_ANSWERS; i++) {
        const struct roster_node *n = roster_at(ro, i);
        struct found x = {.f = f, .form = form, .to = &ret->answer[ret->n]};
        if (n->lv >= me->lv || !roster_was_ancestor(ro, n->id.s, owner)) {
            continue;
        }
        *x.to = (struct pair_answer){.lv = n->lv, .by = n->id};
        r = store_record_get(a->store, n->id.s, f->answer->name, key, on_answer, &x);
        r = r == SANJI_E_NOT_FOUND ? 0 : r;
        ret->n += x.there ? 1 : 0;
    }
    return r;
}

int app_pair_now(struct app *a, const struct pair_flow *f, const char *owner, const char *id,
                 struct span d, struct app_pair *ret)
{
    char word[32];
    struct pair_now now;
    int r = 0;
    memset(ret, 0, sizeof *ret);
    ret->no = number_of(d, f->no);
    if (d.n > 0) {
        state_word(f->owner, d, word, sizeof word);
        r = strcmp(word, f->sent) == 0 ? collect(a, f, owner, id, d, ret) : 0;
    }
    pair_fold(f,
              d.n == 0                     ? NULL
              : strcmp(word, f->sent) == 0 ? f->sent
                                           : "draft",
              ret->no, ret->answer, ret->n, &now);
    ret->state = now.state;
    ret->which = now.which;
    ret->again = now.again;
    return r;
}

/* ---- writing ---- */

static int refuse(const struct pair_flow *f, enum pair_side who, const char *now, struct fault *fl)
{
    const struct kind *k = who == PAIR_OWNER ? f->owner : f->answer;
    return fault_set(fl, SANJI_E_STATE, kind_field_with(k, KFF_STATE)->name, now);
}

static int owner_may(struct app_put *p, const struct pair_flow *f, const char *id,
                     const struct old_rec *o, struct fault *fl)
{
    char to[32];
    struct app_pair now;
    bool stood = o->found && !o->withdrawn;
    struct span was = stood ? span_of(o->d.data, o->d.len) : span_of(NULL, 0);
    int r = app_pair_now(p->a, f, app__put_owner(p), id, was, &now);
    state_word(p->k, span_of(p->d.data, p->d.len), to, sizeof to);
    return r < 0                                         ? r
           : pair_may(f, now.state, PAIR_OWNER, to) == 0 ? 0
                                                         : refuse(f, PAIR_OWNER, now.state, fl);
}

/* "node/id" */
static bool about_of(const struct pair_flow *f, struct span d, struct record_ref *ret)
{
    return record_ref_parse(jcur_plain_of(d, f->about), ret) && !node_id_none(&ret->owner);
}

/* The record an answer is about, as it stands here. */
static int load_about(struct app_put *p, const struct pair_flow *f, struct record_ref *at,
                      struct old_rec *o, struct fault *fl)
{
    memset(o, 0, sizeof *o);
    if (!about_of(f, span_of(p->d.data, p->d.len), at)) {
        return fault_set(fl, SANJI_E_SPEC, f->about, "NODE/ID");
    }
    int r = app__put_old(p->a, at->owner.s, at->id, o);
    if (r == 0 && (!o->found || o->withdrawn || strcmp(o->kind, f->owner->name) != 0)) {
        r = fault_set(fl, SANJI_E_NOT_FOUND, f->about, f->owner->name);
    }
    if (r == 0 && f->n_edges > 0 &&
        !roster_was_ancestor(app_roster(p->a), app_id(p->a), at->owner.s)) {
        r = fault_set(fl, SANJI_E_AUTHORITY, f->about, "a record of a node below");
    }
    return r;
}

static int other_may(struct app_put *p, const struct pair_flow *f, struct fault *fl)
{
    char to[32];
    struct app_pair now;
    struct record_ref at;
    struct old_rec o;
    struct span d = span_of(p->d.data, p->d.len);
    int r = load_about(p, f, &at, &o, fl);
    r = r < 0 ? r : app_pair_now(p->a, f, at.owner.s, at.id, span_of(o.d.data, o.d.len), &now);
    buf_done(&o.d);
    if (r < 0) {
        return r;
    }
    if (number_of(d, f->seen) != now.no) { /* who answers has read what he answers */
        return fault_set(fl, SANJI_E_STATE, f->seen, "the number of its newest form");
    }
    state_word(p->k, d, to, sizeof to);
    if (pair_may(f, now.state, PAIR_OTHER, to) < 0) {
        return refuse(f, PAIR_OTHER, now.state, fl);
    }
    return pair_asks_why(f, now.state, PAIR_OTHER, to) ? kind_why_check(d, fl) : 0;
}

int app__pair_may(struct app_put *p, const char *id, const struct old_rec *o, struct fault *fl)
{
    enum pair_side side = PAIR_OWNER;
    const struct pair_flow *f = pair_flow_of(p->k, &side);
    bool same = o->found && !o->withdrawn &&
                span_eq(span_of(o->d.data, o->d.len), span_of(p->d.data, p->d.len));
    if (f == NULL || p->dry || same) {
        return 0;
    }
    int r = app_outbox_flush(p->a); /* the other half may be among them */
    return r < 0 ? r : side == PAIR_OWNER ? owner_may(p, f, id, o, fl) : other_may(p, f, fl);
}

int app__pair_autos(struct app_put *p, struct jw *w, struct fault *fl)
{
    enum pair_side side = PAIR_OWNER;
    const struct pair_flow *f = pair_flow_of(p->k, &side);
    /* Acknowledgements name what they are about in the same way and decide nothing. */
    const struct pair_flow ack = {.owner = kind_find("notice"), .answer = p->k, .about = "about"};
    struct record_ref at;
    struct old_rec o;
    struct buf title;
    f = f != NULL ? (side == PAIR_OTHER ? f : NULL) : p->k == kind_find("ack") ? &ack : NULL;
    if (f == NULL) {
        return 0;
    }
    buf_init(&title, LIM_ITEM_BYTES);
    int r = load_about(p, f, &at, &o, fl);
    r = r < 0 ? r : kind_title(f->owner, span_of(o.d.data, o.d.len), &title);
    if (r == 0) {
        jw_str(w, kind_field_with(p->k, KFF_TO)->name, at.owner.s);
        jw_strn(w, kind_field_with(p->k, KFF_TITLE)->name, buf_str(&title), title.len);
        if (f->form != NULL) {
            char form[FORM + 1];
            form_of(span_of(o.d.data, o.d.len), form);
            jw_str(w, f->form, form);
        }
    }
    buf_done(&title);
    buf_done(&o.d);
    return r;
}
