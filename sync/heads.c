/* SPDX-License-Identifier: Apache-2.0 */
/* The daily table of heads (PROTOCOL.md 15.6). The top says in `fed` up to where it holds each
 * stream of `fed` and `sub:`. A writer that has given a bundle to its parent long ago, and does not
 * find it there, knows that somebody on the way keeps it back; one that finds more there than it
 * holds itself has been put back from a backup; and a reader that holds less than the table says is
 * not being given everything. */
#include "sync/internal.h"

#include "protocol/base/enc.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/json_gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PAGES_EACH = 8, /* in one bundle */
    NAME_BYTES = 32,
};

/* ---- the top writes it ---- */

struct kept_made { /* "heads/made" */
    int64_t at, r;
};

static bool is_top(const struct sync *s)
{
    const struct roster_node *top = roster_top(s->roster);
    return top != NULL && node_id_cmp(&top->id, &s->self.id) == 0;
}

static bool is_listed(const struct sync *s, size_t idx)
{
    const struct stream *st = &s->streams[idx];
    if (st->row.no == 0 || st->row.seq == 0 ||
        (st->aud.type != AUD_FED && st->aud.type != AUD_SUB)) {
        return false;
    }
    int newest = sync__stream_newest(s, st->row.key.by.s, st->row.key.aud);
    return newest >= 0 && s->streams[newest].row.key.ep == st->row.key.ep;
}

int64_t sync__heads_due(const struct sync *s, int64_t period)
{
    return !is_top(s) || s->heads_at == 0 ? INT64_MAX
           : s->heads_at > s->tick.now_ms ? s->tick.now_ms
                                          : s->heads_at + period;
}

static int made_set(struct sync *s, int64_t r)
{
    struct kept_made k = {s->tick.now_ms, r};
    s->heads_at = k.at;
    s->heads_r = r;
    return s->st->kv_put(s->st->ctx, "heads/made", span_of(&k, sizeof(k)));
}

static int page_write(struct sync *s, size_t *io_at, int page, int pages, struct buf *out)
{
    struct buf d;
    struct item it = {.op = OP_PUT, .r = s->heads_r};
    char line[LIM_AUD_BYTES + 128], day[11], id8[16];
    date_write(date_of_ms(s->tick.now_ms), day);
    buf_init(&d, LIM_ITEM_BYTES);
    (void)snprintf(line, sizeof(line), "{\"day\":\"%s\",\"h\":[", day);
    int r = buf_puts(&d, line);
    for (size_t n = 0; r == 0 && n < LIM_HEADS_LINES && *io_at < s->n_streams; ++*io_at) {
        const struct sync_stream_row *row = &s->streams[*io_at].row;
        if (!is_listed(s, *io_at)) {
            continue;
        }
        id8[b64u_put(row->id, 8, id8)] = '\0';
        (void)snprintf(line, sizeof(line), "%s[\"%s\",\"%s\",%u,%lld,\"%s\"]", n > 0 ? "," : "",
                       row->key.by.s, row->key.aud, row->key.ep, (long long)row->seq, id8);
        r = buf_puts(&d, line);
        n++;
    }
    (void)snprintf(line, sizeof(line), "],\"page\":%d,\"pages\":%d}", page, pages);
    r = r < 0 ? r : buf_puts(&d, line);
    (void)snprintf(it.id, sizeof(it.id), page == 1 ? "heads" : "heads.%d", page);
    memcpy(it.k, "heads/1", 8);
    sync__random(s, it.z, sizeof(it.z));
    it.d = span_of(d.data, d.len);
    r = r < 0 ? r : item_write(&it, out);
    buf_done(&d);
    return r;
}

static int pages_write(struct sync *s, int pages)
{
    size_t at = 0;
    int r = 0;
    for (int page = 1; r == 0 && page <= pages;) {
        struct buf text;
        size_t end[PAGES_EACH], n = 0;
        struct span it[PAGES_EACH];
        buf_init(&text, (size_t)PAGES_EACH * LIM_ITEM_BYTES);
        while (r == 0 && n < PAGES_EACH && page <= pages) {
            r = page_write(s, &at, page++, pages, &text);
            end[n++] = text.len;
        }
        for (size_t i = 0, from = 0; r == 0 && i < n; from = end[i++]) {
            it[i] = span_of(text.data + from, end[i] - from);
        }
        r = r < 0 ? r : sync__write_one(s, BUNDLE_DATA, "fed", it, n, NULL, NULL);
        buf_done(&text);
    }
    return r;
}

