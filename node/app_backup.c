/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a backup (app_backup.h has the format). The copy of the database is made by the one
 * connection that writes it, so it is one state; packing and sealing follow from that copy. A file
 * carries its name only when it is whole and on the disk. */
#include "node/app_backup.h"

#include "node/app_blob.h"
#include "node/app_internal.h"
#include "protocol/base/text.h"
#include "protocol/ferry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

enum {
    PIECE = 256 * 1024,
    DAY_MS = 86400000,
    RETRY_MS = 3600000,
    LEVEL = 3,
    NAMES_MAX = 4096,
    FILES_AT_ONCE = 32 << 20 /* the daily one stops for others after so many bytes of attachments */
};

static const char suffix[] = ".sanji-backup", part_suffix[] = ".part", tmp_db[] = "backup.tmp",
                  kv_last[] = "backup/last";

const char *const app__backup_files[] = {"sanji.conf",
                                         "keys/sign.seed",
                                         "keys/seal.seed",
                                         "keys/inst",
                                         "keys/tls.key",
                                         "keys/tls.crt",
                                         "keys/recovery.pub",
                                         "keys/next/sign.seed",
                                         "keys/next/seal.seed",
                                         "sanji.db",
                                         NULL};

/* ---- the code ---- */

int app_recovery_use(const char *dir, const uint8_t secret[static RECOVERY_SECRET])
{
    uint8_t seed[SEAL_SEED_LEN], pub[SEAL_PUB_LEN];
    char path[APP_PATH_BYTES], next[APP_PATH_BYTES];
    recovery_seed(secret, seed);
    int r = seal_pub_of(seed, pub);
    if (r == 0) {
        r = app_path(dir, "keys/recovery.pub", path);
    }
    if (r == 0) {
        r = app_path(dir, "keys/recovery.new", next);
    }
    if (r == 0) {
        (void)unlink(next); /* of an attempt that was cut short */
        r = app__write_file(next, pub, sizeof pub, true);
    }
    if (r == 0 && rename(next, path) != 0) {
        r = SANJI_E_IO;
    }
    if (r == 0) { /* the code of before is torn up when the new one is on paper */
        r = app__sync_folder_of(path);
    }
    mem_wipe(seed, sizeof seed);
    return r;
}

int app_recovery_new(const char *dir, char ret_code[static RECOVERY_TEXT])
{
    uint8_t secret[RECOVERY_SECRET];
    int r = app_random(secret, sizeof secret);
    if (r == 0) {
        r = app_recovery_use(dir, secret);
    }
    if (r == 0) {
        recovery_text(secret, ret_code);
    }
    mem_wipe(secret, sizeof secret);
    return r;
}

int app_recovery_sheet(const char *path, struct span text)
{
    return access(path, F_OK) == 0 ? SANJI_E_EXISTS : app__write_file(path, text.p, text.n, true);
}

/* ---- packing ---- */

struct packer {
    int fd;
    int64_t bytes;
    ZSTD_CCtx *z;
    struct ferry_sealer seal;
    bool sealing;
    struct buf out;
    uint8_t piece[PIECE];
};

static int drain(struct packer *p)
{
    const uint8_t *at = p->out.data;
    size_t left = p->out.len;
    while (left > 0) {
        ssize_t k = write(p->fd, at, left);
        if (k < 0 && errno != EINTR) {
            return errno == ENOSPC || errno == EDQUOT ? SANJI_E_FULL : SANJI_E_IO;
        }
        if (k > 0) {
            at += k;
            left -= (size_t)k;
            p->bytes += k;
        }
    }
    buf_reset(&p->out);
    return 0;
}

static int pack(struct packer *p, struct span in, bool end)
{
    ZSTD_inBuffer zi = {in.p, in.n, 0};
    size_t left = 1;
    int r = 0;
    while (r == 0 && (zi.pos < zi.size || (end && left != 0))) {
        ZSTD_outBuffer zo = {p->piece, sizeof p->piece, 0};
        left = ZSTD_compressStream2(p->z, &zo, &zi, end ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left)) {
            return SANJI_E_NOMEM;
        }
        r = ferry_seal_put(&p->seal, span_of(p->piece, zo.pos), &p->out);
        r = r < 0 ? r : drain(p);
    }
    return r;
}

