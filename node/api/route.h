/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_API_ROUTE_H
#define SANJI_NODE_API_ROUTE_H

#include "node/api/api.h"
#include "node/store/staff.h"
#include "node/text.h"
#include "protocol/jspec.h"
#include "protocol/jwrite.h"

/* Shared by node/api/ and its test only.
 *
 * One line of api_routes[] per endpoint says who may call it, how large and of what form its body
 * is, and whose transaction it runs in; dispatch.c does all of that in one order, so that handlers
 * hold only the business. */

/* What a role may do. A route names the right it needs; ANYONE needs no log-in, SELF only that. */
enum api_who {
    WHO_ANYONE,
    WHO_LOCAL, /* no log-in, but only from this machine; anybody else sees 404 */
    WHO_SELF,  /* logged in; also while the one-time password still has to be changed, or the second
                  factor to be set up */
    WHO_READ,  /* records, nodes, figures */
    WHO_CASES, /* reads referrals: these hold personal data */
    WHO_AUDIT, /* reads who did what here */
    WHO_FILE,  /* writes what organisations file, too */
    WHO_WRITE, /* writes records, referral steps, asks for an exchange */
    WHO_ADMIN, /* lets other programs in */
    WHO_COUNT
};
enum api_tx {
    TX_NONE,  /* reads */
    TX_APP,   /* the app function called has its own transaction */
    TX_STAFF, /* staff tables: the dispatcher begins and commits around the handler */
    TX_GUEST, /* as TX_APP, for who has no log-in: a refusal is no audit row, or anybody filled it
               */
    TX_DRAFT, /* the same without an audit row: typing is not an event */
};

enum {
    API_PARAMS = 4,
    API_PARAM_BYTES = 128,
    API_TOKEN_LEN = 32,
    API_LOGIN_SLOTS = 512,
    API_COUNTED = 3
};

/* A request as far as this directory looks at it: from http_request, or made by a test. NULL:
 * header absent. */
struct api_request {
    const char *method, *path, *query;
    const char *host, *origin, *fetch_site, *cookie, *csrf, *authorization, *content_type,
        *accept_language, *by_itself;
    const char *peer;
    bool is_tls;
    struct span body;
};

struct api_call;
typedef int api_handler(struct api_call *c);

struct api_route {
    const char *method;
    const char *path; /* ":" stands for one segment, given to the handler decoded */
    enum api_who who;
    enum api_tx tx;
    int64_t body_max;         /* 0: takes no body */
    const struct jspec *spec; /* form of the body; NULL: none */
    size_t spec_size;
    bool any_host; /* answered whatever the Host header says */
    api_handler *fn;
};
extern const struct api_route api_routes[];
extern const size_t api_routes_n;

/* docs.c: what the description of the interface needs beside that. */
struct api_doc {
    const char *method, *path;
    const char *params; /* names of the path's ":" in order, separated by spaces */
    const char *query;  /* names that may stand behind the "?" */
    const char *reply;  /* content type; NULL: JSON */
};
extern const struct api_doc api_docs[];
extern const size_t api_docs_n;
const struct api_doc *api_doc_of(const struct api_route *r); /* NULL: none, a fault */
bool api_doc_asks(const struct api_route *r, const char *name);
bool api_doc_word(const char **io, struct span *ret); /* the next word of a list; false: none */

