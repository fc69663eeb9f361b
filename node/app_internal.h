/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_INTERNAL_H
#define SANJI_NODE_APP_INTERNAL_H

#include "node/app.h"

/* Shared by node/app*.c only. */
int app__read_file(const char *path, size_t max, struct buf *out);
int app__write_file(const char *path, const void *p, size_t n, bool secret); /* new files only */
int app__sync_dir(const char *path);       /* its names are durable; SANJI_E_IO */
int app__sync_folder_of(const char *path); /* that of the folder a path lies in */
int app__read_secret(const char *dir, const char *name, void *out, size_t n);
/* app_birth.c: DIR/birth lies there until a node is whole. begin: takes the lock too, dropped by
 * the caller; what: the line, see there. clear: takes away what an attempt left that was cut short;
 * SANJI_E_LOCKED while somebody is at it. undo: everything a birth makes in DIR, and DIR if empty.
 */
int app__birth_begin(const char *dir, const char *what, int *ret_lock);
int app__birth_end(const char *dir, const char *root_key); /* root_key may be NULL */
bool app__birth_unfinished(const char *dir);
int app__birth_clear(const char *dir);
void app__birth_undo(const char *dir);
/* app_init.c: what a join asks with; the database it ends in, under the mark of a birth, with the
 * lock, which the caller drops in every case. */
struct msg_enrol;
int app__join_fill(const struct app_join *j, const char *url, const struct sign_key *k,
                   struct msg_enrol *ret);
int app__join_make(const char *dir, const struct app_join *j, const uint8_t code[RECOVERY_SECRET],
                   char ret_code[static RECOVERY_TEXT], int *ret_lock);
/* After opening failed with SANJI_E_IO: SANJI_E_FULL when that is why; fills f->denied. */
int app__why(const char *dir, int err, struct app_fault *f);
int app__keys_load(struct app *a);
/* After the engine was loaded: a rotation that was interrupted. *ret_again: load it with other
 * keys. */
int app__keys_resume(struct app *a, bool *ret_again);
/* A new key for the top whose quorum signs elsewhere: the text (ts 0: of now), and what was signed.
 */
int app__rekey_draft(struct app *a, int64_t ts, struct buf *ret_text);
int app__rekey_said(struct app *a, int64_t ts, const struct act_co *co, size_t n_co);
int app__keys_tick(struct app *a); /* files take their places once the roster has the new key */
/* keys/guard: own heads beside the database. Load: before the engine's first step. */
/* app_programs.c: tokens, calendars and hooks do not come back with an older database. changed: in
 * the transaction that adds one or takes one away. */
int app__programs_changed(struct app *a);
int app__programs_load(struct app *a);
int app__programs_tick(struct app *a);
int app_programs_end(struct app *a); /* none is let in any more */
int app__guard_load(struct app *a);
void app__guard_save(struct app *a, bool now); /* when a head has moved; seldom, unless now */
/* app_referral.c: one own step of a thread, whatever the rule table says. */
struct app_step {
    const char *id, *peer;
    bool as_i;
    enum ref_event ev;
    int64_t step, seen;
    const uint8_t *cek;
    struct span d; /* gated */
};
int app__referral_write(struct app *a, const struct app_step *x);
/* app_reseal.c: asks for what this node cannot open, answers those who ask. */
int app__reseal_auto(struct app *a);
int app__recover_mark(struct store *s); /* app_recover.c: a node that comes back */
/* app_booking_owner.c: answers by itself, when asks came or time has come. */
int app__booking_tick(struct app *a, int64_t mono_ms, bool changed);
void app__self(const struct app *a, struct sync_self *ret); /* keys and pin */
int app__heal_trust(struct store *s);
/* Every bundle that is damaged is wanted from now on, so that views can be made without it. */
int app__heal_ask(struct app *a); /* marks the trust bundles that keep it from opening */
void app__wrote(struct app *a);
/* 0, or why own records would be lost: own history, SANJI_E_REVOKED, SANJI_E_CLOSED. */
int app__may_write(const struct app *a);
/* A steward speaks for a node that cannot speak for itself any more, and only so long.
 * SANJI_E_NOT_FOUND: no such node; _AUTHORITY: not its steward; _STATE: it speaks for itself. */
int app__may_stand_for(const struct app *a, const char *owner);
void app__record_id(struct app *a, int64_t now_ms, char out[static 28]);
/* Item text of an own record; owner: as steward of that node, else NULL. */
int app__item(const struct app *a, const char *owner, const char *id, const struct kind *k,
              enum item_op op, int64_t r, struct span d, struct buf *out);
bool app__word_in(const char *list, const char *word); /* words separated by spaces */
/* app_outbox.c: may n further new records wait for a common signature? add: in a transaction;
 * added: after it. load: what a crash has left. */
bool app__outbox_takes(const struct app *a, size_t n);
int app__outbox_add(struct app *a, const char *aud, struct span item);
void app__outbox_added(struct app *a, size_t n);
int app__outbox_load(struct app *a);
/* Does this say that the record itself is not one, whoever tries and whenever? */
bool app__is_content(int r);
/* A record was erased: what could not be signed of it goes. In a transaction. */
int app__refused_about(struct app *a, const char *id);
/* app_audit.c: one row of the audit log; err 0: "ok". */
int app__audit_add(struct app *a, const char *who, const char *what, const char *target, int err);
/* Ends a transaction of the command line: what came to r, and its row in the log, or neither. */
int app__audit_end(struct app *a, const char *what, int64_t n, int r);
/* app_user.c: a name people give to something: one line of at most 80 characters. */
int app__name_check(const char *name, bool required, struct fault *f);
/* app_duty_seen.c: the day a report first came here; 0: not known. no, got: of its newest form.
 * Tick: notes it, now and then. */
int app__duty_seen(struct app *a, const char *node, const char *id, int64_t no, int64_t got,
                   int *ret_day);
int app__duty_tick(struct app *a, int64_t mono_ms);
/* app_hook.c, app_hook_send.c; in a transaction. source "": a message to try it. */
struct hook_row;
int app__hook_push(struct app *a, const struct hook_row *h, const char *source, const char *kind,
                   int64_t count);
int app__hook_seen(struct app *a); /* what waits now is no news */
/* app_user.c: only members belong to an organisation, and it has to be on file; org "": none. */
int app__org_check(struct app *a, const char *role, const char *org, struct fault *f);
/* app_audit.c: says up the tree how far the audit log had come at the day's end; holds the log to
 * it. */
int app__audit_tick(struct app *a);
int app__audit_check(struct app *a, app_wrong_fn *fn, void *arg, int64_t *ret_wrong);
/* node/app_area.c */
void app__areas_free(struct app *a);
void app__codes_free(struct app *a);
extern const char *const app__backup_files[]; /* of the data folder; NULL ends */

#endif
