/* SPDX-License-Identifier: Apache-2.0 */
/* power cuts FROM COUNT: power fails at a drawn call of a drawn piece of work; then the node opens,
 *   verifies, holds what it acknowledged and goes on.
 * power control COUNT: the same on a disk whose fsync lies. At least half must break, else the cuts
 *   prove nothing.
 * power kills [STEP]: SIGKILL before every changing call of every piece of work, one by one.
 * power faults [STEP]: EIO at every fsync, a full disk, a read-only one.
 *
 * With the name of a SCENE behind it each does that one alone. What failed is printed with the
 * numbers that repeat it: power one SCENE FAULT AT SEED. */
#include "node/log.h"
#include "protocol/base/text.h"
#include "tests/power/disk.h"
#include "tests/power/scene.h"
#include "tests/power/town.h"

#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_BYTES = 512, TURN = 10 /* cuts of one scene before the next */ };

static char base[PATH_BYTES], run[PATH_BYTES + 8], first[PATH_BYTES + 8];
static struct tally *tally;      /* shared with the processes that end */
static const struct scene *only; /* NULL: all */

/* ---- folders ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static int copy_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    char to[2 * PATH_BYTES];
    static char chunk[1 << 16];
    (void)at;
    int n = snprintf(to, sizeof(to), "%s%s", run, path + strlen(first));
    assert(n > 0 && n < (int)sizeof(to));
    if (type == FTW_D) {
        return mkdir(to, 0700);
    }
    FILE *in = fopen(path, "r"), *out = fopen(to, "w");
    assert(in != NULL && out != NULL);
    for (size_t k; (k = fread(chunk, 1, sizeof(chunk), in)) > 0;) {
        size_t done = fwrite(chunk, 1, k, out);
        assert(done == k);
    }
    (void)fclose(in);
    (void)fclose(out);
    return chmod(to, st->st_mode & 0777);
}

static void fresh(const struct scene *s, uint64_t seed)
{
    (void)nftw(run, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    int r = s->is_empty ? mkdir(run, 0700) : nftw(first, copy_one, 16, FTW_PHYS);
    assert(r == 0);
    memset(tally, 0, sizeof(*tally));
    tally->rng = seed;
}

static void leave_nothing(void)
{
    (void)nftw(base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- one piece of work on one disk ---- */

static void child(const struct scene *s, const struct disk_plan *p)
{
    tally->must_work = p->fault == DISK_CUT || p->fault == DISK_KILL || p->fault == DISK_SOUND;
    disk_begin(run, p);
    s->work(run, tally);
    tally->calls = disk_calls();
    tally->syncs = disk_syncs();
    if (p->fault == DISK_EIO && disk_has_struck()) {
        disk_cut(); /* what the failed sync had lost shows only now */
    }
    _exit(disk_has_struck() ? DISK_WAS_CUT : 0);
}

static int in_child(const struct scene *s, const struct disk_plan *p, bool checks)
{
    int status = 0;
    (void)fflush(NULL);
    pid_t pid = fork();
    assert(pid >= 0);
    if (pid == 0 && checks) {
        _exit(s->check(run, tally) < 0 || tally->why[0] != '\0' ? 1 : 0);
    } else if (pid == 0) {
        child(s, p);
    }
    pid_t got = waitpid(pid, &status, 0);
    assert(got == pid);
    return status;
}

enum verdict { NOT_MET, GOOD, BAD };

/* NOT_MET: the work was over before the fault came. */
static enum verdict strike(const struct scene *s, const struct disk_plan *p)
{
    int st = in_child(s, p, false);
    bool met = WIFSIGNALED(st) ? WTERMSIG(st) == SIGKILL : WEXITSTATUS(st) == DISK_WAS_CUT;
    if (!met && (!WIFEXITED(st) || WEXITSTATUS(st) != 0)) {
        (void)snprintf(tally->why, sizeof(tally->why), "the work ended with status %d", st);
        return BAD;
    }
    tally->must_work = true;
    st = in_child(s, p, true);
    if (!WIFEXITED(st)) {
        (void)snprintf(tally->why, sizeof(tally->why), "the check ended with status %d", st);
    }
    return st != 0 || tally->why[0] != '\0' ? BAD : met ? GOOD : NOT_MET;
}

static const char *const fault_name[] = {"sound", "cut", "kill", "eio", "full", "read-only"};

static void report(const struct scene *s, const struct disk_plan *p)
{
    printf("power one %s %s %lld %llu: %s\n", s->name, fault_name[p->fault], (long long)p->at,
           (unsigned long long)p->seed, tally->why);
}

/* ---- runs ---- */

static const struct scene *scene_named(const char *name)
{
    for (size_t i = 0; i < scenes_n; i++) {
        if (strcmp(scenes[i].name, name) == 0) {
            return &scenes[i];
        }
    }
    return NULL;
}

static void measure(int64_t calls[], int64_t syncs[])
{
    for (size_t i = 0; i < scenes_n; i++) {
        struct disk_plan p = {.fault = DISK_SOUND};
        fresh(&scenes[i], 1);
        if (strike(&scenes[i], &p) == BAD) {
            report(&scenes[i], &p);
            exit(1);
        }
        calls[i] = tally->calls;
        syncs[i] = tally->syncs;
    }
}