int sync__heads_write(struct sync *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_streams; i++) {
        n += is_listed(s, i);
    }
    size_t pages = (n + LIM_HEADS_LINES - 1) / LIM_HEADS_LINES;
    /* Highest wins, and a database that went back must not count from there: the hour does. */
    int64_t r = (s->tick.now_ms - SYNC_TS_EARLIEST) / 60000;
    r = r > s->heads_r ? r : s->heads_r + 1;
    int e = made_set(s, r < LIM_SEQ ? r : LIM_SEQ);
    return e < 0 || n == 0 || pages > LIM_HEADS_PAGES ? e : pages_write(s, (int)pages);
}

/* The first day begins when there is something to list. */
static bool begins(const struct sync *s)
{
    bool any = false;
    for (size_t i = 0; s->heads_at == 0 && is_top(s) && i < s->n_streams && !any; i++) {
        any = is_listed(s, i);
    }
    return any;
}

/* ---- everybody takes it ---- */

struct kept_page { /* "heads/p<page>", and behind it the item's content */
    struct node_id by;
    int64_t r, ts, got;
};

static const char *page_name(int64_t page, char out[static NAME_BYTES])
{
    (void)snprintf(out, NAME_BYTES, "heads/p%lld", (long long)page);
    return out;
}

static bool get_int(struct span d, const char *name, int64_t *ret)
{
    struct span v;
    return jcur_get(d, name, &v) && jcur_int(v, ret);
}

int sync__heads_seen(struct sync *s, const struct sync_record *rec)
{
    char name[NAME_BYTES];
    struct kept_page k;
    struct buf v;
    int64_t page;
    if (rec->item->op != OP_PUT || strcmp(rec->item->k, "heads/1") != 0 || s->witness ||
        !get_int(rec->item->d, "page", &page)) {
        return 0;
    }
    buf_init(&v, LIM_ITEM_BYTES + sizeof(k));
    int r = s->st->kv_get(s->st->ctx, page_name(page, name), &v);
    bool is_new = r == SANJI_E_NOT_FOUND || v.len < sizeof(k);
    if (r == 0 && !is_new) {
        memcpy(&k, v.data, sizeof(k));
        is_new = node_id_cmp(&k.by, &rec->stream->by) != 0 || rec->item->r > k.r;
    }
    r = r == SANJI_E_NOT_FOUND ? 0 : r;
    if (r == 0 && is_new) {
        memset(&k, 0, sizeof(k));
        k.by = rec->stream->by;
        k.r = rec->item->r;
        k.ts = rec->ts;
        k.got = rec->got;
        buf_reset(&v);
        r = buf_put(&v, &k, sizeof(k));
        r = r < 0 ? r : buf_put(&v, rec->item->d.p, rec->item->d.n);
        r = r < 0 ? r : s->st->kv_put(s->st->ctx, name, span_of(v.data, v.len));
        s->table_new = true;
    }
    buf_done(&v);
    return r;
}

static bool line_read(struct span v, struct table_line *ret)
{
    struct jcur c;
    struct span e[5], by, aud, id8;
    memset(ret, 0, sizeof(*ret));
    if (!jcur_array(&c, v)) {
        return false;
    }
    for (int i = 0; i < 5; i++) {
        if (!jcur_element(&c, &e[i])) {
            return false;
        }
    }
    if (!jcur_plain(e[0], &by) || !jcur_plain(e[1], &aud) || !jcur_int(e[2], &ret->ep) ||
        !jcur_int(e[3], &ret->seq) || !jcur_plain(e[4], &id8) || by.n >= sizeof(ret->by.s) ||
        aud.n >= sizeof(ret->aud) ||
        b64u_get((const char *)id8.p, id8.n, ret->id8, sizeof(ret->id8)) < 0) {
        return false;
    }
    memcpy(ret->by.s, by.p, by.n);
    memcpy(ret->aud, aud.p, aud.n);
    return true;
}

static int line_order(const void *a, const void *b)
{
    const struct table_line *x = a, *y = b;
    int c = strcmp(x->by.s, y->by.s);
    return c != 0 ? c : strcmp(x->aud, y->aud);
}

static int lines_add(struct sync *s, struct span d)
{
    struct jcur c;
    struct span h, v;
    if (!jcur_get(d, "h", &h) || !jcur_array(&c, h)) {
        return 0;
    }
    while (jcur_element(&c, &v)) {
        if (s->n_table % LIM_HEADS_LINES == 0) {
            struct table_line *t = realloc(s->table, (s->n_table + LIM_HEADS_LINES) * sizeof(*t));
            if (t == NULL) {
                return SANJI_E_NOMEM;
            }
            s->table = t;
        }
        s->n_table += line_read(v, &s->table[s->n_table]);
    }
    return 0;
}

