/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers that can be counted again. A cell is a pure function of live items: the record's own
 * dates decide the month, never the moment of writing or arrival, so that two nodes which hold the
 * same items come to the same cells, hash included. */
#include "protocol/stats.h"

#include "protocol/base/enc.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/jwrite.h"
#include "protocol/sum256.h"

#include <stdlib.h>
#include <string.h>

const struct stat_indicator stat_indicators[STAT_COUNT] = {
#define X(sym, code, unit, src, rule, mirror)                                                      \
    [STAT_##sym] = {code, unit, STAT_SRC_##src, STAT_RULE_##rule, STAT_##mirror},
    STAT_INDICATORS(X)
#undef X
};

int stat_by_code(const char *s, size_t n, enum stat_ind *ret)
{
    for (unsigned i = 0; i < STAT_COUNT; i++) {
        if (strlen(stat_indicators[i].code) == n && memcmp(stat_indicators[i].code, s, n) == 0) {
            *ret = (enum stat_ind)i;
            return 0;
        }
    }
    return SANJI_E_NOT_FOUND;
}

/* ---- facts ---- */

static size_t add_fact(struct stat_fact *out, size_t n, enum stat_ind ind, int day,
                       const struct node_id *with, const uint8_t *leaf)
{
    out[n] = (struct stat_fact){.ind = ind, .day = day};
    if (with != NULL) {
        out[n].with = *with;
    }
    memcpy(out[n].leaf, leaf, HASH_LEN);
    return n + 1;
}

static bool one_of(struct span s, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (span_eqs(s, words[i])) {
            return true;
        }
    }
    return false;
}

static size_t listing_facts(struct span d, int since, const uint8_t *leaf, struct stat_fact *out)
{
    size_t n = add_fact(out, 0, STAT_LISTING_NEW, since, NULL, leaf);
    if (!span_eqs(jcur_plain_of(d, "state"), "paused")) {
        n = add_fact(out, n, STAT_LISTING_LIVE, since, NULL, leaf);
    }
    return n;
}

static size_t need_facts(struct span d, int since, const uint8_t *leaf, struct stat_fact *out)
{
    static const char *const open[] = {"open", "proposals", "agreed"};
    struct span state = jcur_plain_of(d, "state");
    struct span s = jcur_plain_of(d, "done");
    int done = since;
    size_t n = add_fact(out, 0, STAT_NEED_NEW, since, NULL, leaf);
    if (s.n > 0 && date_parse((const char *)s.p, s.n, &done) < 0) {
        done = since;
    }
    if (state.n == 0 || one_of(state, open, 3)) {
        n = add_fact(out, n, STAT_NEED_OPEN, since, NULL, leaf);
    } else if (span_eqs(state, "fulfilled")) {
        n = add_fact(out, n, STAT_NEED_MET, done, NULL, leaf);
    } else if (span_eqs(state, "unmet")) {
        n = add_fact(out, n, STAT_NEED_UNMET, done, NULL, leaf);
    }
    return n;
}

static bool day_of(struct span d, const char *name, int *ret)
{
    struct span s = jcur_plain_of(d, name);
    s.n = s.n == 16 && s.p[10] == 'T' ? 10 : s.n; /* the day of a time */
    return s.n > 0 && date_parse((const char *)s.p, s.n, ret) == 0;
}

/* An organisation that has left stays on file no more; who is served without being housed does. */
static size_t org_facts(struct span d, int since, const uint8_t *leaf, struct stat_fact *out)
{
    static const char *const gone[] = {"left", "removed"};
    struct span state = jcur_plain_of(d, "state");
    int entered = since;
    size_t n = 0;
    if (day_of(d, "entered", &entered)) {
        n = add_fact(out, n, STAT_ORG_ENTERED, entered, NULL, leaf);
    }
    if (!one_of(state, gone, 2)) {
        n = add_fact(out, n, STAT_ORG_FILED, since, NULL, leaf);
    }
    if (span_eqs(state, "incubating")) {
        n = add_fact(out, n, STAT_ORG_INCUBATING, entered, NULL, leaf);
    }
    return n;
}

