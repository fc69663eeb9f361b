/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_H
#define SANJI_NODE_APP_H

#include "config/config.h"
#include "node/recovery.h"
#include "node/store/store.h"
#include "protocol/kinds/kind.h"
#include "sync/fetch.h"
#include "sync/sync.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One node: its opened data folder and everything that may be done with it. Command line, API and
 * daemon call these functions; none of them knows HTTP, sockets or languages. One thread.
 *
 *   DIR/sanji.conf    settings        DIR/sanji.db  DIR/keys.db    node/store
 *   DIR/keys/sign.seed seal.seed inst  (0600, raw bytes)   DIR/keys/tls.key tls.crt   DIR/lock
 *   DIR/keys/guard    heads of own streams, see app_guard.c
 *   DIR/keys/erased   hashes of what was erased, see app_erase.h
 *   DIR/keys/recovery.pub  backups are sealed to it, see app_backup.h
 *   DIR/birth         no node yet: being made, or an attempt that was cut short, see app_birth.c
 *
 * kv names kept here: self/g self/id self/inst (raw, text, raw), parent/id parent/tls parent/url
 * parent/head (text, see enrol_pin)
 * parent/url_override (see sync.h). */
enum { APP_DIR_BYTES = 3072, APP_PATH_BYTES = 4096, APP_JSON_BYTES = 1 << 20, APP_SEAL_SEEDS = 64 };

struct app {
    char dir[APP_DIR_BYTES];
    int lock_fd;
    struct store *store;
    struct sync *sync;
    struct config cfg;
    uint8_t tls_pin[HASH_LEN];
    /* private to node/app_*.c */
    uint8_t sign_seed[SIGN_SEED_LEN];
    uint8_t seal_seed[APP_SEAL_SEEDS][SEAL_SEED_LEN]; /* newest last */
    size_t n_seal;
    bool has_next, rotating; /* seeds lie in keys/next; they write already */
    uint8_t next_sign[SIGN_SEED_LEN], next_seal[SEAL_SEED_LEN];
    bool wrote;       /* own bundles since the last app_take_wrote() */
    uint64_t views_n; /* how often that happened; hooks look when it is another number */
    uint64_t hook_views;
    int64_t hook_mono;  /* 0: not looked yet */
    bool views_changed; /* something arrived or was written: statistics and automatic steps are due
                         */
    int64_t duty_mono;  /* when arrivals of reports were noted last */
    int64_t audit_day;  /* of UTC+8, whose audit head has been looked at */
    int64_t stats_due;  /* mono ms; 0: not due */
    int64_t
        stats_cost; /* ms the last derivation took: at most a twentieth of the time goes there */
    int64_t search_due, search_since; /* mono ms; 0: the index has seen everything */
    bool stats_known;                 /* nothing they rest on has changed since stats_mark */
    uint8_t stats_mark[HASH_LEN];
    bool may_defer;  /* records that follow each other closely share a signature: app_outbox.c */
    size_t outbox_n; /* acknowledged, not signed yet */
    int64_t outbox_next;
    int64_t outbox_due, signed_at; /* mono ms */
    int64_t id_ms; /* last made record id, so that ids sort in the order of making */
    uint8_t id_rnd[10];
    uint8_t guard_sum[HASH_LEN]; /* of keys/guard as written by this process */
    int64_t guard_at;
    int64_t erased_seen, erased_saved; /* entries of the list of what is erased; in keys/erased */
    int64_t programs_saved;            /* what keys/programs says; -1: nothing */
    int64_t erased_due;                /* mono ms; 0: the files are clean */
    int64_t backup_due;                /* mono ms; 0: not known yet */
    bool backup_more;                  /* the last one has attachments left to copy */
    int64_t self_due;                  /* mono ms: look whether the self backup is still true */
    struct app_areas *areas;           /* the top's list, read at the first question; app_area.c */
    struct app_codes *codes;           /* words of open lists; app_codes.c */
    int64_t blobs_due;                 /* mono ms: look for attachments nobody refers to */
    int64_t blobs_erased;              /* entries of the list of what is erased, at that look */
    struct sync_files files;           /* the engine's port to bytes of attachments; app_fetch.c */
    int64_t fetch_due, fetch_erased;   /* as blobs_*, for those of other nodes */
    struct import_check *import_check; /* the check that is under way; app_import_check.c */
    int64_t booking_due, booking_seen; /* mono ms: time alone changes a booking; last ask seen */
    bool announced;                    /* the address of sanji.conf was said or could not be said */
};

