/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_BOOKING_BOOK_H
#define SANJI_NODE_APP_BOOKING_BOOK_H

#include "node/app_booking.h"
#include "node/app_internal.h"
#include "protocol/base/arena.h"
#include "protocol/jwrite.h"
#include "protocol/seats.h"

/* Shared by node/app_booking*.c: everything this node knows of asks for its resources and of its
 * own answers, read at the beginning of a transaction and kept in step with what is written in it.
 */

struct bk_ask {
    char node[LIM_NODE_ID + 2], id[LIM_ID_BYTES + 1]; /* who asked */
    const char *listing;                              /* id of the own resource */
    const char *org;
    struct span d;
    char instead[LIM_ID_BYTES + 1]; /* ask; empty: none */
    char allot[LIM_ID_BYTES + 1];   /* inside these times; empty: none */
    int64_t instead_no;
    int64_t got, n; /* order of arrival */
    uint64_t off;   /* bit per occurrence, 1 the lowest */
    bool wait;
    size_t n_at;
    struct bk_span *at;
};
enum bk_allot_state { BK_ALLOT_OPEN, BK_ALLOT_RECALLED, BK_ALLOT_ENDED };
struct bk_allot {
    char id[LIM_ID_BYTES + 1], owner[LIM_NODE_ID + 2], node[LIM_NODE_ID + 2]; /* node: the holder */
    const char *listing;
    enum bk_allot_state state;
    int64_t r, gap, until;
    size_t n_at;
    struct bk_span *at;
    struct span d;
    bool dirty;
};
struct bk_answer {
    char id[LIM_ID_BYTES + 1], node[LIM_NODE_ID + 2], ask[LIM_ID_BYTES + 1];
    int64_t no, r, until, place;
    const char *listing, *org, *since, *note;
    struct span alt; /* JSON; empty: none */
    struct bk_span at;
    enum bk_state state;
    enum bk_reason reason;
    enum bk_cancel { BK_CANCEL_NONE, BK_CANCEL_ASKED, BK_CANCEL_KEPT } cancel;
    int64_t order;    /* of arrival */
    bool dirty, took; /* took: its time was taken when it was read */
    bool stays;       /* on the list, whatever becomes free in this transaction */
};
struct bk_ghost { /* taken as everybody was told, by a booking that is not here */
    struct bk_span at;
};
struct bk_place { /* one own resource or event */
    const char *id;
    bool found, bookable, approval;
    const char *aud, *who;
    struct bk_schedule *sched;
    struct bk_rules rules;
    struct bk_ghost *ghost;
    size_t n_ghost;
    bool dirty; /* busy is to be written again */
    bool freed; /* a time of it became free, and nobody has moved up yet */
    bool line;  /* who waits for it is to be counted again */
    bool event; /* it has seats and takes place once: `seats` instead of `rules` */
    struct seats_rules seats;
    int64_t ghost_seats[SEATS_TIERS];
};
struct bk_extra { /* what else is signed in the same transaction, in `own` */
    const char *kind, *id;
    int64_t r;
    struct span d;
};
struct bk_load { /* how many occurrences of a node wait */
    char node[LIM_NODE_ID + 2];
    size_t n;
};
enum { BOOK_EXTRA = 4 };
struct book {
    struct app *a;
    struct arena *arena;
    struct calendar *cal;
    int64_t now;
    struct bk_ask *ask;
    size_t n_ask, cap_ask;
    struct bk_answer *ans;
    size_t n_ans, cap_ans;
    uint32_t *slot; /* answers by id, open addressing; 0: free, else index + 1 */
    size_t n_slot;
    struct bk_place **place;
    size_t n_place;
    struct bk_allot *allot; /* own ones */
    size_t n_allot;
    const struct bk_allot *inside; /* its times do not stand in the way */
    struct bk_use *use;            /* scratch of book_uses() */
    struct bk_load *load;
    size_t n_load;
    struct bk_extra extra[BOOK_EXTRA];
    size_t n_extra;
};

/* A place of the kind event; `ret` stays as it is when there is none. */
int app__booking_event_read(struct app *a, struct arena *ar, const char *owner, const char *id,
                            struct bk_place *ret);
/* Seats that were told as taken and are explained by nothing here. */
int book_event_load(struct book *b, struct bk_place *p);
/* What does not depend on others, and what does, for a resource by its hours and for an event by
 * its seats. */
struct book_want {
    struct bk_use use;
    const struct bk_answer *mine, *old; /* what does not stand in the way; NULL: none */
};
enum bk_reason book_judge_rules(const struct book *b, const struct bk_place *p, struct bk_span at);
int book_judge_uses(struct book *b, const struct bk_place *p, const struct book_want *w,
                    enum bk_reason *ret);
/* Is there a seat, whatever the limits of its platform? */
bool book_seat_left(const struct book *b, const struct bk_place *p, const struct bk_answer *mine,
                    const struct bk_answer *old, const char *node);
/* Events that were moved, called off or got more seats. */
int book_event_changes(struct book *b);
int book_seats_content(const struct book *b, const struct bk_place *p,
                       char ret_id[static LIM_ID_BYTES + 8], struct buf *out);