static size_t event_facts(struct span d, int day, const uint8_t *leaf, struct stat_fact *out)
{
    struct span kind = jcur_plain_of(d, "kind");
    return span_eqs(kind, "honour")     ? add_fact(out, 0, STAT_ORG_HONOUR, day, NULL, leaf)
           : span_eqs(kind, "donation") ? add_fact(out, 0, STAT_ORG_DONATION, day, NULL, leaf)
                                        : 0;
}

static size_t service_facts(struct span d, int day, const uint8_t *leaf, struct stat_fact *out)
{
    (void)d;
    return add_fact(out, 0, STAT_SERVICE_DONE, day, NULL, leaf);
}

static size_t consult_facts(struct span d, int day, const uint8_t *leaf, struct stat_fact *out)
{
    static const struct {
        const char *line;
        enum stat_ind ind;
    } map[] = {{"party", STAT_CONSULT_PARTY},
               {"finance", STAT_CONSULT_FINANCE},
               {"legal", STAT_CONSULT_LEGAL},
               {"policy", STAT_CONSULT_POLICY},
               {"other", STAT_CONSULT_OTHER}};
    size_t n = 0;
    if (!span_eqs(jcur_plain_of(d, "state"), "done")) {
        return 0;
    }
    n = add_fact(out, n, STAT_CONSULTED, day, NULL, leaf);
    if (span_eqs(jcur_plain_of(d, "fee"), "paid")) {
        n = add_fact(out, n, STAT_CONSULT_PAID, day, NULL, leaf);
    }
    for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
        if (span_eqs(jcur_plain_of(d, "line"), map[i].line)) {
            n = add_fact(out, n, map[i].ind, day, NULL, leaf);
        }
    }
    return n;
}

static size_t question_facts(struct span d, int day, const uint8_t *leaf, struct stat_fact *out)
{
    (void)d;
    return add_fact(out, 0, STAT_ASKED, day, NULL, leaf);
}

enum { SOON_DAYS = 3 };

static size_t reply_facts(struct span d, int day, const uint8_t *leaf, struct stat_fact *out)
{
    int asked = 0;
    size_t n = add_fact(out, 0, STAT_ANSWERED, day, NULL, leaf);
    if (day_of(d, "asked", &asked) && day - asked <= SOON_DAYS) {
        n = add_fact(out, n, STAT_ANSWERED_SOON, day, NULL, leaf);
    }
    return n;
}

static size_t course_facts(struct span d, int day, const uint8_t *leaf, struct stat_fact *out)
{
    bool held = !span_eqs(jcur_plain_of(d, "state"), "cancelled");
    return held ? add_fact(out, 0, STAT_EVENT_HELD, day, NULL, leaf) : 0;
}

static size_t roll_facts(struct span d, int day, const uint8_t *leaf, struct stat_fact *out)
{
    struct span v;
    bool rated = false;
    size_t n = add_fact(out, 0, STAT_EVENT_ATTENDED, day, NULL, leaf);
    if (jcur_get(d, "rated", &v) && jcur_bool(v, &rated) && rated) {
        n = add_fact(out, n, STAT_EVENT_RATED, day, NULL, leaf);
    }
    return n;
}

/* By the day that was asked for: what is still to come counts where it will be. */
static size_t booking_facts(struct span d, int day, const uint8_t *leaf, struct stat_fact *out)
{
    static const char *const given[] = {"confirmed", "checked_in", "completed", "no_show"};
    struct span state = jcur_plain_of(d, "state");
    size_t n = add_fact(out, 0, STAT_BOOKING_ASKED, day, NULL, leaf);
    if (one_of(state, given, 4)) {
        n = add_fact(out, n, STAT_BOOKING_GIVEN, day, NULL, leaf);
    }
    if (span_eqs(state, "rejected")) {
        n = add_fact(out, n, STAT_BOOKING_REFUSED, day, NULL, leaf);
    }
    if (span_eqs(state, "no_show")) {
        n = add_fact(out, n, STAT_BOOKING_NO_SHOW, day, NULL, leaf);
    }
    return n;
}

