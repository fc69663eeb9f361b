/* SPDX-License-Identifier: Apache-2.0 */
/* Projection of items into the record and event views. The rule that decides which form of a record
 * is its state must not depend on the order of arrival: everything here is a maximum, never "the
 * last". */
#include "node/store/internal.h"
#include "protocol/base/err.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"

#include <assert.h>
#include <string.h>

/* What decides between two forms of one record (PROTOCOL.md section 5). */
struct form {
    int64_t n, lane, vis, no;
    int64_t r, wd, ep, seq, idx;
    uint8_t leaf[HASH_LEN];
};

/* > 0: a is the state. Equal places are possible: two audiences, sibling epochs. */
static int form_cmp(const struct form *a, const struct form *b)
{
    const int64_t x[] = {a->r, b->wd, a->ep, a->seq, a->idx};
    const int64_t y[] = {b->r, a->wd, b->ep, b->seq, b->idx};
    for (size_t i = 0; i < sizeof x / sizeof x[0]; i++) {
        if (x[i] != y[i]) {
            return x[i] > y[i] ? 1 : -1;
        }
    }
    return memcmp(a->leaf, b->leaf, HASH_LEN);
}

/* ---- lanes ---- */

static int lane_write(struct store *s)
{
    if (!s->lane.is_dirty) {
        return 0;
    }
    struct q q;
    q_begin(&q, &s->db, Q_LANE_SET);
    q_int(&q, s->lane.no);
    q_int(&q, s->lane.t.live.c);
    q_blob(&q, s->lane.t.live.s, HASH_LEN);
    q_int(&q, s->lane.t.items);
    q_int(&q, s->lane.t.ep);
    q_int(&q, s->lane.t.no);
    q_int(&q, s->lane.t.from);
    q_int(&q, s->lane.t.to);
    q_int(&q, s->lane.is_steward);
    int r = q_run(&q);
    if (r == 0) {
        s->lane.is_dirty = false;
    }
    return r;
}

int store__lane_flush(struct store *s)
{
    int r = lane_write(s);
    return r < 0 ? r : store__count_flush(s);
}

void store__lane_forget(struct store *s)
{
    s->lane.no = 0;
    s->lane.is_dirty = false;
    store__count_forget(s);
}

int store__lane_find(struct store *s, const char *by, const char *aud, struct lane *ret)
{
    struct q q;
    q_begin(&q, &s->db, Q_LANE_GET);
    q_text(&q, by);
    q_text(&q, aud);
    bool found = q_row(&q);
    if (found) {
        ret->no = q_col_int(&q, 0);
        ret->t = (struct sync_tally){.items = q_col_int(&q, 3),
                                     .ep = q_col_int(&q, 4),
                                     .no = q_col_int(&q, 5),
                                     .from = q_col_int(&q, 6),
                                     .to = q_col_int(&q, 7)};
        ret->t.live.c = q_col_int(&q, 1);
        q_col_fixed(&q, 2, ret->t.live.s, HASH_LEN);
        ret->is_steward = q_col_int(&q, 8) != 0;
    }
    int r = q_end(&q);
    return r == 0 && !found ? SANJI_E_NOT_FOUND : r;
}

static int lane_add(struct store *s, const char *by, const char *aud, struct lane *ret)
{
    struct q q;
    *ret = (struct lane){0};
    q_begin(&q, &s->db, Q_LANE_ADD);
    q_text(&q, by);
    q_text(&q, aud);
    if (q_row(&q)) {
        ret->no = q_col_int(&q, 0);
    }
    while (q_row(&q)) {
    }
    return q_end(&q);
}

int store__lane_use(struct store *s, const char *by, const char *aud)
{
    if (s->lane.no != 0 && strcmp(s->lane.by, by) == 0 && strcmp(s->lane.aud, aud) == 0) {
        return 0;
    }
    int r = lane_write(s);
    if (r < 0) {
        return r;
    }
    struct lane l = {0};
    r = store__lane_find(s, by, aud, &l);
    if (r == SANJI_E_NOT_FOUND) {
        r = lane_add(s, by, aud, &l);
    }
    if (r < 0) {
        return r;
    }
    if (strlen(by) >= sizeof l.by || strlen(aud) >= sizeof l.aud) {
        return SANJI_E_BUG;
    }
    memcpy(l.by, by, strlen(by) + 1);
    memcpy(l.aud, aud, strlen(aud) + 1);
    s->lane = l;
    return 0;
}