/* A page counts with its first one: same writer, day and number of pages. */
static int page_load(struct sync *s, int64_t page, struct kept_page *io_first, struct span *io_day,
                     int64_t *io_pages, struct buf *v)
{
    char name[NAME_BYTES];
    struct kept_page k;
    struct span day;
    int64_t pages;
    buf_reset(v);
    int r = s->st->kv_get(s->st->ctx, page_name(page, name), v);
    if (r < 0 || v->len < sizeof(k)) {
        return r == SANJI_E_NOT_FOUND ? 0 : r;
    }
    memcpy(&k, v->data, sizeof(k));
    struct span d = span_of(v->data + sizeof(k), v->len - sizeof(k));
    if (json_gate(d.p, d.n, JSON_PROTOCOL, NULL) < 0 || !jcur_get(d, "day", &day) ||
        day.n >= sizeof(s->table_day) || !get_int(d, "pages", &pages)) {
        return 0; /* damaged: tomorrow there is another */
    }
    if (page == 1) {
        *io_first = k;
        *io_pages = pages;
        memcpy(s->table_day, day.p, day.n);
        *io_day = span_of(s->table_day, day.n);
    } else if (node_id_cmp(&k.by, &io_first->by) != 0 || pages != *io_pages || day.n != io_day->n ||
               memcmp(day.p, io_day->p, day.n) != 0) {
        return 0;
    }
    return lines_add(s, d);
}

static int table_load(struct sync *s)
{
    struct kept_page first;
    struct span day = {0};
    struct buf v;
    int64_t pages = 1;
    memset(&first, 0, sizeof(first));
    buf_init(&v, LIM_ITEM_BYTES + sizeof(first));
    s->n_table = 0;
    int r = 0;
    for (int64_t i = 1; r == 0 && i <= pages && i <= LIM_HEADS_PAGES; i++) {
        r = page_load(s, i, &first, &day, &pages, &v);
    }
    if (s->n_table > 1) {
        qsort(s->table, s->n_table, sizeof(*s->table), line_order);
    }
    s->table_made = first.ts < first.got ? first.ts : first.got;
    s->table_mono = s->tick.mono_ms;
    buf_done(&v);
    return r;
}

