/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_ERASE_H
#define SANJI_NODE_APP_ERASE_H

#include "node/app.h"

/* Erasing what concerns a person: own records and referrals of this node, and records of a node
 * that speaks no more, whose steward this one is (PROTOCOL.md 15.4, 18). One member of staff asks
 * for it and another confirms; then it cannot be undone. Requests hold ids, codes and logins, never
 * content. */

enum app_erase_right { APP_MAY_REQUEST, APP_MAY_CONFIRM };
bool app_erase_may(const char *role, enum app_erase_right what);
/* Who stands behind a command: 0, SANJI_E_UNAUTHORISED (no such login, wrong password, disabled,
 * first password not changed yet), SANJI_E_FORBIDDEN (his role). */
int app_erase_who(struct app *a, const char *login, struct span password,
                  enum app_erase_right what);

struct app_erase {
    int64_t n; /* its number */
    bool referral;
    char id[LIM_ID_BYTES + 1];
    char owner[LIM_NODE_ID + 2]; /* of the record, whose steward this node is; "": its own */
    char why[8];                 /* "person", "mistake", "law" */
    char state[8];               /* "open", "done", "dropped" */
    char by[80], with[80];       /* logins: who asked, who confirmed or dropped it */
    int64_t asked_ms, ended_ms;
    int64_t items; /* done: how many items it named */
};
typedef int app_erase_fn(const struct app_erase *e, void *arg);
/* SANJI_E_NOT_FOUND: no own record and no referral of that id; _STATE: the referral is not at an
 * end; _SPEC: why. */
int app_erase_request(struct app *a, const char *login, const char *id, const char *why,
                      int64_t *ret_n, struct fault *f);
/* A record of `owner`. With f's member "for": this node may not speak for it, as
 * app__may_stand_for() says. */
int app_erase_request_for(struct app *a, const char *login, const char *owner, const char *id,
                          const char *why, int64_t *ret_n, struct fault *f);
/* SANJI_E_FORBIDDEN: the one who asked; _STATE: not open, or the referral went on; _NOT_FOUND: the
 * request, or whatever it was about. ret (may be NULL): as it is now. */
int app_erase_confirm(struct app *a, const char *login, int64_t n, struct app_erase *ret,
                      struct fault *f);
int app_erase_drop(struct app *a, const char *login, int64_t n, struct app_erase *ret,
                   struct fault *f);
int app_erase_list(struct app *a, app_erase_fn *fn, void *arg); /* oldest first */
int app_erase_get(struct app *a, int64_t n, struct app_erase *ret);

/* Own records (any form still held), those of nodes whose steward this one is, and referrals that
 * hold this text; what: "record", "referral", "unsent", or "unread": a bundle (AUDIENCE/EPOCH/SEQ)
 * that cannot be read or is gone. owner: of the record or bundle; "": this node. */
typedef int app_erase_hit_fn(const char *what, const char *owner, const char *id, void *arg);
int app_erase_find(struct app *a, struct span text, app_erase_hit_fn *fn, void *arg);

/* ---- app_erased.c: what has to follow ----
 * keys/erased holds the list of erased leaves beside the database: "BY WHY LEAF AUDIENCE", a line
 * each. One that the database does not know is carried out before anything is served. */
int app__erased_load(struct app *a);
/* Writes the list, then the files anew, then a backup in place of the older ones. 0: nothing left
 * to do, or not yet. */
int app__erased_tick(struct app *a, int64_t mono_ms);
/* app_referral.c: the event, after the confirmation. app_ref_erased.c: what its state asks of both
 * parties; *ret_n: own items named. */
int app__referral_erase(struct app *a, const char *id, const char *why, struct fault *f);
int app__referral_erase_rest(struct app *a, int64_t *ret_n);
int app__referral_erase_auto(struct app *a); /* when the other party has erased it */

#endif