/* ---- records ---- */

struct span store__kind_split(const char *k, int64_t *ret_major)
{
    const char *slash = strchr(k, '/');
    size_t n = slash == NULL ? strlen(k) : (size_t)(slash - k);
    *ret_major = 0;
    if (slash != NULL) {
        (void)text_i64(slash + 1, strlen(slash + 1), 1, 999, ret_major);
    }
    return span_of(k, n);
}

/* The fields of a kind that have a column of their own, found once and not once per record. */
static const struct kind_field *flagged(const struct kind *k, unsigned flag)
{
    for (size_t i = 0; i < k->n_fields; i++) {
        if ((k->fields[i].flags & flag) != 0) {
            return &k->fields[i];
        }
    }
    return NULL;
}

static void slots_for(struct field_slots *fs, const struct kind *k)
{
    static const unsigned flag[SLOT_COUNT] = {[SLOT_TITLE] = KFF_TITLE,
                                              [SLOT_STATE] = KFF_STATE,
                                              [SLOT_AREA] = KFF_AREA,
                                              [SLOT_SINCE] = KFF_SINCE};
    if (fs->kind == k) {
        return;
    }
    fs->kind = k;
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        fs->field[i] = flagged(k, flag[i]);
        fs->name_n[i] = fs->field[i] == NULL ? 0 : strlen(fs->field[i]->name);
    }
}

/* One pass over the content: plain strings are bound where they stand, only others are copied. */
static int fields_of(struct store *s, const struct sync_record *rec, struct span ret[SLOT_COUNT])
{
    struct jcur c;
    struct span name, value;
    int r = 0;
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        ret[i] = span_of("", 0);
    }
    if (rec->kind == NULL || rec->item->op == OP_WITHDRAW || !jcur_object(&c, rec->item->d)) {
        return 0;
    }
    struct field_slots *fs = &s->slots;
    slots_for(fs, rec->kind);
    while (r == 0 && jcur_member(&c, &name, &value)) {
        for (size_t i = 0; r == 0 && i < SLOT_COUNT; i++) {
            if (fs->name_n[i] == 0 || fs->name_n[i] != name.n ||
                memcmp(fs->field[i]->name, name.p, name.n) != 0 || jcur_plain(value, &ret[i])) {
                continue;
            }
            buf_reset(&s->text[i]);
            r = kind_value_text(fs->field[i], rec->item->d, &s->text[i]);
            ret[i] = span_of(s->text[i].data, s->text[i].len);
        }
    }
    return r;
}

/* blob_ref; rows follow the record by triggers from then on. */
static int refer(struct store *s, const char *sha, int64_t len, void *arg)
{
    struct q q;
    q_begin(&q, &s->db, Q_BLOB_REF_ADD);
    q_text(&q, sha);
    q_int(&q, *(int64_t *)arg);
    q_int(&q, len);
    return q_run(&q);
}

static int record_insert(struct store *s, const struct sync_record *rec, int vis)
{
    const struct item *it = rec->item;
    struct span col[SLOT_COUNT];
    int r = fields_of(s, rec, col);
    if (r < 0) {
        return r;
    }
    int64_t major = 0, n = s->next_n++;
    struct span kind = store__kind_split(it->k, &major);
    struct q q;
    q_begin(&q, &s->db, Q_REC_ADD);
    q_int(&q, n);
    q_text(&q, rec->owner);
    q_text(&q, it->id);
    q_int(&q, s->lane.no);
    q_int(&q, vis);
    q_int(&q, it->r);
    q_int(&q, it->op == OP_WITHDRAW);
    q_span(&q, kind);
    q_int(&q, major);
    q_int(&q, rec->stream->ep);
    q_int(&q, rec->no);
    q_int(&q, rec->seq);
    q_int(&q, rec->idx);
    q_int(&q, rec->ts);
    q_int(&q, rec->got);
    q_blob(&q, rec->leaf, HASH_LEN);
    q_span(&q, col[SLOT_AREA]);
    q_span(&q, col[SLOT_STATE]);
    q_span(&q, col[SLOT_SINCE]);
    q_span(&q, col[SLOT_TITLE]);
    q_span(&q, it->op == OP_WITHDRAW ? span_of("", 0) : it->d);
    r = q_run(&q);
    r = r < 0 ? r : store__blob_each(s, it->bl, refer, &n);
    return r < 0 || vis != 1 ? r : store__count_item(s, rec);
}

