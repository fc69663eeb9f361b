/* SPDX-License-Identifier: Apache-2.0 */
/* Why this file exists: the one place where settings, keys, database and engine become a node. A
 * node is opened by exactly one process (DIR/lock); whoever has it open may write. */
#include "node/app.h"
#include "node/app_blob.h"
#include "node/app_fetch.h"

#include "node/app_erase.h"
#include "node/app_import.h"
#include "node/app_internal.h"
#include "node/app_self.h"
#include "node/dirlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

int app_random(void *p, size_t n)
{
    uint8_t *at = p;
    while (n > 0) {
        ssize_t k = getrandom(at, n > 256 ? 256 : n, 0);
        if (k < 0 && errno == EINTR) {
            continue;
        }
        if (k <= 0) {
            return SANJI_E_IO;
        }
        at += k;
        n -= (size_t)k;
    }
    return 0;
}

static int64_t clock_ms(clockid_t id)
{
    struct timespec ts = {0};
    (void)clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t app_now_ms(void)
{
    int64_t ms = clock_ms(CLOCK_REALTIME);
    return ms < 0 ? 0 : ms; /* a clock before 1970 is wrong, and the wire has no negative times */
}

int64_t app_mono_ms(void)
{
    return clock_ms(CLOCK_MONOTONIC);
}

int app_tick_make(struct sync_tick *t)
{
    t->now_ms = app_now_ms();
    t->mono_ms = app_mono_ms();
    return app_random(t->rnd, sizeof t->rnd);
}

bool app_staff_speaks_tls(const struct config *c)
{
    const char *a = c->staff_listen;
    bool loopback = strncmp(a, "127.", 4) == 0 || strncmp(a, "[::1]:", 6) == 0 ||
                    strncmp(a, "localhost:", 10) == 0;
    return a[0] != '\0' && (c->staff_tls || !loopback);
}

int app_path(const char *dir, const char *name, char out[static APP_PATH_BYTES])
{
    int n = snprintf(out, APP_PATH_BYTES, "%s/%s", dir, name);
    return n > 0 && n < APP_PATH_BYTES ? 0 : SANJI_E_SIZE;
}

int app__read_file(const char *path, size_t max, struct buf *out)
{
    uint8_t chunk[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR ? SANJI_E_NOT_FOUND : SANJI_E_IO;
    }
    int r = 0;
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            r = n < 0 ? SANJI_E_IO : out->err;
            break;
        }
        if (out->len + (size_t)n > max) {
            r = SANJI_E_SIZE;
            break;
        }
        buf_put(out, chunk, (size_t)n);
    }
    close(fd);
    return r;
}

int app__write_file(const char *path, const void *p, size_t n, bool secret)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, secret ? 0600 : 0640);
    if (fd < 0) {
        return errno == EEXIST ? SANJI_E_EXISTS : errno == ENOSPC ? SANJI_E_FULL : SANJI_E_IO;
    }
    const uint8_t *at = p;
    size_t left = n;
    int r = 0;
    while (left > 0 && r == 0) {
        ssize_t k = write(fd, at, left);
        if (k < 0) {
            r = errno == EINTR ? 0 : errno == ENOSPC ? SANJI_E_FULL : SANJI_E_IO;
            continue;
        }
        at += k;
        left -= (size_t)k;
    }
    if (r == 0 && fsync(fd) != 0) {
        r = SANJI_E_IO;
    }
    if (close(fd) != 0 && r == 0) {
        r = SANJI_E_IO;
    }
    if (r < 0) {
        (void)unlink(path);
    }
    return r;
}

int app__read_secret(const char *dir, const char *name, void *out, size_t n)
{
    char path[APP_PATH_BYTES];
    struct buf b;
    buf_init(&b, 256);
    int r = app_path(dir, name, path);
    if (r == 0) {
        r = app__read_file(path, 256, &b);
    }
    if (r == 0 && b.len != n) {
        r = SANJI_E_CORRUPT;
    }
    if (r == 0) {
        memcpy(out, b.data, n);
    }
    buf_wipe_done(&b);
    return r;
}

