/* SPDX-License-Identifier: Apache-2.0 */
/* Records and events for pages, the API and the command line. Each combination of filters goes to
 * the statement whose index suits it; a list never sorts or reads what it does not show. */
#include "node/store/internal.h"
#include "protocol/base/err.h"
#include "protocol/kinds/kind.h"

#include <stdio.h>
#include <string.h>

enum { DEFAULT_LIMIT = 50, AREA_BYTES = 16 };

void store__rec_read(struct q *q, struct store_rec *ret)
{
    *ret = (struct store_rec){
        .n = q_col_int(q, 0),
        .owner = q_col_text(q, 1),
        .id = q_col_text(q, 2),
        .kind = q_col_text(q, 3),
        .by = q_col_text(q, 4),
        .aud = q_col_text(q, 5),
        .major = q_col_int(q, 6),
        .r = q_col_int(q, 7),
        .withdrawn = q_col_int(q, 8) != 0,
        .title = q_col_text(q, 9),
        .state = q_col_text(q, 10),
        .area = q_col_text(q, 11),
        .since = q_col_text(q, 12),
        .d = q_col_span(q, 13),
        .leaf = q_col_span(q, 14).p,
        .ts = q_col_int(q, 15),
        .got = q_col_int(q, 16),
        .ep = q_col_int(q, 17),
        .no = q_col_int(q, 18),
        .seq = q_col_int(q, 19),
        .idx = q_col_int(q, 20),
        .visible = q_col_int(q, 21) != 0,
    };
    if (q->err == 0 && (ret->leaf == NULL || q_col_span(q, 14).n != HASH_LEN)) {
        q->err = SANJI_E_CORRUPT;
    }
}

static int give_all(struct q *q, store_rec_fn fn, void *arg)
{
    int r = 0;
    while (r == 0 && q_row(q)) {
        struct store_rec rec;
        store__rec_read(q, &rec);
        if (q->err == 0) {
            r = fn(&rec, arg);
        }
    }
    int e = q_end(q);
    return r < 0 ? r : e;
}

/* An id without its owner: found by walking over the owners, there is no index by id alone. */
static int find_owner(struct store *s, const char *id, char ret[static LIM_NODE_ID + 2])
{
    struct q q;
    int n = 0;
    q_begin(&q, &s->db, Q_REC_GET_ANY);
    q_text(&q, id);
    while (q_row(&q)) {
        n++;
        q_col_str(&q, 1, ret, LIM_NODE_ID + 2);
    }
    int r = q_end(&q);
    if (r == 0 && n != 1) {
        r = n == 0 ? SANJI_E_NOT_FOUND : SANJI_E_CONFLICT;
    }
    return r;
}

int store_record_get(struct store *s, const char *owner, const char *kind, const char *id,
                     store_rec_fn fn, void *arg)
{
    char found[LIM_NODE_ID + 2];
    struct q q;
    if (owner == NULL) {
        int r = find_owner(s, id, found);
        if (r < 0) {
            return r;
        }
        owner = found;
    }
    q_begin(&q, &s->db, Q_REC_GET);
    q_text(&q, owner);
    q_text(&q, id);
    int r = SANJI_E_NOT_FOUND;
    if (q_row(&q)) {
        struct store_rec rec;
        store__rec_read(&q, &rec);
        if (q.err == 0 && (kind == NULL || strcmp(kind, rec.kind) == 0)) {
            r = fn(&rec, arg);
        }
    }
    int e = q_end(&q);
    return e < 0 ? e : r < 0 ? r : 0;
}

/* Area codes are digits: everything that begins with a prefix lies between it and prefix + ':'. */
static int area_end(const char *area, char out[static AREA_BYTES])
{
    int n = snprintf(out, AREA_BYTES, "%s:", area);
    return n < 0 || n >= AREA_BYTES ? SANJI_E_SPEC : 0;
}

/* Sorting all records of an owner by time is cheap while they are few; an owner of many is met
 * often enough on the way through the time index. */
static bool owner_is_big(struct store *s, const char *owner)
{
    struct q q;
    q_begin(&q, &s->db, Q_REC_OWNER_BIG);
    q_text(&q, owner);
    bool big = q_row(&q);
    return q_end(&q) == 0 && big;
}

const char *store__or_state(const struct store_filter *f)
{
    const struct kind *k = f->kind == NULL || f->state == NULL ? NULL : kind_find(f->kind);
    const struct kind_field *fld = k == NULL ? NULL : kind_field_with(k, KFF_STATE);
    size_t n = fld == NULL ? 0 : strcspn(fld->choices, " ");
    return n > 0 && strlen(f->state) == n && memcmp(f->state, fld->choices, n) == 0 ? "" : NULL;
}

