/* SPDX-License-Identifier: Apache-2.0 */
/* A person is to be forgotten while the power fails. Either the request stands, or what it is about
 * is erased; and once that was said, no byte of any file holds it. */
#include "node/app_backup.h"
#include "node/app_erase.h"
#include "tests/power/scene_internal.h"
#include "tests/power/town.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ERASINGS = 14, TICKS = 20 };

static const char *what(int k)
{
    return k == 0 ? town.record : town.referral;
}

static int erase_step(struct app *a, int k, struct tally *t)
{
    struct fault f = {0};
    int r = app_outbox_flush(a);
    if (r == 0 && t->erase[k].n == 0) {
        int64_t n = 0;
        r = app_erase_request(a, "li", what(k), "person", &n, &f);
        t->erase[k].n = r == 0 ? n : 0;
        return r;
    }
    if (r == 0 && !t->erase[k].done) {
        r = app_erase_confirm(a, "zhao", t->erase[k].n, NULL, &f);
        t->erase[k].done = r == 0;
    }
    return r;
}

/* What the tally does not know was cut off between the deed and its answer. */
static int see_request(const struct app_erase *e, void *arg)
{
    struct tally *t = arg;
    for (int k = 0; k < 2; k++) {
        if (strcmp(e->id, what(k)) != 0) {
            continue;
        }
        if (t->erase[k].done && strcmp(e->state, "done") != 0) {
            return scene__wrong(t, "an acknowledged erasure is open", SANJI_E_STATE);
        }
        t->erase[k].n = e->n;
        t->erase[k].done = strcmp(e->state, "done") == 0;
    }
    return 0;
}

static int look(struct app *a, struct tally *t)
{
    int64_t n[2] = {t->erase[0].n, t->erase[1].n};
    t->erase[0].n = t->erase[1].n = 0;
    int r = app_erase_list(a, see_request, t);
    for (int k = 0; r == 0 && k < 2; k++) {
        if (n[k] != 0 && t->erase[k].n != n[k]) {
            r = scene__wrong(t, "an acknowledged request is lost", SANJI_E_NOT_FOUND);
        }
    }
    return r;
}

static int one_step(struct app *a, int i, struct tally *t)
{
    struct app_backup b;
    switch (scene_draw(t, 6)) {
    case 0:
        return scene__write(a, t);
    case 1:
        return app_backup(a, NULL, &b);
    case 2:
        return app_tick(a, app_mono_ms() + 10000000) < 0 ? SANJI_E_IO : 0;
    default:
        return erase_step(a, i % 2, t);
    }
}

void scene__erase(const char *root, struct tally *t)
{
    struct app *a = scene__open(root, t);
    t->last_refused = false;
    if (a != NULL && t->must_work && look(a, t) < 0) {
        (void)scene__wrong(t, "requests cannot be read", SANJI_E_CORRUPT);
    }
    for (int i = 0; a != NULL && (i < ERASINGS || t->last_refused) && scene__due(t, i); i++) {
        int r = one_step(a, i, t);
        t->last_refused = r < 0;
        if (r < 0 && t->must_work) {
            (void)scene__wrong(t, "refused without need", r);
        }
        a = scene__keep_open(a, root, t);
    }
    for (int i = 0; a != NULL && i < 3; i++) { /* the files */
        (void)app_tick(a, app_mono_ms() + 10000000);
        a = scene__keep_open(a, root, t);
    }
    app_close(a);
}

/* ---- afterwards ---- */

static void beside(const char *dir, const char *end, char ret[static TOWN_PATH])
{
    int n = snprintf(ret, TOWN_PATH, "%s.%s", dir, end);
    assert(n > 0 && n < TOWN_PATH);
}