int app_config_read(const char *dir, struct config *ret, struct app_fault *f)
{
    char path[APP_PATH_BYTES];
    struct buf b;
    buf_init(&b, CONFIG_FILE_BYTES + 16);
    int r = app_path(dir, "sanji.conf", path);
    if (r == 0) {
        r = app__read_file(path, CONFIG_FILE_BYTES, &b);
    }
    if (r == SANJI_E_NOT_FOUND) { /* every setting has a default */
        config_defaults(ret);
        r = 0;
    } else if (r == 0) {
        r = config_parse(buf_str(&b), b.len, ret, f != NULL ? f->report : NULL,
                         f != NULL ? f->arg : NULL);
    }
    if (r < 0 && f != NULL) {
        snprintf(f->path, sizeof f->path, "%.200s", path);
    }
    buf_done(&b);
    return r;
}

struct diff_arg {
    bool restart;
};
static void on_diff(const struct config_setting *s, void *arg)
{
    struct diff_arg *d = arg;
    d->restart = d->restart || !s->reloadable;
}

int app_reload_config(struct app *a, struct app_fault *f, bool *ret_restart)
{
    struct config c;
    struct diff_arg d = {false};
    int r = app_config_read(a->dir, &c, f);
    if (r < 0) {
        return r;
    }
    config_diff(&a->cfg, &c, on_diff, &d);
    a->cfg = c;
    a->announced = false;
    *ret_restart = d.restart;
    return 0;
}

static int kv_fixed(const struct sync_store *st, const char *key, void *out, size_t n)
{
    struct buf b;
    buf_init(&b, 4096);
    int r = st->kv_get(st->ctx, key, &b);
    if (r == 0 && b.len != n) {
        r = SANJI_E_CORRUPT;
    }
    if (r == 0) {
        memcpy(out, b.data, n);
    }
    buf_done(&b);
    return r;
}

static int load_engine(struct app *a, bool heal)
{
    struct sync_self self = {0};
    const struct sync_store *st = store_port(a->store);
    app__self(a, &self);
    int r = kv_fixed(st, "self/g", self.g, HASH_LEN);
    if (r == 0) {
        r = kv_fixed(st, "self/id", self.id.s, LIM_NODE_ID);
    }
    if (r == 0) {
        r = store_self(a->store, self.id.s);
    }
    if (r == 0) {
        r = kv_fixed(st, "self/inst", self.inst, sizeof self.inst);
    }
    if (r == 0) {
        r = sync_new(&self, st, &a->sync);
    }
    if (r == SANJI_E_CORRUPT && heal) {
        r = app__heal_trust(a->store);
        r = r < 0 ? r : sync_new(&self, st, &a->sync);
    }
    r = r < 0 ? r : app__fetch_use(a);
    return r == 0 ? app__guard_load(a) : r;
}

int app_open(const char *dir, struct app **ret, struct app_fault *f)
{
    char db[APP_PATH_BYTES];
    struct app *a = calloc(1, sizeof *a);
    long holder = 0;
    if (a == NULL) {
        return SANJI_E_NOMEM;
    }
    a->lock_fd = -1;
    int n = snprintf(a->dir, sizeof a->dir, "%s", dir);
    int r = n > 0 && n < (int)sizeof a->dir ? app_path(dir, "sanji.db", db) : SANJI_E_SIZE;
    if (r == 0 && access(db, F_OK) != 0) {
        r = errno == ENOENT || errno == ENOTDIR ? SANJI_E_NOT_FOUND : SANJI_E_IO;
    }
    if (r == 0 && app__birth_unfinished(dir) && (f == NULL || !f->born)) {
        r = SANJI_E_NOT_FOUND;
    }
    if (r == 0) {
        r = dirlock_take(dir, &a->lock_fd, &holder);
        if (f != NULL) {
            f->holder = holder;
        }
    }
    if (r == 0) {
        r = app_config_read(dir, &a->cfg, f);
    }
    if (r == 0) {
        r = app__keys_load(a);
    }
    if (r == 0) {
        r = store_open(dir, STORE_WRITE, &a->store);
    }
    bool heal = f != NULL && f->heal;
    if (r == 0) {
        r = load_engine(a, heal);
    }
    bool again = false;
    if (r == 0) {
        r = app__outbox_load(a);
    }
    if (r == 0) {
        r = app__keys_resume(a, &again);
    }
    if (r == 0 && again) {
        sync_free(a->sync);
        a->sync = NULL;
        r = load_engine(a, heal);
    }
    if (r == 0 && store_views_stale(a->store)) {
        int64_t count = 0;
        r = app_rebuild(a, &count, NULL);
        if (r == SANJI_E_CORRUPT && heal) { /* without the bundles that are damaged */
            r = app__heal_ask(a);
            r = r < 0 ? r : app_rebuild(a, &count, NULL);
        }
    }
    if (r == 0) { /* before anybody is shown anything */
        r = app__erased_load(a);
    }
    if (r == 0) {
        r = app__programs_load(a);
    }
    if (r < 0) {
        r = app__why(dir, r, f); /* before the files are let go, which may free a few pages */
        app_close(a);
        return r;
    }
    a->views_changed = true; /* whatever happened while nobody was here */
    *ret = a;
    return 0;
}

