/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_STORE_STAFF_H
#define SANJI_NODE_STORE_STAFF_H

#include "node/store/store.h"

/* People who work at this node: users, their browser sessions, and who did what. Local to the node,
 * never replicated. Password hashing, tokens and rules are the caller's: this only keeps the rows.
 * All texts are copied; times are milliseconds. */
enum { STAFF_LOGIN_BYTES = 64, STAFF_TOTP_BYTES = 64 };

struct staff_user {
    const char *login, *name;
    const char *role;  /* admin manager clerk reviewer supervisor member; others: SANJI_E_SPEC */
    const char *pass;  /* hash with its parameters, as text */
    bool one_time;     /* must be changed at the next login */
    struct span totp;  /* empty: no second factor */
    int64_t totp_last; /* last time step used */
    bool disabled;
    int64_t fails, until; /* wrong passwords in a row; no login before */
    int64_t created, changed;
    const char *org; /* id of the organisation a member belongs to; empty: none */
};
typedef int (*staff_user_fn)(const struct staff_user *u, void *arg);

int staff_user_add(struct store *s, const struct staff_user *u); /* SANJI_E_EXISTS */
/* Replaces everything but login and created. SANJI_E_NOT_FOUND. */
int staff_user_set(struct store *s, const struct staff_user *u);
int staff_user_get(struct store *s, const char *login, staff_user_fn fn, void *arg);
int staff_user_list(struct store *s, staff_user_fn fn, void *arg);
int staff_user_del(struct store *s,
                   const char *login); /* its sessions, calendars and uploads too */
int staff_user_count(struct store *s, int64_t *ret);
/* Only these, for the path every login takes. */
int staff_user_fails(struct store *s, const char *login, int64_t fails, int64_t until);
/* Marks a time step as used: SANJI_E_USED when it, or a later one, was used before. */
int staff_totp_use(struct store *s, const char *login, int64_t step);

struct staff_session {
    uint8_t token[HASH_LEN]; /* SHA-256 of the token: the token itself is never stored */
    const char *login, *csrf;
    int64_t created, seen, expires;
};
int staff_session_add(struct store *s, const struct staff_session *x);
/* Expired ones are found: the caller compares the clock. SANJI_E_NOT_FOUND. */
int staff_session_get(struct store *s, const uint8_t token[static HASH_LEN],
                      int (*fn)(const struct staff_session *x, void *arg), void *arg);
int staff_session_seen(struct store *s, const uint8_t token[static HASH_LEN], int64_t seen,
                       int64_t expires);
int staff_session_del(struct store *s, const uint8_t token[static HASH_LEN]);
/* All of a login, except `keep` (NULL: none). */
int staff_session_del_user(struct store *s, const char *login, const uint8_t *keep);
int staff_session_expire(struct store *s, int64_t now);
int staff_session_list(struct store *s, const char *login,
                       int (*fn)(const struct staff_session *x, void *arg), void *arg);

struct staff_token { /* another program's key to the interface */
    int64_t n;
    const char *name, *role, *about, *maker; /* about: the organisation of a member; empty: none */
    int64_t created, expires;
    int used; /* last day, as date_of_ms() counts; 0: never */
};
typedef int (*staff_token_fn)(const struct staff_token *t, void *arg);
/* n is given by the store. */
int staff_token_add(struct store *s, const struct staff_token *t,
                    const uint8_t hash[static HASH_LEN], int64_t *ret_n);
/* Expired ones are found: the caller compares the clock. SANJI_E_NOT_FOUND. */
int staff_token_get(struct store *s, const uint8_t hash[static HASH_LEN], staff_token_fn fn,
                    void *arg);
int staff_token_list(struct store *s, staff_token_fn fn, void *arg);
int staff_token_used(struct store *s, int64_t n, int day);
int staff_token_del(struct store *s, int64_t n); /* SANJI_E_NOT_FOUND */

struct staff_draft { /* a form somebody has begun */
    const char *name;
    int64_t at;
    struct span body; /* JSON; empty in lists */
};
typedef int (*staff_draft_fn)(const struct staff_draft *d, void *arg);
int staff_draft_put(struct store *s, const char *login, const struct staff_draft *d);
int staff_draft_get(struct store *s, const char *login, const char *name, staff_draft_fn fn,
                    void *arg); /* SANJI_E_NOT_FOUND */
int staff_draft_list(struct store *s, const char *login, staff_draft_fn fn, void *arg);
/* Everybody's forms about this record: it is erased. */
int staff_draft_about(struct store *s, const char *id);
int staff_draft_expire(struct store *s, int64_t before);
int staff_draft_del(struct store *s, const char *login, const char *name);

struct staff_audit {
    int64_t n, ts;
    const char *who, *what, *target, *result, *detail;
};
int staff_audit_add(struct store *s, const struct staff_audit *a); /* n is given by the store */
/* Newest first; before 0: from the newest; who NULL: all. */
int staff_audit_list(struct store *s, const char *who, int64_t before, int64_t limit,
                     int (*fn)(const struct staff_audit *a, void *arg), void *arg);
/* The last row before a moment, and the chain's value there. SANJI_E_NOT_FOUND: none. */
int staff_audit_before(struct store *s, int64_t ts, int64_t *ret_n, uint8_t ret[static HASH_LEN]);
/* The chain's value at one row. SANJI_E_NOT_FOUND. */
int staff_audit_at(struct store *s, int64_t n, uint8_t ret[static HASH_LEN]);
/* Recomputes the chain. SANJI_E_CORRUPT and the first row that does not fit; 0 and the last row. */
int staff_audit_verify(struct store *s, int64_t *ret_n);

#endif