/* size: of a file that stands still; what has another length by now is refused. */
static int pack_file(struct packer *p, const char *path, const char *name)
{
    struct stat st;
    char head[128];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR ? 0 : SANJI_E_IO;
    }
    uint8_t *in = malloc(PIECE);
    int r = in == NULL ? SANJI_E_NOMEM : fstat(fd, &st) != 0 ? SANJI_E_IO : 0;
    if (r == 0) {
        int n = snprintf(head, sizeof head, "%s %lld\n", name, (long long)st.st_size);
        r = pack(p, span_of(head, (size_t)n), false);
    }
    int64_t left = r == 0 ? (int64_t)st.st_size : 0;
    while (r == 0) {
        ssize_t n = read(fd, in, PIECE);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            r = n < 0 || left != 0 ? SANJI_E_IO : 0;
            break;
        }
        left -= n;
        r = left < 0 ? SANJI_E_IO : pack(p, span_of(in, (size_t)n), false);
    }
    if (in != NULL) {
        mem_wipe(in, PIECE);
    }
    free(in);
    close(fd);
    return r;
}

static int begin(struct packer *p, const struct app *a, const uint8_t pub[static SEAL_PUB_LEN])
{
    struct node_id me;
    uint8_t rnd[96];
    struct frame_ctx *c = frame_ctx_new();
    int r = c == NULL || p->z == NULL ? SANJI_E_NOMEM : app_random(rnd, sizeof rnd);
    if (r == 0) {
        r = node_id_parse(app_id(a), strlen(app_id(a)), &me);
    }
    if (r == 0) {
        buf_printf(&p->out, "sanji-backup 1 %s %lld\n", me.s, (long long)app_now_ms());
        r = ferry_seal_begin(&p->seal, c, &me, pub, rnd, &p->out);
        p->sealing = true;
    }
    mem_wipe(rnd, sizeof rnd);
    frame_ctx_free(c);
    return r;
}

static int write_all(const struct app *a, int fd, const uint8_t pub[static SEAL_PUB_LEN],
                     int64_t *ret_bytes)
{
    char path[APP_PATH_BYTES];
    struct packer *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return SANJI_E_NOMEM;
    }
    p->fd = fd;
    p->z = ZSTD_createCCtx();
    buf_init(&p->out, (size_t)4 * PIECE);
    if (p->z != NULL) {
        (void)ZSTD_CCtx_setParameter(p->z, ZSTD_c_compressionLevel, LEVEL);
    }
    int r = begin(p, a, pub);
    for (size_t i = 0; r == 0 && app__backup_files[i] != NULL; i++) {
        const char *name = app__backup_files[i];
        r = app_path(a->dir, strcmp(name, "sanji.db") == 0 ? tmp_db : name, path);
        r = r < 0 ? r : pack_file(p, path, name);
    }
    r = r < 0 ? r : pack(p, span_of("end\n", 4), true);
    if (r == 0) {
        p->sealing = false;
        r = ferry_seal_end(&p->seal, &p->out);
    }
    r = r < 0 ? r : drain(p);
    if (p->sealing) {
        ferry_seal_abort(&p->seal);
    }
    *ret_bytes = p->bytes;
    buf_done(&p->out);
    ZSTD_freeCCtx(p->z);
    mem_wipe(p->piece, sizeof p->piece);
    free(p);
    if (r == 0 && fsync(fd) != 0) {
        r = SANJI_E_IO;
    }
    return r;
}

/* ---- the file ---- */

/* Only the one inside the data folder is made: where a disk is not mounted, a folder of its name
 * would put the backup onto the disk it should survive. */
static int find_folder(const struct app *a, const char *dir)
{
    char own[APP_PATH_BYTES];
    struct stat st;
    int r = app_path(a->dir, "backups", own);
    if (r == 0 && strcmp(dir, own) == 0 && mkdir(own, 0700) != 0 && errno != EEXIST) {
        r = errno == ENOSPC ? SANJI_E_FULL : SANJI_E_IO;
    }
    return r == 0 && (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode)) ? SANJI_E_IO : r;
}