/* ---- ground ---- */
int app_random(void *p, size_t n); /* getrandom(); 0 or SANJI_E_IO */
int64_t app_now_ms(void);
int64_t app_mono_ms(void);
int app_tick_make(struct sync_tick *t); /* now, mono and fresh random bytes */
/* What went wrong while opening, for the message. */
struct app_fault {
    long holder;    /* SANJI_E_LOCKED: pid, 0 unknown */
    char path[256]; /* file concerned, may be empty */
    /* SANJI_E_IO: what path does not allow; SANJI_E_NOT_FOUND: there is a node, but not its path */
    enum { APP_DENIED = 1, APP_READ_ONLY, APP_GONE } denied;
    bool heal; /* set by the caller: open what damaged trust bundles keep shut, see app_heal() */
    bool born; /* set by the caller: DIR/birth is its own, see app_join_open() */
    config_report_fn *report; /* set by the caller: called for each problem of sanji.conf */
    void *arg;
};
/* Takes the lock, reads settings and keys, opens the database, rebuilds views of another version,
 * starts the engine's memory. SANJI_E_NOT_FOUND (no node here), _LOCKED, _CONFIG, _SCHEMA_NEWER,
 * _CORRUPT, _FULL, _IO (see f->denied). f may be NULL. */
int app_open(const char *dir, struct app **ret, struct app_fault *f);
void app_close(struct app *a); /* NULL is fine */
/* Reads sanji.conf again. *ret_restart: a changed setting needs a restart. Nothing changes on
 * error. */
int app_reload_config(struct app *a, struct app_fault *f, bool *ret_restart);
int app_config_read(const char *dir, struct config *ret, struct app_fault *f);
int app_path(const char *dir, const char *name, char out[static APP_PATH_BYTES]);
/* Do the staff pages speak TLS? On every address but loopback they do whatever is set. */
bool app_staff_speaks_tls(const struct config *c);
const char *app_id(const struct app *a);
const struct roster *app_roster(const struct app *a);
const struct roster_node *app_self_node(const struct app *a); /* NULL: roster not here yet */
bool app_is_top(const struct app *a);
/* Tier names of the command line: province city district street community -> 10..50; 0 unknown. */
int64_t app_tier_level(const char *name);
const char *app_tier_name(int64_t lv); /* "" when it has none */
bool app_area_ok(const char *code);    /* its form */
/* The program has a table of areas, and this code is not in it, nor in the list of a (may be NULL).
 */
bool app_area_is_unknown(struct app *a, const char *code);

/* ---- being born ---- */
struct app_birth {
    const char *dir, *name, *area, *root_key, *staff, *sync, *url; /* NULL: default */
    int64_t lv;
    bool zh; /* language of the comments in sanji.conf */
};
struct app_born {
    struct node_id id;
    uint8_t g[HASH_LEN];
    char root_key[APP_PATH_BYTES];
    char recovery[RECOVERY_TEXT];
};
/* Why a file or folder cannot be made or written at path: "no_parent", "not_dir", "denied",
 * "read_only", "too_long"; NULL: no reason found there. */
const char *app_why_not(const char *path);
/* First node of a federation. SANJI_E_EXISTS: DIR holds a node already; SANJI_E_SPEC with f. Makes
 * nothing on error. */
int app_init(const struct app_birth *b, struct app_born *ret, struct fault *f);
/* Joining: keys and settings in DIR (kept when already there, so that an interrupted join goes on).
 */