/* Reads all; book_free() in every case. */
int book_load(struct app *a, int64_t now, struct book *ret);
void book_free(struct book *b);
/* app_booking_since.c: when asks that wait had come first; noted for an answer that is written. */
int book_arrivals(struct book *b);
int book_keep_arrival(struct book *b, const struct bk_answer *x);
/* The place of an own resource, also of one that is not there. */
int book_place(struct book *b, const char *listing, struct bk_place **ret);
struct bk_answer *book_answer(struct book *b, const char *node, const char *ask, int64_t no);
struct bk_ask *book_ask(struct book *b, const char *node, const char *id);
/* Times of the place that are given away, without `skip` and `skip2` (may be NULL): in b->use. */
int book_uses(struct book *b, const struct bk_place *p, const struct bk_answer *skip,
              const struct bk_answer *skip2, size_t *ret_n);
/* Sets an answer, the first one or the next. The pointer is valid until another is added. */
int book_set(struct book *b, const struct bk_ask *k, int64_t no, enum bk_state state,
             enum bk_reason why, struct bk_answer **ret);
/* Alternatives for an answer that says no, into x->alt. */
int book_alternatives(struct book *b, struct bk_place *p, struct bk_answer *x);
/* Who waits moves up where time became free: held where a person has to say yes, else confirmed. */
int book_promote(struct book *b, const char *listing);
/* The same for all places, and everybody's place in the line is made right. */
int book_settle(struct book *b);
/* Has its writer taken it back, or asked for something else since, or is the ask here no more? */
bool book_gone(struct book *b, const struct bk_answer *x);
/* The ask as it was answered: an answer alone says which time of what it is about. */
int book_answered(struct book *b, const struct bk_answer *x, struct bk_ask *ret);
bool book_needs_approval(const struct bk_place *p, struct bk_span at);
/* May this platform ask for it at all? Its own always. */
bool book_may_ask(const struct book *b, const struct bk_place *p, const char *node);
/* The booking that a change gives back, while it can still be given back; NULL: none. */
struct bk_answer *book_given_back(struct book *b, const struct bk_ask *k);
/* A change after the cut-off is no way round it. */
bool book_too_late(struct book *b, const struct bk_answer *x);
int book_cancel(struct book *b, struct bk_answer *x, enum bk_reason why);
int book_give(struct book *b, const struct bk_ask *k, int64_t no, enum bk_state state);
/* Is there no room in busy/1 of its months for so many more beside the n in b->use? */
bool book_month_full(const struct book *b, size_t n, struct bk_span at, size_t more);
bool book_inside(const struct bk_allot *x, struct bk_span at);
int book_allot_state(struct book *b, struct bk_allot *x, enum bk_allot_state state);
int book_take_back(struct book *b);
/* r < 0: rolls back. Else writes, commits; the caller's transaction ends in every case. */
int book_finish(struct book *b, int r);
/* Signs what was set, and the months of busy/1 that changed; in the caller's transaction. *ret_n:
 * items. */
int book_write(struct book *b, size_t *ret_n);

/* The times of an ask or an allotment, from its member `at`; *ret lies in the arena. */
int app__booking_spans_read(struct arena *ar, struct span d, struct bk_span **ret, size_t *ret_n);
int app__booking_allot_read(struct arena *ar, const struct store_rec *rec, struct bk_allot *ret);
/* Those this node owns, or those it holds; *ret is freed by the caller. */
int app__booking_allots(struct app *a, struct arena *ar, bool mine, struct bk_allot **ret,
                        size_t *ret_n);
/* An array `name` of them with what was given away inside, without those that came back; listing
 * NULL: of any resource. */
int app__booking_put_handed(struct app *a, struct arena *ar, struct jw *w, const char *name,
                            bool mine, const char *owner, const char *listing);
/* May d, an ask with `allot`, be confirmed by this node itself? */
int app__booking_use(struct app *a, const char *owner, struct span d, struct fault *f);
/* Gives back what is asked back or over by this node's clock. *ret_holds: something is left. */
int app__booking_give_back(struct app *a, int64_t now, bool *ret_holds);
/* May this node give times away now? 0, SANJI_E_HELD, or why it may not write. */
int app__booking_may(const struct app *a);
/* One ask as read from its record, NULL content left out. false: not one for `owner`. */
int app__booking_ask_read(struct arena *ar, const struct store_rec *rec, const char *owner,
                          struct bk_ask *ret, bool *ret_is);
/* How it stands: state and what belongs to it, as booking/1 and the pages have it. */
void app__booking_put_answer(struct jw *w, const struct bk_answer *x);
int app__booking_answer_read(struct arena *ar, const struct store_rec *rec, struct bk_answer *ret);
/* Schedules of a resource of any owner, and what it is. */
int app__booking_place_read(struct app *a, struct arena *ar, const struct calendar *cal,
                            const char *owner, const char *listing, struct bk_place *ret);
void app__booking_minute(struct jw *w, const char *name, int64_t m);
bool app__booking_kind(const char *resource); /* can be booked */

#endif
