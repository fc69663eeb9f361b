/* SPDX-License-Identifier: Apache-2.0 */
/* One bit of a node's database is turned, anywhere in what is stored or derived: does verify name
 * it? A turned bit that is not named has to be shown to change nothing: every table and index still
 * reads the same, every frame inflates to the same line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "protocol/base/text.h"
#include "tests/support/nodes.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DB_MAX = 16 << 20, LINES_MAX = 16384 };

/* ---- what a database says, row by row ---- */

struct line {
    char key[512]; /* "record n…/listing/v1": as verify names it */
    uint8_t h[HASH_LEN];
};
struct saying {
    struct line *v;
    size_t n;
    bool is_damaged; /* SQLite itself says so */
};

#define STREAM_NAME "s.by_node||'/'||s.aud||'/'||s.ep"
/* clang-format off */
static const struct {
    const char *name, *sql; /* first column: the key */
} says[] = {
    {"bundle", "SELECT 'bundle '||" STREAM_NAME "||'/'||(b.pos&4294967295),b.* FROM bundle b NOT INDEXED LEFT JOIN stream s ON s.no=b.pos>>32 WHERE s.no IS NULL OR (b.pos&4294967295)>=s.first"},
    {"stream", "SELECT 'bundle '||" STREAM_NAME ",s.* FROM stream s NOT INDEXED"},
    {"parked", "SELECT 'parked '||" STREAM_NAME "||'/'||(p.pos&4294967295)||'/'||p.idx,p.* FROM parked p LEFT JOIN stream s ON s.no=p.pos>>32"},
    {"lane", "SELECT 'digest '||by_node||'/'||aud,* FROM lane NOT INDEXED"},
    {"record", "SELECT 'record '||owner||'/'||kind||'/'||id,* FROM record NOT INDEXED"},
    {"event", "SELECT 'event '||owner||'/'||kind||'/'||id,* FROM event NOT INDEXED"},
    {"ref_thread", "SELECT 'referral '||init||'/'||id,* FROM ref_thread NOT INDEXED"},
    {"ref_event", "SELECT 'referral '||t.init||'/'||t.id,e.* FROM ref_event e LEFT JOIN ref_thread t ON t.n=e.thread"},
    {"stat_count", "SELECT 'count '||cell||'/'||with_node,* FROM stat_count"},
    {"search_data", "SELECT 'search',doc,term FROM temp.words"},
    {"search_idx", "SELECT 'search',* FROM search_idx"},
    {"search_config", "SELECT 'search',* FROM search_config"},
};
/* clang-format on */

static int row_hash(sqlite3_stmt *st, struct frame_ctx *fc, uint8_t out[static HASH_LEN])
{
    struct buf b, line;
    size_t used;
    int r = 0;
    buf_init(&b, DB_MAX);
    buf_init(&line, LIM_BUNDLE_BYTES + 64);
    for (int i = 1; r == 0 && i < sqlite3_column_count(st); i++) {
        int type = sqlite3_column_type(st, i);
        const void *p = sqlite3_column_blob(st, i);
        size_t n = (size_t)sqlite3_column_bytes(st, i);
        if (strcmp(sqlite3_column_name(st, i), "frame") == 0) {
            buf_reset(&line);
            r = frame_unpack(fc, span_of(p, n), &line, &used);
            p = line.data;
            n = line.len;
        }
        buf_putc(&b, (char)type);
        buf_put_lp(&b, n == 0 ? "" : p, n);
    }
    hash_bytes(b.data, b.len, out);
    buf_done(&b);
    buf_done(&line);
    return r;
}

static void read_part(sqlite3 *db, size_t part, struct frame_ctx *fc, struct saying *s)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db, says[part].sql, -1, &st, NULL);
    while (rc == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW) {
        assert_true(s->n < LINES_MAX);
        struct line *l = &s->v[s->n++];
        const char *key = (const char *)sqlite3_column_text(st, 0);
        snprintf(l->key, sizeof l->key, "%s", key != NULL ? key : says[part].name);
        if (row_hash(st, fc, l->h) < 0) {
            memset(l->h, 0xff, HASH_LEN);
        }
    }
    if (sqlite3_finalize(st) != SQLITE_OK || rc != SQLITE_OK) {
        s->is_damaged = true;
    }
}