struct app_join {
    const struct msg_invite *inv;
    uint8_t sign_seed[SIGN_SEED_LEN], seal_seed[SEAL_SEED_LEN], inst[16], tls[HASH_LEN];
    bool done;  /* DIR is this invite's node already: nothing is left to do */
    bool fresh; /* its keys were made now: nobody can know them before they are shown */
};
/* SANJI_E_EXISTS: DIR holds another node; nothing was touched. */
int app_join_prepare(const struct app_birth *b, const struct msg_invite *inv, struct app_join *ret,
                     struct fault *f);
/* The parent refused for good what was made just now (fresh): it goes, and DIR if nothing else is
 * in it. */
void app_join_drop(const char *dir);
/* Body of the enrolment request; act: the node act's text in the second step, else empty.
 * digits[7]. */
int app_join_request(const struct app_join *j, const char *url, struct span act, struct buf *out,
                     char digits[static 7]);
/* The request as a file (PROTOCOL.md 13.3): the act the parent will write is signed with it. */
int app_join_letter(const struct app_join *j, const char *url, struct buf *out_file,
                    char digits[static 7]);
/* Is this act ours: own keys, own node id, place and level as invited? */
int app_join_check_act(const struct app_join *j, struct span act, struct fault *f);
/* The parent has said `done`: makes the database. code NULL: a new node, ret_code is its recovery
 * code. Else the node of this code comes back (app_recover.c): it goes on with that code, and
 * nothing is signed before its own streams are here. */
int app_join_finish(const char *dir, const struct app_join *j, const uint8_t code[RECOVERY_SECRET],
                    char ret_code[static RECOVERY_TEXT]);
/* The answer may lie on a stick: the same, opened for taking files while it is no node yet. */
int app_join_open(const char *dir, const struct app_join *j, char ret_code[static RECOVERY_TEXT],
                  struct app **ret);
/* Closes it. 0: its roster shows this node with these keys, it is a node now. SANJI_E_PENDING: it
 * does not, and the folder is as before app_join_open(). */
int app_join_settle(struct app *a);
/* A person agrees to a request: an invite's, or that of a child about its own child. root: text of
 * the root key file, for a lost key at the top. As enrol_approve(). */
int app_approve(struct app *a, const char *node, struct span root, struct fault *f);
/* The same for the key of a child's child: the one that was compared. As enrol_agree(). */
int app_agree(struct app *a, const char *node, const char *kid);

/* ---- own records ---- */
struct app_put;
/* kind: what the command names; aud NULL: the kind's default, or "fed", "sub", "up". dry: checks
 * only. */
int app_put_begin(struct app *a, const struct kind *k, const char *aud, bool dry,
                  struct app_put **ret);
/* One JSON object as people write it; members `id` and `audience` are taken out. The record becomes
 * durable with app_put_flush(); ret_id is valid then. Identical content makes no new revision. */
int app_put_line(struct app_put *p, struct span json, char ret_id[static LIM_ID_BYTES + 1],
                 struct fault *f);
size_t app_put_pending(const struct app_put *p);
size_t app_put_pending_bytes(const struct app_put *p);
/* All that is pending, in one transaction: whole or not at all. */
int app_put_flush(struct app_put *p);
void app_put_free(struct app_put *p);
/* Pure part of the above: needs no node. Content in the kind's member order is appended to ret_d
 * (may be NULL); ret_id and ret_aud are empty when not given. */
int app_put_check(const struct kind *k, struct span json, struct buf *ret_d,
                  char ret_id[static LIM_ID_BYTES + 1], char ret_aud[static 8], struct fault *f);
/* One record at once (API). role: of the person, for the steps of workflows; NULL: any. */
struct app_person {
    const char *role;  /* for the steps of workflows */
    const char *login; /* attachments have to be brought by him; NULL: by anybody */
    const char *org;   /* of a member; NULL or empty: of none */
};
int app_put_one(struct app *a, const struct kind *k, const char *aud, const struct app_person *by,
                struct span json, char ret_id[static LIM_ID_BYTES + 1], struct fault *f);