/* By the clock people here read. */
static int name_it(const struct app *a, const char *folder, int64_t ms,
                   char ret[static APP_PATH_BYTES])
{
    char t[32];
    time_write(ms, t); /* 2026-11-22T10:20:30.000+08:00 */
    int n = snprintf(ret, APP_PATH_BYTES, "%s/%s-%.4s%.2s%.2s-%.2s%.2s%.2s%s", folder, app_id(a), t,
                     t + 5, t + 8, t + 11, t + 14, t + 17, suffix);
    return n > 0 && n < APP_PATH_BYTES - 8 ? 0 : SANJI_E_SIZE;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* NODE-YYYYMMDD-HHMMSS.sanji-backup; *ret_part: .part behind it. */
static bool is_ours(const struct app *a, const char *name, bool *ret_part)
{
    size_t id = strlen(app_id(a)), whole = id + 16 + sizeof suffix - 1, n = strlen(name);
    *ret_part = n == whole + sizeof part_suffix - 1 && strcmp(name + whole, part_suffix) == 0;
    return (n == whole || *ret_part) && strncmp(name, app_id(a), id) == 0 && name[id] == '-' &&
           strncmp(name + id + 16, suffix, sizeof suffix - 1) == 0;
}

/* The one just made is the newest, whatever the clock named it by. */
static void put_last(char *names[], size_t n, const char *made)
{
    const char *name = strrchr(made, '/');
    for (size_t i = 0; name != NULL && i < n; i++) {
        if (strcmp(names[i], name + 1) == 0) {
            char *x = names[i];
            memmove(&names[i], &names[i + 1], (n - i - 1) * sizeof names[0]);
            names[n - 1] = x;
            return;
        }
    }
}

/* Names sort by time, but for `made`, the path of the one just made ("": none). Only files that
 * name this node and end as backups do are looked at; halves of attempts that were cut short go.
 * How many there were. */
static size_t keep_newest(const struct app *a, const char *folder, const char *made, int64_t keep)
{
    DIR *d = opendir(folder);
    char *names[NAMES_MAX], path[APP_PATH_BYTES];
    size_t n = 0;
    bool part = false;
    if (d == NULL) {
        return 0;
    }
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this DIR */
    for (const struct dirent *e; n < NAMES_MAX && (e = readdir(d)) != NULL;) {
        if (!is_ours(a, e->d_name, &part)) {
            continue;
        }
        int k = snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (!part) {
            names[n] = strdup(e->d_name);
            n += names[n] != NULL;
        } else if (k > 0 && k < APP_PATH_BYTES) {
            (void)unlink(path);
        }
    }
    (void)closedir(d);
    if (n > 0) {
        qsort(names, n, sizeof names[0], by_name);
        put_last(names, n, made);
    }
    for (size_t i = 0; i < n; i++) {
        int k = snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if ((int64_t)(n - i) > keep && k > 0 && k < APP_PATH_BYTES) {
            (void)unlink(path);
        }
        free(names[i]);
    }
    return n;
}

static int folder_of(const struct app *a, const char *to, char ret[static APP_PATH_BYTES])
{
    const char *set = to != NULL ? to : a->cfg.backup_dir;
    if (set[0] == '\0') {
        return app_path(a->dir, "backups", ret);
    }
    if (set[0] != '/') { /* of which folder? The daemon stands elsewhere than who typed it */
        return SANJI_E_SPEC;
    }
    int n = snprintf(ret, APP_PATH_BYTES, "%s", set);
    return n > 0 && n < APP_PATH_BYTES - 128 ? 0 : SANJI_E_SIZE;
}

static int write_file(struct app *a, const char *folder, const uint8_t pub[static SEAL_PUB_LEN],
                      struct app_backup *ret)
{
    char part[APP_PATH_BYTES];
    int r = name_it(a, folder, app_now_ms(), ret->path);
    if (r < 0) {
        return r;
    }
    (void)snprintf(part, sizeof part, "%.*s%s", APP_PATH_BYTES - 8, ret->path, part_suffix);
    (void)unlink(part); /* of an attempt that was cut short, or put there by somebody */
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        return errno == ENOSPC ? SANJI_E_FULL : SANJI_E_IO;
    }
    r = write_all(a, fd, pub, &ret->bytes);
    if (close(fd) != 0 && r == 0) {
        r = SANJI_E_IO;
    }
    if (r == 0 && rename(part, ret->path) != 0) {
        r = SANJI_E_IO;
    }
    if (r < 0) {
        (void)unlink(part);
        return r;
    }
    return app__sync_dir(folder);
}

static int remember(struct app *a, int64_t ms)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%lld", (long long)ms);
    const struct sync_store *st = store_port(a->store);
    return st->kv_put(st->ctx, kv_last, span_of(text, (size_t)n));
}

