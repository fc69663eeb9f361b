/* SPDX-License-Identifier: Apache-2.0 */
/* What a node knows before it gives a time away. All of it is read from the views inside the
 * transaction that decides: there is no table of bookings beside the signed records that could say
 * something else. */
#include "node/app_booking_book.h"

#include "protocol/base/text.h"
#include "protocol/jcur.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BOOK_BYTES = 256 << 20, EVERY = 1 << 30 };

void app__booking_minute(struct jw *w, const char *name, int64_t m)
{
    char s[17];
    minute_write(m, s);
    jw_str(w, name, s);
}

/* A text member, unescaped; NULL: no memory. */
static char *text(struct arena *ar, struct span d, const char *name)
{
    struct span v;
    struct buf b;
    buf_init(&b, LIM_ITEM_BYTES);
    char *s = jcur_get(d, name, &v) && jcur_text(v, &b) < 0 ? NULL : arena_strdup(ar, buf_str(&b));
    buf_done(&b);
    return s;
}

static void copy(char *out, size_t size, struct span s)
{
    snprintf(out, size, "%.*s", (int)(s.n < size ? s.n : size - 1), (const char *)s.p);
}

static bool flag(struct span d, const char *name)
{
    struct span v;
    bool yes = false;
    return jcur_get(d, name, &v) && jcur_bool(v, &yes) && yes;
}

static int64_t number(struct span d, const char *name)
{
    struct span v;
    int64_t x = 0;
    return jcur_get(d, name, &v) && jcur_int(v, &x) ? x : 0;
}

static int64_t moment(struct span d, const char *name)
{
    struct span s = jcur_plain_of(d, name);
    int64_t m = 0;
    return s.n > 0 && minute_parse((const char *)s.p, s.n, &m) == 0 ? m : 0;
}

/* ---- records ---- */

int app__booking_spans_read(struct arena *ar, struct span d, struct bk_span **ret, size_t *ret_n)
{
    struct jcur c, p;
    struct span v, e, x, y;
    struct bk_span *at = arena_alloc(ar, BK_SERIES * sizeof *at);
    size_t n = 0;
    if (at == NULL) {
        return SANJI_E_NOMEM;
    }
    for (bool ok = jcur_get(d, "at", &v) && jcur_array(&c, v);
         ok && n < BK_SERIES && jcur_element(&c, &e);) {
        ok = jcur_array(&p, e) && jcur_element(&p, &x) && jcur_element(&p, &y) &&
             bk_pair_read(x, y, &at[n].from, &at[n].to);
        n += ok;
    }
    *ret = at;
    *ret_n = n;
    return 0;
}

static int read_times(struct arena *ar, struct span d, struct bk_ask *ret)
{
    struct jcur c;
    struct span v, e;
    int r = app__booking_spans_read(ar, d, &ret->at, &ret->n_at);
    if (r < 0) {
        return r;
    }
    for (bool ok = jcur_get(d, "off", &v) && jcur_array(&c, v); ok && jcur_element(&c, &e);) {
        int64_t no = 0;
        if (jcur_int(e, &no) && no >= 1 && no <= BK_SERIES) {
            ret->off |= UINT64_C(1) << (no - 1);
        }
    }
    return 0;
}

int app__booking_ask_read(struct arena *ar, const struct store_rec *rec, const char *owner,
                          struct bk_ask *ret, bool *ret_is)
{
    char to[LIM_NODE_ID + 8];
    struct record_ref of;
    struct span no;
    memset(ret, 0, sizeof *ret);
    bool own = strcmp(rec->owner, owner) == 0;
    snprintf(to, sizeof to, "to:%s", owner);
    *ret_is = record_ref_parse(jcur_plain_of(rec->d, "listing"), &of) &&
              strcmp(of.owner.s, owner) == 0 && strlen(rec->id) <= BK_ASK_ID &&
              strcmp(rec->aud, own ? "own" : to) == 0;
    if (!*ret_is) {
        return 0;
    }
    snprintf(ret->node, sizeof ret->node, "%s", rec->owner);
    snprintf(ret->id, sizeof ret->id, "%s", rec->id);
    ret->listing = arena_strdup(ar, of.id);
    ret->org = text(ar, rec->d, "org");
    const char *d = arena_dup(ar, rec->d.p, rec->d.n);
    if (ret->listing == NULL || ret->org == NULL || d == NULL) {
        return SANJI_E_NOMEM;
    }
    ret->d = span_of(d, rec->d.n);
    struct span in = jcur_plain_of(rec->d, "instead");
    if (in.n > 0 && bk_instead_read(in, &no, &ret->instead_no)) {
        copy(ret->instead, sizeof ret->instead, no);
    }
    copy(ret->allot, sizeof ret->allot, jcur_plain_of(rec->d, "allot"));
    ret->got = rec->got;
    ret->n = rec->n;
    ret->wait = flag(rec->d, "wait");
    int r = read_times(ar, rec->d, ret);
    if (span_eqs(jcur_plain_of(rec->d, "state"), "withdrawn")) {
        ret->off = ~UINT64_C(0);
    }
    return r;
}

