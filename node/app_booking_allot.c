/* SPDX-License-Identifier: Apache-2.0 */
/* Allotments: times that two nodes can give away without asking each other, and yet once only.
 * The owner blocks them for everybody from the transaction that writes the allotment. The holder
 * uses them in the order of its own stream to the owner; when it is told to give them back, needs
 * them no more, or their end has come by its clock, it says so in the same stream, and uses nothing
 * after that. The
 * owner believes that word alone: by then every use before it has arrived, because a stream is
 * sequential. A holder that is never heard of again keeps its times until they are over. */
#include "node/app_booking_book.h"
#include "node/app_put.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVERY = 1 << 30 };

/* ---- records ---- */

int app__booking_allot_read(struct arena *ar, const struct store_rec *rec, struct bk_allot *ret)
{
    struct span l = jcur_plain_of(rec->d, "listing"), to = jcur_plain_of(rec->d, "to"),
                until = jcur_plain_of(rec->d, "until"), v;
    memset(ret, 0, sizeof *ret);
    snprintf(ret->id, sizeof ret->id, "%s", rec->id);
    snprintf(ret->owner, sizeof ret->owner, "%s", rec->owner);
    snprintf(ret->node, sizeof ret->node, "%.*s", (int)(to.n < LIM_NODE_ID ? to.n : LIM_NODE_ID),
             (const char *)to.p);
    ret->listing = arena_dup(ar, l.p, l.n);
    ret->r = rec->r;
    ret->state = strcmp(rec->state, "recalled") == 0 ? BK_ALLOT_RECALLED
                 : strcmp(rec->state, "ended") == 0  ? BK_ALLOT_ENDED
                                                     : BK_ALLOT_OPEN;
    (void)minute_parse((const char *)until.p, until.n, &ret->until);
    (void)(jcur_get(rec->d, "gap", &v) && jcur_int(v, &ret->gap));
    const char *d = arena_dup(ar, rec->d.p, rec->d.n);
    ret->d = span_of(d, rec->d.n);
    return ret->listing == NULL || d == NULL
               ? SANJI_E_NOMEM
               : app__booking_spans_read(ar, rec->d, &ret->at, &ret->n_at);
}

bool book_inside(const struct bk_allot *x, struct bk_span at)
{
    for (size_t i = 0; i < x->n_at; i++) {
        if (x->at[i].from <= at.from && at.to <= x->at[i].to) {
            return true;
        }
    }
    return false;
}

static int on_there(const struct store_rec *rec, void *arg)
{
    const char *const *aud = arg;
    return rec->withdrawn || strcmp(rec->aud, aud[0]) != 0 ? SANJI_E_NOT_FOUND : 0;
}

