/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_SYNC_FERRY_H
#define SANJI_SYNC_FERRY_H

#include "sync/sync.h"

/* The exchange of two nodes that have no line (PROTOCOL.md section 16). The caller carries bytes
 * from and to files; everything is done in slices, so that a daemon can serve others in between. */

/* ---- what is remembered of a node reached by files; times of this node's clock, 0: never ---- */
struct sync_ferry_note {
    int64_t in_no, in_ts, in_at;       /* newest file of it that is whole here; in_ts: its clock */
    int64_t have_no, have_ts, have_at; /* newest statement of what it holds; no: of its file */
    int64_t receipt_no;                /* of this node's files, the newest it has a receipt for */
    int64_t out_no, out_at;            /* newest file made for it */
};
typedef int sync_ferry_note_fn(const char *node, const struct sync_ferry_note *n, void *arg);
int sync_ferry_note_get(const struct sync *s, const char *node, struct sync_ferry_note *ret);
int sync_ferry_notes(const struct sync *s, sync_ferry_note_fn *fn, void *arg);

/* ---- making a file ---- */
struct sync_ferry_order {
    const char *to;     /* node id; NULL: what every node may hold */
    bool full, seal;    /* full: as if it held nothing; seal: needs to */
    bool trust;         /* acts alone: small, and ahead of everything else */
    int64_t part_bytes; /* of a part, at most LIM_FERRY_PART_BYTES */
};
struct sync_ferry_about {
    int64_t no, ts, parts, bundles, bytes;
    int64_t since_no, since_ts; /* statement it is a delta to; 0: none */
};
typedef int sync_ferry_sink(const void *p, size_t n, void *arg);
struct sync_ferry_out;
/* SANJI_E_NOT_FOUND: no such node, or the roster is not here yet; _CLOSED, _REVOKED; _SPEC: this
 * node itself, or sealing for nobody. The engine must outlive the object. */
int sync_ferry_out_new(struct sync *s, const struct sync_tick *t, const struct sync_ferry_order *o,
                       struct sync_ferry_out **ret);
/* Reads about `budget` bytes: > 0 there is more to plan, 0 the parts are known. */
int sync_ferry_out_plan(struct sync_ferry_out *o, int64_t budget);
const struct sync_ferry_about *sync_ferry_out_about(const struct sync_ferry_out *o);
/* Gives about `budget` bytes of part 1..parts, in order: > 0 there is more of it, 0 it is whole.
 * SANJI_E_BUSY: what was planned is not there any more, make the file again. */
int sync_ferry_out_part(struct sync_ferry_out *o, const struct sync_tick *t, int64_t part,
                        int64_t budget, sync_ferry_sink *sink, void *arg);
/* All parts were given: remembered as the newest file made for that node, unless it was of trust
 * alone. */
int sync_ferry_out_done(struct sync_ferry_out *o, const struct sync_tick *t);
void sync_ferry_out_free(struct sync_ferry_out *o);
/* The answer to the files of `to`: what this node holds. SANJI_E_NOT_FOUND: none has come. */
int sync_ferry_receipt(struct sync *s, const struct sync_tick *t, const char *to,
                       sync_ferry_sink *sink, void *arg);

/* Requests and answers to be carried to that node beside a file: a new key of this node, and where
 * the key of a child is lost the question to the node above and its answer. name: of the file. */
typedef int sync_ferry_request_fn(const char *name, struct span file, void *arg);
int sync_ferry_requests(struct sync *s, const struct sync_tick *t, const char *to,
                        sync_ferry_request_fn *fn, void *arg);