void app_close(struct app *a)
{
    if (a == NULL) {
        return;
    }
    if (a->sync != NULL) {
        (void)app_outbox_flush(a); /* what cannot be signed now is there at the next start */
    }
    app__guard_save(a, true);
    app__areas_free(a);
    app__codes_free(a);
    app_import_free(a);
    sync_free(a->sync);
    store_close(a->store);
    dirlock_drop(a->lock_fd);
    mem_wipe(a->sign_seed, sizeof a->sign_seed);
    mem_wipe(a->seal_seed, sizeof a->seal_seed);
    mem_wipe(a->next_sign, sizeof a->next_sign);
    mem_wipe(a->next_seal, sizeof a->next_seal);
    free(a);
}

const char *app_id(const struct app *a)
{
    return sync_self_of(a->sync)->id.s;
}

const struct roster *app_roster(const struct app *a)
{
    return sync_roster(a->sync);
}

const struct roster_node *app_self_node(const struct app *a)
{
    return roster_node(app_roster(a), app_id(a));
}

bool app_is_top(const struct app *a)
{
    const struct roster_node *n = app_self_node(a);
    return n != NULL && node_id_none(&n->up);
}

static const struct tier {
    const char *name;
    int64_t lv;
} tiers[] = {{"province", 10}, {"city", 20}, {"district", 30}, {"street", 40}, {"community", 50}};

int64_t app_tier_level(const char *name)
{
    for (size_t i = 0; i < sizeof tiers / sizeof tiers[0]; i++) {
        if (strcmp(tiers[i].name, name) == 0) {
            return tiers[i].lv;
        }
    }
    return 0;
}

const char *app_tier_name(int64_t lv)
{
    for (size_t i = 0; i < sizeof tiers / sizeof tiers[0]; i++) {
        if (tiers[i].lv == lv) {
            return tiers[i].name;
        }
    }
    return "";
}

bool app_area_ok(const char *code)
{
    size_t n = strlen(code);
    return n >= 2 && n <= 12 && strspn(code, "0123456789") == n;
}

bool app_disk_low(const struct app *a)
{
    struct statvfs v;
    if (a->cfg.disk_reserve == 0 || statvfs(a->dir, &v) != 0) {
        return false;
    }
    return (double)v.f_bavail * (double)v.f_frsize < (double)a->cfg.disk_reserve;
}

int app_audience(const struct app *a, const char *word, char ret[static LIM_AUD_BYTES + 1])
{
    const struct roster_node *top = roster_top(app_roster(a));
    if (strcmp(word, "fed") == 0 || strcmp(word, "own") == 0) {
        memcpy(ret, word, 4);
        return 0;
    }
    if (strcmp(word, "sub") == 0) {
        snprintf(ret, LIM_AUD_BYTES + 1, "sub:%s", app_id(a));
        return 0;
    }
    if (strcmp(word, "up") == 0) {
        if (top == NULL) {
            return SANJI_E_UNKNOWN_KEY; /* the roster has not arrived yet */
        }
        snprintf(ret, LIM_AUD_BYTES + 1, "up:%s", top->id.s);
        return 0;
    }
    return SANJI_E_AUDIENCE;
}