/* Has the holder given it back? */
static int is_back(struct app *a, const struct bk_allot *x, bool *ret)
{
    char id[LIM_ID_BYTES + 8], aud[LIM_NODE_ID + 8];
    const char *arg[] = {aud};
    snprintf(id, sizeof id, "%s.back", x->id);
    snprintf(aud, sizeof aud, "to:%s", x->owner);
    int r = store_record_get(a->store, x->node, "allotment_back", id, on_there, arg);
    *ret = r == 0;
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

struct walk {
    struct app *a;
    struct arena *ar;
    struct bk_allot *v;
    size_t n, cap;
    bool mine; /* those this node owns; else those it holds */
};

static int on_allot(const struct store_rec *rec, void *arg)
{
    struct walk *w = arg;
    char aud[LIM_NODE_ID + 8];
    bool own = strcmp(rec->owner, app_id(w->a)) == 0;
    snprintf(aud, sizeof aud, "to:%s", app_id(w->a));
    if (own != w->mine || (!own && strcmp(rec->aud, aud) != 0)) {
        return 0;
    }
    if (w->n == w->cap) {
        size_t cap = w->cap == 0 ? 16 : w->cap * 2;
        struct bk_allot *v = realloc(w->v, cap * sizeof *v);
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        w->v = v;
        w->cap = cap;
    }
    int r = app__booking_allot_read(w->ar, rec, &w->v[w->n]);
    w->n += r == 0;
    return r;
}

int app__booking_allots(struct app *a, struct arena *ar, bool mine, struct bk_allot **ret,
                        size_t *ret_n)
{
    struct walk w = {.a = a, .ar = ar, .mine = mine};
    struct store_filter fl = {.kind = "allotment", .limit = EVERY};
    int r = store_record_list(a->store, &fl, on_allot, &w);
    *ret = w.v;
    *ret_n = w.n;
    return r;
}

/* ---- the owner ---- */

static int is_free(struct book *b, const struct bk_place *p, const struct bk_allot *x,
                   struct fault *f)
{
    size_t n = 0;
    int r = book_uses(b, p, NULL, NULL, &n);
    for (size_t i = 0; r == 0 && i < x->n_at; i++) {
        if (x->at[i].from <= b->now) {
            return fault_set(f, SANJI_E_SPEC, "at", "a time to come");
        }
        for (size_t j = 0; j < n; j++) {
            if (bk_clash(&p->rules, x->at[i], b->use[j].at)) {
                return fault_set(f, SANJI_E_TAKEN, "at", NULL);
            }
        }
        if (book_month_full(b, n, x->at[i], x->n_at)) {
            return fault_set(f, SANJI_E_STATE, "at", bk_reason_name(BKR_QUOTA));
        }
    }
    return r;
}

/* The largest time that must lie between two uses in it. */
static int64_t gap_of(const struct bk_place *p, const struct bk_allot *x)
{
    int64_t gap = 0;
    for (size_t i = 0; i < x->n_at; i++) {
        const struct bk_schedule *s = bk_on(&p->rules, (int)(x->at[i].from / 1440));
        int64_t g = s == NULL ? 0 : s->before + s->after;
        gap = g > gap ? g : gap;
    }
    return gap;
}

static int add_allot(struct book *b, struct span d, const char *id, struct fault *f)
{
    const struct kind *k = kind_find("allotment");
    const struct store_rec rec = {.id = id, .owner = app_id(b->a), .state = "open", .d = d, .r = 0};
    struct bk_allot *v = realloc(b->allot, (b->n_allot + 1) * sizeof *v);
    struct bk_place *p = NULL;
    struct buf full, gap;
    char number[16];
    if (v == NULL) {
        return SANJI_E_NOMEM;
    }
    b->allot = v;
    struct bk_allot *x = &v[b->n_allot];
    int r = app__booking_allot_read(b->arena, &rec, x);
    r = r < 0 ? r : book_place(b, x->listing, &p);
    if (r == 0 && (!p->bookable || p->rules.n == 0)) {
        r = fault_set(f, SANJI_E_NOT_FOUND, "listing", "venue mentor equipment space visit");
    }
    const struct roster_node *n = roster_node(app_roster(b->a), x->node);
    if (r == 0 && (n == NULL || n->state != NODE_ACTIVE || strcmp(x->node, app_id(b->a)) == 0)) {
        r = fault_set(f, SANJI_E_REFERENCE, "to", "another node of the federation");
    }
    r = r < 0 ? r : is_free(b, p, x, f);
    if (r < 0) {
        return r;
    }
    buf_init(&full, LIM_ITEM_BYTES);
    buf_init(&gap, LIM_ITEM_BYTES);
    x->gap = gap_of(p, x);
    snprintf(number, sizeof number, "%d", (int)x->gap);
    r = kind_member_set(k, d, "gap", span_of(number, strlen(number)), &gap);
    r = r < 0 ? r
              : kind_member_set(k, span_of(gap.data, gap.len), "state", span_of("\"open\"", 6),
                                &full);
    const char *held = r < 0 ? NULL : arena_dup(b->arena, full.data, full.len);
    x->d = span_of(held, full.len);
    x->dirty = p->dirty = true;
    b->n_allot++;
    buf_done(&full);
    buf_done(&gap);
    return r < 0 ? r : held == NULL ? SANJI_E_NOMEM : 0;
}

int book_allot_state(struct book *b, struct bk_allot *x, enum bk_allot_state state)
{
    static const char *const word[] = {"\"open\"", "\"recalled\"", "\"ended\""};
    struct bk_place *p = NULL;
    struct buf d;
    buf_init(&d, LIM_ITEM_BYTES);
    int r = book_place(b, x->listing, &p);
    r = r < 0 ? r
              : kind_member_set(kind_find("allotment"), x->d, "state",
                                span_of(word[state], strlen(word[state])), &d);
    const char *held = r < 0 ? NULL : arena_dup(b->arena, d.data, d.len);
    if (held != NULL) {
        x->d = span_of(held, d.len);
        x->state = state;
        x->dirty = true;
        p->dirty = p->dirty || state == BK_ALLOT_ENDED;
        p->freed = p->freed || state == BK_ALLOT_ENDED;
    }
    buf_done(&d);
    return r < 0 ? r : held == NULL ? SANJI_E_NOMEM : 0;
}

/* Those that came back: their times are everybody's again. After their uses have been answered. */
int book_take_back(struct book *b)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < b->n_allot; i++) {
        struct bk_allot *x = &b->allot[i];
        bool back = false;
        r = x->state == BK_ALLOT_ENDED ? 0 : is_back(b->a, x, &back);
        r = r < 0 || !back ? r : book_allot_state(b, x, BK_ALLOT_ENDED);
        r = r < 0 || !back ? r : book_promote(b, x->listing);
    }
    return r;
}

