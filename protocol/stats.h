/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_STATS_H
#define SANJI_PROTOCOL_STATS_H

#include "protocol/base/buf.h"
#include "protocol/base/err.h"
#include "protocol/flow_referral.h"
#include "protocol/ids.h"
#include "protocol/suite.h"

#include <stdbool.h>
#include <stdint.h>

/* Statistics (PROTOCOL.md section 19). A live item yields facts; a cell is what the facts of one
 * indicator come to in one month. Facts depend on the item (for referrals: on the thread) alone,
 * and a cell is sums over them, so a store may keep the sums as items come and go, and a recount
 * from the bundles gives the same cells. Nothing here knows today's date. */

/* clang-format off */
#define STAT_INDICATORS(X)                                                                         \
    /* symbol          code               unit        source    rule   mirror */                   \
    X(LISTING_NEW,     "listing.new",     "listing",  LISTING,  FLOW,  LISTING_NEW)                \
    X(LISTING_LIVE,    "listing.live",    "listing",  LISTING,  STOCK, LISTING_LIVE)               \
    X(NEED_NEW,        "need.new",        "need",     NEED,     FLOW,  NEED_NEW)                   \
    X(NEED_OPEN,       "need.open",       "need",     NEED,     STOCK, NEED_OPEN)                  \
    X(NEED_MET,        "need.met",        "need",     NEED,     FLOW,  NEED_MET)                   \
    X(NEED_UNMET,      "need.unmet",      "need",     NEED,     FLOW,  NEED_UNMET)                 \
    X(ORG_FILED,       "org.filed",       "org",      ORG,      STOCK, ORG_FILED)                  \
    X(ORG_INCUBATING,  "org.incubating",  "org",      ORG,      STOCK, ORG_INCUBATING)             \
    X(ORG_ENTERED,     "org.entered",     "org",      ORG,      FLOW,  ORG_ENTERED)                \
    X(ORG_HONOUR,      "org.honour",      "event",    EVENT,    FLOW,  ORG_HONOUR)                 \
    X(ORG_DONATION,    "org.donation",    "event",    EVENT,    FLOW,  ORG_DONATION)               \
    X(SERVICE_DONE,    "service.done",    "service",  SERVICE,  FLOW,  SERVICE_DONE)               \
    X(CONSULTED,       "consult.done",    "consultation", CONSULT, FLOW, CONSULTED)                \
    X(CONSULT_PAID,    "consult.paid",    "consultation", CONSULT, FLOW, CONSULT_PAID)             \
    X(CONSULT_PARTY,   "consult.party",   "consultation", CONSULT, FLOW, CONSULT_PARTY)            \
    X(CONSULT_FINANCE, "consult.finance", "consultation", CONSULT, FLOW, CONSULT_FINANCE)          \
    X(CONSULT_LEGAL,   "consult.legal",   "consultation", CONSULT, FLOW, CONSULT_LEGAL)            \
    X(CONSULT_POLICY,  "consult.policy",  "consultation", CONSULT, FLOW, CONSULT_POLICY)           \
    X(CONSULT_OTHER,   "consult.other",   "consultation", CONSULT, FLOW, CONSULT_OTHER)            \
    X(ASKED,           "question.asked",  "question", QUESTION, FLOW,  ASKED)                      \
    X(ANSWERED,        "question.answered", "question", REPLY,  FLOW,  ANSWERED)                   \
    X(ANSWERED_SOON,   "question.soon",   "question", REPLY,    FLOW,  ANSWERED_SOON)              \
    X(EVENT_HELD,      "event.held",      "event",    COURSE,   FLOW,  EVENT_HELD)                 \
    X(EVENT_ATTENDED,  "event.attended",  "seat",     ROLL,     FLOW,  EVENT_ATTENDED)             \
    X(EVENT_RATED,     "event.rated",     "seat",     ROLL,     FLOW,  EVENT_RATED)                \
    X(BOOKING_ASKED,   "booking.asked",   "booking",  BOOKING,  FLOW,  BOOKING_ASKED)              \
    X(BOOKING_GIVEN,   "booking.given",   "booking",  BOOKING,  FLOW,  BOOKING_GIVEN)              \
    X(BOOKING_REFUSED, "booking.refused", "booking",  BOOKING,  FLOW,  BOOKING_REFUSED)            \
    X(BOOKING_NO_SHOW, "booking.no_show", "booking",  BOOKING,  FLOW,  BOOKING_NO_SHOW)            \
    X(REF_SENT,        "ref.sent",        "referral", REF_I,    FLOW,  REF_IN_SENT)                \
    X(REF_DELIVERED,   "ref.delivered",   "referral", REF_I,    FLOW,  REF_IN_DELIVERED)           \
    X(REF_ACCEPTED,    "ref.accepted",    "referral", REF_I,    FLOW,  REF_IN_ACCEPTED)            \
    X(REF_DECLINED,    "ref.declined",    "referral", REF_I,    FLOW,  REF_IN_DECLINED)            \
    X(REF_COMPLETED,   "ref.completed",   "referral", REF_I,    FLOW,  REF_IN_COMPLETED)           \
    X(REF_SUCCESS,     "ref.success",     "referral", REF_I,    FLOW,  REF_IN_SUCCESS)             \
    X(REF_CANCELLED,   "ref.cancelled",   "referral", REF_I,    FLOW,  REF_IN_CANCELLED)           \
    X(REF_IN_SENT,     "ref.received",    "referral", REF_R,    FLOW,  REF_SENT)                   \
    X(REF_IN_DELIVERED,"ref.in.delivered","referral", REF_R,    FLOW,  REF_DELIVERED)              \
    X(REF_IN_ACCEPTED, "ref.in.accepted", "referral", REF_R,    FLOW,  REF_ACCEPTED)               \
    X(REF_IN_DECLINED, "ref.in.declined", "referral", REF_R,    FLOW,  REF_DECLINED)               \
    X(REF_IN_COMPLETED,"ref.in.completed","referral", REF_R,    FLOW,  REF_COMPLETED)              \
    X(REF_IN_SUCCESS,  "ref.in.success",  "referral", REF_R,    FLOW,  REF_SUCCESS)                \
    X(REF_IN_CANCELLED,"ref.in.cancelled","referral", REF_R,    FLOW,  REF_CANCELLED)