/* Forms of bodies (bodies.c is this table's other half in routes.c). */
struct body_login {
    const char *login, *password, *code; /* code NULL: none yet */
};
struct body_second {
    const char *password, *secret, *code;
};
struct body_second_off {
    const char *password, *code;
};
struct body_password {
    const char *old, *new;
};
struct body_record {
    const char *id, *audience;
    int64_t seen_r;
    struct span d;
};
struct body_seen {
    int64_t seen_r;
};
struct body_send {
    const char *to;
    struct span d;
};
struct body_event {
    struct span d;
};
struct body_draft {
    int64_t seen; /* time of the form this one goes on from; 0: none */
    struct span draft;
};
struct body_import_new {
    const char *kind, *name;
};
struct body_import_part {
    int64_t i;
    struct span data;
};
struct body_upload_new {
    const char *name, *sha256; /* sha256 NULL: not said */
    int64_t len;
};
struct body_upload_part {
    int64_t at;
    struct span data;
};
struct body_import_plan {
    struct span plan;
};
struct body_occurrence {
    int64_t no; /* 0: the whole ask */
};
struct body_answer {
    const char *node, *ask, *say, *reason, *note;
    int64_t no;
    bool yes;
};
struct body_token {
    const char *name, *role, *org, *password; /* org NULL: none */
    int64_t days;
};
struct body_event_sign {
    const char *org, *note;
    int64_t seats;
    bool wait;
};
struct body_attend {
    const char *node, *org, *name;
};
struct body_code {
    const char *code;
};
struct body_rate {
    const char *code;
    int64_t content, teacher, service, use;
};
struct body_hook {
    const char *name, *form, *url, *secret, *events, *password; /* secret, events NULL: none, all */
};
struct body_feed {
    const char *listing; /* owner/id; NULL: what this platform asked for */
};
struct body_none {
    bool unused;
};
union api_body {
    struct body_login login;
    struct body_password password;
    struct body_second second;
    struct body_second_off second_off;
    struct body_record record;
    struct body_seen seen;
    struct body_send send;
    struct body_event event;
    struct body_draft draft;
    struct body_import_new import_new;
    struct body_import_part import_part;
    struct body_upload_new upload_new;
    struct body_upload_part upload_part;
    struct body_import_plan import_plan;
    struct body_occurrence occurrence;
    struct body_answer answer;
    struct body_token token;
    struct body_event_sign event_sign;
    struct body_attend attend;
    struct body_code code;
    struct body_rate rate;
    struct body_hook hook;
    struct body_feed feed;
    struct body_none none;
};

struct api_person { /* who is logged in; login empty: nobody */
    char login[STAFF_LOGIN_BYTES + 1];
    char name[324];
    char role[16];
    char org[LIM_ID_BYTES + 1]; /* of a member; empty: none */
    bool one_time;
    bool second; /* has a second factor */
    char csrf[48];
    uint8_t token[HASH_LEN];
    int64_t created, seen, expires;
    int64_t by_token; /* number of the token a program came with; 0: a browser's session */
};

struct api_call {
    struct api *api;
    struct app *app;
    const struct api_request *rq;
    const struct api_route *route;
    struct api_reply *rep;
    enum text_lang lang;
    char param[API_PARAMS][API_PARAM_BYTES];
    struct api_person me;
    union api_body in;
    struct arena *arena;
    struct jw w; /* the reply's JSON */
    struct fault f;
    const char *code; /* an error code of this interface alone, beside the negative error */
    int64_t now, mono;
    char target[LIM_ID_BYTES + 1]; /* for the audit row: an id, never a name */
    bool raw;                      /* the handler wrote no JSON */
};

/* One address' attempts to log in within the minute, and one (address, login)'s failures. */
struct login_slot {
    uint64_t key;
    int64_t at;    /* beginning of the minute; last failure */
    int64_t until; /* not before */
    int n;
};

struct api {
    struct app *app;
    int64_t started_mono, sweep_mono;
    bool sync_wanted;
    struct span authority;              /* DER */
    struct api_alarm alarm[API_ALARMS]; /* ring */
    size_t alarm_n;
    uint8_t salt[16];
    struct login_slot by_peer[API_LOGIN_SLOTS], by_login[API_LOGIN_SLOTS],
        by_token[API_LOGIN_SLOTS], everybody;
    /* metrics */
    uint64_t *requests; /* route by status class 1..5, see metrics.c */
    uint64_t bugs, refused_host, refused_origin, refused_login;
    struct store_totals totals;
    int64_t totals_mono, totals_cost;
    struct api_counts {
        int64_t kind[API_COUNTED], in, out, todo, parked;
        int64_t mono, cost;
    } counts; /* of the status page; kept while counting is dear */
};

/* dispatch.c */
void api_dispatch(struct api *a, const struct api_request *rq, struct api_reply *rep);
/* Finds the route; NULL with *ret_status 404, or 405 with the methods there are in allow. */
const struct api_route *api_route_find(const char *method, const char *path,
                                       char param[API_PARAMS][API_PARAM_BYTES], int *ret_status,
                                       char allow[static 32]);
bool api_role_may(const char *role, enum api_who who);
/* sees.c: what of a kind is open to who is logged in. A member without an organisation has no
 * access to kinds that are about one. */
