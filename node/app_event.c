/* SPDX-License-Identifier: Apache-2.0 */
/* What people do with an event: sign up, sign in, answer the questions. Signing in uses up a seat
 * that was given, in the same transaction as the line on the roll. */
#include "node/app_event_internal.h"

#include "protocol/base/enc.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/suite.h"

#include <stdio.h>
#include <string.h>

enum { EARLY_MIN = 12 * 60, LATE_MIN = 7 * 1440, CODE_RAW = 16, NUMBER_RAW = 10, ARENA = 1 << 20 };

/* ---- signing up ---- */

static int ask_text(const struct app_event_sign *s, const struct event_of *e, struct buf *out)
{
    char listing[LIM_NODE_ID + LIM_ID_BYTES + 4];
    struct jw w;
    (void)snprintf(listing, sizeof listing, "%s/%s", s->owner, s->event);
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_str(&w, "listing", listing);
    jw_str(&w, "org", s->org);
    jw_str(&w, "purpose", "event");
    if (s->note != NULL && s->note[0] != '\0') {
        jw_str(&w, "note", s->note);
    }
    jw_arr(&w, "at");
    jw_arr(&w, NULL);
    app__booking_minute(&w, NULL, e->rules.at.from);
    app__booking_minute(&w, NULL, e->rules.at.to);
    jw_end_arr(&w);
    jw_end_arr(&w);
    if (s->wait) {
        jw_bool(&w, "wait", true);
    }
    jw_end_obj(&w);
    return jw_done(&w);
}

int app_event_sign(struct app *a, const struct app_event_sign *s, struct fault *f)
{
    char id[LIM_ID_BYTES + 1];
    struct event_of e;
    struct buf b;
    struct arena *ar = arena_new(ARENA);
    buf_init(&b, LIM_ITEM_BYTES);
    int r = ar == NULL ? SANJI_E_NOMEM : app__event_get(a, ar, s->owner, s->event, &e);
    if (r == SANJI_E_NOT_FOUND || (r == 0 && e.withdrawn)) {
        r = fault_set(f, SANJI_E_NOT_FOUND, "event", NULL);
    }
    r = r < 0 ? r : ask_text(s, &e, &b);
    r = r < 0 ? r : app_booking_asks(a, span_of(b.data, b.len), (size_t)s->seats, id, f);
    buf_done(&b);
    arena_free(ar);
    return r;
}

/* ---- numbers ---- */

void app__came_number(const char *code, char number[static EVENT_NUMBER_BYTES])
{
    uint8_t h[HASH_LEN];
    char text[NUMBER_RAW * 2];
    size_t at = 0;
    hash_bytes(code, strlen(code), h);
    (void)b32_put(h, NUMBER_RAW, text);
    for (int i = 0; i < 16; i++) {
        if (i > 0 && i % 4 == 0) {
            number[at++] = '-';
        }
        number[at++] = (char)(text[i] >= 'a' ? text[i] - 32 : text[i]);
    }
    number[at] = '\0';
}

void app__came_id(const char *number, char id[static LIM_ID_BYTES + 1])
{
    size_t at = (size_t)snprintf(id, LIM_ID_BYTES + 1, "att-");
    for (const char *p = number; *p != '\0' && at < 20; p++) {
        if (*p != '-') {
            id[at++] = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
        }
    }
    id[at] = '\0';
}

static int new_seat(struct app_event_seat *ret)
{
    uint8_t raw[CODE_RAW];
    int r = app_random(raw, sizeof raw);
    if (r == 0) {
        size_t n = b32_put(raw, sizeof raw, ret->code);
        ret->code[n] = '\0';
        app__came_number(ret->code, ret->number);
    }
    return r;
}

/* ---- signing in ---- */

static struct bk_answer *free_seat(struct book *b, const struct app_event_attend *s)
{
    struct bk_answer *best = NULL;
    for (size_t i = 0; i < b->n_ans; i++) {
        struct bk_answer *x = &b->ans[i];
        bool given = x->state == BKS_CONFIRMED || x->state == BKS_NO_SHOW;
        if (given && strcmp(x->listing, s->event) == 0 && strcmp(x->node, s->node) == 0 &&
            strcmp(x->org, s->org) == 0 && (best == NULL || best->state == BKS_NO_SHOW)) {
            best = x;
        }
    }
    return best;
}

static int add_extra(struct book *b, const char *kind, const char *id, int64_t r,
                     const struct buf *d, struct fault *f)
{
    int e = kind_check_content(kind_find(kind), span_of(d->data, d->len), f);
    const char *held = e < 0 ? NULL : arena_dup(b->arena, d->data, d->len);
    const char *name = e < 0 ? NULL : arena_strdup(b->arena, id);
    if (e < 0 || held == NULL || name == NULL) {
        return e < 0 ? e : SANJI_E_NOMEM;
    }
    b->extra[b->n_extra++] = (struct bk_extra){kind, name, r, span_of(held, d->len)};
    return 0;
}