/* clang-format on */

enum stat_ind {
#define X(sym, code, unit, src, rule, mirror) STAT_##sym,
    STAT_INDICATORS(X)
#undef X
        STAT_COUNT
};
enum stat_source {
    STAT_SRC_LISTING,
    STAT_SRC_NEED,
    STAT_SRC_ORG,
    STAT_SRC_EVENT,
    STAT_SRC_SERVICE,
    STAT_SRC_CONSULT,
    STAT_SRC_QUESTION,
    STAT_SRC_REPLY,
    STAT_SRC_COURSE,
    STAT_SRC_ROLL,
    STAT_SRC_BOOKING,
    STAT_SRC_REF_I,
    STAT_SRC_REF_R,
    STAT_SRC_COUNT
};
/* The kind of record a source counts; NULL: referral threads. */
const char *stat_source_kind(enum stat_source src);
/* FLOW counts what happened in the period and adds up over months; STOCK is how it stands at the
 * end of the period: over months the last one counts, never the sum. Both add up over nodes. */
enum stat_rule { STAT_RULE_FLOW, STAT_RULE_STOCK };
struct stat_indicator {
    const char *code, *unit;
    enum stat_source source;
    enum stat_rule rule;
    enum stat_ind
        mirror; /* the other party's indicator of the same thing; itself when there is none */
};
extern const struct stat_indicator stat_indicators[STAT_COUNT];
int stat_by_code(const char *s, size_t n, enum stat_ind *ret); /* 0 or SANJI_E_NOT_FOUND */

/* ---- facts ---- */
struct stat_fact {
    enum stat_ind ind;
    int day;             /* flow: when it happened; stock: since when it stands */
    struct node_id with; /* referrals: the other party; else empty */
    uint8_t leaf[HASH_LEN];
};
enum { STAT_FACTS_MAX = 4 }; /* of one item */
/* Facts of a live put of kind `kind` (those of stat_source_kind(); any other yields none). A record
 * without the date it is counted by yields none either: it has no place in time. */