bool api_may(const struct api_call *c, const struct kind *k, enum kind_act act);
/* By a kind's name; false: no such kind. */
bool api_may_named(const struct api_call *c, const char *kind, enum kind_act act);
/* Is he shown records of this kind only when they are about his organisation? */
bool api_is_bound(const struct api_call *c, const struct kind *k);
/* Does he read the kind without its personal members? */
bool api_is_cut(const struct api_call *c, const struct kind *k);
/* This one? api_may() is not asked again. */
bool api_sees_record(const struct api_call *c, const struct kind *k, const char *id, struct span d);
/* "d": content as far as he may see it. */
int api_put_content(struct api_call *c, const struct kind *k, struct span d);
/* duties.c: "pair": where a record that others answer stands; nothing for other kinds. */
int api_put_pair(struct api_call *c, const struct kind *k, const char *owner, const char *id,
                 struct span d);
/* todo.c: "queue" of a record that waits for a decision, "acks" or "acked" of a notice. */
int api_put_waiting(struct api_call *c, const struct kind *k, const struct store_rec *rec);
/* "pair_state" alone, for lists. */
int api_put_pair_state(struct api_call *c, const struct kind *k, const struct store_rec *rec);
/* Found by a search: do the words stand in what he may see? */
int api_hit(const struct api_call *c, const struct kind *k, const char *q, struct span d,
            bool *ret);
/* May anybody here see this record? What is written to single nodes is for them, not for those it
 * passes. */
bool api_is_ours(const struct api_call *c, const struct store_rec *rec);
/* "refs": the titles of the records this one names, by field. */
void api_put_refs(struct api_call *c, const struct store_rec *rec);
void api_header(struct api_reply *rep, const char *name, const char *value);
/* Headers every answer of this listener carries. strict: over TLS for good (RFC 6797), which only a
 * certificate of a public authority can promise: an own authority may be made anew. */
size_t api_security_headers(bool strict, struct http_header *h, size_t max);

/* guard.c */
bool api_host_ok(const struct config *cfg, const char *host);
/* Is this request to a writing route from our own pages, or from no browser at all? */
bool api_origin_ok(const struct api_request *rq);
bool api_peer_is_local(const char *peer);
/* ms to wait before another attempt may be made; 0: go on. Counts the attempt. */
int64_t api_login_gate(struct api *a, const char *peer, const char *login, int64_t mono);
void api_login_result(struct api *a, const char *peer, const char *login, int64_t mono, bool ok);

/* ms a program has to wait: n its token's number, 0: it came with one that is none. */
int64_t api_token_gate(struct api *a, const char *peer, int64_t n, int64_t mono);

/* tokens.c: does the request come with "Authorization: Bearer"? Then who it is, in c->me; refused
 * when the token is none, has ended, or travels unencrypted. */
bool api_has_token(const struct api_request *rq);
int api_token_load(struct api_call *c);
/* Writes the day of its use down. */
int api_token_note_use(struct api_call *c, int64_t n, int used);
/* Is this route open to programs, as far as their role goes? */
bool api_token_may(const struct api_route *r);

/* Begins an error object in the reply; the caller adds members and closes it. */
void api_error_begin(struct api_call *c, int err);
/* dispatch.c: who did what; in a transaction of its own unless one is open */
int api_audit(struct api_call *c, const char *result);
/* records.c: the members of one record, as far as this person sees them; member "explain" */
int api_put_record(struct api_call *c, const struct store_rec *rec);
int api_put_explain(struct api_call *c, const char *owner, const char *id);

/* session.c */
/* SANJI_E_RATE, and when to come again. */
int api_too_many(struct api_call *c, int64_t wait_ms);
/* Is this the password of who is logged in? Else SANJI_E_FORBIDDEN, or SANJI_E_RATE; c->code says
 * which; counted as an attempt to log in. */
int api_password_is(struct api_call *c, const char *member, const char *password);
/* Ends every session of who is logged in and begins this one anew. */
int api_session_anew(struct api_call *c);
/* second.c: does the setting `staff_second` want a second factor of who is logged in, who has none?
 */
bool api_lacks_second(const struct api_call *c);
/* Fills c->me; leaves it empty when nobody is logged in. */
int api_session_load(struct api_call *c);
int api_session_touch(struct api_call *c);