static int run_hunt(const char *dir, const char *id)
{
    char wanted[TOWN_PATH], found[TOWN_PATH];
    int status = 0;
    beside(dir, "wanted", wanted);
    beside(dir, "found", found);
    FILE *f = fopen(wanted, "w");
    if (f == NULL || fprintf(f, "%s\n%s\n", TOWN_NAME, TOWN_PHONE) < 0 || fclose(f) != 0) {
        return -1;
    }
    pid_t pid = fork();
    assert(pid >= 0);
    if (pid == 0) {
        if (freopen(wanted, "r", stdin) != NULL && freopen(found, "w", stdout) != NULL &&
            freopen("/dev/null", "w", stderr) != NULL) {
            (void)execl(SANJI_HUNT, "hunt", dir, id, (char *)NULL);
        }
        _exit(3);
    }
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* tests/support/hunt.c: in every byte, frame, row and sealed item, in every spelling. */
static int hunt(const char *dir, const char *id, bool is_there, struct tally *t)
{
    char path[TOWN_PATH], line[TALLY_WHY] = "", found[TALLY_WHY] = "";
    int status = run_hunt(dir, id);
    beside(dir, "found", path);
    FILE *p = fopen(path, "r");
    while (p != NULL && fgets(line, sizeof(line), p) != NULL) {
        if (strncmp(line, "pages ", 6) != 0 && found[0] == '\0') {
            line[strcspn(line, "\n")] = '\0';
            (void)snprintf(found, sizeof(found), "%s", line);
        }
    }
    if (p != NULL) {
        (void)fclose(p);
    }
    if (is_there) {
        return found[0] != '\0' ? 0 : scene__wrong(t, "the search is blind", SANJI_E_NOT_FOUND);
    }
    if (found[0] != '\0') {
        return scene__wrong(t, found, SANJI_E_EXISTS);
    }
    /* Half a copy of the database, of a backup that was cut: its bytes were searched, its rows
     * cannot be. */
    town_path(dir, "backup.tmp", path);
    bool half = access(path, F_OK) == 0;
    return status == 0 || half ? 0 : scene__wrong(t, "the files cannot be searched", SANJI_E_IO);
}

static int see_restored(const char *dir, const char *name, bool newest, struct tally *t)
{
    (void)name;
    (void)newest;
    return hunt(dir, "-", false, t);
}

static int finish(struct app *a, struct tally *t)
{
    uint8_t cek[32];
    for (int i = 0; i < 4; i++) { /* ask, if it was not asked; confirm */
        int e = erase_step(a, i % 2, t);
        if (e < 0) {
            return scene__wrong(t,
                                i % 2 == 0 ? "the record's erasure does not go on"
                                           : "the referral's erasure does not go on",
                                e);
        }
    }
    for (int i = 0; i < TICKS; i++) {
        int e = app_tick(a, app_mono_ms() + 10000000);
        if (e < 0) {
            return scene__wrong(t, "cleaning does not go on", e);
        }
    }
    return store_thread_key_get(a->store, app_id(a), town.referral, cek) == SANJI_E_NOT_FOUND
               ? 0
               : scene__wrong(t, "the key of an erased referral is left", SANJI_E_EXISTS);
}

int scene__check_erase(const char *root, struct tally *t)
{
    char path[TOWN_PATH];
    struct app *a = NULL;
    if (scene__check_node(root, t) < 0) {
        return -1;
    }
    town_path(root, "city", path);
    int r = app_open(path, &a, NULL) < 0 ? scene__wrong(t, "does not open again", 0) : 0;
    r = r < 0 ? r : look(a, t);
    if (r == 0 && !t->erase[0].done) {
        r = hunt(path, "-", true, t);
    }
    r = r < 0 ? r : finish(a, t);
    r = r < 0 ? r : hunt(path, app_id(a), false, t); /* with the log as it lies */
    app_close(a);
    r = r < 0 ? r : hunt(path, "-", false, t);
    r = r < 0 ? r : scene__each_backup(root, t, see_restored);
    return r < 0 ? -1 : scene__check_node(root, t);
}