static int put_on_roll(struct book *b, const struct app_event_attend *s, const struct bk_answer *x,
                       const struct app_event_seat *seat, struct fault *f)
{
    char id[LIM_ID_BYTES + 1], day[11];
    struct buf d;
    struct jw w;
    date_write((int)(b->now / 1440), day);
    app__came_id(seat->number, id);
    buf_init(&d, LIM_ITEM_BYTES);
    jw_init(&w, &d);
    jw_obj(&w, NULL);
    jw_str(&w, "event", s->event);
    jw_str(&w, "booking", x->id);
    jw_str(&w, "node", x->node);
    jw_str(&w, "org", x->org);
    jw_str(&w, "name", s->name);
    app__booking_minute(&w, "at", b->now);
    jw_str(&w, "date", day);
    jw_str(&w, "number", seat->number);
    jw_str(&w, "since", day);
    jw_end_obj(&w);
    int r = jw_done(&w);
    r = r < 0 ? r : add_extra(b, "attendance", id, 1, &d, f);
    buf_done(&d);
    return r;
}

static int attend(struct book *b, const struct app_event_attend *s, struct app_event_seat *ret,
                  struct fault *f)
{
    struct bk_place *p = NULL;
    int r = book_place(b, s->event, &p);
    if (r == 0 && (!p->event || p->seats.cancelled)) {
        return fault_set(f, SANJI_E_NOT_FOUND, "event", NULL);
    }
    if (r < 0) {
        return r;
    }
    bool early = b->now < p->seats.at.from - EARLY_MIN;
    if (early || b->now > p->seats.at.to + LATE_MIN) {
        return fault_set(f, SANJI_E_STATE, "check_in", early ? "ahead" : "past");
    }
    struct bk_answer *x = free_seat(b, s);
    if (x == NULL) {
        return fault_set(f, SANJI_E_NOT_FOUND, "org", NULL);
    }
    r = bk_next(x->state, BKE_CHECK_IN, BK_O, &x->state);
    x->dirty = true;
    r = r < 0 ? r : new_seat(ret);
    return r < 0 ? r : put_on_roll(b, s, x, ret, f);
}

/* Begins and reads the book. */
static int begin(struct app *a, struct book *b)
{
    int r = app__booking_may(a);
    r = r < 0 ? r : app_outbox_flush(a);
    r = r < 0 ? r : store_begin(a->store);
    return r < 0 ? r : book_load(a, minute_of_ms(app_now_ms()), b);
}

int app_event_attend(struct app *a, const struct app_event_attend *s, struct app_event_seat *ret,
                     struct fault *f)
{
    struct book b = {0};
    int r = begin(a, &b);
    if (b.a == NULL) { /* nothing was begun */
        return r;
    }
    r = book_finish(&b, r < 0 ? r : attend(&b, s, ret, f));
    book_free(&b);
    return r;
}

/* ---- what they thought of it ---- */

static int write_rating(struct book *b, const struct came *c,
                        const int64_t mark[static SCORE_ITEMS], struct fault *f)
{
    char id[LIM_ID_BYTES + 1];
    struct score s, shown;
    struct buf d;
    struct jw w;
    int64_t held = 0;
    buf_init(&d, LIM_ITEM_BYTES);
    int r = kind_member_set(kind_find("attendance"), c->d, "rated", span_of("true", 4), &d);
    r = r < 0 ? r : add_extra(b, "attendance", c->id, c->r + 1, &d, f);
    r = r < 0 ? r : app__score_get(b->a, c->event, &s, &shown, &held);
    buf_reset(&d);
    jw_init(&w, &d);
    if (r == 0) {
        score_add(&s, &shown, mark);
        app__score_id(c->event, id);
        jw_obj(&w, NULL);
        jw_str(&w, "event", c->event);
        score_write(&w, &s, &shown);
        jw_end_obj(&w);
        r = jw_done(&w);
    }
    r = r < 0 ? r : add_extra(b, "event_score", id, held + 1, &d, f);
    buf_done(&d);
    return r;
}

static int rate(struct book *b, const char *code, const int64_t mark[static SCORE_ITEMS],
                struct fault *f)
{
    char number[EVENT_NUMBER_BYTES];
    struct event_of e;
    struct came c;
    app__came_number(code, number);
    int r = app__came_get(b->a, b->arena, number, &c);
    r = r < 0 ? r : app__event_get(b->a, b->arena, app_id(b->a), c.event, &e);
    if (r == SANJI_E_NOT_FOUND) {
        return fault_set(f, r, "code", NULL);
    }
    if (r == 0 && (c.rated || b->now < e.rules.at.from)) {
        return fault_set(f, SANJI_E_STATE, "rate", c.rated ? "rated" : "ahead");
    }
    return r < 0 ? r : write_rating(b, &c, mark, f);
}

/* Asked before anything else is read: anybody may send codes that are none. */
static int is_known(struct app *a, const char *code, struct fault *f)
{
    char number[EVENT_NUMBER_BYTES];
    struct came c;
    struct arena *ar = arena_new(ARENA);
    app__came_number(code, number);
    int r = ar == NULL ? SANJI_E_NOMEM : app__came_get(a, ar, number, &c);
    arena_free(ar);
    return r == SANJI_E_NOT_FOUND ? fault_set(f, r, "code", NULL) : r;
}

int app_event_rate(struct app *a, const char *code, const int64_t mark[static SCORE_ITEMS],
                   struct fault *f)
{
    struct book b = {0};
    for (int i = 0; i < SCORE_ITEMS; i++) {
        if (mark[i] < 1 || mark[i] > SCORE_MARKS) {
            return fault_set(f, SANJI_E_SPEC, score_item[i], "1..5");
        }
    }
    int r = is_known(a, code, f);
    r = r < 0 ? r : begin(a, &b);
    if (b.a == NULL) {
        return r;
    }
    r = book_finish(&b, r < 0 ? r : rate(&b, code, mark, f));
    book_free(&b);
    return r;
}
