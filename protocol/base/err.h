/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_BASE_ERR_H
#define SANJI_PROTOCOL_BASE_ERR_H

/* The one list of errors: symbol, stable wire name (PROTOCOL.md "Errors"), HTTP status.
 * Functions return 0 or the negative of one of these. Wire names never change; add at the end. */

/* clang-format off */
#define SANJI_ERRORS(X)                                                                            \
    X(BUG,           "bug",             500) /* a programming error of ours */                     \
    X(NOMEM,         "no_memory",       503)                                                       \
    X(IO,            "io",              500) /* disk or operating system */                        \
    X(FULL,          "disk_full",       507)                                                       \
    X(BUSY,          "busy",            503) /* another process or transaction holds it */         \
    X(SIZE,          "too_large",       413) /* a limit of limits.h */                             \
    X(SYNTAX,        "bad_syntax",      400) /* strict JSON gate or line format */                 \
    X(ENCODING,      "bad_encoding",    400) /* base64url, base32, hex, UTF-8 */                   \
    X(SPEC,          "bad_member",      422) /* a member is missing, unknown or out of range */    \
    X(SIGNATURE,     "bad_signature",   403)                                                       \
    X(HASH,          "bad_hash",        400) /* root or leaf does not match */                     \
    X(CHAIN,         "bad_chain",       409) /* prev does not match */                             \
    X(GAP,           "gap",             409) /* seq beyond head+1 */                               \
    X(FORK,          "fork",            409) /* another bundle holds this seq */                   \
    X(OLD,           "old",             200) /* already held */                                    \
    X(UNKNOWN_KEY,   "unknown_key",     409) /* wait for trust, do not refuse */                   \
    X(WEAK_KEY,      "weak_key",        422)                                                       \
    X(AUTHORITY,     "no_authority",    403) /* signer may not say this */                         \
    X(AUDIENCE,      "wrong_audience",  403)                                                       \
    X(FEDERATION,    "wrong_federation",403)                                                       \
    X(VERSION,       "needs_newer",     426) /* unknown kind, version or crit entry */             \
    X(STATE,         "wrong_state",     409) /* a workflow step that is not allowed now */         \
    X(CONFLICT,      "conflict",        409) /* revision seen is not the newest */                 \
    X(NOT_FOUND,     "not_found",       404)                                                       \
    X(EXISTS,        "exists",          409)                                                       \
    X(EXPIRED,       "expired",         410)                                                       \
    X(USED,          "already_used",    410)                                                       \
    X(QUOTA,         "quota",           429)                                                       \
    X(SESSION,       "no_session",      401)                                                       \
    X(CLONE,         "two_machines",    409) /* a stale ticket: two machines claim one node */     \
    X(REVOKED,       "revoked",         403)                                                       \
    X(MOVED,         "moved",           410)                                                       \
    X(CLOSED,        "closed",          403)                                                       \
    X(OPEN,          "cannot_open",     422) /* sealed content not openable here */                \
    X(WITHHELD,      "withheld",        409) /* a stub without an erase act */                     \
    X(REFERENCE,     "bad_reference",   422) /* names a record that is not here */                 \
    X(CONSENT,       "no_consent",      422)                                                       \
    X(UNREACHABLE,   "unreachable",     504) /* peer not reachable now */                          \
    X(NOT_SANJI,     "not_sanji",       502) /* answered, but not by a node (captive portal) */    \
    X(UNAUTHORISED,  "unauthorised",    401) /* staff: not logged in */                            \
    X(FORBIDDEN,     "forbidden",       403) /* staff: role does not allow */                      \
    X(METHOD,        "bad_method",      405)                                                       \
    X(USAGE,         "usage",           400)                                                       \
    X(PENDING,       "pending",         202) /* enrolment waits for approval */                    \
    X(LOCKED,        "locked",          409) /* data folder in use by another process */           \
    X(CONFIG,        "bad_setting",     422)                                                       \
    X(SCHEMA_NEWER,  "newer_database",  409) /* database written by a newer version */             \
    X(CORRUPT,       "corrupt",         500) /* stored data does not verify */                     \
    X(RATE,          "slow_down",       429)                                                       \
    X(REFUSED,       "refused",         409) /* peer refused; its own code is in the text */        \
    X(HELD,          "held",            503) /* authority waits: no neighbour confirmed an epoch */ \
    X(DIVERGED,      "diverged",        409) /* a beat counts other records than this node */      \
    X(KEPT_BACK,     "kept_back",       409) /* the parent has it, the table of heads does not */  \
    X(WENT_BACK,     "went_back",       409) /* the parent holds less than it held */              \
    X(ORDER,         "out_of_order",    409) /* a stream came in another order than written */     \
    X(KEPT_FULL,     "kept_full",       409) /* a writer's share of custody is used up */          \
    X(TAKEN,         "taken",           409) /* a time that is given away already */
/* clang-format on */

enum sanji_err {
    SANJI_OK = 0,
#define X(sym, wire, http) SANJI_ERR_NO_##sym,
    SANJI_ERRORS(X)
#undef X
        SANJI_ERR_COUNT
};

/* Negative values, as returned: SANJI_E_SYNTAX and so on. */
enum {
#define X(sym, wire, http) SANJI_E_##sym = -SANJI_ERR_NO_##sym,
    SANJI_ERRORS(X)
#undef X
};

/* Stable wire name of a (negative) error; "ok" for 0, "bug" for anything unknown. Static storage.
 */
const char *err_name(int err);
/* HTTP status that carries it; 200 for 0. */
int err_http(int err);
/* Negative error for a wire name; SANJI_E_REFUSED when the name is unknown (a newer peer). */
int err_by_name(const char *name);

/* Where and what: filled by parsers and validators beside the return code. `member` is the name of
 * the JSON member or setting concerned (may be empty), `off` the byte offset, `line` 1-based. */
struct fault {
    int err;
    char member[64];
    char want[96]; /* what would have been right, short, English, no user data */
    long off;
    long line;
};

/* Sets all members (want may be NULL) and returns err, so that callers can `return fault_set(...)`.
 * f may be NULL. */
int fault_set(struct fault *f, int err, const char *member, const char *want);

#endif
