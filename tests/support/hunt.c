/* SPDX-License-Identifier: Apache-2.0 */
/* hunt DIR NODE < TEXTS: where do these texts (one a line, UTF-8) stand in any byte of any file of
 * a node's folder? In UTF-8, GBK, UTF-16 of both orders, base64 of all three alignments and hex; in
 * the files as they lie, in zstd frames inflated, in every row of every table, and in sealed items
 * opened with the node's own keys. One line for each find:
 *
 *   NUMBER-OF-TEXT ENCODING WHERE FILE
 *
 * and for each database "pages FREE LOG FILE": free pages and bytes of the log, which hold what was
 * deleted. Exit 0 whatever was found; 2 when something could not be read. */
#include "protocol/base/enc.h"
#include "protocol/bundle.h"
#include "protocol/seal.h"

#include <ftw.h>
#include <iconv.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

enum { NEEDLES = 512, NEEDLE_BYTES = 1024, FRAME_MAX = 32 << 20, SEEDS = 64, DEPTH = 3 };

struct needle {
    int text;
    char enc[16];
    uint8_t b[NEEDLE_BYTES];
    size_t n;
    bool no_case; /* hex is written in both */
};
static struct needle needle[NEEDLES];
static size_t n_needles;
static uint8_t seed[SEEDS][SEAL_SEED_LEN];
static size_t n_seeds;
static struct node_id me;
static bool trouble;

static void die(const char *what)
{
    fprintf(stderr, "hunt: %s\n", what);
    exit(2);
}

/* ---- what is looked for ---- */

static void add(int text, const char *enc, const void *p, size_t n, bool no_case)
{
    if (n_needles == NEEDLES || n > NEEDLE_BYTES || n < 4) {
        die("a text is too long or too short");
    }
    struct needle *x = &needle[n_needles++];
    x->text = text;
    snprintf(x->enc, sizeof x->enc, "%s", enc);
    memcpy(x->b, p, n);
    x->n = n;
    x->no_case = no_case;
}

static void add_iconv(int text, const char *enc, const char *to, const char *utf8)
{
    char out[NEEDLE_BYTES], *o = out;
    char in[NEEDLE_BYTES], *i = in;
    size_t in_n = strlen(utf8), out_n = sizeof out;
    memcpy(in, utf8, in_n);
    iconv_t c = iconv_open(to, "UTF-8");
    if (c == (iconv_t)-1 || iconv(c, &i, &in_n, &o, &out_n) == (size_t)-1) {
        die("a text cannot be written in this encoding");
    }
    (void)iconv_close(c);
    add(text, enc, out, sizeof out - out_n, false);
}

/* Of the text inside a longer one: the characters that do not depend on what stands beside it. */
static void add_base64(int text, const char *utf8)
{
    static const char std[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = strlen(utf8);
    for (size_t shift = 0; shift < 3; shift++) {
        uint8_t in[NEEDLE_BYTES] = {0};
        char out[2][NEEDLE_BYTES * 2];
        size_t bits = 8 * (n + shift), k = 0, first = shift == 0 ? 0 : shift == 1 ? 2 : 3;
        memcpy(in + shift, utf8, n);
        for (size_t c = first; (c + 1) * 6 <= bits; c++, k++) {
            size_t at = c * 6;
            unsigned v = ((unsigned)in[at / 8] << 8 | in[at / 8 + 1]) >> (10 - at % 8) & 63;
            out[0][k] = std[v];
            out[1][k] = v == 62 ? '-' : v == 63 ? '_' : std[v];
        }
        char name[16];
        snprintf(name, sizeof name, "base64.%zu", shift);
        add(text, name, out[0], k, false);
        if (memcmp(out[0], out[1], k) != 0) {
            add(text, name, out[1], k, false);
        }
    }
}

static void add_text(int text, const char *utf8)
{
    char hex[NEEDLE_BYTES * 2];
    size_t n = strlen(utf8);
    for (size_t i = 0; i < n; i++) {
        snprintf(hex + 2 * i, 3, "%02x", (unsigned)(uint8_t)utf8[i]);
    }
    add(text, "utf8", utf8, n, false);
    add_iconv(text, "gbk", "GBK", utf8);
    add_iconv(text, "utf16le", "UTF-16LE", utf8);
    add_iconv(text, "utf16be", "UTF-16BE", utf8);
    add_base64(text, utf8);
    add(text, "hex", hex, 2 * n, true);
}

/* ---- looking ---- */

static bool here(const uint8_t *p, size_t n, const struct needle *x)
{
    if (!x->no_case) {
        return memmem(p, n, x->b, x->n) != NULL;
    }
    for (size_t i = 0; i + x->n <= n; i++) {
        size_t k = 0;
        while (k < x->n && (p[i + k] | (p[i + k] >= 'A' && p[i + k] <= 'F' ? 32 : 0)) == x->b[k]) {
            k++;
        }
        if (k == x->n) {
            return true;
        }
    }
    return false;
}

static void look(const void *p, size_t n, const char *where, const char *file)
{
    for (size_t i = 0; i < n_needles; i++) {
        if (here(p, n, &needle[i])) {
            printf("%d %s %s %s\n", needle[i].text, needle[i].enc, where, file);
        }
    }
}

/* Every sealed item of a line of the protocol, as far as this node's keys open it. */
static void open_items(const uint8_t *p, size_t n, const char *file)
{
    struct arena *a = arena_new((size_t)48 << 20);
    struct bundle b;
    if (n > 0 && p[n - 1] == '\n') {
        n--;
    }
    if (a == NULL) {
        die("no memory");
    }
    if (bundle_parse(span_of(p, n), a, &b, NULL) == 0) {
        for (size_t i = 0; b.item != NULL && i < (size_t)b.hdr.n; i++) {
            struct item it;
            struct seal_ctx c;
            uint8_t cek[32];
            struct buf plain;
            if (b.item[i].stub || item_parse(b.item[i].text, &it, NULL) < 0 ||
                strcmp(it.k, "sealed/1") != 0) {
                continue;
            }
            memset(&c, 0, sizeof c);
            memcpy(c.g, b.hdr.g, HASH_LEN);
            c.by = b.hdr.by;
            memcpy(c.id, it.id, sizeof c.id);
            c.step = it.r;
            buf_init(&plain, (size_t)1 << 20);
            if (seal_read(it.d, &c, &me, (const uint8_t(*)[SEAL_SEED_LEN])seed, n_seeds, a, cek,
                          &plain, NULL) == 0) {
                look(plain.data, plain.len, "sealed", file);
            }
            buf_done(&plain);
        }
    }
    arena_free(a);
}

/* The bytes, and every frame that begins anywhere in them. */
static void dig(const uint8_t *p, size_t n, const char *where, const char *file, int depth)
{
    static const uint8_t magic[] = {0x28, 0xb5, 0x2f, 0xfd};
    look(p, n, where, file);
    open_items(p, n, file);
    for (size_t at = 0; depth > 0 && at + sizeof magic < n; at++) {
        const uint8_t *m = memmem(p + at, n - at, magic, sizeof magic);
        if (m == NULL) {
            break;
        }
        at = (size_t)(m - p);
        unsigned long long size = ZSTD_getFrameContentSize(m, n - at);
        size_t cap = size < FRAME_MAX ? (size_t)size : (size_t)FRAME_MAX;
        size_t len = ZSTD_findFrameCompressedSize(m, n - at);
        uint8_t *out = malloc(cap + 1);
        if (out == NULL) {
            die("no memory");
        }
        size_t got = ZSTD_isError(len) ? 0 : ZSTD_decompress(out, cap, m, len);
        if (got > 0 && !ZSTD_isError(got)) {
            dig(out, got, "frame", file, depth - 1);
        }
        free(out);
    }
}

/* ---- databases: what a blob holds may be spread over pages ---- */

static void table(sqlite3 *db, const char *name, const char *file)
{
    char sql[256];
    sqlite3_stmt *st = NULL;
    snprintf(sql, sizeof sql, "SELECT * FROM \"%s\"", name);
    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK) {
        return; /* a contentless index has no rows of its own: its pages are other tables */
    }
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(st); i++) {
            const void *p = sqlite3_column_blob(st, i);
            int n = sqlite3_column_bytes(st, i);
            if (p != NULL && n > 0) {
                dig(p, (size_t)n, "row", file, DEPTH);
            }
        }
    }
    sqlite3_finalize(st);
}

