/* SPDX-License-Identifier: Apache-2.0 */
/* What SQLite can say of its own pages, and what no bundle shows again: sums beside clocks and
 * counters, and the words of the search index. Told in the same words as store_compare(). */
#include "node/store/internal.h"
#include "protocol/base/err.h"

#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct telling {
    const struct store_compare *with;
    int64_t n, listed;
};

static void tell(struct telling *t, const char *what, const char *where, const char *member)
{
    t->n++;
    if (t->with->differs != NULL && t->listed++ < t->with->limit) {
        t->with->differs(what, where, SANJI_E_CORRUPT, member, t->with->arg);
    }
}

/* A failure that says the pages are damaged is what is looked for, not a failure to look. */
static int told(struct telling *t, const char *what, const char *where, int r)
{
    if (r != SANJI_E_CORRUPT) {
        return r;
    }
    tell(t, what, where, "");
    return 0;
}

static int pages(struct telling *t, struct db *db, const char *file)
{
    struct q q;
    if (db->h == NULL) {
        return 0;
    }
    t->listed = 0;
    q_begin(&q, db, Q_INTEGRITY);
    while (q_row(&q)) {
        const char *text = q_col_text(&q, 0);
        if (strcmp(text, "ok") != 0) {
            tell(t, "page", file, text);
        }
    }
    return told(t, "page", file, q_end(&q));
}

static int sums(struct telling *t, struct store *s)
{
    struct q q;
    t->listed = 0;
    q_begin(&q, &s->db, Q_CHK_WRONG);
    while (q_row(&q)) {
        tell(t, "altered", q_col_text(&q, 0), q_col_text(&q, 1));
    }
    int r = told(t, "page", "sanji.db", q_end(&q));
    if (r < 0) {
        return r;
    }
    q_begin(&q, &s->db, Q_GOT_WRONG);
    while (q_row(&q)) {
        tell(t, "stored", q_col_text(&q, 0), "got");
    }
    return told(t, "page", "sanji.db", q_end(&q));
}

/* ---- search: the same words, made again beside ---- */

struct seen { /* row numbers the index has taken in and that still count */
    int64_t *v;
    size_t n, cap;
    struct telling *t;
};

static int seen_add(int64_t n, void *arg)
{
    struct seen *s = arg;
    if (s->n == s->cap) {
        size_t cap = s->cap == 0 ? 1024 : s->cap * 2;
        int64_t *v = realloc(s->v, cap * sizeof *v);
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        s->v = v;
        s->cap = cap;
    }
    s->v[s->n++] = n;
    return 0;
}

static bool is_seen(const struct seen *s, int64_t n)
{
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->v[mid] == n) {
            return true;
        }
        lo = s->v[mid] < n ? mid + 1 : lo;
        hi = s->v[mid] < n ? hi : mid;
    }
    return false;
}

/* The two lists of (word, row) side by side, both in their order. */
struct words {
    struct db *db;
    sqlite3_stmt *st;
    const char *word;
    int64_t row;
    bool has;
};

static int words_next(struct words *w, const struct seen *only)
{
    do {
        int rc = sqlite3_step(w->st);
        if (rc != SQLITE_ROW) {
            w->has = false;
            return rc == SQLITE_DONE ? 0 : db_fail(w->db, rc);
        }
        w->has = true;
        w->word = (const char *)sqlite3_column_text(w->st, 0);
        w->row = sqlite3_column_int64(w->st, 1);
        w->word = w->word == NULL ? "" : w->word;
    } while (!is_seen(only, w->row));
    return 0;
}

static int words_open(struct words *w, struct db *db, const struct seen *only)
{
    w->db = db;
    int r = db_exec(db, "CREATE VIRTUAL TABLE IF NOT EXISTS temp.words USING "
                        "fts5vocab(main,search,instance)");
    if (r == 0) {
        int rc = sqlite3_prepare_v2(db->h, "SELECT term,doc FROM temp.words", -1, &w->st, NULL);
        r = rc == SQLITE_OK ? words_next(w, only) : db_fail(db, rc);
    }
    return r;
}

static void words_close(struct words *w)
{
    sqlite3_finalize(w->st);
    (void)db_exec(w->db, "DROP TABLE IF EXISTS temp.words");
}

static int compare_words(struct seen *s, struct store *held, struct store *again)
{
    struct words a = {0}, b = {0};
    int r = words_open(&b, &again->db, s);
    if (r == 0) {
        r = told(s->t, "page", "search", words_open(&a, &held->db, s));
    }
    int64_t last = -1;
    while (r == 0 && (a.has || b.has)) {
        int c = !a.has ? 1 : !b.has ? -1 : strcmp(a.word, b.word);
        c = c == 0 ? (a.row > b.row) - (a.row < b.row) : c;
        int64_t row = c <= 0 ? a.row : b.row;
        if (c != 0 && row != last) {
            char where[32];
            (void)snprintf(where, sizeof where, "search %lld", (long long)row);
            tell(s->t, "altered", where, c < 0 ? "extra" : "absent");
            last = row;
        }
        if (c <= 0) {
            r = told(s->t, "page", "search", words_next(&a, s));
        }
        if (c >= 0 && r == 0) {
            r = words_next(&b, s);
        }
    }
    words_close(&a);
    words_close(&b);
    return r;
}

static int search(struct telling *t, struct store *s, struct store *again)
{
    struct seen seen = {.t = t};
    struct q q;
    t->listed = 0;
    q_begin(&q, &s->db, Q_SEARCH_CHECK);
    int64_t before = t->n;
    int r = told(t, "page", "search", q_run(&q));
    if (r == 0 && t->n == before) {
        r = store__search_again(s, again, seen_add, &seen);
    }
    if (r == 0 && seen.n > 0) {
        r = compare_words(&seen, s, again);
    }
    free(seen.v);
    return told(t, "page", "search", r);
}

int store_integrity(struct store *s, struct store *again, const struct store_compare *with,
                    int64_t *ret_n)
{
    struct telling t = {.with = with};
    int r = store__lane_flush(s);
    if (r == 0) {
        r = pages(&t, &s->db, "sanji.db");
    }
    if (r == 0) {
        r = pages(&t, &s->keys, "keys.db");
    }
    if (r == 0) {
        r = sums(&t, s);
    }
    if (r == 0) {
        r = search(&t, s, again);
    }
    *ret_n = t.n;
    return r;
}

int store_damage(const char *dir, const struct store_compare *with, int64_t *ret_n)
{
    static const char *const file[] = {"sanji.db", "keys.db"};
    struct telling t = {.with = with};
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof file / sizeof file[0]; i++) {
        struct db db;
        char path[PATH_MAX];
        int n = snprintf(path, sizeof path, "%s/%s", dir, file[i]);
        r = n < 0 || (size_t)n >= sizeof path ? SANJI_E_SIZE : db_open(&db, path, DB_READER);
        if (r < 0) {
            r = told(&t, "page", file[i], r == SANJI_E_NOT_FOUND ? 0 : r);
            continue;
        }
        r = told(&t, "page", file[i], stmt_prepare(&db, Q_INTEGRITY));
        if (r == 0 && db.st[Q_INTEGRITY] != NULL) {
            r = pages(&t, &db, file[i]);
        }
        db_close(&db);
    }
    *ret_n = t.n;
    return r;
}
