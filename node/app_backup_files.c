/* SPDX-License-Identifier: Apache-2.0 */
/* Attachments beside the backups (app_backup.h): each is sealed once into a file of its own,
 * because it never changes, and a daily copy of all of them would be the same gigabytes every day.
 * The folder holds what this node's attachments are now, no more: what was erased goes from it with
 * the next look, and no list says what should be there but the attachments themselves. */
#include "node/app_backup.h"

#include "node/app_blob.h"
#include "node/app_internal.h"
#include "node/blob.h"
#include "protocol/base/enc.h"
#include "protocol/ferry.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { HEX = HASH_LEN * 2, SEALED_MAX = LIM_BLOB_BYTES + (1 << 20) };

static const char folder_end[] = ".sanji-files", file_end[] = ".sanji-file", part_end[] = ".part";

struct copy_of {
    char name[HEX + 1], sha[BLOB_SHA + 1];
    int64_t len;
    bool there;
};
struct copies {
    struct app *a;
    const uint8_t *pub;
    struct copy_of *v;
    size_t n, cap;
};

/* Nobody can tell from the folder what is in it, or whether a file he knows is; and under another
 * recovery code every copy has another name, so that it is made anew. */
static void name_of(const struct app *a, const uint8_t pub[static SEAL_PUB_LEN], const char *sha,
                    char out[static HEX + 1])
{
    uint8_t h[HASH_LEN];
    struct buf b;
    buf_init(&b, 256);
    buf_puts(&b, "SJ1-backup-file\n");
    buf_put(&b, pub, SEAL_PUB_LEN);
    buf_puts(&b, sha);
    hmac_bytes(a->sign_seed, sizeof a->sign_seed, b.data, b.len, h);
    buf_done(&b);
    out[hex_put(h, HASH_LEN, out)] = '\0';
}

static int add(const struct blob_row *row, void *arg)
{
    struct copies *x = arg;
    if (x->n == x->cap) {
        size_t cap = x->cap == 0 ? 64 : x->cap * 2;
        struct copy_of *v = realloc(x->v, cap * sizeof *v);
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        x->v = v;
        x->cap = cap;
    }
    struct copy_of *it = &x->v[x->n++];
    it->len = row->len;
    it->there = false;
    (void)snprintf(it->sha, sizeof it->sha, "%s", row->sha);
    name_of(x->a, x->pub, row->sha, it->name);
    return 0;
}

static int by_name(const void *p, const void *q)
{
    return strcmp(((const struct copy_of *)p)->name, ((const struct copy_of *)q)->name);
}

/* 64 hex digits and the ending; *ret_part: .part behind it. */
static bool is_ours(const char *name, char ret_hex[static HEX + 1], bool *ret_part)
{
    uint8_t h[HASH_LEN];
    size_t n = strlen(name), whole = HEX + sizeof file_end - 1;
    *ret_part = n == whole + sizeof part_end - 1 && strcmp(name + whole, part_end) == 0;
    if ((n != whole && !*ret_part) || strncmp(name + HEX, file_end, sizeof file_end - 1) != 0 ||
        hex_get(name, HEX, h, HASH_LEN) < 0) {
        return false;
    }
    memcpy(ret_hex, name, HEX);
    ret_hex[HEX] = '\0';
    return true;
}

/* Marks what is there; drop: what should not be goes. */
static int look(struct copies *x, const char *folder, bool drop)
{
    DIR *d = opendir(folder);
    char path[APP_PATH_BYTES];
    struct copy_of key;
    bool part = false;
    int r = 0;
    if (d == NULL) {
        return errno == ENOENT ? 0 : SANJI_E_IO;
    }
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this DIR */
    for (const struct dirent *e; r == 0 && (e = readdir(d)) != NULL;) {
        if (!is_ours(e->d_name, key.name, &part)) {
            continue;
        }
        struct copy_of *it =
            part || x->n == 0 ? NULL : bsearch(&key, x->v, x->n, sizeof key, by_name);
        if (it != NULL) {
            it->there = true;
        } else if (drop) {
            r = app_path(folder, e->d_name, path);
            r = r == 0 && unlink(path) != 0 && errno != ENOENT ? SANJI_E_IO : r;
        }
    }
    (void)closedir(d);
    return r < 0 || !drop ? r : app__sync_dir(folder);
}