static enum stmt_id list_stmt(struct store *s, const struct store_filter *f)
{
    if (f->kind != NULL && f->state != NULL && f->area == NULL) {
        return store__or_state(f) != NULL
                   ? Q_REC_LIST_FIRST
                   : Q_REC_LIST_STATE; /* what waits is little beside what is done */
    }
    if (f->owner != NULL) {
        bool by_time = f->kind != NULL && f->area == NULL && owner_is_big(s, f->owner);
        return by_time ? Q_REC_LIST_KIND : Q_REC_LIST_OWNER;
    }
    if (f->kind == NULL) {
        return Q_REC_LIST_ALL;
    }
    return f->area != NULL ? Q_REC_LIST_AREA : Q_REC_LIST_KIND;
}

struct giving {
    store_rec_fn fn;
    void *arg;
    int64_t floor, given; /* rows dated up to floor end the walk */
    bool stopped;         /* by fn */
};

static int give_one(const struct store_rec *rec, void *arg)
{
    struct giving *g = arg;
    if (rec->ts <= g->floor) {
        return 1;
    }
    g->given++;
    int r = g->fn(rec, g->arg);
    g->stopped = r != 0;
    return r;
}

static int list_part(struct store *s, const struct store_filter *f, enum stmt_id stmt,
                     struct giving *g)
{
    char to[AREA_BYTES];
    struct q q;
    int r = f->area == NULL ? 0 : area_end(f->area, to);
    if (r < 0) {
        return r;
    }
    q_begin(&q, &s->db, stmt);
    q_text(&q, f->kind);
    q_text(&q, f->area);
    q_text(&q, f->owner);
    q_text(&q, f->state);
    q_int(&q, f->before_ts);
    q_int(&q, f->before_n);
    q_text(&q, f->area == NULL ? NULL : to);
    q_int(&q, f->limit);
    q_int(&q, f->offset);
    q_text(&q, store__or_state(f));
    return give_all(&q, give_one, g);
}

enum { AHEAD_MS = 86400000 }; /* neighbours' clocks may differ a little, and so do time zones */

int store_record_list(struct store *s, const struct store_filter *f, store_rec_fn fn, void *arg)
{
    struct giving g = {.fn = fn, .arg = arg, .floor = INT64_MIN};
    if (f->text != NULL && f->text[0] != '\0') {
        return store__search(s, f, fn, arg);
    }
    struct store_filter part = *f;
    part.limit = f->limit <= 0 ? DEFAULT_LIMIT : f->limit;
    enum stmt_id stmt = list_stmt(s, f);
    if (f->now_ms == 0 || stmt == Q_REC_LIST_ALL) {
        return list_part(s, &part, stmt, &g);
    }
    int64_t top = f->now_ms + AHEAD_MS;
    bool among_last = f->before_ts > top; /* the page before this one ended there */
    int r = 0;
    if (!among_last) {
        part.before_n = f->before_ts == 0 ? 0 : f->before_n;
        part.before_ts = f->before_ts == 0 ? top + 1 : f->before_ts;
        r = list_part(s, &part, stmt, &g);
        part.before_ts = part.before_n = 0;
    }
    part.limit -= g.given;
    if (r < 0 || g.stopped || part.limit <= 0) {
        return r;
    }
    g.floor = top;
    return list_part(s, &part, stmt, &g);
}

static int count_one(const struct store_rec *rec, void *arg)
{
    (void)rec;
    ++*(int64_t *)arg;
    return 0;
}

int store_record_count(struct store *s, const struct store_filter *f, int64_t *ret)
{
    char to[AREA_BYTES];
    struct q q;
    int64_t n = 0;
    if (f->text != NULL && f->text[0] != '\0') {
        struct store_filter all = *f;
        all.limit = INT64_MAX;
        all.offset = all.before_ts = all.before_n = 0;
        int r = store__search(s, &all, count_one, &n);
        if (r == 0) {
            *ret = n;
        }
        return r;
    }
    int r = f->area == NULL ? 0 : area_end(f->area, to);
    if (r < 0) {
        return r;
    }
    q_begin(&q, &s->db, f->kind == NULL || f->owner != NULL ? Q_REC_COUNT_ANY : Q_REC_COUNT_KIND);
    q_text(&q, f->kind);
    q_text(&q, f->area);
    q_text(&q, f->owner);
    q_text(&q, f->state);
    q_text(&q, f->area == NULL ? NULL : to);
    q_text(&q, store__or_state(f));
    if (q_row(&q)) {
        n = q_col_int(&q, 0);
    }
    r = q_end(&q);
    if (r == 0) {
        *ret = n;
    }
    return r;
}