/* owner NULL: an own record; else this node is that one's steward, as below. f, may be NULL: why it
 * has to stay. */
int app_withdraw(struct app *a, const char *owner, const char *id, struct fault *f);
/* What follows changes records of `owner`, whose steward this node is. SANJI_E_NOT_FOUND,
 * _AUTHORITY (another one is, or none), _STATE: it can speak for itself. */
int app_put_for(struct app_put *p, const char *owner);
/* "fed", "sub" (of this node), "up" (to the top) -> the full audience. */
int app_audience(const struct app *a, const char *word, char ret[static LIM_AUD_BYTES + 1]);
/* Disk space left is below the reserve. */
bool app_disk_low(const struct app *a);

/* ---- referrals ---- */
/* New thread to `to`; d is the content of send. */
int app_referral_send(struct app *a, const char *to, struct span d,
                      char ret_id[static LIM_ID_BYTES + 1], struct fault *f);
/* Any later event by this node. d empty: {}. SANJI_E_NOT_FOUND, _STATE, _SPEC. */
int app_referral_event(struct app *a, const char *id, enum ref_event ev, struct span d,
                       struct fault *f);
/* Does this thread wait for a person of this node? */
bool app_referral_awaits(const struct store_thread *t);
/* Is it at its end, so that either party may erase it? */
bool app_referral_erasable(const struct store_thread *t);
/* Automatic events that are due: delivered, cancel_confirm where nothing was accepted yet. */
int app_referral_auto(struct app *a);
struct calendar;
/* Working days from the workday records visible here. */
int app_calendar(struct app *a, struct calendar *ret);

/* ---- statistics ---- */
/* Derives own cells and publishes those that changed. *ret_n (may be NULL): how many. */
int app_stats_publish(struct app *a, int *ret_n);
struct app_cell {
    const char *node, *ind, *period;
    int64_t v;
    const struct store_rec *rec;
};
/* Report of a period as one JSON object: of `of` (NULL: this node) and what stood below it at the
 * end of each month. recount: compare with a recount from what is held here. SANJI_E_SPEC: no such
 * period; SANJI_E_NOT_FOUND, _AUDIENCE: `of` is unknown, or its figures do not come here. */
int app_stats_report(struct app *a, const char *of, const char *period, bool recount,
                     struct buf *out, bool *ret_wrong);
/* The same as lines node,name,indicator,value. */
int app_stats_csv(struct app *a, const char *of, const char *period, struct buf *out);

/* ---- looking at everything ---- */
typedef int app_sink(const void *p, size_t n, void *arg);
/* Lines of export-state. aud NULL: everything; "fed". kind NULL: all. */
int app_export(struct app *a, const char *aud, const char *kind, app_sink *sink, void *arg);
/* Stored bundles, each with a newline. by/aud NULL: all; ep 0: all. */
int app_bundles(struct app *a, const char *by, const char *aud, int64_t ep, app_sink *sink,
                void *arg);
struct app_verdict {
    int64_t files; /* attachments read */
    int64_t bundles, items, wrong;
    bool views_differ;
};
/* what: "bundle" or "views"; where: stream/seq. */
typedef void app_wrong_fn(const char *what, const char *where, int err, const char *member,
                          void *arg);
int app_verify(struct app *a, struct app_verdict *ret, app_wrong_fn *fn, void *arg);
/* Repairs what verify finds as far as this node can: rows beside bundles are written again from
 * them, views derived again, bundles that are damaged or gone asked for again (sync_want()). */
enum { APP_LOST_NAMED = 16 };
struct app_healed {
    int64_t rows, asked, bundles; /* rows corrected, bundles asked for, bundles applied again */
    /* Of what nobody else holds: records written again, records that could not be read. */
    int64_t said, lost;
    char name[APP_LOST_NAMED][LIM_ID_BYTES + 40]; /* of the first of these: kind and id */
};
int app_heal(struct app *a, struct app_healed *ret);
/* Own records that are shown, and that no bundle here proves: theirs are damaged or gone. */
int64_t app_unproven(struct app *a);
/* What keeps a node from opening (SANJI_E_CORRUPT), told as by app_verify(). */
int app_damage(const char *dir, app_wrong_fn *fn, void *arg, int64_t *ret_n);
/* *ret_same: the views were what they are now. Of own records whose bundle is damaged or gone what
 * was shown stays, see app_unproven(). SANJI_E_CORRUPT, and nothing has changed: a bundle is
 * damaged that nobody has asked for again yet. */