static int backup(struct app *a, const char *to, int64_t budget, struct app_backup *ret)
{
    char folder[APP_PATH_BYTES], tmp[APP_PATH_BYTES];
    uint8_t pub[SEAL_PUB_LEN];
    int64_t began = app_mono_ms();
    memset(ret, 0, sizeof *ret);
    int r = app__read_secret(a->dir, "keys/recovery.pub", pub, sizeof pub);
    if (r == 0) {
        r = folder_of(a, to, folder);
    }
    if (r < 0) {
        return r;
    }
    (void)snprintf(ret->path, sizeof ret->path, "%s", folder);
    r = find_folder(a, folder);
    if (r == 0) {
        r = app_path(a->dir, tmp_db, tmp);
    }
    if (r < 0) {
        return r;
    }
    (void)unlink(tmp); /* of an attempt that was cut short */
    r = store_backup(a->store, tmp);
    if (r == 0) {
        r = write_file(a, folder, pub, ret);
    }
    (void)unlink(tmp);
    if (r < 0) {
        (void)snprintf(ret->path, sizeof ret->path, "%s", folder);
        return r;
    }
    (void)keep_newest(a, folder, ret->path,
                      a->cfg.backup_keep > 0 ? a->cfg.backup_keep : INT64_MAX);
    r = app__backup_copies(a, folder, pub, budget, ret);
    ret->ms = app_mono_ms() - began;
    return r < 0 ? r : remember(a, app_now_ms());
}

int app_backup(struct app *a, const char *to, struct app_backup *ret)
{
    return backup(a, to, INT64_MAX, ret);
}

/* Of the daily one, what is still to be copied of attachments, in the set folder. *ret_more: not
 * all of it was. */
static int more_files(struct app *a, int64_t budget, bool *ret_more)
{
    char folder[APP_PATH_BYTES];
    uint8_t pub[SEAL_PUB_LEN];
    struct app_backup b;
    *ret_more = false;
    int r = app__read_secret(a->dir, "keys/recovery.pub", pub, sizeof pub);
    r = r < 0 ? r : folder_of(a, NULL, folder);
    if (r < 0 || access(folder, F_OK) != 0) {
        return r == SANJI_E_NOT_FOUND || r == SANJI_E_SPEC ? 0 : r;
    }
    r = app__backup_copies(a, folder, pub, budget, &b);
    *ret_more = r == 0 && b.files_left > 0 && !b.full;
    return r;
}

int app_backup_renew(struct app *a, struct app_backup *ret)
{
    char folder[APP_PATH_BYTES], tmp[APP_PATH_BYTES];
    bool more;
    memset(ret, 0, sizeof *ret);
    int r = app_path(a->dir, tmp_db, tmp);
    if (r < 0) {
        return r;
    }
    (void)unlink(tmp); /* of an attempt that was cut short */
    do {               /* attachments of what was erased go first: their copies follow them */
        r = app__blob_tick(a, app_mono_ms());
    } while (r > 0);
    r = r < 0 ? r : more_files(a, 0, &more);
    r = r < 0 ? r : folder_of(a, NULL, folder);
    if (r < 0) {
        return r == SANJI_E_SPEC ? 0 : r;
    }
    if (keep_newest(a, folder, "", INT64_MAX) > 0) {
        r = app_backup(a, NULL, ret);
        if (r == 0) {
            (void)keep_newest(a, folder, ret->path, 1);
        }
    }
    /* What was deleted must not be there again when the power has failed. */
    return r < 0 || access(folder, F_OK) != 0 ? r : app__sync_dir(folder);
}

/* ---- every day ---- */

int app_backup_last(struct app *a, int64_t *ret_ms)
{
    const struct sync_store *st = store_port(a->store);
    struct buf v;
    buf_init(&v, 64);
    int r = st->kv_get(st->ctx, kv_last, &v);
    if (r == 0) {
        r = text_i64(buf_str(&v), v.len, 0, INT64_MAX, ret_ms);
    }
    buf_done(&v);
    return r;
}

int app_backup_tick(struct app *a, int64_t mono_ms, struct app_backup *ret)
{
    int64_t every = a->cfg.backup_every, last = 0, now = app_now_ms();
    if (a->backup_due == 0) { /* a start is busy enough */
        a->backup_due = mono_ms + (every < RETRY_MS ? every : RETRY_MS);
    }
    if (a->cfg.backup_keep != 0 && a->backup_more) {
        int more = more_files(a, FILES_AT_ONCE, &a->backup_more);
        return more < 0 ? more : 0;
    }
    if (a->cfg.backup_keep == 0 || mono_ms < a->backup_due) {
        return 0;
    }
    int r = app_backup_last(a, &last);
    if (r == 0 && now >= last && now - last < every) { /* a clock that went back makes it due */
        int64_t wait = every - (now - last);
        a->backup_due = mono_ms + (wait < RETRY_MS ? wait : RETRY_MS);
        return 0;
    }
    a->backup_due = mono_ms + (every < RETRY_MS ? every : RETRY_MS);
    r = r == SANJI_E_NOT_FOUND ? 0 : r;
    if (r == 0) {
        r = backup(a, NULL, FILES_AT_ONCE, ret);
        a->backup_more = r == 0 && ret->files_left > 0 && !ret->full;
    }
    return r < 0 ? r : 1;
}