static int record_delete(struct store *s, const char *owner, int64_t n)
{
    struct q q;
    int r = store__count_row(s, owner, n, -1);
    if (r < 0) {
        return r;
    }
    q_begin(&q, &s->db, Q_REC_DEL);
    q_int(&q, n);
    return q_run(&q);
}

static int record_hide(struct store *s, const char *owner, int64_t n)
{
    struct q q;
    int r = store__count_row(s, owner, n, -1);
    if (r < 0) {
        return r;
    }
    q_begin(&q, &s->db, Q_REC_VIS);
    q_int(&q, n);
    q_int(&q, 0);
    return q_run(&q);
}

/* The form held in the record's own lane, and the present state among the others. */
struct held {
    bool has_same, has_other;
    struct form same, other;
};

static int held_find(struct store *s, const struct sync_record *rec, struct held *ret)
{
    struct q q;
    ret->has_same = ret->has_other = false;
    q_begin(&q, &s->db, Q_REC_NAMED);
    q_text(&q, rec->owner);
    q_text(&q, rec->item->id);
    while (q_row(&q)) {
        struct form f = {.n = q_col_int(&q, 0),
                         .lane = q_col_int(&q, 1),
                         .vis = q_col_int(&q, 2),
                         .r = q_col_int(&q, 3),
                         .wd = q_col_int(&q, 4),
                         .ep = q_col_int(&q, 5),
                         .seq = q_col_int(&q, 6),
                         .idx = q_col_int(&q, 7)};
        q_col_fixed(&q, 8, f.leaf, HASH_LEN);
        f.no = q_col_int(&q, 9);
        if (f.lane == s->lane.no) {
            ret->has_same = true;
            ret->same = f;
        } else if (f.vis != 0) {
            ret->has_other = true;
            ret->other = f;
        }
    }
    return q_end(&q);
}

/* The same content at another place; what it counts for names the stream. */
static int record_move(struct store *s, const struct form *held, const struct sync_record *rec)
{
    struct q q;
    bool counts = held->vis == 1 && held->no != rec->no;
    int r = counts ? store__count_row(s, rec->owner, held->n, -1) : 0;
    if (r < 0) {
        return r;
    }
    q_begin(&q, &s->db, Q_REC_POS);
    q_int(&q, held->n);
    q_int(&q, rec->stream->ep);
    q_int(&q, rec->no);
    q_int(&q, rec->seq);
    q_int(&q, rec->idx);
    if (!rec->key) { /* said again elsewhere: the time of the place that counts, whoever came first
                      */
        q_int(&q, rec->ts);
        q_int(&q, rec->got);
    }
    r = q_run(&q);
    return r < 0 || !counts ? r : store__count_row(s, rec->owner, held->n, 1);
}

static int lane_name(struct store *s, int64_t no, char by[static LIM_NODE_ID + 2],
                     char aud[static LIM_AUD_BYTES + 1])
{
    struct q q;
    q_begin(&q, &s->db, Q_LANE_NAME);
    q_int(&q, no);
    if (q_row(&q)) {
        q_col_str(&q, 0, by, LIM_NODE_ID + 2);
        q_col_str(&q, 1, aud, LIM_AUD_BYTES + 1);
    }
    return q_end(&q);
}

/* The same bytes at the same place in two lanes: the greater audience is shown, then the greater
 * writer, so that the order of arrival does not show. */
static int lane_beats(struct store *s, int64_t other, bool *ret)
{
    char by[LIM_NODE_ID + 2] = "", aud[LIM_AUD_BYTES + 1] = "";
    int r = lane_name(s, other, by, aud);
    int c = strcmp(s->lane.aud, aud);
    *ret = c != 0 ? c > 0 : strcmp(s->lane.by, by) > 0;
    return r;
}