static const struct source { /* what is counted, and by which date */
    const char *kind, *date;
    size_t (*facts)(struct span d, int day, const uint8_t *leaf, struct stat_fact *out);
} sources[STAT_SRC_COUNT] = {
    [STAT_SRC_LISTING] = {"listing", "since", listing_facts},
    [STAT_SRC_NEED] = {"need", "since", need_facts},
    [STAT_SRC_ORG] = {"org", "since", org_facts},
    [STAT_SRC_EVENT] = {"org_event", "date", event_facts},
    [STAT_SRC_SERVICE] = {"service", "date", service_facts},
    [STAT_SRC_CONSULT] = {"consultation", "date", consult_facts},
    [STAT_SRC_QUESTION] = {"question", "since", question_facts},
    [STAT_SRC_REPLY] = {"question_answer", "since", reply_facts},
    [STAT_SRC_COURSE] = {"event", "from", course_facts},
    [STAT_SRC_ROLL] = {"attendance", "date", roll_facts},
    [STAT_SRC_BOOKING] = {"booking", "from", booking_facts},
};

const char *stat_source_kind(enum stat_source src)
{
    return sources[src].kind;
}

size_t stat_facts_record(const char *kind, struct span d, const uint8_t leaf[static HASH_LEN],
                         struct stat_fact out[static STAT_FACTS_MAX])
{
    for (size_t i = 0; i < STAT_SRC_COUNT; i++) {
        int day = 0;
        if (sources[i].kind != NULL && strcmp(sources[i].kind, kind) == 0) {
            return day_of(d, sources[i].date, &day) ? sources[i].facts(d, day, leaf, out) : 0;
        }
    }
    return 0;
}

size_t stat_facts_event(enum ref_party me, const struct ref_ev *ev, int on,
                        const struct node_id *with, const uint8_t leaf[static HASH_LEN],
                        struct stat_fact out[static STAT_FACTS_MAX])
{
    static const struct {
        enum ref_event ev;
        enum stat_ind ind;
    } map[] = {
        {RE_SEND, STAT_REF_SENT},
        {RE_REOPEN, STAT_REF_SENT},
        {RE_DELIVERED, STAT_REF_DELIVERED},
        {RE_ACCEPT, STAT_REF_ACCEPTED},
        {RE_DECLINE, STAT_REF_DECLINED},
        {RE_OUTCOME, STAT_REF_COMPLETED},
        {RE_CANCEL_CONFIRM, STAT_REF_CANCELLED},
    };
    size_t n = 0;
    for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
        if (map[i].ev == ev->ev) {
            enum stat_ind ind = map[i].ind;
            n = add_fact(out, n, me == REF_I ? ind : stat_indicators[ind].mirror, on, with, leaf);
        }
    }
    if (ev->ev == RE_OUTCOME && ev->success) {
        n = add_fact(out, n, me == REF_I ? STAT_REF_SUCCESS : STAT_REF_IN_SUCCESS, on, with, leaf);
    }
    return n;
}

bool stat_counts(enum stat_ind ind, int day, int first, int last)
{
    return day <= last && (stat_indicators[ind].rule == STAT_RULE_STOCK || day >= first);
}

/* ---- cells ---- */

static int cmp_fact(const void *a, const void *b)
{
    const struct stat_fact *x = a;
    const struct stat_fact *y = b;
    int r = strcmp(x->with.s, y->with.s);
    return r != 0 ? r : memcmp(x->leaf, y->leaf, HASH_LEN);
}

/* Moves the facts that count to the front, each leaf once, sorted by counterpart. */
static size_t select_facts(enum stat_ind ind, int first, int last, struct stat_fact *f, size_t n)
{
    size_t kept = 0;
    size_t once = 0;
    for (size_t i = 0; i < n; i++) {
        if (f[i].ind == ind && stat_counts(ind, f[i].day, first, last)) {
            struct stat_fact t = f[kept];
            f[kept++] = f[i];
            f[i] = t;
        }
    }
    if (kept > 0) {
        qsort(f, kept, sizeof(*f), cmp_fact);
    }
    for (size_t i = 0; i < kept; i++) {
        if (once == 0 || memcmp(f[once - 1].leaf, f[i].leaf, HASH_LEN) != 0) {
            f[once++] = f[i];
        }
    }
    return once;
}

static bool is_month(const char *s, int *ret_first, int *ret_last)
{
    return strlen(s) == 7 && s[5] != 'Q' && s[5] != 'H' &&
           period_parse(s, 7, ret_first, ret_last) == 0;
}

