/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of attachments of other nodes: the port of sync/fetch.h, and what people ask of it. A part
 * is on the disk before its length is believed, a whole one has its name only after its hash was
 * right. The folders are the only list there is: what a crash has left in them is settled by the
 * same sweep that follows the records. */
#include "node/app_fetch.h"

#include "node/app_blob.h"
#include "node/app_internal.h"
#include "node/blob.h"
#include "protocol/base/enc.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SWEEP_MS = 3600000 };

/* The folder, as node/blob.h takes it, of what records of `by` name. */
static int folder_of(const struct app *a, const char *by, char out[static APP_PATH_BYTES])
{
    char name[32];
    if (strcmp(by, app_id(a)) == 0) {
        return snprintf(out, APP_PATH_BYTES, "%s", a->dir) < APP_PATH_BYTES ? 0 : SANJI_E_SIZE;
    }
    (void)snprintf(name, sizeof name, "cache/%.16s", by);
    return app_path(a->dir, name, out);
}

static int make_folder(const struct app *a, const char *by)
{
    char path[APP_PATH_BYTES];
    for (int i = 0; i < 2; i++) {
        int r = i == 0 ? app_path(a->dir, "cache", path) : folder_of(a, by, path);
        if (r < 0 || (mkdir(path, 0700) != 0 && errno != EEXIST)) {
            return r < 0 ? r : errno == ENOSPC ? SANJI_E_FULL : SANJI_E_IO;
        }
    }
    return 0;
}

/* ---- what lies there ---- */

struct cached {
    const char *by, *sha;
    char dir[APP_PATH_BYTES], path[APP_PATH_BYTES];
    bool part;
    int64_t size, used; /* used: seconds */
};
typedef int cached_fn(struct app *a, const struct cached *c, void *arg);

/* What does not belong here goes. */
static int one_name(struct app *a, struct cached *c, const char *folder, const char *name,
                    cached_fn *fn, void *arg)
{
    struct stat st;
    char sha[BLOB_SHA + 1];
    uint8_t h[HASH_LEN];
    int r = app_path(folder, name, c->path);
    if (r < 0 || lstat(c->path, &st) != 0) {
        return r;
    }
    bool known = c->part ? msg_sha_valid(name) : hex_get(name, strlen(name), h, HASH_LEN) == 0;
    if (!known) {
        (void)unlink(c->path);
        return 0;
    }
    if (c->part) {
        (void)snprintf(sha, sizeof sha, "%s", name);
    } else {
        sha[b64u_put(h, HASH_LEN, sha)] = '\0';
    }
    c->sha = sha;
    c->size = st.st_size;
    c->used = st.st_mtime;
    r = fn(a, c, arg);
    c->sha = NULL;
    return r;
}

static int names_in(struct app *a, struct cached *c, const char *under, cached_fn *fn, void *arg)
{
    char folder[APP_PATH_BYTES];
    int r = app_path(c->dir, under, folder);
    DIR *d = r < 0 ? NULL : opendir(folder);
    if (d == NULL) {
        return r;
    }
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this DIR */
    for (const struct dirent *e; r == 0 && (e = readdir(d)) != NULL;) {
        r = e->d_name[0] == '.' ? 0 : one_name(a, c, folder, e->d_name, fn, arg);
    }
    (void)closedir(d);
    return r;
}

static int of_writer(struct app *a, const char *by, cached_fn *fn, void *arg)
{
    struct cached c = {.by = by, .part = true};
    char under[16];
    int r = folder_of(a, by, c.dir);
    r = r < 0 ? r : names_in(a, &c, "blobs/part", fn, arg);
    c.part = false;
    for (int i = 0; r == 0 && i < 256; i++) {
        (void)snprintf(under, sizeof under, "blobs/%02x", (unsigned)i);
        r = names_in(a, &c, under, fn, arg);
    }
    return r;
}

static int each_cached(struct app *a, cached_fn *fn, void *arg)
{
    char path[APP_PATH_BYTES];
    int r = app_path(a->dir, "cache", path);
    DIR *d = r < 0 ? NULL : opendir(path);
    if (d == NULL) {
        return r; /* nothing was fetched yet */
    }
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this DIR */
    for (const struct dirent *e; r == 0 && (e = readdir(d)) != NULL;) {
        r = node_id_valid(e->d_name, strlen(e->d_name)) ? of_writer(a, e->d_name, fn, arg) : 0;
    }
    (void)closedir(d);
    return r;
}