int app_rebuild(struct app *a, int64_t *ret_bundles, bool *ret_same);
/* Everything known about a record as one JSON object. SANJI_E_NOT_FOUND. */
int app_explain(struct app *a, const char *owner, const char *id, struct buf *out);
/* Applies parked items again; how many are left. */
int app_parked_retry(struct app *a, int64_t *ret_tried, int64_t *ret_left);
/* Bundles of before a backup was put back that could not be published again. */
int64_t app_unsent_count(struct app *a);
/* "ok", "unconfirmed", "behind", "forked", "clone": see sync_self_state(). */
const char *app_self_word(const struct app *a);

/* ---- records changed in two histories of this node (a backup was put back) ---- */
struct app_version {
    int64_t ep, seq, r;
    char aud[LIM_AUD_BYTES + 1];
    bool withdrawn;
    struct span kind, d; /* of the item; d empty when withdrawn */
    bool counts;         /* this one is the record's state */
};
typedef int app_twice_fn(const char *id, const struct app_version v[2], void *arg);
/* Those that were changed again since leave the list. */
int app_twice_each(struct app *a, app_twice_fn *fn, void *arg);
int64_t app_twice_count(struct app *a);
/* Lanes by state (PROTOCOL.md 15.8); fn (may be NULL) is called for those that are not fresh. */
struct app_news {
    int64_t lanes[SYNC_NEWS_KEPT_BACK + 1];
};
typedef int app_news_fn(const struct sync_news *n, void *arg);
int app_news(struct app *a, struct app_news *ret, app_news_fn *fn, void *arg);
const char *app_news_word(enum sync_news_state state); /* "fresh", "silent", ... */
/* Is this machine's clock right? See app_clock.c. "ok"; "ahead", "behind" (of the parent's, by
 * off); "old" (before this program was made); "back" (others signed off ms later than it is here);
 * "silent" (nobody signed anything for off ms: a long rest, or the clock is ahead). */
struct app_clock {
    const char *word;
    int64_t off_ms;
    bool wrong; /* false: ok or only to be noted */
};
void app_clock(struct app *a, struct app_clock *ret);
/* Of the exchange with the parent; all zero before the first. */
void app_parent_status(const struct app *a, struct sync_peer_status *ret);
/* One JSON object: node, place, heads, counts, peers, parked. */
int app_status(struct app *a, struct buf *out);

/* ---- areas ---- */
/* Reads the top's own list (records of kind area) if it has changed. Not from within a list. */
int app_areas_load(struct app *a);
/* The full name of a code from the province down, appended; the top's own list goes before the
 * names this program was built with. Nothing when nothing is known. 0 or the buffer's error. */
int app_area_name(struct app *a, const char *code, struct buf *out);
/* Areas directly below `code` ("": the highest), by code; those that ended are left out. */
typedef void app_area_fn(const char *code, const char *name, void *arg);
int app_area_children(struct app *a, const char *code, app_area_fn *fn, void *arg);

/* ---- the tree ---- */
int app_node_json(struct app *a, const struct roster_node *n, struct buf *out);
int app_node_move(struct app *a, const char *node, const char *to, bool hist_all);
/* kid NULL: every key of it that is in force. */
int app_node_revoke(struct app *a, const char *node, const char *kid, const char *why);
/* For good; what it has written stands. SANJI_E_STATE: a child of it is not closed. */
int app_node_close(struct app *a, const char *node, const char *why);
/* `st` may change and withdraw what `node`, revoked or closed, has left. SANJI_E_STATE: it can
 * speak for itself, or st cannot. */