int app__booking_answer_read(struct arena *ar, const struct store_rec *rec, struct bk_answer *ret)
{
    struct record_ref ask;
    struct span s = jcur_plain_of(rec->d, "state"), why = jcur_plain_of(rec->d, "reason");
    memset(ret, 0, sizeof *ret);
    snprintf(ret->id, sizeof ret->id, "%s", rec->id);
    if (record_ref_parse(jcur_plain_of(rec->d, "ask"), &ask) && !node_id_none(&ask.owner)) {
        snprintf(ret->node, sizeof ret->node, "%s", ask.owner.s);
        snprintf(ret->ask, sizeof ret->ask, "%s", ask.id);
    }
    ret->no = number(rec->d, "no");
    ret->r = rec->r;
    ret->until = moment(rec->d, "until");
    ret->place = number(rec->d, "place");
    ret->at = (struct bk_span){moment(rec->d, "from"), moment(rec->d, "to")};
    (void)bk_state_by_name((const char *)s.p, s.n, &ret->state);
    ret->reason = BKR_NONE;
    (void)bk_reason_by_name((const char *)why.p, why.n, &ret->reason);
    struct span cancel = jcur_plain_of(rec->d, "cancel");
    ret->cancel = span_eqs(cancel, "asked")  ? BK_CANCEL_ASKED
                  : span_eqs(cancel, "kept") ? BK_CANCEL_KEPT
                                             : BK_CANCEL_NONE;
    struct span l = jcur_plain_of(rec->d, "listing"), alt;
    ret->listing = arena_dup(ar, l.p, l.n);
    ret->org = text(ar, rec->d, "org");
    ret->note = text(ar, rec->d, "note");
    ret->since = arena_strdup(ar, rec->since);
    const char *copy_of = "";
    if (jcur_get(rec->d, "alt", &alt)) {
        copy_of = arena_dup(ar, alt.p, alt.n);
        ret->alt = span_of(copy_of, alt.n);
    }
    bool whole = ret->listing != NULL && ret->org != NULL && ret->note != NULL &&
                 ret->since != NULL && copy_of != NULL;
    return whole ? 0 : SANJI_E_NOMEM;
}

bool app__booking_kind(const char *resource)
{
    return app__word_in("venue mentor equipment space visit", resource);
}

/* ---- a resource ---- */

struct reading {
    struct arena *ar;
    struct bk_place *p;
    const char *listing;
    size_t cap;
};

static int on_listing(const struct store_rec *rec, void *arg)
{
    struct reading *x = arg;
    char kind[16];
    struct span v;
    copy(kind, sizeof kind, jcur_plain_of(rec->d, "kind"));
    x->p->found = !rec->withdrawn && strcmp(rec->kind, "listing") == 0;
    x->p->bookable = x->p->found && app__booking_kind(kind) && strcmp(rec->state, "paused") != 0;
    x->p->approval = flag(rec->d, "approval");
    x->p->aud = arena_strdup(x->ar, rec->aud);
    x->p->who = jcur_get(rec->d, "who", &v) ? arena_dup(x->ar, v.p, v.n) : "";
    return x->p->aud == NULL || x->p->who == NULL ? SANJI_E_NOMEM : 0;
}

static int on_schedule(const struct store_rec *rec, void *arg)
{
    struct reading *x = arg;
    struct bk_place *p = x->p;
    if (!span_eqs(jcur_plain_of(rec->d, "listing"), x->listing)) {
        return 0;
    }
    if (p->rules.n == x->cap) {
        size_t cap = x->cap == 0 ? 4 : x->cap * 2;
        struct bk_schedule *v = arena_alloc(x->ar, cap * sizeof *v);
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        if (p->rules.n > 0) {
            memcpy(v, p->sched, p->rules.n * sizeof *v);
        }
        p->sched = v;
        x->cap = cap;
    }
    bk_schedule_read(rec->d, rec->id, &p->sched[p->rules.n++]);
    return 0;
}