static int cuts(int64_t from, int64_t count, bool lies)
{
    int64_t calls[16], syncs[16], n[3] = {0}, by[16] = {0};
    assert(scenes_n <= 16);
    measure(calls, syncs);
    for (int64_t done = 0, turn = 0; done < count; turn++) {
        size_t k = (size_t)turn % scenes_n;
        const struct scene *s = &scenes[k];
        enum verdict v = GOOD;
        if ((only != NULL && s != only) || (lies && s->says_late)) {
            continue;
        }
        for (int i = 0; (lies || v != BAD) && i < TURN && done < count; i++, done++) {
            uint64_t seed = (uint64_t)(from + done) * UINT64_C(0x9e3779b97f4a7c15) >> 1;
            if (i % s->chain == 0 || lies) {
                fresh(s, seed);
            }
            struct disk_plan p = {.fault = DISK_CUT, .seed = seed, .lies = lies};
            p.at = 1 + (int64_t)scene_draw(tally, (uint64_t)calls[k]);
            v = strike(s, &p);
            n[v]++;
            by[k] += v == GOOD;
            if (v == BAD && !lies) {
                report(s, &p);
            }
        }
    }
    printf("power: %lld cuts, %lld broken, %lld ended before theirs;",
           (long long)(n[GOOD] + n[BAD]), (long long)n[BAD], (long long)n[NOT_MET]);
    for (size_t i = 0; i < scenes_n; i++) {
        printf(" %s %lld", scenes[i].name, (long long)by[i]);
    }
    printf("\n");
    return lies ? (n[BAD] * 2 >= n[GOOD] + n[BAD] ? 0 : 1) : n[BAD] > 0;
}

static int sweep(const struct scene *s, enum disk_fault fault, int64_t n, int64_t step)
{
    int64_t good = 0, bad = 0;
    for (int64_t at = 1;; at += step) {
        struct disk_plan p = {.fault = fault, .at = at, .n = n, .seed = (uint64_t)at};
        fresh(s, 1);
        enum verdict v = strike(s, &p);
        if (v == NOT_MET) {
            break;
        }
        if (v == GOOD && n > 0 && tally->last_refused) {
            (void)snprintf(tally->why, sizeof(tally->why), "does not recover by itself");
            v = BAD;
        }
        good += v == GOOD;
        bad += v == BAD;
        if (v == BAD) {
            report(s, &p);
        }
    }
    printf("power: %-8s %-9s %lld of %lld good\n", s->name, fault_name[fault], (long long)good,
           (long long)(good + bad));
    return bad > 0;
}

static int sweeps(bool kills, int64_t step)
{
    int bad = 0;
    for (size_t i = 0; i < scenes_n; i++) {
        if (only != NULL && only != &scenes[i]) {
            continue;
        }
        if (kills) {
            bad |= sweep(&scenes[i], DISK_KILL, 0, step);
        } else {
            bad |= sweep(&scenes[i], DISK_EIO, 0, step);
            bad |= sweep(&scenes[i], DISK_FULL, 25, 7 * step);
            bad |= sweep(&scenes[i], DISK_READ_ONLY, 25, 7 * step);
        }
    }
    return bad;
}

static int one(char **arg)
{
    struct disk_plan p = {.fault = DISK_SOUND};
    int64_t at = 0;
    const struct scene *s = scene_named(arg[0]);
    for (int i = DISK_SOUND; i <= DISK_READ_ONLY; i++) {
        p.fault = strcmp(fault_name[i], arg[1]) == 0 ? (enum disk_fault)i : p.fault;
    }
    if (s == NULL || text_i64(arg[2], strlen(arg[2]), 0, INT64_MAX, &at) < 0) {
        return 2;
    }
    p.at = at;
    p.seed = strtoull(arg[3], NULL, 10);
    p.n = p.fault == DISK_FULL || p.fault == DISK_READ_ONLY ? 25 : 0;
    fresh(s, p.fault == DISK_CUT ? p.seed : 1);
    if (p.fault == DISK_CUT) {
        (void)scene_draw(tally, 1);
    }
    enum verdict v = strike(s, &p);
    if (v == BAD) {
        report(s, &p);
    }
    printf("%s\n", v == BAD ? "bad" : v == GOOD ? "good" : "ended before");
    return v == BAD;
}

int main(int argc, char **argv)
{
    const char *tmp = getenv("TMPDIR");
    int64_t from = 0, count = 0;
    int n = snprintf(base, sizeof(base), "%s/sanji-power-XXXXXX", tmp != NULL ? tmp : "/tmp");
    assert(n > 0 && n < (int)sizeof(base));
    log_set_fd(-1);
    if (mkdtemp(base) == NULL || atexit(leave_nothing) != 0) {
        return 2;
    }
    (void)snprintf(run, sizeof(run), "%s/run", base);
    (void)snprintf(first, sizeof(first), "%s/first", base);
    tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert(tally != MAP_FAILED);
    int r = mkdir(first, 0700);
    assert(r == 0);
    town_make(first);
    const char *what = argc > 1 ? argv[1] : "";
    only = argc > 2 ? scene_named(argv[argc - 1]) : NULL;
    argc -= only != NULL;
    for (int i = 2; i < argc && i < 4; i++) {
        (void)text_i64(argv[i], strlen(argv[i]), 0, INT64_MAX, i == 2 && argc > 3 ? &from : &count);
    }
    if (strcmp(what, "cuts") == 0 && count > 0) {
        return cuts(from, count, false);
    }
    if (strcmp(what, "control") == 0 && count > 0 && (only == NULL || !only->says_late)) {
        return cuts(from, count, true);
    }
    if (strcmp(what, "one") == 0 && argc == 6) {
        return one(argv + 2);
    }
    if (strcmp(what, "kills") == 0 || strcmp(what, "faults") == 0) {
        return sweeps(strcmp(what, "kills") == 0, count > 0 ? count : 1);
    }
    (void)fprintf(stderr,
                  "power cuts FROM COUNT | control COUNT | kills [STEP] | faults [STEP], each "
                  "with [SCENE] | one SCENE FAULT AT SEED\n");
    return 2;
}