size_t stat_facts_record(const char *kind, struct span d, const uint8_t leaf[static HASH_LEN],
                         struct stat_fact out[static STAT_FACTS_MAX]);
/* Facts of one event of a referral that took effect (ref_fold_applied), as party `me` counts it.
 * `on` is the plaintext's date. cancel_confirm counts as cancelled. */
size_t stat_facts_event(enum ref_party me, const struct ref_ev *ev, int on,
                        const struct node_id *with, const uint8_t leaf[static HASH_LEN],
                        struct stat_fact out[static STAT_FACTS_MAX]);
/* Does a fact of that day count in [first,last]? */
bool stat_counts(enum stat_ind ind, int day, int first, int last);

/* ---- cells ---- */
enum { STAT_BY_MAX = 512, STAT_COV_MAX = 256 };
struct stat_by {
    struct node_id n;
    int64_t v;
};
struct stat_head { /* a stream up to which the cell has seen everything; private ones by id alone */
    const char *aud; /* NULL: private */
    int64_t ep, seq;
    uint8_t en[8];
    uint8_t id[HASH_LEN];
};
struct stat_cell {
    char period[12];
    char ind[41];
    int64_t v;             /* facts */
    int64_t n;             /* leaves */
    uint8_t sum[HASH_LEN]; /* of the leaves, modulo 2^256 */
    bool locked;
    size_t n_by;
    struct stat_by by[STAT_BY_MAX];
};
/* Counts the facts of ind in the month; the others are passed over. Order and repetition of facts
 * do not matter (one leaf counts once per indicator). `scratch` is sorted in place. SANJI_E_SPEC
 * when period is no month, SANJI_E_SIZE for more than 512 counterparts. */
int stat_cell_make(const char *period, enum stat_ind ind, struct stat_fact *scratch, size_t n,
                   struct stat_cell *ret);
/* The same from counts kept up to date instead of facts: an empty cell, and into it what one
 * counterpart (empty: none) comes to. Counterparts come in ascending order, each any number of
 * times; SANJI_E_SIZE for more than 512. */
int stat_cell_begin(const char *period, enum stat_ind ind, struct stat_cell *ret);
int stat_cell_add(struct stat_cell *c, const struct node_id *with, int64_t n,
                  const uint8_t sum[static HASH_LEN]);
/* Content of a stat/1 item. */
int stat_cell_write(const struct stat_cell *c, const struct stat_head *cov, size_t n_cov,
                    struct buf *out);
/* Reads content that has passed kind_check_content(). */
int stat_cell_read(struct span d, struct stat_cell *ret, struct fault *f);
/* Same number, counterparts and inputs; the period and indicator too. For recounts. */
bool stat_cell_eq(const struct stat_cell *a, const struct stat_cell *b);

/* ---- periods ---- */
/* Months are numbered: year * 12 + month - 1. */
int stat_month(int day);
void stat_month_write(int month, char out[static 8]);
bool stat_month_parse(const char *period, int *ret); /* "2026-11" */
/* The months of a month, quarter, half year or year, "YYYY-MM" each; SANJI_E_SPEC for other forms.
 */
int stat_months(const char *period, char ret[static 12][8], size_t *ret_n);
/* Value of a longer period from the values of its months in order; has[i] false: no cell. */
int64_t stat_total(enum stat_ind ind, const int64_t *v, const bool *has, size_t n);

/* ---- reconciliation ---- */
struct stat_diff {
    struct node_id i, r;
    int64_t i_says, r_says;
};
/* Cells of one month: what node a says about b under an indicator of referrals, and what b says
 * about a under its mirror. NULL: no cell, which says 0. Returns true when they differ. */
bool stat_reconcile(const struct stat_cell *a, const struct node_id *a_node,
                    const struct stat_cell *b, const struct node_id *b_node, struct stat_diff *ret);

#endif