/* ---- room ---- */

struct room {
    int64_t used, oldest;
    char dir[APP_PATH_BYTES], sha[BLOB_SHA + 1];
};

static int measure(struct app *a, const struct cached *c, void *arg)
{
    struct room *m = arg;
    (void)a;
    m->used += c->size;
    if (!c->part && (m->sha[0] == '\0' || c->used < m->oldest)) {
        m->oldest = c->used;
        memcpy(m->dir, c->dir, sizeof m->dir);
        memcpy(m->sha, c->sha, sizeof m->sha);
    }
    return 0;
}

/* What was looked at least recently gives way. */
static int room_for(struct app *a, int64_t len)
{
    for (;;) {
        struct room m = {.used = 0};
        int r = each_cached(a, measure, &m);
        if (r < 0 || m.used + len <= a->cfg.files_cache) {
            return r;
        }
        if (m.sha[0] == '\0') {
            return SANJI_E_QUOTA;
        }
        r = blob_drop(m.dir, m.sha);
        if (r < 0) {
            return r;
        }
    }
}

/* ---- the port ---- */

static int port_named(void *ctx, const char *by, const char *sha,
                      int (*fn)(const char *aud, int64_t len, void *arg), void *arg)
{
    const struct app *a = ctx;
    return blob_named(a->store, by, sha, fn, arg);
}

static int port_held(void *ctx, const char *by, const char *sha, int64_t *ret_len)
{
    struct app *a = ctx;
    char dir[APP_PATH_BYTES], type[8];
    int r = folder_of(a, by, dir);
    if (r == 0 && strcmp(by, app_id(a)) == 0) {
        r = app_blob_has(a, sha, ret_len, type);
    }
    return r < 0 ? r : blob_len(dir, sha, ret_len);
}

/* Of the whole. */
static int read_whole(struct app *a, const char *by, const char *sha, struct buf *out)
{
    char dir[APP_PATH_BYTES];
    bool own = strcmp(by, app_id(a)) == 0;
    int r = folder_of(a, by, dir);
    r = r < 0 ? r : app__blob_in(dir, sha, out);
    if (r == 0 && !own) {
        blob_touch(dir, sha);
    }
    if (r == SANJI_E_CORRUPT && !own) { /* it can be fetched again */
        r = blob_drop(dir, sha);
        r = r < 0 ? r : SANJI_E_NOT_FOUND;
    }
    return r;
}

static int port_read(void *ctx, const char *by, const char *sha, int64_t at, int64_t max,
                     struct buf *ret)
{
    struct app *a = ctx;
    struct buf all;
    char dir[APP_PATH_BYTES];
    int r = folder_of(a, by, dir);
    if (r == 0 && at == 0) {
        buf_init(&all, LIM_BLOB_BYTES);
        r = read_whole(a, by, sha, &all);
        buf_done(&all);
    }
    return r < 0 ? r : blob_read_at(dir, sha, at, max, ret);
}