static long long number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st = NULL;
    long long v = -1;
    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW) {
        v = sqlite3_column_int64(st, 0);
    }
    sqlite3_finalize(st);
    return v;
}

static void database(const char *file)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    char wal[4096];
    struct stat s = {0};
    if (sqlite3_open_v2(file, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "SELECT name FROM sqlite_schema WHERE type='table'", -1, &st,
                           NULL) != SQLITE_OK) {
        if (access(file, F_OK) == 0) { /* not one that was there for a moment */
            fprintf(stderr, "hunt: %s: %s\n", file, sqlite3_errmsg(db));
            trouble = true;
        }
    }
    while (st != NULL && sqlite3_step(st) == SQLITE_ROW) {
        table(db, (const char *)sqlite3_column_text(st, 0), file);
    }
    sqlite3_finalize(st);
    snprintf(wal, sizeof wal, "%s-wal", file);
    if (stat(wal, &s) != 0) {
        s.st_size = 0;
    }
    printf("pages %lld %lld %s\n", number(db, "PRAGMA freelist_count"), (long long)s.st_size, file);
    sqlite3_close(db);
}

/* ---- files ---- */

static int visit(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)ftw;
    if (flag != FTW_F || !S_ISREG(st->st_mode)) {
        return 0;
    }
    FILE *f = fopen(path, "rb");
    uint8_t *p = malloc((size_t)st->st_size + 1);
    if (f == NULL || p == NULL) {
        trouble = trouble || access(path, F_OK) == 0;
    } else {
        size_t n = fread(p, 1, (size_t)st->st_size, f);
        dig(p, n, "bytes", path, DEPTH);
        if (n > 16 && memcmp(p, "SQLite format 3", 15) == 0) {
            database(path);
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    free(p);
    return 0;
}

static void read_keys(const char *dir, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    while (f != NULL && n_seeds < SEEDS &&
           fread(seed[n_seeds], 1, SEAL_SEED_LEN, f) == SEAL_SEED_LEN) {
        n_seeds++;
    }
    if (f != NULL) {
        fclose(f);
    }
}

int main(int argc, char **argv)
{
    char line[NEEDLE_BYTES / 4];
    if (argc != 3 || (argv[2][0] != '-' && node_id_parse(argv[2], strlen(argv[2]), &me) < 0)) {
        die("usage: hunt DIR NODE|- < TEXTS");
    }
    for (int text = 0; fgets(line, sizeof line, stdin) != NULL; text++) {
        line[strcspn(line, "\n")] = '\0';
        add_text(text, line);
    }
    read_keys(argv[1], "keys/seal.seed");
    read_keys(argv[1], "keys/next/seal.seed");
    if (nftw(argv[1], visit, 16, FTW_PHYS) != 0) {
        die("this folder cannot be read");
    }
    return trouble ? 2 : 0;
}