static int with_book(struct app *a, int (*fn)(struct book *b, void *arg), void *arg)
{
    struct book b;
    int r = app__booking_may(a);
    r = r < 0 ? r : app_outbox_flush(a);
    r = r < 0 ? r : store_begin(a->store);
    if (r < 0) {
        return r;
    }
    r = book_load(a, minute_of_ms(app_now_ms()), &b);
    r = book_finish(&b, r < 0 ? r : fn(&b, arg));
    book_free(&b);
    return r;
}

struct allot_call {
    struct span d;
    const char *id;
    struct fault *f;
};

static int do_allot(struct book *b, void *arg)
{
    const struct allot_call *c = arg;
    return add_allot(b, c->d, c->id, c->f);
}

int app_booking_allot(struct app *a, struct span json, char ret_id[static LIM_ID_BYTES + 1],
                      struct fault *f)
{
    const struct kind *k = kind_find("allotment");
    char word[8], made[28], today[16];
    struct buf d, full;
    buf_init(&d, LIM_ITEM_BYTES * 5);
    buf_init(&full, LIM_ITEM_BYTES * 5);
    int r = app_put_check(k, json, &d, ret_id, word, f);
    if (r == 0 && (ret_id[0] != '\0' || word[0] != '\0')) {
        r = fault_set(f, SANJI_E_SPEC, ret_id[0] != '\0' ? "id" : "audience", "left out");
    }
    if (r == 0) {
        char day[11];
        date_write(date_of_ms(app_now_ms()), day);
        snprintf(today, sizeof today, "\"%s\"", day);
        r = kind_member_set(k, span_of(d.data, d.len), "since", span_of(today, strlen(today)),
                            &full);
    }
    if (r == 0) {
        app__record_id(a, app_now_ms(), made);
        memcpy(ret_id, made, strlen(made) + 1);
        struct allot_call c = {span_of(full.data, full.len), made, f};
        r = with_book(a, do_allot, &c);
    }
    buf_done(&d);
    buf_done(&full);
    return r;
}