static void read_all(const char *path, struct saying *s)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    struct frame_ctx *fc = frame_ctx_new();
    s->n = 0;
    s->is_damaged = false;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL) != SQLITE_OK ||
        sqlite3_step(st) != SQLITE_ROW ||
        strcmp((const char *)sqlite3_column_text(st, 0), "ok") != 0) {
        s->is_damaged = true;
    }
    sqlite3_finalize(st);
    if (sqlite3_exec(db,
                     "CREATE VIRTUAL TABLE temp.words USING fts5vocab(main,search,instance);"
                     "INSERT INTO search(search) VALUES('integrity-check')",
                     NULL, NULL, NULL) != SQLITE_OK) {
        s->is_damaged = true;
    }
    for (size_t i = 0; i < sizeof says / sizeof says[0]; i++) {
        read_part(db, i, fc, s);
    }
    frame_ctx_free(fc);
    sqlite3_close(db);
}

/* ---- the node ---- */

static char path[512];
static uint8_t *whole;
static size_t whole_n;

static const char letter[] =
    "{\"subject_kind\":\"org\",\"reason\":\"venue\",\"title\":\"需要场地\","
    "\"detail\":\"周末活动\"}";

static void referrals(struct app *from, struct app *to, int n)
{
    char id[LIM_ID_BYTES + 1];
    struct fault f = {0};
    for (int i = 0; i < n; i++) {
        assert_int_equal(app_referral_send(from, app_id(to), lit(letter), id, &f), 0);
        nodes_settle(from, to);
        if (i % 2 == 0) {
            assert_int_equal(app_referral_event(to, id, RE_OPEN, lit("{}"), &f), 0);
            assert_int_equal(app_referral_event(to, id, RE_ACCEPT, lit("{}"), &f), 0);
        }
        nodes_settle(from, to);
    }
}

static void records(struct app *a, char who, int from, int n)
{
    char id[LIM_ID_BYTES + 1], json[256];
    struct fault f = {0};
    for (int i = from; i < from + n; i++) {
        snprintf(
            json, sizeof json,
            "{\"id\":\"%c%d\",\"kind\":\"venue\",\"title\":\"场地 %d\",\"detail\":\"%c day %d\"}",
            who, i % 150, i, who, i * 7919);
        assert_int_equal(node_put(a, "listing", json, id, &f), 0);
    }
}

static int read_stream(const char *p)
{
    FILE *f = fopen(p, "rb");
    assert_non_null(f);
    whole = malloc(DB_MAX);
    assert_non_null(whole);
    whole_n = fread(whole, 1, DB_MAX, f);
    fclose(f);
    return whole_n > 0 && whole_n < DB_MAX ? 0 : -1;
}

static void write_back(size_t at, int bit)
{
    static const char *const side[] = {"-wal", "-shm"};
    for (size_t i = 0; i < 2; i++) {
        char name[sizeof path + 8];
        snprintf(name, sizeof name, "%s%s", path, side[i]);
        (void)unlink(name);
    }
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    if (bit >= 0) {
        whole[at] ^= (uint8_t)(1u << bit);
    }
    assert_int_equal(fwrite(whole, 1, whole_n, f), whole_n);
    if (bit >= 0) {
        whole[at] ^= (uint8_t)(1u << bit);
    }
    fclose(f);
}

/* A city that has a district's records, referrals both ways, counts, a keyframe of its own. */
static void make_city(void)
{
    struct app *city = node_born(0, "city"), *district = node_child(city, 1, "district");
    const struct sync_tuning quick = {.key_items = 60};
    nodes_settle(city, district);
    sync_tune(city->sync, &quick);
    records(city, 'c', 0, 300);
    records(district, 'd', 0, 220);
    nodes_settle(city, district);
    referrals(district, city, 6);
    referrals(city, district, 4);
    nodes_settle(city, district);
    node_sound(city);
    nodes_settle(city, district);
    assert_int_equal(store_search_flush(city->store, 10000, NULL), 0);
    app_close(city);
    app_close(district);
    snprintf(path, sizeof path, "%s/sanji.db", home_dirs[0]);
    assert_int_equal(read_stream(path), 0);
}

/* ---- which pages are in question ---- */

struct pages {
    unsigned v[4096];
    char tree[4096][32];
    size_t n;
};

static void find_pages(struct pages *p)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(
            db,
            "SELECT d.pageno,d.name FROM dbstat d LEFT JOIN sqlite_schema m ON "
            "m.name=d.name WHERE coalesce(m.tbl_name,d.name) IN "
            "('bundle','stream','parked','lane','record','event','ref_thread',"
            "'ref_event','stat_count','search_data','search_idx','search_config') ORDER BY 1",
            -1, &st, NULL),
        SQLITE_OK);
    while (sqlite3_step(st) == SQLITE_ROW && p->n < 4096) {
        snprintf(p->tree[p->n], sizeof p->tree[0], "%s", (const char *)sqlite3_column_text(st, 1));
        p->v[p->n++] = (unsigned)sqlite3_column_int(st, 0);
    }
    sqlite3_finalize(st);
    sqlite3_close(db);
    assert_true(p->n > 20);
}

