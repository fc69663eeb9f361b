/* SPDX-License-Identifier: Apache-2.0 */
/* Files a node makes and takes: backups, and the parts of a ferry file. */
#include "node/app_backup.h"
#include "sync/ferry.h"
#include "tests/power/scene_internal.h"
#include "tests/power/town.h"

#include <assert.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- backups ---- */

enum { BACKUPS = 5, BACKUP_FILES = 16, SLICE = 32768 };

static void kept_now(struct app *a, struct tally *t, const char *path)
{
    const char *name = strrchr(path, '/');
    for (int i = 0; i < t->n_rec; i++) {
        int64_t r = 0;
        t->rec[i].kept = scene__rev_of(a, t->rec[i].id, &r) < 0 ? 0 : r;
    }
    (void)snprintf(t->backup, sizeof(t->backup), "%s", name + 1);
}

static int one_backup(struct app *a, struct tally *t)
{
    struct app_backup b;
    int r = app_outbox_flush(a); /* as the daemon does before any other command */
    r = r < 0 ? r : app_backup(a, NULL, &b);
    if (r == 0) {
        kept_now(a, t, b.path);
    }
    return r;
}

void scene__backup(const char *root, struct tally *t)
{
    struct app *a = scene__open(root, t);
    int made = 0;
    t->last_refused = false;
    for (int i = 0; a != NULL && scene__due(t, i) && (made < BACKUPS || t->last_refused); i++) {
        int r = i % 3 == 2 ? one_backup(a, t) : scene__write(a, t);
        made += i % 3 == 2;
        t->last_refused = r < 0;
        if (r < 0 && t->must_work) {
            (void)scene__wrong(t, "refused without need", r);
        }
        a = scene__keep_open(a, root, t);
    }
    app_close(a);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_backup(const struct dirent *e)
{
    static const char end[] = ".sanji-backup";
    size_t n = strlen(e->d_name);
    return n > sizeof(end) && strcmp(e->d_name + n - (sizeof(end) - 1), end) == 0;
}

static int is_left(const struct dirent *e)
{
    return e->d_name[0] != '.' && !is_backup(e);
}

int scene__each_backup(const char *root, struct tally *t, scene_backup_fn *see)
{
    char folder[TOWN_PATH], file[2 * TOWN_PATH], again[TOWN_PATH];
    struct dirent **v = NULL;
    town_path(root, "city/backups", folder);
    town_path(root, "again", again);
    int n = scandir(folder, &v, is_backup, by_name), r = 0;
    for (int i = 0; i < n; i++) {
        struct app_restored x;
        (void)snprintf(file, sizeof(file), "%s/%s", folder, v[i]->d_name);
        if (r == 0) {
            int e = app_restore(file, again, town.secret, &x);
            r = e < 0 ? scene__wrong(t, "a file with a backup's name is none", e)
                      : see(again, v[i]->d_name, i == n - 1, t);
        }
        (void)nftw(again, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(v[i]);
    }
    free(v);
    return r < 0 ? r : n < 0 ? 0 : n;
}

static int see_restored(const char *dir, const char *name, bool newest, struct tally *t)
{
    struct app *a = NULL;
    if (!newest || t->backup[0] == '\0') {
        return 0;
    }
    if (strcmp(name, t->backup) < 0) {
        return scene__wrong(t, "an acknowledged backup is lost", SANJI_E_NOT_FOUND);
    }
    int e = app_open(dir, &a, NULL);
    int r = e < 0 ? scene__wrong(t, "a restored node does not open", e) : 0;
    for (int i = 0; r == 0 && i < t->n_rec; i++) {
        int64_t rev = 0;
        if (t->rec[i].kept > 0 &&
            (scene__rev_of(a, t->rec[i].id, &rev) < 0 || rev < t->rec[i].kept)) {
            r = scene__wrong(t, "a record is not in the backup", SANJI_E_NOT_FOUND);
        }
    }
    app_close(a);
    return r;
}

/* Attempts that were cut short hold what the node held: the next backup takes them away. */
static int nothing_left(const char *root, struct tally *t)
{
    static const char *const copy[] = {"city/backup.tmp", "city/backup.tmp-journal"};
    char path[TOWN_PATH];
    struct dirent **v = NULL;
    town_path(root, "city/backups", path);
    int n = scandir(path, &v, is_left, by_name);
    for (int i = 0; i < n; i++) {
        free(v[i]);
    }
    free(v);
    for (size_t i = 0; i < 2; i++) {
        town_path(root, copy[i], path);
        n += access(path, F_OK) == 0;
    }
    return n != 0 ? scene__wrong(t, "half a backup is left behind", SANJI_E_EXISTS) : 0;
}

int scene__check_backup(const char *root, struct tally *t)
{
    char path[TOWN_PATH];
    struct app *a = NULL;
    int n = scene__check_node(root, t) < 0 ? -1 : scene__each_backup(root, t, see_restored);
    int r = n < 0 ? n : 0;
    if (n == 0 && t->backup[0] != '\0') {
        return scene__wrong(t, "no backup is left", SANJI_E_NOT_FOUND);
    }
    town_path(root, "city", path);
    if (r == 0 && app_open(path, &a, NULL) == 0) { /* goes on */
        int e = one_backup(a, t);
        r = e < 0 ? scene__wrong(t, "does not make another backup", e) : 0;
    }
    app_close(a);
    return r < 0 ? r : nothing_left(root, t);
}

/* ---- a ferry file, part by part ---- */

/* As `ferry import` does it: bytes as they come, in transactions of a slice. */
static int take_part(struct app *a, int i, struct tally *t, struct sync_ferry_report *ret)
{
    struct sync_tick tick;
    struct sync_ferry_in *in = NULL;
    const struct buf *b = &town.part[i];
    int r = sync_ferry_in_new(a->sync, NULL, NULL, &in);
    for (size_t at = 0, n; r >= 0; at += n) {
        n = 1 + (size_t)scene_draw(t, 8000);
        n = n < b->len - at ? n : b->len - at;
        r = sync_ferry_in_give(in, span_of(b->data + at, n));
        while (r >= 0 && (r = app_tick_make(&tick)) == 0 &&
               (r = sync_ferry_in_run(in, &tick, SLICE)) > 0) {
        }
        if (n == 0 || sync_ferry_in_report(in)->over) {
            break;
        }
    }
    if (r == 0) {
        *ret = *sync_ferry_in_report(in);
        if (ret->stored > 0) {
            app_ferry_taken(a);
        }
    }
    sync_ferry_in_free(in);
    return r;
}

static int one_part(struct app *a, struct tally *t)
{
    struct sync_ferry_report rep;
    int i = 0;
    while (i < town.n_parts && (t->parts & 1U << i) != 0) {
        i++;
    }
    if (i == town.n_parts || scene_draw(t, 4) == 0) { /* or before its turn, or once more */
        i = (int)scene_draw(t, (uint64_t)town.n_parts);
    }
    int r = take_part(a, i, t, &rep);
    if (r == 0 && (!rep.over || rep.err < 0 || rep.refused > 0)) {
        return scene__wrong(t, "a part of a good file is refused", rep.err);
    }
    if (r == 0 && rep.waiting == 0) { /* the command says that it is whole here */
        t->parts |= 1U << i;
    }
    return r;
}

void scene__ferry(const char *root, struct tally *t)
{
    struct app *a = scene__open(root, t);
    t->last_refused = false;
    for (int i = 0; a != NULL && t->why[0] == '\0' && scene__due(t, i); i++) {
        int r = i % 4 == 3 ? scene__write(a, t) : one_part(a, t);
        t->last_refused = r < 0;
        if (r < 0 && t->must_work) {
            (void)scene__wrong(t, "refused without need", r);
        }
        a = scene__keep_open(a, root, t);
    }
    app_close(a);
}

/* What was said to be here changes nothing when it comes again; then the rest comes in. */
static int parts_again(struct app *a, struct tally *t)
{
    struct sync_ferry_report rep;
    for (int i = 0; i < town.n_parts; i++) {
        int e = (t->parts & 1U << i) == 0 ? 0 : take_part(a, i, t, &rep);
        if (e < 0 || ((t->parts & 1U << i) != 0 && (rep.err < 0 || rep.stored > 0 ||
                                                    rep.waiting > 0 || rep.old != rep.bundles))) {
            return scene__wrong(t, "a part that was taken is not whole here", e);
        }
    }
    uint32_t had = t->parts;
    for (int i = 0; i < town.n_parts; i++) {
        int e = take_part(a, i, t, &rep);
        if (e < 0 || rep.err < 0 || rep.waiting > 0 || rep.refused > 0) {
            return scene__wrong(t, "a file does not go on", e < 0 ? e : rep.err);
        }
    }
    t->parts = (1U << town.n_parts) - 1;
    return rep.missing == 0 ? 0
                            : scene__wrong(t, "a part that is here counts as missing",
                                           had != 0 ? SANJI_E_STATE : SANJI_E_NOT_FOUND);
}

int scene__check_ferry(const char *root, struct tally *t)
{
    char path[TOWN_PATH];
    struct app *a = NULL;
    struct sync_ferry_note note;
    if (scene__check_node(root, t) < 0) {
        return -1;
    }
    town_path(root, "city", path);
    int r = app_open(path, &a, NULL) < 0 ? scene__wrong(t, "does not open again", 0) : 0;
    r = r < 0 ? r : parts_again(a, t);
    if (r == 0 && (sync_ferry_note_get(a->sync, town.district, &note) < 0 || note.in_no < 1)) {
        r = scene__wrong(t, "a file that is whole is not noted", SANJI_E_NOT_FOUND);
    }
    app_close(a);
    t->frames = r < 0 ? t->frames : town.n_frames; /* the same bundles */
    return r < 0 ? r : scene__check_node(root, t);
}