static int do_recall(struct book *b, void *arg)
{
    const struct allot_call *c = arg;
    for (size_t i = 0; i < b->n_allot; i++) {
        struct bk_allot *x = &b->allot[i];
        if (strcmp(x->id, c->id) == 0) {
            return x->state == BK_ALLOT_OPEN
                       ? book_allot_state(b, x, BK_ALLOT_RECALLED)
                       : fault_set(c->f, SANJI_E_STATE, "recall",
                                   x->state == BK_ALLOT_RECALLED ? "recalled" : "ended");
        }
    }
    return fault_set(c->f, SANJI_E_NOT_FOUND, "allotment", NULL);
}

int app_booking_recall(struct app *a, const char *id, struct fault *f)
{
    struct allot_call c = {.id = id, .f = f};
    return with_book(a, do_recall, &c);
}

/* ---- the holder ---- */

struct own_uses {
    struct app *a;
    struct arena *ar;
    const struct bk_allot *x;
    const struct bk_ask *want;
    bool taken;
};

static int on_use(const struct store_rec *rec, void *arg)
{
    struct own_uses *u = arg;
    struct bk_ask k;
    bool is = false;
    if (strcmp(rec->owner, app_id(u->a)) != 0 ||
        !span_eqs(jcur_plain_of(rec->d, "allot"), u->x->id)) {
        return 0;
    }
    int r = app__booking_ask_read(u->ar, rec, u->x->owner, &k, &is);
    for (size_t i = 0; r == 0 && is && i < k.n_at; i++) {
        for (size_t j = 0; j < u->want->n_at; j++) {
            struct bk_span at = k.at[i];
            at.to += u->x->gap;
            struct bk_span w = u->want->at[j];
            w.to += u->x->gap;
            u->taken = u->taken || ((k.off >> i & 1) == 0 && bk_meet(at, w));
        }
    }
    return r;
}

static int find_held(struct app *a, struct arena *ar, const char *owner, const char *id,
                     struct bk_allot *ret)
{
    struct bk_allot *v = NULL;
    size_t n = 0;
    int r = app__booking_allots(a, ar, false, &v, &n);
    bool found = false;
    for (size_t i = 0; r == 0 && i < n && !found; i++) {
        found = strcmp(v[i].owner, owner) == 0 && strcmp(v[i].id, id) == 0;
        *ret = v[i];
    }
    free(v);
    return r < 0 || found ? r : SANJI_E_NOT_FOUND;
}

int app__booking_use(struct app *a, const char *owner, struct span d, struct fault *f)
{
    struct span id = jcur_plain_of(d, "allot");
    char name[LIM_ID_BYTES + 1], aud[LIM_NODE_ID + 8];
    struct arena *ar = arena_new(16 << 20);
    struct store_filter fl = {.kind = "booking_ask", .limit = EVERY};
    struct bk_allot x = {.n_at = 0};
    struct bk_ask want = {.n_at = 0};
    bool is = false, back = false;
    if (ar == NULL) {
        return SANJI_E_NOMEM;
    }
    snprintf(name, sizeof name, "%.*s", (int)(id.n < LIM_ID_BYTES ? id.n : LIM_ID_BYTES),
             (const char *)id.p);
    snprintf(aud, sizeof aud, "to:%s", owner);
    int r = app__booking_may(a); /* a database put back may have given these times away already */
    r = r < 0 ? r : find_held(a, ar, owner, name, &x);
    r = r < 0 ? r : is_back(a, &x, &back);
    if (r == SANJI_E_NOT_FOUND ||
        (r == 0 && (back || x.state != BK_ALLOT_OPEN || x.until <= minute_of_ms(app_now_ms())))) {
        r = fault_set(f, SANJI_E_NOT_FOUND, "allot", "times handed to this node and not ended");
    }
    const struct store_rec rec = {.id = "new", .owner = app_id(a), .aud = aud, .d = d};
    r = r < 0 ? r : app__booking_ask_read(ar, &rec, owner, &want, &is);
    if (r == 0 && (!is || x.listing == NULL || strcmp(want.listing, x.listing) != 0)) {
        r = fault_set(f, SANJI_E_SPEC, "listing", "that of the allotment");
    }
    for (size_t i = 0; r == 0 && i < want.n_at; i++) {
        if (!book_inside(&x, want.at[i])) {
            r = fault_set(f, SANJI_E_SPEC, "at", "inside the allotment");
        }
    }
    struct own_uses u = {.a = a, .ar = ar, .x = &x, .want = &want};
    r = r < 0 ? r : store_record_list(a->store, &fl, on_use, &u);
    arena_free(ar);
    return r == 0 && u.taken ? fault_set(f, SANJI_E_TAKEN, "at", NULL) : r;
}

