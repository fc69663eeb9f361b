/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes that come back, and what people keep for that in drawers, while the power fails. */
#include "node/app_backup.h"
#include "node/app_internal.h"
#include "node/app_self.h"
#include "node/root_key.h"
#include "protocol/seal.h"
#include "tests/power/scene_internal.h"
#include "tests/power/town.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ATTEMPTS = 200, LINES = 60 };

/* ---- from a backup: once that was said the folder is there and whole; before, it is there whole
 * or not at all, and the same command works again. Whichever it was, the node must know that it was
 * put back, or it would sign numbers twice ---- */

static int restore(const char *root)
{
    char file[TOWN_PATH], again[TOWN_PATH];
    struct app_restored x;
    town_path(root, town.backup, file);
    town_path(root, "again", again);
    return app_restore(file, again, town.secret, &x);
}

/* Life goes on beside it; nothing of that makes sure of what the restore left. */
static void elsewhere(const char *root)
{
    char path[TOWN_PATH];
    town_path(root, "diary", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    for (int i = 0; fd >= 0 && i < LINES; i++) {
        ssize_t n = write(fd, "a day\n", 6);
        (void)n;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

void scene__restore(const char *root, struct tally *t)
{
    int r = SANJI_E_IO;
    for (int i = 0; r < 0 && i < (t->must_work ? 1 : ATTEMPTS); i++) {
        r = restore(root);
    }
    t->is_done = r == 0;
    t->last_refused = r < 0;
    if (r < 0 && t->must_work) {
        (void)scene__wrong(t, "restore refused", r);
    }
    elsewhere(root);
}

static int see_again(struct app *a, struct tally *t)
{
    struct app_verdict v;
    int64_t rev = 0;
    for (int i = 0; i < TOWN_RECORDS; i++) {
        if (scene__rev_of(a, town.put[i], &rev) < 0) {
            return scene__wrong(t, "a record of the backup is not there", SANJI_E_NOT_FOUND);
        }
    }
    if (sync_self_state(a->sync) == SYNC_SELF_OK) {
        return scene__wrong(t, "a node does not know that it was put back", SANJI_E_STATE);
    }
    int e = app_verify(a, &v, NULL, NULL);
    return e < 0 || v.wrong > 0 || v.views_differ ? scene__wrong(t, "verify", e) : 0;
}

int scene__check_restore(const char *root, struct tally *t)
{
    char path[TOWN_PATH];
    struct app *a = NULL;
    town_path(root, "again", path);
    if (access(path, F_OK) != 0) {
        int e = t->is_done ? SANJI_E_NOT_FOUND : restore(root);
        if (e < 0) {
            return scene__wrong(
                t, t->is_done ? "an acknowledged restore is lost" : "restore cannot be said again",
                e);
        }
    }
    int e = app_open(path, &a, NULL);
    int r = e < 0 ? scene__wrong(t, "a restored node does not open", e) : see_again(a, t);
    app_close(a);
    return r;
}

/* ---- paper: the recovery code in force is the last one shown, and a root key whose public half
 * was shown is on its stick ---- */

static int new_code(const char *root, struct tally *t)
{
    char dir[TOWN_PATH], code[RECOVERY_TEXT];
    town_path(root, "city", dir);
    t->is_trying = true;
    int r = app_recovery_new(dir, code);
    if (r == 0) {
        t->is_trying = false;
        (void)snprintf(t->code[t->n_codes % TALLY_CODES], sizeof(t->code[0]), "%s", code);
        t->n_codes++;
    }
    return r;
}

static void key_path(const char *root, int i, char ret[static TOWN_PATH])
{
    char name[32];
    (void)snprintf(name, sizeof(name), "root-%d.key", i);
    town_path(root, name, ret);
}

static int new_key(const char *root, struct tally *t)
{
    uint8_t seed[SIGN_SEED_LEN] = {(uint8_t)(t->n_keys + 1)};
    char path[TOWN_PATH];
    key_path(root, t->n_keys, path);
    int r = root_key_write(path, seed, NULL);
    t->n_keys += r == 0;
    return r;
}

void scene__paper(const char *root, struct tally *t)
{
    t->last_refused = false;
    for (int i = 0; scene__due(t, i) && (t->n_codes < TALLY_CODES || t->last_refused); i++) {
        int r = i % 2 == 0 ? new_code(root, t) : new_key(root, t);
        t->last_refused = r < 0;
        if (r < 0 && t->must_work) {
            (void)scene__wrong(t, "refused without need", r);
        }
    }
    elsewhere(root);
}

static int code_in_force(const char *root, struct tally *t)
{
    char dir[TOWN_PATH];
    uint8_t is[SEAL_PUB_LEN], was[SEAL_PUB_LEN], secret[RECOVERY_SECRET], seed[SEAL_SEED_LEN];
    town_path(root, "city", dir);
    int r = app__read_secret(dir, "keys/recovery.pub", is, sizeof(is)), group;
    if (r < 0) {
        return scene__wrong(t, "no code is in force", r);
    }
    for (int i = 0; i < t->n_codes; i++) {
        bool last = i + 1 == t->n_codes;
        (void)recovery_read(t->code[i], secret, &group);
        recovery_seed(secret, seed);
        (void)seal_pub_of(seed, was);
        bool same = memcmp(is, was, sizeof(is)) == 0;
        if (last ? !same && !t->is_trying : same) {
            return scene__wrong(t, "the code in force is not the last one shown", SANJI_E_OLD);
        }
    }
    return 0;
}

int scene__check_paper(const char *root, struct tally *t)
{
    char path[TOWN_PATH];
    struct buf text;
    int r = code_in_force(root, t);
    for (int i = 0; r == 0 && i < t->n_keys; i++) {
        struct sign_key *k = NULL;
        size_t n = 0;
        buf_init(&text, 4096);
        key_path(root, i, path);
        int e = root_file_read(path, 4096, &text);
        e = e < 0 ? e : root_keys_read(span_of(text.data, text.len), &k, 1, &n);
        r = e == 0 && n == 1 ? 0 : scene__wrong(t, "a root key is lost", e);
        sign_key_free(k);
        buf_wipe_done(&text);
    }
    return r;
}

/* ---- recover: until the command has come to its end it can be said again, and then the server
 * key is the one the children know ---- */

static int put_in_place(const char *dir, struct tally *t)
{
    struct app_birth b = {.dir = dir};
    struct app_recovered got;
    struct app *a = NULL;
    int r = app_open(dir, &a, NULL);
    if (r == 0 && app_recovering(a)) {
        r = app_recover_self(a, &b, town.code_secret, &got);
        r = r == 0 && !got.found ? SANJI_E_NOT_FOUND : r;
        app_close(a); /* as the command does: with settings and server key as they are now */
        a = NULL;
        r = r < 0 ? r : app_open(dir, &a, NULL);
        r = r < 0 ? r : app_recover_done(a);
    }
    t->is_done = r == 0;
    app_close(a);
    return r;
}

void scene__recover(const char *root, struct tally *t)
{
    char dir[TOWN_PATH];
    int r = SANJI_E_IO;
    town_path(root, "lost", dir);
    for (int i = 0; r < 0 && i < (t->must_work ? 1 : ATTEMPTS); i++) {
        r = put_in_place(dir, t);
    }
    t->last_refused = r < 0;
    if (r < 0 && t->must_work) {
        (void)scene__wrong(t, "recover refused", r);
    }
    elsewhere(root);
}

int scene__check_recover(const char *root, struct tally *t)
{
    static const char *const name[] = {"keys/tls.key", "keys/tls.crt", "sanji.conf"};
    char dir[TOWN_PATH], known[TOWN_PATH], path[TOWN_PATH];
    struct buf is, was;
    town_path(root, "lost", dir);
    town_path(root, "district", known);
    int e = put_in_place(dir, t); /* again; nothing, when it was over */
    int r = e < 0 ? scene__wrong(t, "recover cannot be said again", e) : 0;
    for (size_t i = 0; r == 0 && i < sizeof(name) / sizeof(name[0]); i++) {
        buf_init(&is, 65536);
        buf_init(&was, 65536);
        town_path(dir, name[i], path);
        e = app__read_file(path, 65536, &is);
        town_path(known, name[i], path);
        e = e < 0 ? e : app__read_file(path, 65536, &was);
        if (e < 0 || is.len != was.len || memcmp(is.data, was.data, is.len) != 0) {
            r = scene__wrong(t, name[i], e < 0 ? e : SANJI_E_OLD);
        }
        buf_done(&is);
        buf_done(&was);
    }
    return r;
}
