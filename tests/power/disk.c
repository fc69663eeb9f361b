/* SPDX-License-Identifier: Apache-2.0 */
/* Files that forget what was not synced: see the header. */
#include "tests/power/disk_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SECTOR = 512, MAX_FD = 1024, MAX_FILES = 256, MAX_NAMES = 256 };

struct op { /* unsynced: bytes, or a new length (data NULL) */
    uint8_t *data;
    size_t at, n;
};
struct disk_file {
    bool is_dir;
    mode_t mode;
    uint8_t *sure; /* what a sync has made sure of */
    size_t n, live_n;
    struct op *op;
    size_t n_op, cap_op;
};
struct name {
    char path[DISK_PATH];
    int file;
};
struct names {
    struct name v[MAX_NAMES];
    size_t n;
};
struct turn { /* a name made (from empty), renamed, or removed (to empty) */
    char from[DISK_PATH], to[DISK_PATH];
    int file;
};

static struct {
    bool is_on, has_struck;
    struct disk_plan plan;
    char root[DISK_PATH];
    size_t root_n;
    uint64_t rng;
    int64_t calls, syncs;
    struct disk_file file[MAX_FILES];
    int n_files;
    struct names sure, live;
    struct turn *turn; /* not sure yet, in order */
    size_t n_turns, cap_turns;
    int of_fd[MAX_FD]; /* file + 1 */
} d;

static void *must(void *p)
{
    if (p == NULL) {
        abort();
    }
    return p;
}

