/* SPDX-License-Identifier: Apache-2.0 */
/* Attachments of this node. A piece is on the disk before its length is in the database, and the
 * file has its name before there is a row of it: a crash in between leaves a file nobody knows. So
 * does a database that was put back, and its records come again from the neighbours: the next start
 * gives such a file a row, and the time of one that no record refers to. */
#include "node/app_blob.h"

#include "node/app_internal.h"
#include "node/blob.h"
#include "protocol/base/enc.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { SWEEP_MS = 3600000 };
/* What nobody has gone on with for so long; as drafts. */
#define UPLOAD_MS  (INT64_C(90) * 86400000)
#define LIMIT_TEXT "20 MiB"

/* ---- rows ---- */

struct wanted {
    const char *login;
    struct app_upload *u;
};

static int on_upload(const struct upload_row *row, void *arg)
{
    struct wanted *w = arg;
    struct app_upload *u = w->u;
    memset(u, 0, sizeof *u);
    if (strcmp(row->login, w->login) != 0) {
        return SANJI_E_NOT_FOUND; /* somebody else's: that there is one is not told */
    }
    (void)snprintf(u->id, sizeof u->id, "%s", row->id);
    (void)snprintf(u->login, sizeof u->login, "%s", row->login);
    (void)snprintf(u->name, sizeof u->name, "%s", row->name);
    (void)snprintf(u->sha, sizeof u->sha, "%s", row->sha);
    u->len = row->len;
    u->at = row->at;
    u->whole = row->whole;
    return 0;
}

static void set_name(struct app_upload *u, struct span name, const char *type)
{
    struct buf b;
    buf_init(&b, sizeof u->name - 1);
    blob_name(name, type, &b);
    (void)snprintf(u->name, sizeof u->name, "%s", buf_str(&b));
    buf_done(&b);
}

int app_upload_get(struct app *a, const char *login, const char *id, struct app_upload *ret)
{
    struct wanted w = {login, ret};
    int r = upload_get(a->store, id, on_upload, &w);
    if (r == 0 && ret->whole) {
        int64_t len = 0;
        r = app_blob_has(a, ret->sha, &len, ret->type);
        set_name(ret, span_of(ret->name, strlen(ret->name)), ret->type);
    }
    return r;
}

static int on_blob(const struct blob_row *b, void *arg)
{
    struct app_upload *u = arg;
    u->len = b->len;
    (void)snprintf(u->type, sizeof u->type, "%s", b->type);
    return 0;
}

int app_blob_has(struct app *a, const char *sha, int64_t *ret_len, char ret_type[static 8])
{
    struct app_upload u = {0};
    int r = blob_row_get(a->store, sha, on_blob, &u);
    *ret_len = u.len;
    memcpy(ret_type, u.type, sizeof u.type);
    return r;
}

int app_blob_room(struct app *a, int64_t *ret_used, int64_t *ret_quota)
{
    *ret_quota = a->cfg.files_quota;
    return blob_used(a->store, ret_used);
}

/* ---- bringing one ---- */

static int room_for(struct app *a, const char *login, int64_t len, struct fault *f)
{
    struct statvfs v;
    int64_t used = 0, quota = 0, open = 0;
    int r = app_blob_room(a, &used, &quota);
    r = r < 0 ? r : upload_open(a->store, login, &open);
    if (r < 0) {
        return r;
    }
    if (open >= APP_UPLOADS) {
        return fault_set(f, SANJI_E_QUOTA, "upload", "at most 20 files that are in no record yet");
    }
    if (used + len > quota) {
        return fault_set(f, SANJI_E_QUOTA, "files", "files_quota");
    }
    bool known = statvfs(a->dir, &v) == 0;
    double left = known ? (double)v.f_bavail * (double)v.f_frsize : 0;
    return known && left < (double)a->cfg.disk_reserve + (double)len
               ? fault_set(f, SANJI_E_FULL, "files", NULL)
               : 0;
}

static int one_row(struct app *a, int (*fn)(struct app *a, const struct app_upload *u),
                   const struct app_upload *u)
{
    int r = store_begin(a->store);
    if (r < 0) {
        return r;
    }
    r = fn(a, u);
    if (r == 0) {
        return store_commit(a->store);
    }
    store_rollback(a->store);
    return r;
}

static int add_row(struct app *a, const struct app_upload *u)
{
    struct upload_row row = {.id = u->id,
                             .login = u->login,
                             .name = u->name,
                             .sha = u->sha,
                             .len = u->len,
                             .changed = app_now_ms()};
    return upload_add(a->store, &row);
}