/* ---- one file ---- */

static int seal(const struct app *a, const uint8_t pub[static SEAL_PUB_LEN], struct span plain,
                struct buf *out)
{
    struct ferry_sealer s;
    struct node_id me;
    uint8_t rnd[96];
    struct frame_ctx *c = frame_ctx_new();
    int r = c == NULL ? SANJI_E_NOMEM : node_id_parse(app_id(a), strlen(app_id(a)), &me);
    r = r < 0 ? r : app_random(rnd, sizeof rnd);
    r = r < 0 ? r : ferry_seal_begin(&s, c, &me, pub, rnd, out);
    if (r == 0) {
        r = ferry_seal_put(&s, plain, out);
        if (r < 0) {
            ferry_seal_abort(&s);
        }
        r = r < 0 ? r : ferry_seal_end(&s, out);
    }
    mem_wipe(rnd, sizeof rnd);
    frame_ctx_free(c);
    return r;
}

static int write_one(const struct copies *x, const char *folder, const struct copy_of *it)
{
    char path[APP_PATH_BYTES], part[APP_PATH_BYTES], name[HEX + 32];
    struct buf plain, sealed;
    buf_init(&plain, LIM_BLOB_BYTES);
    buf_init(&sealed, SEALED_MAX);
    (void)snprintf(name, sizeof name, "%s%s", it->name, file_end);
    int r = app_path(folder, name, path);
    (void)snprintf(name, sizeof name, "%s%s%s", it->name, file_end, part_end);
    r = r < 0 ? r : app_path(folder, name, part);
    r = r < 0 ? r : app_blob_read(x->a, it->sha, &plain);
    r = r < 0 ? r : seal(x->a, x->pub, span_of(plain.data, plain.len), &sealed);
    if (r == 0) {
        (void)unlink(part); /* of an attempt that was cut short */
        r = app__write_file(part, sealed.data, sealed.len, true);
    }
    if (r == 0 && rename(part, path) != 0) {
        r = SANJI_E_IO;
    }
    buf_done(&plain);
    buf_done(&sealed);
    return r;
}

static bool has_room(const struct app *a, const char *folder, int64_t len)
{
    struct statvfs v;
    return statvfs(folder, &v) != 0 || (double)v.f_bavail * (double)v.f_frsize >=
                                           (double)a->cfg.disk_reserve + (double)len * 1.1;
}

/* At most about `budget` bytes. What is damaged or missing here has no copy made: verify names it.
 */
static int write_missing(const struct copies *x, const char *folder, int64_t budget,
                         struct app_backup *ret)
{
    int r = 0;
    bool wrote = false;
    for (size_t i = 0; r == 0 && i < x->n; i++) {
        const struct copy_of *it = &x->v[i];
        if (it->there) {
            ret->files++;
            continue;
        }
        ret->full = ret->full || !has_room(x->a, folder, it->len);
        if (budget <= 0 || ret->full) {
            ret->files_left++;
            continue;
        }
        r = write_one(x, folder, it);
        budget -= it->len;
        ret->files += r == 0;
        wrote = wrote || r == 0;
        if (r == SANJI_E_FULL) {
            ret->full = true;
            ret->files_left++;
        }
        r = r == SANJI_E_NOT_FOUND || r == SANJI_E_CORRUPT || r == SANJI_E_FULL ? 0 : r;
    }
    return r < 0 || !wrote ? r : app__sync_dir(folder);
}

static int folder_of(const struct app *a, const char *backups, char ret[static APP_PATH_BYTES])
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s%s", app_id(a), folder_end);
    return app_path(backups, name, ret);
}