int store_kind_counts(struct store *s, int (*fn)(const char *kind, int64_t n, void *arg), void *arg)
{
    struct q q;
    int r = 0;
    q_begin(&q, &s->db, Q_REC_KINDS);
    while (r == 0 && q_row(&q)) {
        r = fn(q_col_text(&q, 0), q_col_int(&q, 1), arg);
    }
    int e = q_end(&q);
    return r < 0 ? r : e;
}

int store_kind_last(struct store *s, const char *kind, int64_t *ret)
{
    struct q q;
    q_begin(&q, &s->db, Q_REC_KIND_LAST);
    q_text(&q, kind);
    *ret = q_row(&q) ? q_col_int(&q, 0) : 0;
    return q_end(&q);
}

int store_explain(struct store *s, const char *owner, const char *id, store_rec_fn fn, void *arg)
{
    char found[LIM_NODE_ID + 2];
    struct q q;
    if (owner == NULL) {
        int r = find_owner(s, id, found);
        if (r < 0) {
            return r;
        }
        owner = found;
    }
    q_begin(&q, &s->db, Q_REC_FORMS);
    q_text(&q, owner);
    q_text(&q, id);
    return give_all(&q, fn, arg);
}

int store_record_at(struct store *s, const struct stream_key *key, int64_t seq, store_rec_fn fn,
                    void *arg)
{
    struct q q;
    q_begin(&q, &s->db, Q_REC_AT);
    q_text(&q, key->by.s);
    q_text(&q, key->aud);
    q_int(&q, key->ep);
    q_int(&q, seq);
    return give_all(&q, fn, arg);
}

int store_export(struct store *s, store_rec_fn fn, void *arg)
{
    struct q q;
    q_begin(&q, &s->db, Q_REC_EXPORT);
    return give_all(&q, fn, arg);
}

static void event_read(struct q *q, struct store_event *ret)
{
    *ret = (struct store_event){
        .owner = q_col_text(q, 0),
        .id = q_col_text(q, 1),
        .kind = q_col_text(q, 2),
        .by = q_col_text(q, 3),
        .aud = q_col_text(q, 4),
        .major = q_col_int(q, 5),
        .r = q_col_int(q, 6),
        .ts = q_col_int(q, 7),
        .got = q_col_int(q, 8),
        .ep = q_col_int(q, 9),
        .no = q_col_int(q, 10),
        .seq = q_col_int(q, 11),
        .idx = q_col_int(q, 12),
        .d = q_col_span(q, 13),
        .leaf = q_col_span(q, 14).p,
    };
    if (q->err == 0 && (ret->leaf == NULL || q_col_span(q, 14).n != HASH_LEN)) {
        q->err = SANJI_E_CORRUPT;
    }
}

int store_event_list(struct store *s, const char *kind, const char *owner, const char *id,
                     store_event_fn fn, void *arg)
{
    struct q q;
    int r = 0;
    q_begin(&q, &s->db,
            owner != NULL && id != NULL ? Q_EV_OF
            : kind != NULL              ? Q_EV_KIND
                                        : Q_EV_LIST);
    q_text(&q, kind);
    q_text(&q, owner);
    q_text(&q, id);
    while (r == 0 && q_row(&q)) {
        struct store_event ev;
        event_read(&q, &ev);
        if (q.err == 0) {
            r = fn(&ev, arg);
        }
    }
    int e = q_end(&q);
    return r < 0 ? r : e;
}

int store_sealed_closed(struct store *s, store_event_fn fn, void *arg)
{
    struct q q;
    int r = 0;
    q_begin(&q, &s->db, Q_PARK_ANY);
    q_int(&q, SANJI_E_OPEN);
    bool any = q_row(&q);
    int e = q_end(&q);
    if (e < 0 || !any) {
        return e;
    }
    q_begin(&q, &s->db, Q_EV_CLOSED);
    q_int(&q, SANJI_E_OPEN);
    while (r == 0 && q_row(&q)) {
        struct store_event ev;
        event_read(&q, &ev);
        if (q.err == 0) {
            r = fn(&ev, arg);
        }
    }
    e = q_end(&q);
    return r < 0 ? r : e;
}