int app_upload_begin(struct app *a, const char *login, struct span name, int64_t len,
                     const char *sha, struct app_upload *ret, struct fault *f)
{
    uint8_t h[HASH_LEN];
    char id[28];
    memset(ret, 0, sizeof *ret);
    if (len < 1) {
        return fault_set(f, SANJI_E_SPEC, "len", "a file that is not empty");
    }
    if (len > LIM_BLOB_BYTES) {
        return fault_set(f, SANJI_E_SIZE, "len", LIMIT_TEXT);
    }
    if (sha[0] != '\0' && b64u_get(sha, strlen(sha), h, HASH_LEN) < 0) {
        return fault_set(f, SANJI_E_SPEC, "sha256", "43 characters of base64url");
    }
    int r = room_for(a, login, len, f);
    if (r < 0) {
        return r;
    }
    app__record_id(a, app_now_ms(), id);
    (void)snprintf(ret->id, sizeof ret->id, "%s", id + 1); /* without the r */
    (void)snprintf(ret->login, sizeof ret->login, "%s", login);
    (void)snprintf(ret->sha, sizeof ret->sha, "%s", sha);
    set_name(ret, name, NULL);
    ret->len = len;
    return one_row(a, add_row, ret);
}

static int at_row(struct app *a, const struct app_upload *u)
{
    return upload_at(a->store, u->id, u->at, app_now_ms());
}

int app_upload_part(struct app *a, const char *login, const char *id, int64_t at, struct span bytes,
                    struct app_upload *ret, struct fault *f)
{
    int r = app_upload_get(a, login, id, ret);
    if (r < 0) {
        return r;
    }
    int64_t end = at + (int64_t)bytes.n;
    if (bytes.n > LIM_BLOB_PART || end > ret->len) {
        return fault_set(f, SANJI_E_SIZE, "data", "not beyond the announced length");
    }
    if (ret->whole || end <= ret->at) {
        return 0; /* its answer was lost */
    }
    if (at != ret->at) {
        return SANJI_E_CONFLICT;
    }
    r = app_disk_low(a) ? SANJI_E_FULL : blob_part_write(a->dir, ret->id, at, bytes);
    if (r < 0) {
        return r == SANJI_E_FULL ? fault_set(f, r, "files", NULL) : r;
    }
    ret->at = end;
    return one_row(a, at_row, ret);
}

static int add_blob(struct app *a, const struct app_upload *u)
{
    struct blob_row b = {.sha = u->sha, .len = u->len, .type = u->type, .since = app_now_ms()};
    return blob_row_add(a->store, &b);
}

static int whole_row(struct app *a, const struct app_upload *u)
{
    int r = add_blob(a, u);
    return r < 0 ? r : upload_whole(a->store, u->id, u->sha, app_now_ms());
}

static int drop_row(struct app *a, const struct app_upload *u)
{
    return upload_drop(a->store, u->id);
}

/* It is not what it should be: neither it nor anything of it stays. */
static int reject(struct app *a, const struct app_upload *u, int err)
{
    int r = one_row(a, drop_row, u);
    blob_part_drop(a->dir, u->id);
    return r < 0 ? r : err;
}

static int finish(struct app *a, struct app_upload *u, struct span bytes, struct fault *f)
{
    uint8_t h[HASH_LEN];
    char sha[BLOB_SHA + 1];
    hash_bytes(bytes.p, bytes.n, h);
    sha[b64u_put(h, HASH_LEN, sha)] = '\0';
    if ((int64_t)bytes.n != u->len || (u->sha[0] != '\0' && strcmp(u->sha, sha) != 0)) {
        (void)fault_set(f, SANJI_E_HASH, "file", "the bytes that were announced");
        return reject(a, u, SANJI_E_HASH);
    }
    const char *type = blob_type(bytes);
    if (type == NULL) {
        (void)fault_set(f, SANJI_E_REFUSED, "file", NULL);
        return reject(a, u, SANJI_E_REFUSED);
    }
    memcpy(u->sha, sha, sizeof u->sha);
    (void)snprintf(u->type, sizeof u->type, "%s", type);
    int r = blob_part_done(a->dir, u->id, u->sha);
    r = r < 0 ? r : one_row(a, whole_row, u);
    if (r == 0) { /* else it is asked for again */
        blob_part_drop(a->dir, u->id);
    }
    return r;
}

int app_upload_finish(struct app *a, const char *login, const char *id, struct app_upload *ret,
                      struct fault *f)
{
    struct buf b;
    int r = app_upload_get(a, login, id, ret);
    if (r < 0 || ret->whole) {
        return r;
    }
    if (ret->at != ret->len) {
        return fault_set(f, SANJI_E_STATE, "file", "all of its bytes");
    }
    buf_init(&b, LIM_BLOB_BYTES);
    r = blob_part_read(a->dir, ret->id, &b);
    r = r < 0 ? r : finish(a, ret, span_of(b.data, b.len), f);
    buf_done(&b);
    return r < 0 ? r : app_upload_get(a, login, id, ret);
}