int stat_cell_begin(const char *period, enum stat_ind ind, struct stat_cell *ret)
{
    int first = 0;
    int last = 0;
    if (!is_month(period, &first, &last)) {
        return SANJI_E_SPEC;
    }
    memset(ret, 0, sizeof(*ret));
    memcpy(ret->period, period, 8);
    memcpy(ret->ind, stat_indicators[ind].code, strlen(stat_indicators[ind].code) + 1);
    return 0;
}

int stat_cell_add(struct stat_cell *c, const struct node_id *with, int64_t n,
                  const uint8_t sum[static HASH_LEN])
{
    c->v += n;
    c->n += n;
    sum256_add(c->sum, sum);
    if (node_id_none(with) || n == 0) {
        return 0;
    }
    if (c->n_by == 0 || node_id_cmp(&c->by[c->n_by - 1].n, with) != 0) {
        if (c->n_by == STAT_BY_MAX) {
            return SANJI_E_SIZE;
        }
        c->by[c->n_by++].n = *with;
    }
    c->by[c->n_by - 1].v += n;
    return 0;
}

int stat_cell_make(const char *period, enum stat_ind ind, struct stat_fact *scratch, size_t n,
                   struct stat_cell *ret)
{
    int first = 0;
    int last = 0;
    int r = stat_cell_begin(period, ind, ret);
    if (r < 0 || !is_month(period, &first, &last)) {
        return SANJI_E_SPEC;
    }
    n = select_facts(ind, first, last, scratch, n);
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = stat_cell_add(ret, &scratch[i].with, 1, scratch[i].leaf);
    }
    return r;
}

int stat_cell_write(const struct stat_cell *c, const struct stat_head *cov, size_t n_cov,
                    struct buf *out)
{
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_str(&w, "period", c->period);
    jw_str(&w, "ind", c->ind);
    jw_int(&w, "v", c->v);
    if (c->n_by > 0) {
        jw_arr(&w, "by");
        for (size_t i = 0; i < c->n_by; i++) {
            jw_arr(&w, NULL);
            jw_str(&w, NULL, c->by[i].n.s);
            jw_int(&w, NULL, c->by[i].v);
            jw_end_arr(&w);
        }
        jw_end_arr(&w);
    }
    jw_int(&w, "n", c->n);
    jw_b64(&w, "sum", c->sum, HASH_LEN);
    jw_arr(&w, "cov");
    for (size_t i = 0; i < n_cov; i++) {
        jw_obj(&w, NULL);
        if (cov[i].aud != NULL) {
            jw_str(&w, "aud", cov[i].aud);
            jw_int(&w, "ep", cov[i].ep);
            jw_b64(&w, "en", cov[i].en, sizeof(cov[i].en));
            jw_int(&w, "seq", cov[i].seq);
        }
        jw_b64(&w, "id", cov[i].id, HASH_LEN);
        jw_end_obj(&w);
    }
    jw_end_arr(&w);
    if (c->locked) {
        jw_bool(&w, "locked", true);
    }
    jw_end_obj(&w);
    return jw_done(&w);
}

static bool copy_text(struct span d, const char *name, char *out, size_t size)
{
    struct span s = jcur_plain_of(d, name);
    if (s.n == 0 || s.n >= size) {
        return false;
    }
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return true;
}

static bool read_by(struct span d, struct stat_cell *c)
{
    struct jcur a;
    struct jcur p;
    struct span v;
    struct span e;
    struct span node;
    if (!jcur_get(d, "by", &v)) {
        return true;
    }
    if (!jcur_array(&a, v)) {
        return false;
    }
    while (jcur_element(&a, &e)) {
        struct stat_by *b = &c->by[c->n_by];
        if (c->n_by == STAT_BY_MAX || !jcur_array(&p, e) || !jcur_element(&p, &v) ||
            !jcur_plain(v, &node) || node_id_parse((const char *)node.p, node.n, &b->n) < 0 ||
            !jcur_element(&p, &v) || !jcur_int(v, &b->v)) {
            return false;
        }
        c->n_by++;
    }
    return true;
}