static void live_replace(struct store *s, const struct held *h, const struct sync_record *rec)
{
    if (h->has_same && h->same.wd == 0) {
        live_sub(&s->lane.t.live, h->same.leaf);
        s->lane.is_dirty = true;
    }
    if (rec->item->op != OP_WITHDRAW) {
        live_add(&s->lane.t.live, rec->leaf);
        s->lane.is_dirty = true;
    }
}

/* A new number: the search index has not seen it. */
static int record_show(struct store *s, const char *owner, int64_t n, int64_t wd)
{
    struct q q;
    int64_t new_n = s->next_n++;
    q_begin(&q, &s->db, Q_REC_SHOW);
    q_int(&q, n);
    q_int(&q, new_n);
    q_int(&q, wd != 0 ? 2 : 1);
    int r = q_run(&q);
    return r < 0 || wd != 0 ? r : store__count_row(s, owner, new_n, 1);
}

int store__record_settle(struct store *s, const char *owner, const char *id)
{
    struct q q;
    int64_t n = 0, wd = 0;
    q_begin(&q, &s->db, Q_REC_BEST);
    q_text(&q, owner);
    q_text(&q, id);
    if (q_row(&q)) {
        n = q_col_int(&q, 0);
        wd = q_col_int(&q, 1);
    }
    int r = q_end(&q);
    return r < 0 || n == 0 ? r : record_show(s, owner, n, wd);
}

/* A hidden form moved up: does it show now? */
static int contest(struct store *s, const struct sync_record *rec, const struct form *f,
                   const struct held *h)
{
    int c = h->has_other ? form_cmp(f, &h->other) : 1;
    bool wins = c > 0;
    int r = c == 0 ? lane_beats(s, h->other.lane, &wins) : 0;
    if (r < 0 || !wins) {
        return r;
    }
    if (h->has_other && (r = record_hide(s, rec->owner, h->other.n)) < 0) {
        return r;
    }
    return record_show(s, rec->owner, h->same.n, f->wd);
}

/* One more item of the lane at hand. */
void store__lane_count(struct store *s, const struct sync_record *rec)
{
    s->lane.t.items++;
    s->lane.is_dirty = true;
    s->lane.is_steward = s->lane.is_steward || strcmp(rec->owner, s->lane.by) != 0;
}

int store__record_put(void *ctx, const struct sync_record *rec)
{
    struct store *s = ctx;
    assert(s != NULL && s->magic == STORE_MAGIC);
    struct held h;
    struct form f = {.r = rec->item->r,
                     .wd = rec->item->op == OP_WITHDRAW,
                     .ep = rec->stream->ep,
                     .seq = rec->seq,
                     .idx = rec->idx};
    memcpy(f.leaf, rec->leaf, HASH_LEN);
    int r = store__lane_use(s, rec->stream->by.s, rec->stream->aud);
    if (r == 0) {
        r = held_find(s, rec, &h);
    }
    if (r < 0) {
        return r;
    }
    store__lane_count(s, rec);
    if (h.has_same) {
        if (form_cmp(&f, &h.same) <= 0) {
            return 0;
        }
        /* A keyframe says the same again: only the place changes, and with it perhaps the tie. */
        if (memcmp(f.leaf, h.same.leaf, HASH_LEN) == 0) {
            r = record_move(s, &h.same, rec);
            return r < 0 || h.same.vis != 0 ? r : contest(s, rec, &f, &h);
        }
        r = record_delete(s, rec->owner, h.same.n);
    }
    int c = h.has_other ? form_cmp(&f, &h.other) : 1;
    bool wins = c > 0;
    if (r == 0 && c == 0) {
        r = lane_beats(s, h.other.lane, &wins);
    }
    if (r == 0 && wins && h.has_other) {
        r = record_hide(s, rec->owner, h.other.n);
    }
    if (r == 0) {
        r = record_insert(s, rec, !wins ? 0 : f.wd != 0 ? 2 : 1);
    }
    if (r == 0) {
        live_replace(s, &h, rec);
    }
    return r;
}