/* metrics.c */
void api_count(struct api *a, const struct api_route *route, int status);

/* shared by handlers */
int api_query(const struct api_call *c, const char *name, char *out, size_t max); /* absent: "" */
/* The number a path names; SANJI_E_NOT_FOUND: it names none. */
int api_number(const struct api_call *c, int64_t *ret);
/* Answers {"ok": …} for what was done to number n, which the audit log is told. Returns r. */
int api_done(struct api_call *c, int64_t n, int r);
/* A number from lo to hi; absent: *io stays. SANJI_E_SPEC with the name and the range. */
int api_query_int(struct api_call *c, const char *name, int64_t lo, int64_t hi, int64_t *io);
const char *api_node_name(const struct api_call *c, const char *id);
/* area and area_name */
void api_put_area(struct api_call *c, const char *area);

/* The handlers, by file; one a line. */
/* audit.c */
api_handler h_audit;
/* bookings.c */
api_handler h_bookings;
api_handler h_booking_calendar;
api_handler h_allotment_return;
api_handler h_booking_ask;
api_handler h_booking_answer;
api_handler h_booking_withdraw;
api_handler h_allotments;
api_handler h_allotment_new;
api_handler h_allotment_recall;
/* drafts.c */
api_handler h_drafts;
api_handler h_draft;
api_handler h_draft_put;
api_handler h_draft_drop;
/* duties.c */
api_handler h_duties;
/* events.c */
api_handler h_event;
api_handler h_event_sign;
api_handler h_event_code;
api_handler h_event_attend;
api_handler h_door;
api_handler h_door_enter;
api_handler h_attended;
api_handler h_attended_rate;
api_handler h_event_certificate;
/* export.c */
api_handler h_export;
/* figures.c */
api_handler h_stats;
api_handler h_stats_cell;
/* files.c */
api_handler h_uploads;
api_handler h_upload;
api_handler h_upload_new;
api_handler h_upload_part;
api_handler h_upload_finish;
api_handler h_upload_drop;
api_handler h_files;
api_handler h_file;
api_handler h_file_fetch;
/* hsds.c */
api_handler h_hsds;
api_handler h_hsds_services;
api_handler h_hsds_service;
api_handler h_hsds_organizations;
api_handler h_hsds_organization;
api_handler h_hsds_places;
api_handler h_hsds_place;
api_handler h_hsds_taxonomies;
api_handler h_hsds_taxonomy;
api_handler h_hsds_terms;
api_handler h_hsds_term;
/* feeds.c */
api_handler h_feeds;
api_handler h_feed_new;
api_handler h_feed_drop;
api_handler h_feed;
/* hooks.c */
api_handler h_hooks;
api_handler h_hook_new;
api_handler h_hook_test;
api_handler h_hook_drop;
/* imports.c */
api_handler h_imports;
api_handler h_import;
api_handler h_import_bad;
api_handler h_import_new;
api_handler h_import_part;
api_handler h_import_read;
api_handler h_import_plan;
api_handler h_import_start;
api_handler h_import_undo;
api_handler h_import_drop;
/* list.c */
api_handler h_records;
/* look.c */
api_handler h_kinds;
api_handler h_nodes;
api_handler h_areas;
api_handler h_sync;
/* metrics.c */
api_handler h_health;
api_handler h_metrics;
/* consulting.c */
api_handler h_consulting;
/* questions.c */
api_handler h_questions;
/* records.c */
api_handler h_record;
api_handler h_record_put;
api_handler h_record_withdraw;
/* openapi.c */
api_handler h_openapi;
/* referrals.c */
api_handler h_referrals;
api_handler h_referral;
api_handler h_referral_send;
api_handler h_referral_event;
/* second.c */
api_handler h_second_new;
api_handler h_second_set;
api_handler h_second_off;
/* session.c */
api_handler h_me;
api_handler h_login;
api_handler h_logout;
api_handler h_password;
/* todo.c */
api_handler h_todo;
/* tokens.c */
api_handler h_tokens;
api_handler h_token_new;
api_handler h_token_drop;
/* status.c */
api_handler h_status;
api_handler h_certificate;
api_handler h_certificate_file;

#endif