static int give_back(struct app *a, const struct bk_allot *x, int64_t now)
{
    char id[LIM_ID_BYTES + 8], aud[LIM_NODE_ID + 8], d[160], day[11];
    const struct kind *k = kind_find("allotment_back");
    struct sync_tick t;
    struct buf item;
    date_write((int)(now / 1440), day);
    snprintf(id, sizeof id, "%s.back", x->id);
    snprintf(aud, sizeof aud, "to:%s", x->owner);
    int n =
        snprintf(d, sizeof d, "{\"allotment\":\"%s/%s\",\"since\":\"%s\"}", x->owner, x->id, day);
    buf_init(&item, 4096);
    int r = app__item(a, NULL, id, k, OP_PUT, 1, span_of(d, (size_t)n), &item);
    r = r < 0 ? r : app_tick_make(&t);
    if (r == 0) {
        struct span it = span_of(item.data, item.len);
        r = sync_write(a->sync, &t, aud, &it, 1, false, NULL);
    }
    if (r == 0) {
        app__wrote(a);
    }
    buf_done(&item);
    return r;
}

int app__booking_give_back(struct app *a, int64_t now, bool *ret_holds)
{
    struct arena *ar = arena_new(16 << 20);
    struct bk_allot *v = NULL;
    size_t n = 0;
    int r = ar == NULL ? SANJI_E_NOMEM : app__booking_allots(a, ar, false, &v, &n);
    for (size_t i = 0; r == 0 && i < n; i++) {
        bool back = false, due = v[i].state != BK_ALLOT_OPEN || v[i].until <= now;
        if (strlen(v[i].id) + 5 > LIM_ID_BYTES || v[i].state == BK_ALLOT_ENDED) {
            continue;
        }
        r = is_back(a, &v[i], &back);
        r = r < 0 || back || !due ? r : give_back(a, &v[i], now);
        *ret_holds = *ret_holds || (!back && !due);
    }
    free(v);
    arena_free(ar);
    return r;
}

int app_booking_return(struct app *a, const char *owner, const char *id, struct fault *f)
{
    struct arena *ar = arena_new(16 << 20);
    struct bk_allot x = {.n_at = 0};
    bool back = false;
    if (ar == NULL) {
        return SANJI_E_NOMEM;
    }
    int r = app__booking_may(a); /* a database put back may not know all of its uses */
    r = r < 0 ? r : app_outbox_flush(a);
    r = r < 0 ? r : find_held(a, ar, owner, id, &x);
    if (r == SANJI_E_NOT_FOUND || (r == 0 && strlen(id) + 5 > LIM_ID_BYTES)) {
        r = fault_set(f, SANJI_E_NOT_FOUND, "allotment", "times handed to this node");
    }
    r = r < 0 ? r : is_back(a, &x, &back);
    if (r == 0 && (back || x.state == BK_ALLOT_ENDED)) {
        r = fault_set(f, SANJI_E_STATE, "return", "ended");
    }
    r = r < 0 ? r : give_back(a, &x, minute_of_ms(app_now_ms()));
    arena_free(ar);
    return r;
}