static uint64_t draw(void)
{
    uint64_t z = (d.rng += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* ---- names ---- */

static struct name *find(struct names *v, const char *path)
{
    for (size_t i = 0; i < v->n; i++) {
        if (strcmp(v->v[i].path, path) == 0) {
            return &v->v[i];
        }
    }
    return NULL;
}

static void set(struct names *v, const char *path, int file)
{
    struct name *x = find(v, path);
    if (x == NULL) {
        assert(v->n < MAX_NAMES);
        x = &v->v[v->n++];
        (void)snprintf(x->path, sizeof(x->path), "%s", path);
    }
    x->file = file;
}

static void unset(struct names *v, const char *path)
{
    struct name *x = find(v, path);
    if (x != NULL) {
        *x = v->v[--v->n];
    }
}

/* A folder takes what is in it along. */
static void move_inside(struct names *v, const struct turn *t)
{
    size_t n = strlen(t->from);
    for (size_t i = 0; i < v->n; i++) {
        char *path = v->v[i].path, was[DISK_PATH];
        if (strncmp(path, t->from, n) == 0 && path[n] == '/') {
            (void)snprintf(was, sizeof(was), "%s", path + n);
            int k = snprintf(path, DISK_PATH, "%s%s", t->to, was);
            assert(k > 0 && k < DISK_PATH);
        }
    }
}

static void apply(struct names *v, const struct turn *t)
{
    if (t->from[0] != '\0' && t->to[0] != '\0') {
        move_inside(v, t);
    }
    if (t->from[0] != '\0') {
        unset(v, t->from);
    }
    if (t->to[0] != '\0') {
        set(v, t->to, t->file);
    }
}

static void turn_add(const char *from, const char *to, int file)
{
    if (d.n_turns == d.cap_turns) {
        d.cap_turns = d.cap_turns == 0 ? 64 : d.cap_turns * 2;
        d.turn = must(realloc(d.turn, d.cap_turns * sizeof(*d.turn)));
    }
    struct turn *t = &d.turn[d.n_turns++];
    (void)snprintf(t->from, sizeof(t->from), "%s", from);
    (void)snprintf(t->to, sizeof(t->to), "%s", to);
    t->file = file;
    apply(&d.live, t);
}

static bool lies_in(const char *path, const char *dir)
{
    size_t n = strlen(dir);
    return strncmp(path, dir, n) == 0 && path[n] == '/' && strchr(path + n + 1, '/') == NULL;
}

/* The journal is written up to the last change in this folder. */
static void sure_of_folder(const char *dir)
{
    size_t upto = 0;
    for (size_t i = 0; i < d.n_turns; i++) {
        if (lies_in(d.turn[i].from, dir) || lies_in(d.turn[i].to, dir)) {
            upto = i + 1;
        }
    }
    for (size_t i = 0; i < upto; i++) {
        apply(&d.sure, &d.turn[i]);
    }
    d.n_turns -= upto;
    if (upto > 0) {
        memmove(d.turn, d.turn + upto, d.n_turns * sizeof(*d.turn));
    }
}

/* The wal-index is memory of running processes and means nothing after a cut. */
bool disk__watches(const char *path)
{
    size_t n = strlen(path);
    return d.is_on && n > d.root_n && n < DISK_PATH && strncmp(path, d.root, d.root_n) == 0 &&
           path[d.root_n] == '/' && (n < 4 || strcmp(path + n - 4, "-shm") != 0);
}

bool disk__is_root(const char *path)
{
    return d.is_on && strcmp(path, d.root) == 0;
}

/* ---- contents ---- */

static int file_new(bool is_dir, mode_t mode)
{
    assert(d.n_files < MAX_FILES);
    d.file[d.n_files] = (struct disk_file){.is_dir = is_dir, .mode = mode};
    return d.n_files++;
}

void disk__changed(struct disk_file *f, const void *data, size_t at, size_t n)
{
    if (f->n_op == f->cap_op) {
        f->cap_op = f->cap_op == 0 ? 32 : f->cap_op * 2;
        f->op = must(realloc(f->op, f->cap_op * sizeof(*f->op)));
    }
    struct op *o = &f->op[f->n_op++];
    *o = (struct op){.at = at, .n = n};
    f->live_n = data == NULL || at + n > f->live_n ? at + n : f->live_n;
    if (data != NULL) {
        o->data = must(malloc(n + 1));
        memcpy(o->data, data, n);
    }
}

static void grow(struct disk_file *f, size_t n)
{
    if (n > f->n) {
        f->sure = must(realloc(f->sure, n));
        memset(f->sure + f->n, 0, n - f->n);
        f->n = n;
    }
}

/* Each sector of the write, or the length, with so many chances of 256. */
static void op_do(struct disk_file *f, const struct op *o, unsigned chance)
{
    if (o->data == NULL) {
        if ((draw() & 255) < chance) {
            grow(f, o->n);
            f->n = o->n;
        }
        return;
    }
    for (size_t at = 0; at < o->n;) {
        size_t n = SECTOR - (o->at + at) % SECTOR;
        n = n > o->n - at ? o->n - at : n;
        if ((draw() & 255) < chance) {
            grow(f, o->at + at + n);
            memcpy(f->sure + o->at + at, o->data + at, n);
        }
        at += n;
    }
}

static void settle(struct disk_file *f, unsigned chance)
{
    for (size_t i = 0; i < f->n_op; i++) {
        op_do(f, &f->op[i], chance);
        free(f->op[i].data);
    }
    f->n_op = 0;
}

/* ---- what survives ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    size_t n = strlen(path);
    (void)st;
    (void)type;
    bool is_shm = n > 4 && strcmp(path + n - 4, "-shm") == 0;
    return at->level == 0 || (is_shm && (draw() & 1) != 0) ? 0 : (remove(path), 0);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->path, ((const struct name *)b)->path);
}

static void put_back(const struct name *x)
{
    struct disk_file *f = &d.file[x->file];
    if (f->is_dir) {
        (void)mkdir(x->path, f->mode);
        return;
    }
    int fd = open(x->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, f->mode);
    for (size_t at = 0; fd >= 0 && at < f->n;) {
        ssize_t k = write(fd, f->sure + at, f->n - at);
        if (k <= 0) {
            abort();
        }
        at += (size_t)k;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

void disk_cut(void)
{
    static const unsigned chances[] = {0, 128, 128, 128, 230, 256};
    unsigned chance = chances[draw() % (sizeof(chances) / sizeof(chances[0]))];
    d.is_on = false;
    size_t upto = chance == 256 ? d.n_turns : draw() % (d.n_turns + 1);
    for (size_t i = 0; i < upto; i++) {
        apply(&d.sure, &d.turn[i]);
    }
    for (int i = 0; i < d.n_files; i++) {
        settle(&d.file[i], chance);
    }
    (void)nftw(d.root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    qsort(d.sure.v, d.sure.n, sizeof(d.sure.v[0]), by_path); /* folders before what is in them */
    for (size_t i = 0; i < d.sure.n; i++) {
        put_back(&d.sure.v[i]);
    }
    _exit(DISK_WAS_CUT);
}

/* ---- faults ---- */

static bool in_time(int64_t call)
{
    return call >= d.plan.at && (d.plan.n == 0 || call < d.plan.at + d.plan.n);
}

int disk__enter(bool grows)
{
    ++d.calls;
    if (d.plan.fault == DISK_KILL && d.calls == d.plan.at) {
        (void)kill(getpid(), SIGKILL);
    }
    bool is_full = d.plan.fault == DISK_FULL && grows, is_shut = d.plan.fault == DISK_READ_ONLY;
    if ((is_full || is_shut) && in_time(d.calls)) {
        d.has_struck = true;
        return is_full ? ENOSPC : EROFS;
    }
    return 0;
}

void disk__leave(void)
{
    if (d.plan.fault == DISK_CUT && d.calls == d.plan.at) {
        disk_cut();
    }
}

bool disk__refuses_writers(void)
{
    if (d.plan.fault != DISK_READ_ONLY || !in_time(d.calls)) {
        return false;
    }
    d.calls++; /* else whoever only tries to open would wait for ever */
    d.has_struck = true;
    return true;
}

int disk__sync(struct disk_file *f)
{
    int err = disk__enter(false);
    disk__leave(); /* a cut comes before it is sure */
    if (err != 0) {
        return err;
    }
    if (++d.syncs == d.plan.at && d.plan.fault == DISK_EIO) {
        d.has_struck = true;
        for (size_t i = 0; i < f->n_op; i++) { /* the kernel takes these pages for written */
            free(f->op[i].data);
        }
        f->n_op = 0;
        return EIO;
    }
    if (d.plan.lies) {
        return 0;
    }
    settle(f, 256);
    for (size_t i = 0; f->is_dir && i < d.live.n; i++) {
        if (&d.file[d.live.v[i].file] == f) {
            sure_of_folder(d.live.v[i].path);
        }
    }
    return 0;
}

/* ---- for the calls ---- */

struct disk_file *disk__named(const char *path)
{
    struct name *x = find(&d.live, path);
    return x == NULL ? NULL : &d.file[x->file];
}

void disk__made(const char *path, bool is_dir, mode_t mode)
{
    turn_add("", path, file_new(is_dir, mode));
}

void disk__renamed(const char *from, const char *to)
{
    turn_add(from, to, find(&d.live, from)->file);
}

void disk__removed(const char *path)
{
    turn_add(path, "", -1);
}

struct disk_file *disk__of(int fd)
{
    return d.is_on && fd >= 0 && fd < MAX_FD && d.of_fd[fd] > 0 ? &d.file[d.of_fd[fd] - 1] : NULL;
}

void disk__opened(int fd, struct disk_file *f)
{
    if (fd < MAX_FD) {
        d.of_fd[fd] = f == NULL ? 0 : (int)(f - d.file) + 1;
    }
}

void disk__closed(int fd)
{
    if (fd >= 0 && fd < MAX_FD) {
        d.of_fd[fd] = 0;
    }
}

size_t disk__length(const struct disk_file *f)
{
    return f->live_n;
}

/* ---- on and off ---- */

static int take(const char *path, const struct stat *st, int type, struct FTW *at)
{
    size_t n = strlen(path);
    (void)at;
    if (n > 4 && strcmp(path + n - 4, "-shm") == 0) {
        return 0;
    }
    int i = file_new(type == FTW_D || type == FTW_DP, st->st_mode & 0777);
    struct disk_file *f = &d.file[i];
    grow(f, f->is_dir ? 0 : (size_t)st->st_size);
    f->live_n = f->n;
    int fd = f->n == 0 ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    for (size_t have = 0; fd >= 0 && have < f->n;) {
        ssize_t k = read(fd, f->sure + have, f->n - have);
        if (k <= 0) {
            abort();
        }
        have += (size_t)k;
    }
    if (fd >= 0) {
        (void)syscall(SYS_close, fd);
    }
    set(&d.sure, path, i);
    set(&d.live, path, i);
    return 0;
}

void disk_begin(const char *root, const struct disk_plan *p)
{
    disk_end();
    d.plan = *p;
    d.rng = p->seed;
    d.root_n = strlen(root);
    assert(d.root_n < sizeof(d.root));
    memcpy(d.root, root, d.root_n + 1);
    int r = nftw(root, take, 16, FTW_PHYS);
    assert(r == 0);
    d.is_on = true;
}

void disk_end(void)
{
    for (int i = 0; i < d.n_files; i++) {
        struct disk_file *f = &d.file[i];
        for (size_t k = 0; k < f->n_op; k++) {
            free(f->op[k].data);
        }
        free(f->op);
        free(f->sure);
    }
    free(d.turn);
    memset(&d, 0, sizeof(d));
}

int64_t disk_calls(void)
{
    return d.calls;
}

int64_t disk_syncs(void)
{
    return d.syncs;
}

bool disk_has_struck(void)
{
    return d.has_struck;
}