void app_changed(struct app *a)
{
    a->views_changed = true;
    a->views_n++;
}

void app__wrote(struct app *a)
{
    a->wrote = true;
    app_changed(a);
}

bool app_take_wrote(struct app *a)
{
    bool w = a->wrote;
    a->wrote = false;
    return w;
}

enum {
    SEARCH_QUIET_MS = 1000, /* a bulk load is not slowed by its own search index */
    SEARCH_WAIT_MS = 60000, /* but a node that never rests is searched, too */
    SEARCH_PIECE = 2000,    /* records at a time: others get their turn in between */
};

/* The index may be behind: what it has not seen is found by reading it. Returns as app_tick(). */
static int search_tick(struct app *a, int64_t mono_ms, bool changed)
{
    if (changed) {
        int64_t now = app_mono_ms();
        a->search_since = a->search_since != 0 ? a->search_since : now;
        a->search_due = now + SEARCH_QUIET_MS < a->search_since + SEARCH_WAIT_MS
                            ? now + SEARCH_QUIET_MS
                            : a->search_since + SEARCH_WAIT_MS;
    }
    if (a->search_due == 0 || mono_ms < a->search_due) {
        return a->search_due == 0 ? 0 : (int)(a->search_due - mono_ms);
    }
    int64_t left = 0;
    int r = store_search_flush(a->store, SEARCH_PIECE, &left);
    if (r == 0 && left == 0) {
        a->search_due = a->search_since = 0;
    }
    return r == 0 && left > 0 ? 1 : r;
}

static int tick(struct app *a, int64_t mono_ms)
{
    int e = app__programs_tick(a);
    e = e < 0 ? e : app__erased_tick(a, mono_ms);
    if (e < 0) {
        return e;
    }
    if (sync_self_error(a->sync) < 0) { /* nothing may be signed: what is due stays due */
        return search_tick(a, mono_ms, false);
    }
    if (!sync_asking(a->sync)) {
        (void)app_outbox_flush(a);
    }
    app__guard_save(a, false);
    int r = app__keys_tick(a);
    if (r == 0 && !a->rotating) { /* an act under a key nobody knows yet would be void */
        r = app_announce(a);
    }
    bool changed = a->views_changed;
    if (r == 0 && a->views_changed) {
        a->views_changed = false;
        r = app_referral_auto(a);
        r = r < 0 ? r : app__referral_erase_auto(a);
        r = r < 0 ? r : app__booking_tick(a, mono_ms, true);
        r = r < 0 ? r : app__duty_tick(a, mono_ms);
        if (a->stats_due ==
            0) { /* the first change decides, so that a busy hour cannot put it off */
            a->stats_due =
                app_mono_ms() +
                (a->stats_cost * 20 > a->cfg.stats_delay ? a->stats_cost * 20 : a->cfg.stats_delay);
        }
    }
    r = r < 0 ? r : app__booking_tick(a, mono_ms, false);
    if (r == 0 && a->stats_due != 0 && mono_ms >= a->stats_due) {
        int n = 0;
        int64_t began = app_mono_ms();
        a->stats_due = 0;
        r = app_stats_publish(a, &n);
        a->stats_cost = app_mono_ms() - began;
        if (r == 0 && n > 0) {
            a->views_changed = false; /* own cells are no reason to count again */
        }
    }
    if (r == 0) {
        r = app__audit_tick(a);
    }
    if (r == 0) {
        r = app_self_tick(a, mono_ms);
    }
    if (r == 0) {
        r = search_tick(a, mono_ms, changed);
    }
    if (r != 0) {
        return r;
    }
    int64_t left = 0; /* nothing else to do: pages that a keyframe emptied go back to the disk */
    r = store_shrink(a->store, &left);
    return r == 0 && left > 0 ? 1 : r;
}

int app_tick(struct app *a, int64_t mono_ms)
{
    int r = tick(a, mono_ms), more = app_import_tick(a);
    int swept = app__blob_tick(a, mono_ms);
    swept = swept != 0 ? swept : app__fetch_tick(a, mono_ms);
    r = r < 0 ? r : more != 0 ? more : r;
    return r < 0 || swept == 0 ? r : swept;
}
