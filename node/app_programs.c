/* SPDX-License-Identifier: Apache-2.0 */
/* Other programs are let in by rows of this database alone: tokens, calendars, who is told what
 * waits. A database put back from a backup brings back those that were taken away since, and
 * messages that were sent. Nobody else can say which: so after it was put back none is let in, and
 * the administrator lets in anew whom he still knows. To bind each row to something outside would
 * keep the others, and would be wrong wherever that is lost with the disk; this is wrong nowhere.
 *
 * How often one was added or taken away is counted in the database ("programs/changes") and beside
 * it, in DIR/keys/programs: a database that knows of fewer is an older one, and one that knows of
 * as many lets in the same. No backup holds that file; the image of a whole disk does, and brings
 * back what it shows. The doubt about own streams (PROTOCOL.md 15.1) is not asked: a neighbour's
 * word can raise it, and would end what people here have set up. */
#include "node/app_internal.h"

#include "node/app_hook.h"
#include "node/log.h"
#include "node/store/hook.h"
#include "node/store/staff.h"
#include "protocol/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { NUMBER_BYTES = 32 };
static const char changes_name[] = "programs/changes";

static int kv_number(struct app *a, const char *name, int64_t *ret)
{
    const struct sync_store *st = store_port(a->store);
    struct buf b;
    buf_init(&b, NUMBER_BYTES);
    *ret = 0;
    int r = st->kv_get(st->ctx, name, &b);
    if (r == 0) {
        r = text_i64(buf_str(&b), b.len, 0, INT64_MAX - 1, ret);
        r = r < 0 ? SANJI_E_CORRUPT : 0;
    }
    buf_done(&b);
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

static int kv_set(struct app *a, const char *name, int64_t n)
{
    const struct sync_store *st = store_port(a->store);
    char text[NUMBER_BYTES];
    int len = snprintf(text, sizeof text, "%lld", (long long)n);
    return st->kv_put(st->ctx, name, span_of(text, (size_t)len));
}

int app__programs_changed(struct app *a)
{
    int64_t n;
    int r = kv_number(a, changes_name, &n);
    return r < 0 ? r : kv_set(a, changes_name, n + 1);
}

/* -1: there is none, or it cannot be read. */
static int64_t beside(const struct app *a)
{
    char path[APP_PATH_BYTES];
    struct buf b;
    int64_t n = -1;
    buf_init(&b, NUMBER_BYTES);
    int r = app_path(a->dir, "keys/programs", path);
    r = r < 0 ? r : app__read_file(path, NUMBER_BYTES, &b);
    if (r < 0 || b.len < 2 || text_i64((const char *)b.data, b.len - 1, 0, INT64_MAX - 1, &n) < 0) {
        n = -1;
    }
    buf_done(&b);
    return n;
}

static int save(const struct app *a, int64_t n)
{
    char path[APP_PATH_BYTES], next[APP_PATH_BYTES], keys[APP_PATH_BYTES], text[NUMBER_BYTES];
    int len = snprintf(text, sizeof text, "%lld\n", (long long)n);
    int r = app_path(a->dir, "keys/programs", path);
    r = r < 0 ? r : app_path(a->dir, "keys/programs.new", next);
    r = r < 0 ? r : app_path(a->dir, "keys", keys);
    if (r == 0) {
        (void)unlink(next); /* of an attempt that was cut short */
        r = app__write_file(next, text, (size_t)len, true);
    }
    if (r == 0 && rename(next, path) != 0) {
        r = errno == ENOSPC ? SANJI_E_FULL : SANJI_E_IO;
    }
    return r < 0 ? r : app__sync_dir(keys);
}

struct all {
    int64_t token[APP_TOKENS + APP_FEEDS_ALL], hook[HOOKS_MAX];
    size_t n_token, n_hook;
};

static int on_token(const struct staff_token *t, void *arg)
{
    struct all *x = arg;
    if (x->n_token == sizeof x->token / sizeof x->token[0]) {
        return 1; /* the next round */
    }
    x->token[x->n_token++] = t->n;
    return 0;
}

static int on_hook(const struct hook_row *h, void *arg)
{
    struct all *x = arg;
    if (x->n_hook == HOOKS_MAX) {
        return 1;
    }
    x->hook[x->n_hook++] = h->n;
    return 0;
}

/* *ret_n: how many. */
static int drop_all(struct app *a, int64_t *ret_n)
{
    struct all x;
    int r;
    *ret_n = 0;
    do {
        x.n_token = x.n_hook = 0;
        r = staff_token_list(a->store, on_token, &x);
        r = r < 0 ? r : hook_list(a->store, on_hook, &x);
        for (size_t i = 0; r >= 0 && i < x.n_token; i++) {
            r = staff_token_del(a->store, x.token[i]);
        }
        for (size_t i = 0; r >= 0 && i < x.n_hook; i++) {
            r = hook_drop(a->store, x.hook[i]);
        }
        *ret_n += (int64_t)(x.n_token + x.n_hook);
    } while (r >= 0 && x.n_token + x.n_hook > 0);
    return r < 0 ? r : 0;
}

/* As one effect, with its row in the log. */
static int end_all(struct app *a, int64_t count)
{
    char target[NUMBER_BYTES];
    int64_t n = 0;
    int r = store_begin(a->store);
    if (r < 0) {
        return r;
    }
    r = drop_all(a, &n);
    r = r < 0 ? r : kv_set(a, changes_name, count);
    if (r == 0 && n > 0) {
        snprintf(target, sizeof target, "%lld", (long long)n);
        r = app__audit_add(a, "sanji", "programs.end", target, 0);
    }
    r = r < 0 ? r : store_commit(a->store);
    if (r < 0) {
        store_rollback(a->store);
    } else if (n > 0) {
        log_event(LOG_WARNING, "programs.ended", "n=%lld", (long long)n);
    }
    return r;
}

int app__programs_load(struct app *a)
{
    int64_t here = 0, there = beside(a);
    int r = kv_number(a, changes_name, &here);
    a->programs_saved = there;
    if (r == 0 && (there > here || (there < 0 && here > 0))) {
        here = (there > here ? there : here) + 1;
        r = end_all(a, here);
    }
    /* From the first start on there is one: that it is gone says something. On a disk that is full
     * the next tick tries again. */
    if (r == 0 && here != there && save(a, here) == 0) {
        a->programs_saved = here;
    }
    return r;
}

int app_programs_end(struct app *a)
{
    int64_t here = 0;
    int r = kv_number(a, changes_name, &here);
    return r < 0 ? r : end_all(a, here + 1);
}

int app__programs_tick(struct app *a)
{
    int64_t here = 0;
    int r = kv_number(a, changes_name, &here);
    if (r == 0 && here != a->programs_saved) {
        r = save(a, here);
        a->programs_saved = r < 0 ? a->programs_saved : here;
    }
    return r;
}
