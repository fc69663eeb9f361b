/* SPDX-License-Identifier: Apache-2.0 */
/* Full text search for Chinese. SQLite's own tokenizers find neither words of two characters nor
 * parts of a run without spaces, so runs of such characters are indexed as overlapping pairs. The
 * index is filled in batches when the node is idle, never by triggers: those cost four times as
 * much per record. What it has not seen yet is compared directly, so a search never misses a
 * record. */
#include "node/store/internal.h"
#include "protocol/base/err.h"
#include "protocol/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TEXT_MAX = 256 * 1024,
    QUERY_BYTES = 400,
    WORDS_MAX = 12,
    BATCH = 2000,
    AREA_TO_BYTES = 16,
    STALE_MIN = 10000
};

/* Scripts written without spaces: CJK, kana, hangul and their extensions. */
static bool is_dense(uint32_t c)
{
    return (c >= 0x2e80 && c <= 0x9fff && !(c >= 0x3000 && c <= 0x303f)) ||
           (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
           (c >= 0x20000 && c <= 0x3ffff) || c == 0x3007;
}

/* Full-width letters and digits are the narrow ones; ASCII letters are folded. */
static uint32_t fold(uint32_t c)
{
    if (c >= 0xff01 && c <= 0xff5e) {
        c -= 0xfee0;
    }
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static void put_cp(struct buf *b, uint32_t c)
{
    uint8_t t[4];
    buf_put(b, t, utf8_put(c, t));
}

/* Text as the index sees it: pairs of dense characters, each run's last one alone (so that a single
 * character finds it by prefix), other words unchanged. */
static void put_index_text(struct span text, struct buf *out)
{
    uint32_t prev = 0, c = 0;
    for (size_t i = 0; i < text.n;) {
        i += utf8_next(text.p + i, text.n - i, &c);
        c = fold(c);
        bool dense = is_dense(c);
        if (prev != 0) {
            put_cp(out, prev);
            if (dense) {
                put_cp(out, c);
            }
            buf_putc(out, ' ');
        }
        if (!dense) {
            put_cp(out, c < 0x20 ? ' ' : c);
        } else if (prev == 0) {
            buf_putc(out, ' ');
        }
        prev = dense ? c : 0;
    }
    if (prev != 0) {
        put_cp(out, prev);
    }
}

static void put_folded(struct span text, struct buf *out)
{
    for (size_t i = 0; i < text.n;) {
        uint32_t c = 0;
        i += utf8_next(text.p + i, text.n - i, &c);
        put_cp(out, fold(c));
    }
}

/* ---- filling ---- */

static int index_one(struct store *s, int64_t n, struct span text, struct buf *scratch)
{
    struct q q;
    buf_reset(scratch);
    put_index_text(text, scratch);
    if (scratch->err < 0) {
        return scratch->err;
    }
    q_begin(&q, &s->db, Q_SEARCH_ADD);
    q_int(&q, n);
    q_span(&q, span_of(scratch->data, scratch->len));
    return q_run(&q);
}

static int record_text(const char *kind, struct span d, struct buf *out)
{
    const struct kind *k = kind_find(kind);
    buf_reset(out);
    return k == NULL ? 0 : kind_search_text(k, d, out);
}

static int flush_batch(struct store *s, int64_t max, int64_t *ret_done)
{
    struct buf text, scratch;
    struct q q;
    int64_t mark = 0, done = 0;
    int r = store__meta_get(s, "search_upto", &mark);
    if (r < 0) {
        return r;
    }
    buf_init(&text, TEXT_MAX);
    buf_init(&scratch, TEXT_MAX * 3);
    q_begin(&q, &s->db, Q_SEARCH_NEW);
    q_int(&q, mark);
    q_int(&q, max);
    while (q_row(&q)) {
        mark = q_col_int(&q, 0);
        q.err = record_text(q_col_text(&q, 1), q_col_span(&q, 2), &text);
        if (q.err == 0 && text.len > 0) {
            q.err = index_one(s, mark, span_of(text.data, text.len), &scratch);
        }
        done++;
    }
    r = q_end(&q);
    buf_done(&text);
    buf_done(&scratch);
    if (r == 0 && done > 0) {
        r = store__meta_put(s, "search_upto", mark);
    }
    *ret_done = done;
    return r;
}

int store__search_again(struct store *s, struct store *into, int (*fn)(int64_t n, void *arg),
                        void *arg)
{
    struct buf text, scratch;
    struct q q;
    int64_t mark = 0;
    int r = store__meta_get(s, "search_upto", &mark);
    bool own = r == 0 && !store_in_tx(into);
    r = own ? store_begin(into) : r;
    if (r < 0) {
        return r;
    }
    buf_init(&text, TEXT_MAX);
    buf_init(&scratch, TEXT_MAX * 3);
    q_begin(&q, &s->db, Q_SEARCH_SEEN);
    q_int(&q, mark);
    while (q_row(&q)) {
        int64_t n = q_col_int(&q, 0);
        q.err = record_text(q_col_text(&q, 1), q_col_span(&q, 2), &text);
        if (q.err == 0 && text.len > 0) {
            q.err = index_one(into, n, span_of(text.data, text.len), &scratch);
        }
        if (q.err == 0) {
            q.err = fn(n, arg);
        }
    }
    r = q_end(&q);
    buf_done(&text);
    buf_done(&scratch);
    if (own && r == 0) {
        r = store_commit(into);
    } else if (own) {
        store_rollback(into);
    }
    return r;
}

/* Rows of superseded records stay in the index and are skipped by the join. When they have become
 * the greater part, the index is emptied; the next batches fill it again. */
static int drop_stale(struct store *s, int64_t added)
{
    int64_t rows = 0, check = 0, live = 0;
    struct q q;
    int r = store__meta_get(s, "search_rows", &rows);
    if (r == 0) {
        r = store__meta_get(s, "search_check", &check);
    }
    rows += added;
    if (r == 0 && rows > check) {
        q_begin(&q, &s->db, Q_REC_COUNT);
        if (q_row(&q)) {
            live = q_col_int(&q, 0);
        }
        r = q_end(&q);
        if (r == 0 && rows > 2 * live + STALE_MIN) {
            rows = 0;
            q_begin(&q, &s->db, Q_SEARCH_CLEAR);
            r = q_run(&q);
            if (r == 0) {
                r = store__meta_put(s, "search_upto", 0);
            }
        }
        if (r == 0) {
            r = store__meta_put(s, "search_check", rows + rows / 2 + STALE_MIN);
        }
    }
    return r < 0 ? r : store__meta_put(s, "search_rows", rows);
}

int store_search_flush(struct store *s, int64_t max, int64_t *ret_left)
{
    bool own = !store_in_tx(s);
    int64_t done = 0, mark = 0, all = 0;
    struct q q;
    int r = own ? store_begin(s) : 0;
    if (r < 0) {
        return r;
    }
    while (r == 0 && max > 0) {
        r = flush_batch(s, max < BATCH ? max : BATCH, &done);
        max = done == 0 ? 0 : max - done;
        all += done;
    }
    if (r == 0 && all > 0) {
        r = drop_stale(s, all);
    }
    if (own) {
        if (r == 0) {
            r = store_commit(s);
        } else {
            store_rollback(s);
        }
    }
    if (r < 0 || ret_left == NULL) {
        return r;
    }
    r = store__meta_get(s, "search_upto", &mark);
    if (r < 0) {
        return r;
    }
    q_begin(&q, &s->db, Q_SEARCH_LEFT);
    q_int(&q, mark);
    if (q_row(&q)) {
        *ret_left = q_col_int(&q, 0);
    }
    return q_end(&q);
}

/* ---- asking ---- */

struct ask {
    struct store *s;
    struct buf match;           /* FTS5 expression */
    struct buf words;           /* folded words, NUL-terminated each */
    size_t start[WORDS_MAX], n; /* offsets into words */
    struct buf text, folded;    /* scratch */
    int64_t skip, left;
    const struct store_filter *f;
    store_rec_fn fn;
    void *arg;
    bool is_done;
};

static void match_term(struct ask *a, const uint8_t *p, size_t n, bool is_prefix)
{
    if (a->match.len > 0) {
        buf_puts(&a->match, " ");
    }
    buf_putc(&a->match, '"');
    buf_put(&a->match, p, n);
    buf_puts(&a->match, is_prefix ? "\"*" : "\"");
}

/* Every pair of a dense run, or the run's one character as a prefix; other words as prefixes. */
static void match_word(struct ask *a, const uint8_t *p, size_t n)
{
    size_t run = 0, prev = 0, dense_n = 0; /* start of the latin run; of the last dense character */
    for (size_t i = 0; i < n;) {
        uint32_t c = 0;
        size_t len = utf8_next(p + i, n - i, &c);
        if (is_dense(c)) {
            if (i > run && dense_n == 0) {
                match_term(a, p + run, i - run, false);
            }
            if (dense_n > 0) {
                match_term(a, p + prev, i + len - prev, false);
            }
            prev = i;
            dense_n++;
            run = i + len;
        } else {
            if (dense_n == 1) {
                match_term(a, p + prev, run - prev, false);
            }
            dense_n = 0;
        }
        i += len;
    }
    if (dense_n == 1) {
        match_term(a, p + prev, n - prev, true);
    } else if (dense_n == 0 && n > run) {
        match_term(a, p + run, n - run, true);
    }
}

/* Words are split at spaces and at everything the tokenizer drops; quotes cannot get through. */
static int ask_words(struct ask *a, const char *text)
{
    struct buf t;
    buf_init(&t, QUERY_BYTES * 4);
    put_folded(span_of(text, strlen(text)), &t);
    size_t i = 0;
    while (t.err == 0 && i < t.len) {
        uint32_t c = 0;
        size_t start = i;
        while (i < t.len) {
            size_t len = utf8_next(t.data + i, t.len - i, &c);
            if (c < '0' || (c > '9' && c < 'a') || (c > 'z' && c < 0xaa) ||
                (c >= 0x2000 && c <= 0x206f) || (c >= 0x3000 && c <= 0x303f && c != 0x3007)) {
                break;
            }
            i += len;
        }
        if (i > start && a->n < WORDS_MAX) {
            a->start[a->n++] = a->words.len;
            buf_put(&a->words, t.data + start, i - start);
            buf_putc(&a->words, '\0');
            match_word(a, t.data + start, i - start);
        }
        i += i < t.len ? utf8_next(t.data + i, t.len - i, &c) : 0;
    }
    int r = t.err;
    buf_done(&t);
    return r;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
}

/* A word of letters is found from its beginning only, as the index does; others anywhere. */
static bool has_word(const char *text, const char *w)
{
    for (const char *p = strstr(text, w); p != NULL; p = strstr(p + 1, w)) {
        if (p == text || !is_alnum(w[0]) || !is_alnum(p[-1])) {
            return true;
        }
    }
    return false;
}

int store_text_has(const char *words, struct span text, bool *ret)
{
    struct ask a = {0};
    buf_init(&a.match, QUERY_BYTES * 8);
    buf_init(&a.words, QUERY_BYTES * 4);
    buf_init(&a.folded, LIM_ITEM_BYTES * 4);
    int r = ask_words(&a, words);
    put_folded(text, &a.folded);
    r = r < 0 ? r : a.folded.err;
    *ret = true;
    for (size_t i = 0; r == 0 && *ret && i < a.n; i++) {
        *ret = has_word(buf_str(&a.folded), buf_str(&a.words) + a.start[i]);
    }
    buf_done(&a.match);
    buf_done(&a.words);
    buf_done(&a.folded);
    return r;
}

/* Pairs that all occur need not stand together: the text itself decides. */
static int is_hit(struct ask *a, const struct store_rec *rec, bool *ret)
{
    int r = record_text(rec->kind, rec->d, &a->text);
    buf_reset(&a->folded);
    if (r == 0) {
        put_folded(span_of(a->text.data, a->text.len), &a->folded);
        r = a->folded.err;
    }
    *ret = true;
    for (size_t i = 0; r == 0 && *ret && i < a->n; i++) {
        const char *w = buf_str(&a->words) + a->start[i];
        *ret = has_word(buf_str(&a->folded), w);
    }
    return r;
}

static int ask_rows(struct ask *a, struct q *q)
{
    int r = 0;
    while (r == 0 && !a->is_done && q_row(q)) {
        struct store_rec rec;
        bool hit = false;
        store__rec_read(q, &rec);
        r = q->err < 0 ? q->err : is_hit(a, &rec, &hit);
        if (r < 0 || !hit) {
            continue;
        }
        if (a->skip > 0) {
            a->skip--;
            continue;
        }
        r = a->fn(&rec, a->arg);
        a->is_done = r > 0 || --a->left <= 0;
    }
    int e = q_end(q);
    return r < 0 ? r : e;
}

static void bind_filter(struct q *q, const struct store_filter *f, const char *area_to)
{
    q_text(q, f->kind);
    q_text(q, f->area);
    q_text(q, f->area == NULL ? NULL : area_to);
    q_text(q, f->owner);
    q_text(q, f->state);
    q_text(q, store__or_state(f));
}

static int ask_run(struct ask *a)
{
    char to[AREA_TO_BYTES];
    struct q q;
    int64_t mark = 0;
    int r = store__meta_get(a->s, "search_upto", &mark);
    int n = snprintf(to, sizeof to, "%s:", a->f->area == NULL ? "" : a->f->area);
    if (n < 0 || (size_t)n >= sizeof to) {
        return SANJI_E_SPEC;
    }
    if (r == 0) {
        q_begin(&q, &a->s->db, Q_SEARCH_TAIL);
        q_int(&q, mark);
        bind_filter(&q, a->f, to);
        r = ask_rows(a, &q);
    }
    if (r == 0 && !a->is_done) {
        q_begin(&q, &a->s->db, Q_SEARCH_HITS);
        q_text(&q, buf_str(&a->match));
        bind_filter(&q, a->f, to);
        r = ask_rows(a, &q);
    }
    return r;
}

int store__search(struct store *s, const struct store_filter *f, store_rec_fn fn, void *arg)
{
    struct ask a = {.s = s, .f = f, .fn = fn, .arg = arg, .skip = f->offset};
    a.left = f->limit <= 0 ? 50 : f->limit;
    if (strlen(f->text) > QUERY_BYTES) {
        return SANJI_E_SIZE;
    }
    if (!utf8_valid(f->text, strlen(f->text), NULL)) {
        return SANJI_E_ENCODING;
    }
    buf_init(&a.match, QUERY_BYTES * 16);
    buf_init(&a.words, QUERY_BYTES * 8);
    buf_init(&a.text, TEXT_MAX);
    buf_init(&a.folded, TEXT_MAX * 2);
    int r = ask_words(&a, f->text);
    if (r == 0) {
        r = a.match.err < 0 ? a.match.err : a.words.err;
    }
    if (r == 0 && a.n > 0) {
        r = ask_run(&a);
    }
    buf_done(&a.match);
    buf_done(&a.words);
    buf_done(&a.text);
    buf_done(&a.folded);
    return r;
}