int stat_cell_read(struct span d, struct stat_cell *ret, struct fault *f)
{
    struct span v;
    memset(ret, 0, sizeof(*ret));
    if (!copy_text(d, "period", ret->period, sizeof(ret->period)) ||
        !copy_text(d, "ind", ret->ind, sizeof(ret->ind))) {
        return fault_set(f, SANJI_E_SPEC, "ind", "period and indicator");
    }
    if (!jcur_get(d, "v", &v) || !jcur_int(v, &ret->v) || !jcur_get(d, "n", &v) ||
        !jcur_int(v, &ret->n)) {
        return fault_set(f, SANJI_E_SPEC, "v", "a number");
    }
    struct span sum = jcur_plain_of(d, "sum");
    if (b64u_get((const char *)sum.p, sum.n, ret->sum, HASH_LEN) < 0) {
        return fault_set(f, SANJI_E_SPEC, "sum", "32 bytes");
    }
    if (jcur_get(d, "locked", &v)) {
        (void)jcur_bool(v, &ret->locked);
    }
    return read_by(d, ret) ? 0 : fault_set(f, SANJI_E_SPEC, "by", "pairs of node and count");
}

bool stat_cell_eq(const struct stat_cell *a, const struct stat_cell *b)
{
    if (strcmp(a->period, b->period) != 0 || strcmp(a->ind, b->ind) != 0 || a->v != b->v ||
        a->n != b->n || a->n_by != b->n_by || memcmp(a->sum, b->sum, HASH_LEN) != 0) {
        return false;
    }
    for (size_t i = 0; i < a->n_by; i++) {
        if (node_id_cmp(&a->by[i].n, &b->by[i].n) != 0 || a->by[i].v != b->by[i].v) {
            return false;
        }
    }
    return true;
}

/* ---- periods ---- */

int stat_month(int day)
{
    char s[11];
    int64_t y = 0;
    date_write(day, s);
    (void)text_i64(s, 4, 0, 9999, &y);
    return (int)y * 12 + (s[5] - '0') * 10 + (s[6] - '0') - 1;
}

void stat_month_write(int month, char out[static 8])
{
    unsigned m = (unsigned)(month < 0 ? 0 : month);
    unsigned y = m / 12 % 10000;
    const char s[8] = {(char)('0' + y / 1000),
                       (char)('0' + y / 100 % 10),
                       (char)('0' + y / 10 % 10),
                       (char)('0' + y % 10),
                       '-',
                       (char)('0' + (m % 12 + 1) / 10),
                       (char)('0' + (m % 12 + 1) % 10),
                       '\0'};
    memcpy(out, s, sizeof(s));
}

bool stat_month_parse(const char *period, int *ret)
{
    int first = 0;
    int last = 0;
    if (!is_month(period, &first, &last)) {
        return false;
    }
    *ret = stat_month(first);
    return true;
}

int stat_months(const char *period, char ret[static 12][8], size_t *ret_n)
{
    int first = 0;
    int last = 0;
    size_t len = strlen(period);
    bool known = len == 4 || (len == 7 && period[5] != 'W' && period[4] == '-');
    if (!known || period_parse(period, len, &first, &last) < 0) {
        return SANJI_E_SPEC;
    }
    size_t n = 0;
    for (int d = first; d <= last && n < 12; n++) {
        char date[11];
        int month_first = 0;
        int month_last = 0;
        date_write(d, date);
        memcpy(ret[n], date, 7);
        ret[n][7] = '\0';
        if (period_parse(ret[n], 7, &month_first, &month_last) < 0) {
            return SANJI_E_SPEC;
        }
        d = month_last + 1;
    }
    *ret_n = n;
    return 0;
}

int64_t stat_total(enum stat_ind ind, const int64_t *v, const bool *has, size_t n)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        if (has[i]) {
            sum = stat_indicators[ind].rule == STAT_RULE_STOCK ? v[i] : sum + v[i];
        }
    }
    return sum;
}

/* ---- reconciliation ---- */

static int64_t says(const struct stat_cell *c, const struct node_id *about)
{
    for (size_t i = 0; c != NULL && i < c->n_by; i++) {
        if (node_id_cmp(&c->by[i].n, about) == 0) {
            return c->by[i].v;
        }
    }
    return 0;
}

bool stat_reconcile(const struct stat_cell *a, const struct node_id *a_node,
                    const struct stat_cell *b, const struct node_id *b_node, struct stat_diff *ret)
{
    *ret = (struct stat_diff){.i = *a_node, .r = *b_node};
    ret->i_says = says(a, b_node);
    ret->r_says = says(b, a_node);
    return ret->i_says != ret->r_says;
}