int app__booking_place_read(struct app *a, struct arena *ar, const struct calendar *cal,
                            const char *owner, const char *listing, struct bk_place *ret)
{
    struct reading x = {.ar = ar, .p = ret, .listing = listing};
    struct store_filter fl = {.kind = "schedule", .owner = owner, .limit = EVERY};
    memset(ret, 0, sizeof *ret);
    ret->id = arena_strdup(ar, listing);
    ret->aud = ret->who = "";
    if (ret->id == NULL) {
        return SANJI_E_NOMEM;
    }
    int r = store_record_get(a->store, owner, "listing", listing, on_listing, &x);
    if (r == SANJI_E_NOT_FOUND) {
        r = app__booking_event_read(a, ar, owner, listing, ret);
    }
    r = r < 0 || ret->event ? r : store_record_list(a->store, &fl, on_schedule, &x);
    ret->rules.v = ret->sched;
    ret->rules.cal = cal;
    return r;
}

/* ---- the book ---- */

static int on_ask(const struct store_rec *rec, void *arg)
{
    struct book *b = arg;
    bool is = false;
    if (b->n_ask == b->cap_ask) {
        size_t cap = b->cap_ask == 0 ? 64 : b->cap_ask * 2;
        struct bk_ask *v = realloc(b->ask, cap * sizeof *v);
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        b->ask = v;
        b->cap_ask = cap;
    }
    int r = app__booking_ask_read(b->arena, rec, app_id(b->a), &b->ask[b->n_ask], &is);
    b->n_ask += r == 0 && is;
    return r;
}

static int room_for_answer(struct book *b)
{
    if (b->n_ans < b->cap_ans) {
        return 0;
    }
    size_t cap = b->cap_ans == 0 ? 64 : b->cap_ans * 2;
    struct bk_answer *v = realloc(b->ans, cap * sizeof *v);
    struct bk_use *u = v == NULL ? NULL : realloc(b->use, cap * sizeof *u);
    b->ans = v != NULL ? v : b->ans;
    b->use = u != NULL ? u : b->use;
    b->cap_ans = u != NULL ? cap : b->cap_ans;
    return u != NULL ? 0 : SANJI_E_NOMEM;
}

static int on_answer(const struct store_rec *rec, void *arg)
{
    struct book *b = arg;
    if (strcmp(rec->owner, app_id(b->a)) != 0) {
        return 0;
    }
    int r = room_for_answer(b);
    r = r < 0 ? r : app__booking_answer_read(b->arena, rec, &b->ans[b->n_ans]);
    if (r == 0) {
        b->ans[b->n_ans].took = bk_state_takes(b->ans[b->n_ans].state);
        b->n_ans++;
    }
    return r;
}

static int by_arrival(const void *x, const void *y)
{
    const struct bk_ask *a = x, *b = y;
    if (a->got != b->got) {
        return a->got < b->got ? -1 : 1;
    }
    return a->n < b->n ? -1 : a->n > b->n;
}

/* The place of an answer in the index: it stands there, or may be put there. */
static uint32_t *slot_of(struct book *b, const char *id)
{
    uint64_t h = 14695981039346656037u;
    assert(id != NULL); /* every answer has one */
    for (const char *p = id; *p != '\0'; p++) {
        h = (h ^ (uint8_t)*p) * 1099511628211u;
    }
    size_t at = (size_t)(h >> 20) & (b->n_slot - 1);
    while (b->slot[at] != 0 && strcmp(b->ans[b->slot[at] - 1].id, id) != 0) {
        at = (at + 1) & (b->n_slot - 1);
    }
    return &b->slot[at];
}

/* At most half full. */
static int index_answers(struct book *b)
{
    size_t n = b->n_slot == 0 ? 128 : b->n_slot;
    while (n < b->cap_ans * 2) {
        n *= 2;
    }
    if (n == b->n_slot) {
        return 0;
    }
    uint32_t *v = calloc(n, sizeof *v);
    if (v == NULL) {
        return SANJI_E_NOMEM;
    }
    free(b->slot);
    b->slot = v;
    b->n_slot = n;
    for (size_t i = 0; i < b->n_ans; i++) {
        *slot_of(b, b->ans[i].id) = (uint32_t)i + 1;
    }
    return 0;
}

/* Who came first, among asks; what is not here any more goes before. */
static int64_t order_of(struct book *b, const char *node, const char *ask, int64_t no)
{
    const struct bk_ask *k = book_ask(b, node, ask);
    return k == NULL ? no : (k - b->ask + 1) * 64 + no;
}