const struct table_line *sync__table_find(const struct sync *s, const char *by, const char *aud,
                                          size_t *ret_n)
{
    struct table_line key;
    memset(&key, 0, sizeof(key));
    *ret_n = 0;
    size_t bn = strlen(by), an = strlen(aud), lo = 0, hi = s->n_table;
    if (bn >= sizeof(key.by.s) || an >= sizeof(key.aud)) {
        return NULL;
    }
    memcpy(key.by.s, by, bn);
    memcpy(key.aud, aud, an);
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (line_order(&s->table[mid], &key) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    while (lo + *ret_n < s->n_table && line_order(&s->table[lo + *ret_n], &key) == 0) {
        ++*ret_n;
    }
    return *ret_n == 0 ? NULL : &s->table[lo];
}

/* ---- each writer looks for its own ---- */

/* When the parent first stated how much of an own stream: the table has to follow. About one point
 * an hour, because stations are on for a few hours a day and the table comes once. */
enum { ACKS = 24, HOUR_MS = 3600 * 1000 };
struct acks {          /* "ack/<no>" */
    int64_t kept_back; /* since then the parent has had what the table lacks; 0: nothing */
    uint64_t n;
    struct {
        int64_t seq, at;
    } v[ACKS];
};

static int ack_load(struct sync *s, struct stream *st, const void *value)
{
    (void)s;
    if ((st->acks = malloc(sizeof(*st->acks))) == NULL) {
        return SANJI_E_NOMEM;
    }
    memcpy(st->acks, value, sizeof(*st->acks));
    st->acks->n = st->acks->n <= ACKS ? st->acks->n : 0;
    return 0;
}

static void acks_free(struct sync *s)
{
    for (size_t i = 0; i < s->n_streams; i++) {
        free(s->streams[i].acks);
        s->streams[i].acks = NULL;
    }
}

int sync__heads_load(struct sync *s)
{
    struct kept_made k = {0};
    struct buf v;
    buf_init(&v, 64);
    acks_free(s);
    int r = s->st->kv_get(s->st->ctx, "heads/made", &v);
    if (r == 0 && v.len == sizeof(k)) {
        memcpy(&k, v.data, sizeof(k));
    }
    r = r == SANJI_E_NOT_FOUND ? 0 : r;
    s->heads_at = k.at;
    s->heads_r = k.r;
    s->table_new = true; /* read, and looked through, by the next step */
    buf_done(&v);
    return r < 0 ? r : sync__kept_each(s, "ack", sizeof(struct acks), ack_load);
}

void sync__heads_free(struct sync *s)
{
    acks_free(s);
    free(s->table);
}

static bool is_own_listed(const struct sync *s, size_t idx)
{
    return strcmp(s->streams[idx].row.key.by.s, s->self.id.s) == 0 && is_listed(s, idx);
}

/* The parent has said that it holds an own stream up to seq. */
void sync__heads_acked(struct sync *s, const struct peer *p, size_t idx, int64_t seq)
{
    struct stream *st = &s->streams[idx];
    int64_t now = s->tick.now_ms;
    if (!p->is_parent || seq < 1 || !is_own_listed(s, idx)) {
        return;
    }
    if (st->acks == NULL && (st->acks = calloc(1, sizeof(*st->acks))) == NULL) {
        return; /* noted when it is stated again */
    }
    struct acks *a = st->acks;
    if (a->n > 0 && a->v[a->n - 1].seq >= seq) {
        return;
    }
    if (a->n == 0 || now - a->v[a->n - 1].at >= HOUR_MS || now < a->v[a->n - 1].at) {
        if (a->n == ACKS) { /* the first one is what counts most */
            memmove(&a->v[1], &a->v[2], (ACKS - 2) * sizeof(a->v[0]));
            a->n--;
        }
        a->v[a->n++].at = now;
    }
    a->v[a->n - 1].seq = seq;
    s->ack_dirty = true;
}

/* Does the table know more of it than this store? Of epochs side by side it does not say which. */
static int look_forward(struct sync *s, size_t idx, const struct table_line *line)
{
    const struct stream_key *k = &s->streams[idx].row.key;
    size_t n = 0;
    for (int i = sync__stream_first(s, k->by.s, k->aud); i >= 0; i = s->streams[i].next) {
        n += s->streams[i].row.no != 0 && s->streams[i].row.key.ep == k->ep;
    }
    struct stream_key key = *k;
    return n == 1 ? sync_expect(s, &key, line->seq, line->id8) : 0;
}

static int audit(struct sync *s, size_t idx)
{
    struct stream *st = &s->streams[idx];
    size_t n;
    int64_t listed = 0;
    const struct table_line *l = sync__table_find(s, s->self.id.s, st->row.key.aud, &n);
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++) {
        if (l[i].ep == (int64_t)st->row.key.ep) {
            listed = l[i].seq > listed ? l[i].seq : listed;
            r = look_forward(s, idx, &l[i]);
        }
    }
    struct acks *a = s->streams[idx].acks;
    if (r < 0 || a == NULL) {
        return r;
    }
    uint64_t up = 0; /* points that the table has reached */
    while (up < a->n && a->v[up].seq <= listed) {
        up++;
    }
    a->n -= up;
    memmove(&a->v[0], &a->v[up], a->n * sizeof(a->v[0]));
    bool was = a->kept_back != 0, is = a->n > 0 && s->table_made - a->v[0].at >= LIM_HEADS_MS;
    a->kept_back = is ? a->v[0].at : 0;
    if (is && !was) {
        sync__alarm(s, SANJI_E_KEPT_BACK, &s->parent->id, s->streams[idx].row.key.aud);
    }
    s->ack_dirty = s->ack_dirty || up > 0 || was != is;
    return 0;
}

static int write_acks(struct sync *s)
{
    int r = 0;
    for (size_t i = 0; r == 0 && s->ack_dirty && i < s->n_streams; i++) {
        const struct stream *st = &s->streams[i];
        r = st->acks == NULL ? 0
                             : sync__kept_set(s, "ack", st->row.no, st->acks, sizeof(*st->acks));
    }
    return r;
}

int64_t sync__heads_kept_back(const struct stream *st)
{
    return st->acks == NULL ? 0 : st->acks->kept_back;
}

static int look(struct sync *s)
{
    int r = 0;
    if (begins(s)) {
        r = made_set(s, s->heads_r);
        sync__beat_plan(s);
    }
    if (r == 0 && s->table_new) {
        r = table_load(s);
    }
    for (size_t i = 0;
         r == 0 && s->table_new && s->parent != NULL && s->n_table > 0 && i < s->n_streams; i++) {
        r = is_own_listed(s, i) ? audit(s, i) : 0;
    }
    r = r < 0 ? r : write_acks(s);
    s->table_new = s->ack_dirty = false;
    return r;
}

int sync__heads_step(struct sync *s)
{
    if (!s->table_new && !s->ack_dirty && !begins(s)) {
        return 0;
    }
    int r = sync__tx_begin(s);
    return r < 0 ? r : sync__tx_end(s, look(s));
}