int app_node_steward(struct app *a, const char *node, const char *st);
/* After two_machines: whichever machine of this child logs in next is taken for it. */
int app_node_believe(struct app *a, const char *node);
int app_set_parent_url(struct app *a, const char *url);
/* Says the address of sanji.conf to the roster when it is another one, so that children follow. */
int app_announce(struct app *a);

/* ---- own keys ---- */
/* New signing and sealing keys (the TLS key, which children know the node by, stays). At the top
 * `root` is the text of its root key file. 0: begun, or going on already; it ends when the roster
 * shows the new key, see app_rotation(). */
int app_rotate(struct app *a, struct span root, struct fault *f);
/* 0: none under way. SANJI_E_PENDING; else the parent's last refusal (it is asked again). */
int app_rotation(const struct app *a);

/* ---- files instead of a line ---- */
/* Days since a file of this node came in whole (-1: never), and since one was made for it. */
void app_ferry_days(const struct app *a, const char *node, int64_t *ret_in, int64_t *ret_out);
/* Members of an array: what is known of each node reached by files. */
struct jw;
int app_ferry_json(struct app *a, struct jw *w);
bool app_by_files(const struct app *a); /* its parent has no address */
/* After bundles came in by a file: neighbours and views learn of it. */
void app_ferry_taken(struct app *a);

/* ---- staff ---- */
/* ret_once: one-time password (password.h), shown once and never stored as such. */
int app_user_add(struct app *a, const char *login, const char *name, const char *role,
                 const char *org, char ret_once[static 20], struct fault *f);
/* The organisation a member belongs to, by the id of its archive here; "": none. */
int app_user_org(struct app *a, const char *login, const char *org, struct fault *f);
int app_user_reset(struct app *a, const char *login, char ret_once[static 20]);
int app_user_disable(struct app *a, const char *login, bool disabled);

/* ---- other programs ---- */
enum { APP_TOKEN_BYTES = 32, APP_TOKEN_TEXT = 56, APP_TOKENS = 200, APP_TOKEN_DAYS = 1100 };
struct app_token {
    const char *name;  /* what it is for */
    const char *role;  /* of a person, see app_user_add() */
    const char *about; /* organisation of a member; "": none */
    const char *maker; /* login, or "cli" */
    int64_t days;      /* it is good for so long */
};
/* ret: the token, shown once; only its hash is kept. In a transaction of its own, with a row in the
 * audit log, unless one is open. */
int app_token_add(struct app *a, const struct app_token *t, char ret[static APP_TOKEN_TEXT],
                  int64_t *ret_n, struct fault *f);
/* Its hash, when it has a token's form. */
bool app_token_hash(const char *text, size_t n, uint8_t ret[static HASH_LEN]);
/* A calendar's address (node/api/feeds.c): a token that opens nothing else. listing: "owner/id",
 * which is here; "": what this platform has asked for. */
#define APP_FEED "calendar" /* its role; no person has it */
enum { APP_FEEDS = 20 /* of one person */, APP_FEEDS_ALL = 1000 };
int app_feed_add(struct app *a, const char *login, const char *listing,
                 char ret[static APP_TOKEN_TEXT], int64_t *ret_n, struct fault *f);
int app_token_revoke(struct app *a, int64_t n); /* SANJI_E_NOT_FOUND */

/* ---- working ---- */
/* After events: call when the engine wished SW_CHANGED or after own writing. */
void app_changed(struct app *a);
/* Automatic work that is due; call after changes and every few seconds. > 0: call again after so
 * many milliseconds. */
int app_tick(struct app *a, int64_t mono_ms);
/* Signs the records that are written down and wait for a signature: before anything but putting
 * more of them is done. app_outbox_wait(): ms until it is due by itself, 0: nothing waits. */
int app_outbox_flush(struct app *a);
int64_t app_outbox_wait(const struct app *a);
/* True once after own bundles were written: feed SEV_LOCAL to the engine. */
bool app_take_wrote(struct app *a);

#endif