int app_upload_drop(struct app *a, const char *login, const char *id)
{
    struct app_upload u;
    int r = app_upload_get(a, login, id, &u);
    r = r < 0 ? r : one_row(a, drop_row, &u);
    if (r == 0) {
        blob_part_drop(a->dir, u.id);
    }
    return r;
}

/* ---- in records ---- */

int app_blob_read(struct app *a, const char *sha, struct buf *out)
{
    return app__blob_in(a->dir, sha, out);
}

int app__blob_in(const char *dir, const char *sha, struct buf *out)
{
    uint8_t h[HASH_LEN];
    char text[BLOB_SHA + 1];
    int r = blob_read(dir, sha, out);
    if (r < 0) {
        return r;
    }
    hash_bytes(out->data, out->len, h);
    text[b64u_put(h, HASH_LEN, text)] = '\0';
    return strcmp(text, sha) == 0 ? 0 : SANJI_E_CORRUPT;
}

static bool same_file(const struct kind_file *x, const struct kind_file *y)
{
    return x->len == y->len && strcmp(x->type, y->type) == 0;
}

static int may_one(struct app *a, const struct kind_file *x, const char *login)
{
    struct kind_file held = {0};
    bool brought = true;
    int r = app_blob_has(a, x->sha, &held.len, held.type);
    r = r < 0 || login == NULL ? r : upload_brought(a->store, x->sha, login, &brought);
    return r == 0 && (!brought || !same_file(x, &held)) ? SANJI_E_NOT_FOUND : r;
}

int app_blob_may(struct app *a, const struct kind *k, struct span was, struct span d,
                 const char *login, struct fault *f)
{
    struct jcur c;
    struct kind_file x, old;
    char place[64];
    bool more = kind_files_begin(k, d, &c);
    for (int i = 1; more && kind_files_next(&c, &x); i++) {
        int r = was.n > 0 && kind_files_has(k, was, x.sha, &old) && same_file(&x, &old)
                    ? 0
                    : may_one(a, &x, login);
        if (r < 0) {
            (void)snprintf(place, sizeof place, "%s.%d.sha256", kind_files_field(k)->name, i);
            return r == SANJI_E_NOT_FOUND ? fault_set(f, SANJI_E_REFERENCE, place,
                                                      "a file that was brought here before")
                                          : r;
        }
    }
    return 0;
}

/* ---- looking ---- */

struct check {
    struct app *a;
    app_wrong_fn *fn;
    void *arg;
    int64_t n, wrong;
};

static int check_one(const struct blob_row *row, void *arg)
{
    struct check *c = arg;
    struct buf b;
    buf_init(&b, LIM_BLOB_BYTES);
    int r = app_blob_read(c->a, row->sha, &b);
    const char *type = r == 0 ? blob_type(span_of(b.data, b.len)) : NULL;
    bool other = row->type[0] != '\0' && type != NULL && strcmp(type, row->type) != 0;
    if (r == 0 && ((int64_t)b.len != row->len || type == NULL || other)) {
        r = SANJI_E_CORRUPT;
    }
    buf_done(&b);
    c->n++;
    if (r < 0) {
        c->wrong++;
        if (c->fn != NULL) {
            c->fn("file", row->sha, r, "", c->arg);
        }
    }
    return r == SANJI_E_NOMEM ? r : 0;
}

int app_blob_check(struct app *a, app_wrong_fn *fn, void *arg, int64_t *ret_n, int64_t *ret_wrong)
{
    struct check c = {.a = a, .fn = fn, .arg = arg};
    int r = blob_row_all(a->store, check_one, &c);
    r = r < 0 ? r : blob_missing(a->store, check_one, &c);
    *ret_n = c.n;
    *ret_wrong = c.wrong;
    return r;
}

/* ---- going ---- */

struct names {
    char sha[100][BLOB_SHA + 1];
    size_t n;
};

static int on_loose(const struct blob_row *b, void *arg)
{
    struct names *v = arg;
    (void)snprintf(v->sha[v->n++], sizeof v->sha[0], "%s", b->sha);
    return v->n == 100;
}

static int on_old(const struct upload_row *u, void *arg)
{
    struct names *v = arg;
    (void)snprintf(v->sha[v->n++], sizeof v->sha[0], "%s", u->id);
    return v->n == 100;
}

static int find_loose(struct app *a, struct names *gone, struct names *old)
{
    int64_t now = app_now_ms();
    int r = store_begin(a->store);
    if (r < 0) {
        return r;
    }
    r = blob_settle(a->store, now);
    r = r < 0 ? r : blob_loose(a->store, now - APP_BLOB_GRACE_MS, on_loose, gone);
    r = r < 0 ? r : upload_old(a->store, now - UPLOAD_MS, on_old, old);
    for (size_t i = 0; r == 0 && i < old->n; i++) {
        r = upload_drop(a->store, old->sha[i]);
    }
    if (r == 0) {
        return store_commit(a->store);
    }
    store_rollback(a->store);
    return r;
}