static int port_here(void *ctx, const char *by, const char *sha, int64_t *ret_n)
{
    const struct app *a = ctx;
    char dir[APP_PATH_BYTES];
    int r = folder_of(a, by, dir);
    *ret_n = 0;
    r = r < 0 ? r : blob_part_len(dir, sha, ret_n);
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

static int port_put(void *ctx, const char *by, const char *sha, int64_t len, int64_t at,
                    struct span bytes)
{
    struct app *a = ctx;
    char dir[APP_PATH_BYTES];
    int r = app_disk_low(a) ? SANJI_E_FULL : folder_of(a, by, dir);
    if (r == 0 && at == 0) {
        r = room_for(a, len);
        r = r < 0 ? r : make_folder(a, by);
    }
    return r < 0 ? r : blob_part_write(dir, sha, at, bytes);
}

static int port_whole(void *ctx, const char *by, const char *sha)
{
    const struct app *a = ctx;
    char dir[APP_PATH_BYTES], text[BLOB_SHA + 1];
    uint8_t h[HASH_LEN];
    struct buf b;
    buf_init(&b, LIM_BLOB_BYTES);
    int r = folder_of(a, by, dir);
    r = r < 0 ? r : blob_part_read(dir, sha, &b);
    if (r == 0) {
        hash_bytes(b.data, b.len, h);
        text[b64u_put(h, HASH_LEN, text)] = '\0';
        r = strcmp(text, sha) == 0 ? blob_part_done(dir, sha, sha) : SANJI_E_HASH;
    }
    if (r == 0 || r == SANJI_E_HASH) {
        blob_part_drop(dir, sha);
    }
    buf_done(&b);
    return r;
}

static int port_drop(void *ctx, const char *by, const char *sha)
{
    const struct app *a = ctx;
    char dir[APP_PATH_BYTES];
    int r = folder_of(a, by, dir);
    if (r == 0) {
        blob_part_drop(dir, sha);
    }
    return r;
}

int app__fetch_use(struct app *a)
{
    a->files = (struct sync_files){.ctx = a,
                                   .named = port_named,
                                   .held = port_held,
                                   .read = port_read,
                                   .here = port_here,
                                   .put = port_put,
                                   .whole = port_whole,
                                   .drop = port_drop};
    return sync_files_use(a->sync, &a->files);
}

/* ---- people ---- */

int app_file_state(struct app *a, const char *by, const char *sha, struct app_file_state *ret)
{
    struct sync_fetch_state st;
    int64_t len = 0;
    memset(ret, 0, sizeof *ret);
    int r = port_held(a, by, sha, &len);
    if (r != SANJI_E_NOT_FOUND) {
        return r;
    }
    ret->word = strcmp(by, app_id(a)) == 0 ? FILE_LOST : FILE_AWAY;
    r = sync_fetch_get(a->sync, by, sha, &st);
    if (r == SANJI_E_NOT_FOUND) {
        return 0;
    }
    ret->word = st.over ? FILE_GIVEN_UP : FILE_COMING;
    ret->here = st.here;
    ret->err = st.err;
    (void)snprintf(ret->from, sizeof ret->from, "%s", st.from.s);
    return r;
}

int app_file_want(struct app *a, const char *by, const char *sha)
{
    int64_t len = 0;
    int r = port_held(a, by, sha, &len);
    r = r != SANJI_E_NOT_FOUND ? r : sync_fetch(a->sync, app_now_ms(), by, sha);
    a->wrote = a->wrote || r == 0; /* neighbours are to hear of it */
    return r;
}

int app_file_read(struct app *a, const char *by, const char *sha, struct buf *out,
                  char ret_type[static 8])
{
    int64_t len = 0;
    int r = port_held(a, by, sha, &len);
    r = r < 0 ? r : read_whole(a, by, sha, out);
    const char *type = r == 0 ? blob_type(span_of(out->data, out->len)) : NULL;
    (void)snprintf(ret_type, 8, "%s", type == NULL ? "" : type);
    return r == 0 && type == NULL ? SANJI_E_REFUSED : r;
}

/* ---- going ---- */

static int any(const char *aud, int64_t len, void *arg)
{
    (void)aud;
    (void)len;
    *(bool *)arg = true;
    return 1;
}

static int sweep_one(struct app *a, const struct cached *c, void *arg)
{
    bool named = false;
    (void)arg;
    int r = blob_named(a->store, c->by, c->sha, any, &named);
    if (r < 0 || (named && (!c->part || sync_fetch_runs(a->sync, c->by, c->sha)))) {
        return r;
    }
    if (c->part) {
        blob_part_drop(c->dir, c->sha);
        return 0;
    }
    return blob_drop(c->dir, c->sha);
}

int app__fetch_tick(struct app *a, int64_t mono_ms)
{
    int64_t erased = sync_erased_count(a->sync);
    if (mono_ms < a->fetch_due && erased == a->fetch_erased) {
        return 0;
    }
    int r = each_cached(a, sweep_one, NULL);
    a->fetch_due = app_mono_ms() + SWEEP_MS;
    a->fetch_erased = r == 0 ? erased : a->fetch_erased;
    return r;
}