/* ---- taking one part, a receipt, or a request ---- */
struct sync_ferry_item { /* a bundle that was not stored, or bytes that are none */
    int64_t n;           /* place in the part, from 1 */
    bool waits;          /* not refused: what it needs is not here yet */
    const char *by, *aud;
    int64_t ep, seq; /* seq 0: not known */
    int err;
    const struct fault *f;
};
typedef void sync_ferry_item_fn(const struct sync_ferry_item *it, void *arg);
enum sync_ferry_roster {
    FERRY_ROSTER_UNKNOWN,
    FERRY_ROSTER_SAME,
    FERRY_ROSTER_OLDER,
    FERRY_ROSTER_NEWER
};
enum { FERRY_MISSING_SHOWN = 32 };
enum sync_ferry_asks {
    FERRY_ASKS_NOTHING,
    FERRY_ASKS_JOIN,  /* `by` wants to be enrolled here */
    FERRY_ASKS_KEY,   /* `by` has another key: this node is its parent */
    FERRY_ASKS_AGREE, /* the key of `by` is lost: this node is above its parent */
};
struct sync_ferry_report {
    bool over; /* read to the end, or given up: takes no more */
    bool sealed, receipt;
    enum sync_ferry_asks request; /* PROTOCOL.md 13.3 */
    bool known;                   /* the first line was read: by, to, no, ts, part, parts */
    bool vouched;                 /* its signature is good */
    bool done;      /* request: the act is published, or agreed to; else a person has to approve */
    char digits[7]; /* FERRY_ASKS_JOIN */
    char asks[LIM_NODE_ID + 2], kid[LIM_KID + 2]; /* FERRY_ASKS_AGREE: for whom, the new key */
    char by[LIM_NODE_ID + 2], to[LIM_NODE_ID + 2];
    int64_t no, ts, part, parts;
    int err; /* the part as a whole; 0: complete and unchanged */
    struct fault f;
    int64_t bundles, stored, items, old, waiting, refused;
    enum sync_ferry_roster roster; /* of the writer, compared with what is held now */
    int64_t missing;               /* parts of this file that are not whole here */
    int64_t missing_v[FERRY_MISSING_SHOWN];
};
struct sync_ferry_in;
int sync_ferry_in_new(struct sync *s, sync_ferry_item_fn *fn, void *arg,
                      struct sync_ferry_in **ret);
/* The next bytes of the file, n 0: its end. Copied. */
int sync_ferry_in_give(struct sync_ferry_in *in, struct span bytes);
size_t sync_ferry_in_backlog(const struct sync_ferry_in *in);
/* Takes about `budget` inflated bytes in one transaction: > 0 call again, 0 it wants bytes or is
 * over. Negative: the store failed; what was taken before stays, the same file can be given again.
 */
int sync_ferry_in_run(struct sync_ferry_in *in, const struct sync_tick *t, int64_t budget);
const struct sync_ferry_report *sync_ferry_in_report(const struct sync_ferry_in *in);
void sync_ferry_in_free(struct sync_ferry_in *in);

/* ---- between the ferry's own files ---- */
enum { FERRY_HAVE_MAX = 32 << 20 }; /* what is left out of a statement comes once more, no worse */
struct stream;
int sync__ferry_note_put(struct sync *s, const char *node, const struct sync_ferry_note *n);
void sync__ferry_key(const char *what, const char *node, char out[static 32]);
/* May `to` hold it (NULL: may everybody)? */
bool sync__ferry_may_have(const struct sync *s, const struct stream *st, const char *to);
/* Have frames for `to`, of trust streams alone if asked (which says nothing about the others);
 * *ret_lines of them. */
int sync__ferry_have(struct sync *s, const char *to, bool trust, struct buf *out,
                     int64_t *ret_lines);
/* In doubt about its own streams, a node opens an epoch that the answer of `to` can name, before it
 * makes a file for it. */
int sync__ferry_ask(struct sync *s, const struct node_id *to);
/* Does the word of `by` about this node's own streams count, to raise the doubt or to end it? */
int sync__ferry_counts(const struct sync *s, const char *by, bool *ret_raise, bool *ret_end);
/* Ends the doubt, if the newest statement of `by` answers it and all it named is here. */
int sync__ferry_answer(struct sync *s, const char *by);

#endif