int app__backup_copies(struct app *a, const char *backups, const uint8_t pub[static SEAL_PUB_LEN],
                       int64_t budget, struct app_backup *ret)
{
    struct copies x = {.a = a, .pub = pub};
    char folder[APP_PATH_BYTES];
    int r = folder_of(a, backups, folder);
    r = r < 0 ? r : blob_row_all(a->store, add, &x);
    if (r == 0 && x.n > 0 && budget > 0 && mkdir(folder, 0700) != 0 && errno != EEXIST) {
        r = errno == ENOSPC ? SANJI_E_FULL : SANJI_E_IO;
    }
    if (r == 0 && x.n > 0) {
        qsort(x.v, x.n, sizeof x.v[0], by_name);
    }
    ret->files = ret->files_left = 0;
    ret->full = false;
    r = r < 0 ? r : look(&x, folder, false);
    r = r < 0 ? r : write_missing(&x, folder, budget, ret);
    r = r < 0 ? r : look(&x, folder, true);
    free(x.v);
    return r;
}

/* ---- and back ---- */

struct taken {
    struct span left;
};

static int read_span(void *p, size_t n, size_t *ret_n, void *arg)
{
    struct taken *t = arg;
    *ret_n = n < t->left.n ? n : t->left.n;
    memcpy(p, t->left.p, *ret_n);
    t->left = span_of(t->left.p + *ret_n, t->left.n - *ret_n);
    return 0;
}

static int unseal(struct span sealed, const struct node_id *node,
                  const uint8_t (*seed)[SEAL_SEED_LEN], struct buf *out)
{
    struct taken t = {sealed};
    struct ferry_unsealer *u = NULL;
    uint8_t piece[16384];
    size_t n = 1;
    int r = ferry_unseal_new(read_span, &t, node, seed, 1, &u, NULL);
    while (r == 0 && n > 0) {
        r = ferry_unseal_read(piece, sizeof piece, &n, u);
        r = r < 0 ? r : buf_put(out, piece, n);
    }
    ferry_unseal_free(u);
    return r;
}

/* It gets the name its bytes say; the first sweep of the node gives it its row. */
static int take_one(const char *path, const char *dir, const struct node_id *node,
                    const uint8_t (*seed)[SEAL_SEED_LEN], struct app_restored *ret)
{
    static const char part[] = "restored";
    char sha[BLOB_SHA + 1];
    uint8_t h[HASH_LEN];
    struct buf sealed, plain;
    buf_init(&sealed, SEALED_MAX);
    buf_init(&plain, LIM_BLOB_BYTES);
    int r = app__read_file(path, SEALED_MAX, &sealed);
    r = r < 0 ? r : unseal(span_of(sealed.data, sealed.len), node, seed, &plain);
    bool bad = r < 0 && r != SANJI_E_NOMEM;
    if (r == 0) {
        hash_bytes(plain.data, plain.len, h);
        sha[b64u_put(h, HASH_LEN, sha)] = '\0';
        r = blob_part_write(dir, part, 0, span_of(plain.data, plain.len));
        r = r < 0 ? r : blob_part_done(dir, part, sha);
        blob_part_drop(dir, part);
        ret->files += r == 0;
    }
    ret->files_bad += bad;
    buf_done(&sealed);
    buf_done(&plain);
    return bad ? 0 : r;
}

int app__restore_files(const char *file, const char *dir, const uint8_t (*seed)[SEAL_SEED_LEN],
                       struct app_restored *ret)
{
    char folder[APP_PATH_BYTES], path[APP_PATH_BYTES], hex[HEX + 1];
    const char *slash = strrchr(file, '/');
    int n = snprintf(folder, sizeof folder, "%.*s%s%s", slash == NULL ? 0 : (int)(slash + 1 - file),
                     file, ret->node.s, folder_end);
    DIR *d = n < 0 || n >= APP_PATH_BYTES ? NULL : opendir(folder);
    int r = 0;
    bool part = false;
    if (d == NULL) {
        return 0; /* there were none, or they were not kept: verify says what is missing */
    }
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): restore runs in a process of its own, one thread */
    for (const struct dirent *e; r == 0 && (e = readdir(d)) != NULL;) {
        if (is_ours(e->d_name, hex, &part) && !part) {
            r = app_path(folder, e->d_name, path);
            r = r < 0 ? r : take_one(path, dir, &ret->node, seed, ret);
        }
    }
    (void)closedir(d);
    return r;
}