static int drop_rows(struct app *a, const struct names *gone)
{
    int r = store_begin(a->store);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; r == 0 && i < gone->n; i++) {
        r = blob_row_drop(a->store, gone->sha[i]);
        r = r < 0 ? r : upload_forget(a->store, gone->sha[i]);
    }
    if (r == 0) {
        return store_commit(a->store);
    }
    store_rollback(a->store);
    return r;
}

/* The files go first: one that was erased would be given a row again. */
static int drop_files(struct app *a, const struct names *gone, const struct names *old)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < gone->n; i++) {
        r = blob_drop(a->dir, gone->sha[i]);
    }
    r = r < 0 || gone->n == 0 ? r : drop_rows(a, gone);
    for (size_t i = 0; i < old->n; i++) {
        blob_part_drop(a->dir, old->sha[i]);
    }
    return r;
}

/* Is it what its name says, and of a type that is taken? Then it has a row. */
static int adopt(struct app *a, const char *sha, bool *ret)
{
    struct app_upload u = {0};
    struct buf b;
    buf_init(&b, LIM_BLOB_BYTES);
    int r = app_blob_read(a, sha, &b);
    const char *type = r == 0 && b.len > 0 ? blob_type(span_of(b.data, b.len)) : NULL;
    *ret = type != NULL;
    if (type != NULL) {
        (void)snprintf(u.sha, sizeof u.sha, "%s", sha);
        (void)snprintf(u.type, sizeof u.type, "%s", type);
        u.len = (int64_t)b.len;
        r = one_row(a, add_blob, &u);
    }
    buf_done(&b);
    return type != NULL || r == SANJI_E_NOMEM ? r : 0;
}

static int on_part(const struct upload_row *row, void *arg)
{
    (void)arg;
    return row->whole ? SANJI_E_NOT_FOUND : 0;
}

/* A part without its row is nobody's any more, nor is one that has become a file. A whole file has
 * the hash of its bytes for a name, or does not belong here. */
static int stray(struct app *a, const char *dir, const char *name, bool part)
{
    char path[APP_PATH_BYTES], sha[BLOB_SHA + 1], type[8];
    uint8_t h[HASH_LEN];
    int64_t len = 0;
    bool kept = false, named = !part && hex_get(name, strlen(name), h, HASH_LEN) == 0;
    int have = part ? upload_get(a->store, name, on_part, NULL) : SANJI_E_NOT_FOUND;
    if (named) {
        sha[b64u_put(h, HASH_LEN, sha)] = '\0';
        have = app_blob_has(a, sha, &len, type);
    }
    if (have != SANJI_E_NOT_FOUND) {
        return have;
    }
    int r = named ? adopt(a, sha, &kept) : 0;
    if (r == 0 && !kept && app_path(dir, name, path) == 0) {
        (void)unlink(path);
    }
    return r;
}

/* Files of a folder that no row stands for: what a crash has left, or a database put back. */
static int strays_in(struct app *a, const char *name, bool parts)
{
    char dir[APP_PATH_BYTES];
    int r = app_path(a->dir, name, dir);
    DIR *d = r < 0 ? NULL : opendir(dir);
    if (d == NULL) {
        return r; /* nothing was brought yet */
    }
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this DIR */
    for (const struct dirent *e; r == 0 && (e = readdir(d)) != NULL;) {
        r = e->d_name[0] == '.' ? 0 : stray(a, dir, e->d_name, parts);
    }
    (void)closedir(d);
    return r;
}

static int strays(struct app *a)
{
    char name[16];
    int r = strays_in(a, "blobs/part", true);
    for (int i = 0; r == 0 && i < 256; i++) {
        (void)snprintf(name, sizeof name, "blobs/%02x", (unsigned)i);
        r = strays_in(a, name, false);
    }
    return r;
}

int app__blob_tick(struct app *a, int64_t mono_ms)
{
    struct names gone = {.n = 0}, old = {.n = 0};
    int64_t erased = sync_erased_count(a->sync);
    bool first = a->blobs_due == 0;
    if (mono_ms < a->blobs_due && erased == a->blobs_erased) {
        return 0;
    }
    /* What is acknowledged and not signed yet refers to files, too. */
    int r = app_outbox_flush(a);
    r = r < 0 || !first ? r : strays(a);
    r = r < 0 ? r : find_loose(a, &gone, &old);
    r = r < 0 ? r : drop_files(a, &gone, &old);
    bool more = gone.n == 100 || old.n == 100;
    a->blobs_due = app_mono_ms() + (more ? 1 : SWEEP_MS);
    a->blobs_erased = r == 0 && !more ? erased : a->blobs_erased;
    return r < 0 ? r : more;
}