/* ---- the flips ---- */

struct found {
    int n;
    size_t len;
    char all[1 << 16];
};

static void on_found(const char *what, const char *where, int err, const char *member, void *arg)
{
    struct found *f = arg;
    assert_true(err < 0);
    f->n++;
    int k = snprintf(f->all + f->len, sizeof f->all - f->len, "%s|%s|%s\n", what, where, member);
    f->len += k > 0 && f->len + (size_t)k < sizeof f->all ? (size_t)k : 0;
}

static int by_key(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    int c = strcmp(x->key, y->key);
    return c != 0 ? c : memcmp(x->h, y->h, HASH_LEN);
}

/* Is what differs between the two named? *ret_n: how many rows differ. */
static bool is_named(const struct saying *a, const struct saying *b, const struct found *f,
                     const char *tree, size_t *ret_n, char *ret_key)
{
    size_t i = 0, k = 0;
    bool named = b->is_damaged && strstr(f->all, "page|") != NULL;
    *ret_n = 0;
    ret_key[0] = '\0';
    while (i < a->n || k < b->n) {
        int c = i == a->n ? 1 : k == b->n ? -1 : by_key(&a->v[i], &b->v[k]);
        const char *key = c <= 0 ? (i < a->n ? a->v[i].key : "") : b->v[k].key;
        if (c != 0) {
            const char *name = strncmp(key, "bundle ", 7) == 0 ? key + 7 : key;
            ++*ret_n;
            snprintf(ret_key, 512, "%s", key);
            named = named || strstr(f->all, name) != NULL;
        }
        i += c <= 0;
        k += c >= 0;
    }
    (void)tree;
    return named;
}

static uint64_t draw(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static void every_flip_is_named(void **state)
{
    (void)state;
    static struct pages pages;
    static struct saying before, after;
    static struct found found;
    char key[512];
    const char *many = getenv("SANJI_FLIPS");
    int64_t want = FLIPS;
    int told = 0, nothing = 0, refused = 0, missed = 0;
    if (many != NULL) {
        assert_int_equal(text_i64(many, strlen(many), 1, 1000000, &want), 0);
    }
    uint64_t x = 88172645463325252u;
    before.v = calloc(LINES_MAX, sizeof *before.v);
    after.v = calloc(LINES_MAX, sizeof *after.v);
    make_city();
    find_pages(&pages);
    read_all(path, &before);
    assert_false(before.is_damaged);
    qsort(before.v, before.n, sizeof *before.v, by_key);
    print_message("%zu bytes, %zu pages in question, %zu rows\n", whole_n, pages.n, before.n);
    while (told + refused + missed < want) {
        struct app_verdict v;
        struct app *a = NULL;
        size_t pick = draw(&x) % pages.n, n = 0;
        size_t at = (size_t)(pages.v[pick] - 1) * 4096 + draw(&x) % 4096;
        int bit = (int)(draw(&x) % 8);
        write_back(at, bit);
        read_all(path, &after);
        qsort(after.v, after.n, sizeof *after.v, by_key);
        found.n = 0;
        found.len = 0;
        found.all[0] = '\0';
        write_back(at, bit);
        int r = app_open(home_dirs[0], &a, NULL);
        int rv = r == 0 ? app_verify(a, &v, on_found, &found) : 0;
        bool named = is_named(&before, &after, &found, pages.tree[pick], &n, key);
        bool means = n > 0 || after.is_damaged;
        int64_t damages = 0;
        if (r < 0) { /* then it is said why, and what to do */
            assert_int_equal(r, SANJI_E_CORRUPT);
            assert_int_equal(app_damage(home_dirs[0], on_found, &found, &damages), 0);
            refused += damages > 0 && found.n > 0;
            missed += damages == 0 || found.n == 0;
        } else if (rv < 0) {
            missed++;
            print_message("%s: verify ended with %s\n", pages.tree[pick], err_name(rv));
        } else if (named) {
            told++;
        } else if (!means && v.wrong == 0) {
            nothing++;
        } else {
            missed++;
            print_message("%s page %u byte %zu bit %d: %d wrong, %zu rows differ (%s)%s:\n%.400s\n",
                          pages.tree[pick], pages.v[pick], at % 4096, bit, (int)v.wrong, n, key,
                          after.is_damaged ? ", damaged" : "", found.all);
        }
        app_close(a);
    }
    print_message("%d named, %d refused at opening, %d missed; %d changed nothing\n", told, refused,
                  missed, nothing);
    assert_int_equal(missed, 0);
    assert_true(nothing < want); /* most of what is stored means something */
    free(before.v);
    free(after.v);
    free(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_flip_is_named)};
    return cmocka_run_group_tests(tests, home_make, home_drop);
}
