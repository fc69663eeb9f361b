/* SPDX-License-Identifier: Apache-2.0 */
/* The database behind the same suite, and what only a database has: files, readers, migrations,
 * query plans. */
#include "node/store/store.h"
#include "protocol/base/enc.h"
#include "protocol/base/err.h"
#include "tests/support/mem_store.h"
#include "tests/support/store_suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct ctx {
    struct store *s;
    char dir[64];
};

static struct ctx *ctx_new(void)
{
    struct ctx *c = calloc(1, sizeof *c);
    assert_non_null(c);
    strcpy(c->dir, "/tmp/sanji-store-XXXXXX");
    assert_non_null(mkdtemp(c->dir));
    assert_int_equal(store_open(c->dir, STORE_WRITE, &c->s), 0);
    return c;
}

static void remove_files(const char *dir)
{
    static const char *const names[] = {"sanji.db", "sanji.db-wal",     "sanji.db-shm",
                                        "keys.db",  "keys.db-wal",      "keys.db-shm",
                                        "copy.db",  "before-upgrade.db"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(dir), 0);
}

static void ctx_free(struct ctx *c)
{
    store_close(c->s);
    remove_files(c->dir);
    free(c);
}

/* ---- the suite ---- */

static void do_close(struct suite *s)
{
    ctx_free(s->h);
}

static void do_reopen(struct suite *s)
{
    struct ctx *c = s->h;
    store_close(c->s);
    assert_int_equal(store_open(c->dir, STORE_WRITE, &c->s), 0);
    s->st = store_port(c->s);
}

static void hex(struct buf *b, const uint8_t *h)
{
    char t[HASH_LEN * 2];
    hex_put(h, HASH_LEN, t);
    buf_put(b, t, sizeof t);
}

struct lines {
    struct store *s;
    char *line[20000];
    size_t n;
};

static void add_line(struct lines *l, struct buf *b)
{
    assert_true(l->n < 20000);
    l->line[l->n++] = buf_take(b, NULL);
}

static int see_rec(const struct store_rec *r, void *arg)
{
    struct buf b;
    buf_init(&b, 1 << 16);
    buf_printf(&b, "rec %s %s/%lld %s %lld %s %s ", r->owner, r->kind, (long long)r->major, r->id,
               (long long)r->r, r->by, r->aud);
    hex(&b, r->leaf);
    add_line(arg, &b);
    return 0;
}

static int see_ev(const struct store_event *r, void *arg)
{
    struct buf b;
    buf_init(&b, 1 << 16);
    buf_printf(&b, "ev %s %s/%lld %s %lld %s %s ", r->owner, r->kind, (long long)r->major, r->id,
               (long long)r->r, r->by, r->aud);
    hex(&b, r->leaf);
    add_line(arg, &b);
    return 0;
}

static int see_thread(const struct store_thread *t, void *arg)
{
    struct buf b;
    buf_init(&b, 1 << 16);
    buf_printf(&b, "ref %s %s %s %s %d %d %d", t->init, t->id, t->peer,
               ref_state_name(t->fold.state), t->fold.cancel_pending, t->fold.success,
               t->fold.ignored);
    add_line(arg, &b);
    return 0;
}

static void add_live(struct lines *l, const char *by, const char *aud)
{
    struct sync_tally t;
    struct buf b;
    const struct sync_store *st = store_port(l->s);
    assert_int_equal(st->tally(st->ctx, by, aud, &t), 0);
    struct live_digest d = t.live;
    if (d.c > 0) {
        buf_init(&b, 1 << 16);
        buf_printf(&b, "live %s %s %lld ", by, aud, (long long)d.c);
        hex(&b, d.s);
        add_line(l, &b);
    }
}

static int cmp(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void do_dump(struct suite *s, struct buf *out)
{
    static struct lines l;
    static const char *const by[] = {SUITE_A, SUITE_B};
    static const char *const aud[] = {"fed", "sub:" SUITE_A, "up:" SUITE_C, "to:" SUITE_B};
    struct ctx *c = s->h;
    l.n = 0;
    l.s = c->s;
    assert_int_equal(store_export(c->s, see_rec, &l), 0);
    assert_int_equal(store_event_list(c->s, NULL, NULL, NULL, see_ev, &l), 0);
    assert_int_equal(store_thread_list(c->s, 0, 0, see_thread, &l), 0);
    for (size_t i = 0; i < 8; i++) {
        add_live(&l, by[i / 4], aud[i % 4]);
    }
    qsort(l.line, l.n, sizeof l.line[0], cmp);
    for (size_t i = 0; i < l.n; i++) {
        buf_puts(out, l.line[i]);
        buf_putc(out, '\n');
        free(l.line[i]);
    }
}

static void do_drop(struct suite *s)
{
    assert_int_equal(store_views_recreate(((struct ctx *)s->h)->s), 0);
}

static int count_parked(const struct store_parked *p, void *arg)
{
    if (p->reason != SANJI_E_EXISTS) {
        assert_int_equal(p->no, 1);
        assert_int_equal(p->seq, 1);
        assert_int_equal(p->reason, SANJI_E_SPEC);
        assert_true(p->idx == 2 ? p->member[0] == '\0' : true);
    }
    ++*(size_t *)arg;
    return 0;
}

static size_t do_parked(struct suite *s)
{
    size_t n = 0;
    assert_int_equal(store_parked_list(((struct ctx *)s->h)->s, count_parked, &n), 0);
    return n;
}

static int do_cek(struct suite *s, const char *init, const char *id, uint8_t ret[32])
{
    return store_thread_key_get(((struct ctx *)s->h)->s, init, id, ret);
}

static void do_open(struct suite *s)
{
    struct ctx *c = ctx_new();
    s->h = c;
    s->st = store_port(c->s);
    s->close = do_close;
    s->reopen = do_reopen;
    s->dump = do_dump;
    s->drop_views = do_drop;
    s->parked = do_parked;
    s->cek = do_cek;
}

int main(void)
{
    return store_suite_run("store_sqlite", do_open);
}