struct bk_answer *book_answer(struct book *b, const char *node, const char *ask, int64_t no)
{
    char id[LIM_ID_BYTES + 1];
    if (b->n_slot == 0 || !bk_answer_id(node, ask, no, id)) {
        return NULL;
    }
    uint32_t i = *slot_of(b, id);
    return i == 0 ? NULL : &b->ans[i - 1];
}

int book_load(struct app *a, int64_t now, struct book *b)
{
    struct store_filter asks = {.kind = "booking_ask", .limit = EVERY},
                        answers = {.kind = "booking", .limit = EVERY};
    memset(b, 0, sizeof *b);
    b->a = a;
    b->now = now;
    b->arena = arena_new(BOOK_BYTES);
    b->cal = malloc(sizeof *b->cal);
    if (b->arena == NULL || b->cal == NULL) {
        return SANJI_E_NOMEM;
    }
    int r = store_record_list(a->store, &asks, on_ask, b);
    r = r < 0 ? r : store_record_list(a->store, &answers, on_answer, b);
    r = r < 0 ? r : book_arrivals(b);
    if (r == 0 && b->n_ask > 0) {
        qsort(b->ask, b->n_ask, sizeof *b->ask, by_arrival);
    }
    r = r < 0 ? r : app__booking_allots(a, b->arena, true, &b->allot, &b->n_allot);
    r = r < 0 ? r : index_answers(b);
    for (size_t i = 0; r == 0 && i < b->n_ans; i++) {
        struct bk_answer *x = &b->ans[i];
        x->order = x->state == BKS_WAITLISTED ? order_of(b, x->node, x->ask, x->no) : 0;
    }
    return r < 0 ? r : app_calendar(a, b->cal);
}

void book_free(struct book *b)
{
    arena_free(b->arena);
    free(b->cal);
    free(b->ask);
    free(b->ans);
    free(b->slot);
    free(b->allot);
    free(b->place);
    free(b->use);
    free(b->load);
}

struct bk_ask *book_ask(struct book *b, const char *node, const char *id)
{
    for (size_t i = 0; i < b->n_ask; i++) {
        if (strcmp(b->ask[i].id, id) == 0 && strcmp(b->ask[i].node, node) == 0) {
            return &b->ask[i];
        }
    }
    return NULL;
}

/* ---- what busy/1 says and no booking here explains ---- */

struct ghosts {
    struct book *b;
    struct bk_place *p;
    size_t cap;
};

