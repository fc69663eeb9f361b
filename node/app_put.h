/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_PUT_H
#define SANJI_NODE_APP_PUT_H

#include "node/app_internal.h"

/* What the two halves of writing records share: app_put.c checks, collects and signs,
 * app_put_follow.c says what a record brings with it. */

#define CARD_TAIL ".card"

enum { PUT_AUDS = 3, PUT_TEXT_BYTES = 64 << 20, PUT_SEEN = 1 << 14 };

struct pending {
    size_t off, len; /* in text of its audience */
    char id[LIM_ID_BYTES + 1];
};
struct lane_batch {
    char aud[LIM_AUD_BYTES + 1];
    struct buf text;
    struct pending *v;
    size_t n;
    size_t cap;
};
struct app_put {
    struct app *a;
    const struct kind *k;
    char aud[8]; /* word */
    bool dry;
    struct put_dry *held; /* of a dry run: what it would have stored */
    /* Called in the transaction that stores what is pending, before it is committed: what belongs
     * to the same effect. NULL: nothing does. */
    int (*also)(void *arg);
    void *also_arg;
    const char *role;            /* of who writes; NULL: an administrator at the command line */
    const char *login;           /* attachments have to be brought by him; NULL: by anybody */
    const char *org;             /* of a member; NULL or empty: of none */
    char owner[LIM_NODE_ID + 2]; /* as whose steward; empty: own records */
    struct lane_batch lane[PUT_AUDS];
    uint64_t seen[PUT_SEEN]; /* hashes of pending ids, open addressing; 0: free */
    size_t n_seen;
    size_t n;
    bool has_given; /* one of the pending ones may be a new form of a record that is there */
    struct buf d, item;
};

struct old_rec {
    bool found, withdrawn;
    int64_t r;
    char aud[LIM_AUD_BYTES + 1];
    struct buf d;
    char kind[40];
};

/* app_consult.c: is there a free consultation left for what lies in p->d? */
int app__consult_may(struct app_put *p, const char *id, struct fault *f);
/* app_question.c: what a question or its answer is about, and whom it is for. */
int app__question_autos(struct app_put *p, struct jw *w, struct fault *f);
/* Adds one item to the batch of its audience. */
int app__put_lane(struct app_put *p, const struct kind *k, const char *aud, const char *id,
                  enum item_op op, int64_t r, struct span d);
/* Whose records are written: this node's, or those of the node it is the steward of. */
const char *app__put_owner(const struct app_put *p);
/* The record as it stands; ret->found false: none. ret->d is to be ended in every case. */
int app__put_old(struct app *a, const char *owner, const char *id, struct old_rec *ret);
/* Is a form of this record waiting in the batch? Remembers it. */
bool app__put_pending(struct app_put *p, const char *id);
/* May what lies in p->d follow o: the step of its state, and what it names is there? */
int app__put_may(struct app_put *p, const char *id, const struct old_rec *o, struct fault *f);
/* The node's own members of p->d (KFF_AUTO). */
int app__put_autos(struct app_put *p, const struct old_rec *o, int64_t now_ms, struct fault *f);
/* Of a record that will change another one: what that says now. */
int app__effect_auto(struct app_put *p, const struct old_rec *o, struct jw *w);
/* The same of an answer: members into w. */
struct jw;
int app__pair_autos(struct app_put *p, struct jw *w, struct fault *fl);
/* The same of what is filled into a form. */
int app__form_autos(struct app_put *p, const struct old_rec *was, struct jw *w, struct fault *f);
/* May p->d follow o where others answer the record, or where it is an answer? */
int app__pair_may(struct app_put *p, const char *id, const struct old_rec *o, struct fault *fl);
/* The audience of p->d; word: what was asked for, empty: nothing. */
int app__put_audience(const struct app_put *p, const char *word,
                      char ret[static LIM_AUD_BYTES + 1]);
/* Is a form of this record pending? */
bool app__put_has(struct app_put *p, const char *id);
/* app_put_dry.c: keeps p->d as the form of id; fills ret from it when it has one; frees. */
int app__dry_keep(struct app_put *p, const char *id, const char *aud);
bool app__dry_holds(const struct app_put *p, const char *id);
int app__dry_old(const struct app_put *p, const char *id, struct old_rec *ret);
void app__dry_free(struct app_put *p);
/* May the own record o be taken away? SANJI_E_STATE: others have read it or build on it. */
int app__put_may_go(const struct kind *k, const struct old_rec *o, struct fault *f);
/* Takes an own record away, in the batch; with its card. */
int app__put_withdraw(struct app_put *p, const char *id, const struct old_rec *o);
/* The card says what the record says, or is gone. d: the record's content; empty: withdrawn. */
int app__put_card(struct app_put *p, const struct kind *k, const char *id, struct span d);
/* What p->d, the record `by`, does to another one when it comes into its state. */
int app__put_effect(struct app_put *p, const char *by, const struct old_rec *was);

#endif