static bool explained(const struct book *b, const struct bk_place *p, struct bk_span at)
{
    for (size_t i = 0; i < b->n_ans; i++) {
        const struct bk_answer *x = &b->ans[i];
        if (bk_state_takes(x->state) && x->at.from == at.from && x->at.to == at.to &&
            strcmp(x->listing, p->id) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < b->n_allot; i++) {
        const struct bk_allot *x = &b->allot[i];
        for (size_t j = 0; x->state != BK_ALLOT_ENDED && j < x->n_at; j++) {
            if (x->at[j].from == at.from && x->at[j].to == at.to &&
                strcmp(x->listing, p->id) == 0) {
                return true;
            }
        }
    }
    for (size_t i = 0; i < p->n_ghost; i++) { /* of two months, when it goes over their end */
        if (p->ghost[i].at.from == at.from && p->ghost[i].at.to == at.to) {
            return true;
        }
    }
    return false;
}

static int on_busy(const struct store_rec *rec, void *arg)
{
    struct ghosts *g = arg;
    struct jcur c, p;
    struct span v, e, x, y;
    if (!span_eqs(jcur_plain_of(rec->d, "listing"), g->p->id) || !jcur_get(rec->d, "at", &v) ||
        !jcur_array(&c, v)) {
        return 0;
    }
    while (jcur_element(&c, &e)) {
        struct bk_span at;
        if (!jcur_array(&p, e) || !jcur_element(&p, &x) || !jcur_element(&p, &y) ||
            !bk_pair_read(x, y, &at.from, &at.to) || explained(g->b, g->p, at)) {
            continue;
        }
        if (g->p->n_ghost == g->cap) {
            size_t cap = g->cap == 0 ? 8 : g->cap * 2;
            struct bk_ghost *n = arena_alloc(g->b->arena, cap * sizeof *n);
            if (n == NULL) {
                return SANJI_E_NOMEM;
            }
            if (g->cap > 0) {
                memcpy(n, g->p->ghost, g->p->n_ghost * sizeof *n);
            }
            g->p->ghost = n;
            g->cap = cap;
        }
        g->p->ghost[g->p->n_ghost++].at = at;
    }
    return 0;
}

int book_place(struct book *b, const char *listing, struct bk_place **ret)
{
    struct store_filter fl = {.kind = "busy", .owner = app_id(b->a), .limit = EVERY};
    for (size_t i = 0; i < b->n_place; i++) {
        if (strcmp(b->place[i]->id, listing) == 0) {
            *ret = b->place[i];
            return 0;
        }
    }
    struct bk_place **v = realloc(b->place, (b->n_place + 1) * sizeof(void *));
    struct bk_place *p = arena_alloc(b->arena, sizeof *p);
    b->place = v != NULL ? v : b->place;
    if (v == NULL || p == NULL) {
        return SANJI_E_NOMEM;
    }
    v[b->n_place] = p;
    int r = app__booking_place_read(b->a, b->arena, b->cal, app_id(b->a), listing, p);
    if (r == 0) { /* before anything is decided: what was told and what is here must be the same */
        struct ghosts g = {b, p, 0};
        r = p->event ? book_event_load(b, p) : store_record_list(b->a->store, &fl, on_busy, &g);
    }
    b->n_place += r == 0;
    *ret = p;
    return r;
}

int book_uses(struct book *b, const struct bk_place *p, const struct bk_answer *skip,
              const struct bk_answer *skip2, size_t *ret_n)
{
    size_t n = 0;
    struct bk_use *u =
        realloc(b->use, (b->cap_ans + p->n_ghost + b->n_allot * BK_SERIES + 1) * sizeof *u);
    if (u == NULL) {
        return SANJI_E_NOMEM;
    }
    b->use = u;
    for (size_t i = 0; i < b->n_ans; i++) {
        const struct bk_answer *x = &b->ans[i];
        if (x != skip && x != skip2 && bk_state_takes(x->state) && strcmp(x->listing, p->id) == 0) {
            u[n++] = (struct bk_use){x->at, x->node, x->org};
        }
    }
    for (size_t i = 0; i < p->n_ghost; i++) {
        u[n++] = (struct bk_use){p->ghost[i].at, NULL, NULL};
    }
    for (size_t i = 0; i < b->n_allot; i++) {
        const struct bk_allot *x = &b->allot[i];
        bool blocks =
            x->state != BK_ALLOT_ENDED && x != b->inside && strcmp(x->listing, p->id) == 0;
        for (size_t j = 0; blocks && j < x->n_at; j++) {
            u[n++] = (struct bk_use){x->at[j], NULL, NULL};
        }
    }
    *ret_n = n;
    return 0;
}

int book_set(struct book *b, const struct bk_ask *k, int64_t no, enum bk_state state,
             enum bk_reason why, struct bk_answer **ret)
{
    struct bk_answer *x = book_answer(b, k->node, k->id, no);
    struct bk_place *p = NULL;
    int r = book_place(b, k->listing, &p);
    if (r == 0 && x == NULL) {
        char today[11];
        r = room_for_answer(b);
        r = r < 0 ? r : index_answers(b);
        if (r < 0) {
            return r;
        }
        assert(b->ans != NULL); /* room was made */
        x = &b->ans[b->n_ans];
        memset(x, 0, sizeof *x);
        date_write((int)(b->now / 1440), today);
        x->no = no;
        x->at = k->at[no - 1];
        x->listing = k->listing;
        x->org = k->org;
        x->note = "";
        x->since = arena_strdup(b->arena, today);
        snprintf(x->node, sizeof x->node, "%s", k->node);
        snprintf(x->ask, sizeof x->ask, "%s", k->id);
        if (x->since == NULL || !bk_answer_id(k->node, k->id, no, x->id)) {
            return SANJI_E_NOMEM;
        }
        *slot_of(b, x->id) = (uint32_t)++b->n_ans;
    }
    if (r < 0) {
        return r;
    }
    p->dirty = p->dirty || bk_state_takes(x->state) != bk_state_takes(state) ||
               (x->state == BKS_HELD) != (state == BKS_HELD);
    p->freed = p->freed || (bk_state_takes(x->state) && !bk_state_takes(state));
    p->line = p->line || x->state == BKS_WAITLISTED || state == BKS_WAITLISTED;
    p->dirty = p->dirty || (p->event && x->state != state); /* everybody sees how many wait */
    x->order = order_of(b, k->node, k->id, no);
    x->state = state;
    x->reason = why;
    x->until = x->place = 0;
    x->alt = span_of(NULL, 0);
    x->cancel = BK_CANCEL_NONE;
    x->dirty = true;
    *ret = x;
    return 0;
}
