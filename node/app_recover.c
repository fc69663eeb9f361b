/* SPDX-License-Identifier: Apache-2.0 */
/* A node that lost disk and keys, on its new machine: the parent has said the new key, the exchange
 * has brought its own streams; here the `self` backup is opened with the recovery code and put in
 * place. Every step can be repeated, the mark in the database goes last. */
#include "node/app_backup.h"
#include "node/app_internal.h"
#include "node/app_self.h"
#include "node/http/tls.h"
#include "node/store/staff.h"
#include "protocol/base/text.h"
#include "protocol/jspec.h"
#include "protocol/seal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

static const char kv_mark[] = "recover/pending", kv_open[] = "recover/open";

/* The barrier is raised from the start: whatever this node has signed, it signs on in new epochs,
 * and no act before its parent has stated everything it holds (PROTOCOL.md 15.1). */
int app__recover_mark(struct store *s)
{
    static const uint8_t one = 1;
    const struct sync_store *st = store_port(s);
    int r = st->kv_put(st->ctx, "barrier/raised", span_of(&one, 1));
    return r < 0 ? r : st->kv_put(st->ctx, kv_mark, span_of(&one, 1));
}

bool app_recovering(struct app *a)
{
    const struct sync_store *st = store_port(a->store);
    struct buf v;
    buf_init(&v, 64);
    int r = st->kv_get(st->ctx, kv_mark, &v);
    buf_done(&v);
    return r == 0;
}

int app_recover_done(struct app *a)
{
    const struct sync_store *st = store_port(a->store);
    return st->kv_del(st->ctx, kv_mark);
}

/* ---- opening ---- */

struct opening {
    struct app *a;
    const uint8_t (*seed)[SEAL_SEED_LEN];
    struct arena *ar;
    struct buf plain;
    struct self_piece p;
    int err;
};

static int on_piece(const struct store_rec *rec, void *arg)
{
    struct opening *o = arg;
    struct seal_ctx c;
    struct node_id me;
    uint8_t cek[32];
    const uint8_t *g = roster_g(app_roster(o->a));
    o->err = rec->withdrawn ? SANJI_E_NOT_FOUND : node_id_parse(app_id(o->a), LIM_NODE_ID, &me);
    for (size_t i = 0; o->err == 0 && g != NULL; i++) {
        memset(&c, 0, sizeof c);
        c.by = me;
        c.step = rec->r;
        snprintf(c.id, sizeof c.id, "%s", rec->id);
        memcpy(c.g, g, HASH_LEN);
        buf_reset(&o->plain);
        int r = seal_read(rec->d, &c, &me, o->seed, 1, o->ar, cek, &o->plain, NULL);
        g = r == SANJI_E_OPEN ? roster_lineage(app_roster(o->a), i) : NULL;
        o->err = r == SANJI_E_OPEN && g != NULL ? 0 : r;
    }
    mem_wipe(cek, sizeof cek);
    if (o->err == 0) {
        o->err = jspec_read(o->plain.data, o->plain.len, self_piece_spec, &o->p, sizeof o->p, o->ar,
                            NULL);
    }
    return 0;
}

static int piece(struct opening *o, int64_t i)
{
    char id[16];
    self_piece_id(i, id);
    o->err = SANJI_E_NOT_FOUND;
    int r = store_record_get(o->a->store, app_id(o->a), "sealed", id, on_piece, o);
    return r < 0 ? r : o->err;
}

/* The packed text of the newest backup. */
static int open_pieces(struct opening *o, struct buf *z)
{
    struct self_piece first;
    uint8_t sha[HASH_LEN];
    int r = piece(o, 0);
    first = o->p;
    for (int64_t i = 0; r == 0 && i < first.n; i++) {
        r = i == 0 ? 0 : piece(o, i);
        if (r == 0 && (strcmp(o->p.k, "self/1") != 0 || o->p.i != i || o->p.no != first.no)) {
            r = strcmp(o->p.k, "self/1") != 0 ? SANJI_E_VERSION : SANJI_E_CORRUPT;
        }
        r = r < 0 ? r : buf_put(z, o->p.z.p, o->p.z.n);
    }
    if (r == 0) {
        hash_bytes(z->data, z->len, sha);
        r = memcmp(sha, first.sha, HASH_LEN) == 0 ? 0 : SANJI_E_CORRUPT;
    }
    o->p = first;
    return r;
}

static int unpack(const struct buf *z, char **ret, size_t *ret_n)
{
    unsigned long long n = ZSTD_getFrameContentSize(z->data, z->len);
    if (n == ZSTD_CONTENTSIZE_ERROR || n == ZSTD_CONTENTSIZE_UNKNOWN || n > SELF_FILES) {
        return SANJI_E_CORRUPT;
    }
    char *x = malloc((size_t)n + 1);
    if (x == NULL) {
        return SANJI_E_NOMEM;
    }
    size_t k = ZSTD_decompress(x, (size_t)n, z->data, z->len);
    if (ZSTD_isError(k) || k != n) {
        free(x);
        return SANJI_E_CORRUPT;
    }
    x[n] = '\0';
    *ret = x;
    *ret_n = (size_t)n;
    return 0;
}

/* ---- putting in place ---- */

struct placing {
    struct app *a;
    const struct app_birth *b;
    struct arena *ar;
    struct app_recovered *ret;
    struct span tls_key, tls_crt;
};

static int take_user(struct placing *x, struct span line)
{
    struct self_staff u;
    int r = jspec_read(line.p, line.n, self_staff_spec, &u, sizeof u, x->ar, NULL);
    struct staff_user row = {.login = u.login,
                             .name = u.name,
                             .role = u.role,
                             .pass = u.pass,
                             .one_time = u.one_time,
                             .totp = u.totp,
                             .disabled = u.disabled,
                             .created = u.created,
                             .changed = u.changed,
                             .org = u.org != NULL ? u.org : ""};
    r = r < 0 ? SANJI_E_CORRUPT : staff_user_add(x->a->store, &row);
    x->ret->staff += r == 0 || r == SANJI_E_EXISTS;
    return r == SANJI_E_EXISTS ? 0 : r; /* put back by an attempt before this one */
}

static int take_staff(struct placing *x, struct span body)
{
    int r = 0;
    while (r == 0 && body.n > 0) {
        const char *nl = memchr(body.p, '\n', body.n);
        size_t n = nl == NULL ? body.n : (size_t)(nl - (const char *)body.p);
        r = take_user(x, span_of(body.p, n));
        n += nl != NULL;
        body = span_of((const uint8_t *)body.p + n, body.n - n);
    }
    return r;
}

static int replace_file(const struct app *a, const char *name, struct span body, bool secret)
{
    char path[APP_PATH_BYTES], next[APP_PATH_BYTES], what[128];
    (void)snprintf(what, sizeof what, "%s.new", name);
    int r = app_path(a->dir, name, path);
    r = r < 0 ? r : app_path(a->dir, what, next);
    if (r == 0) {
        (void)unlink(next);
        r = app__write_file(next, body.p, body.n, secret);
    }
    return r == 0 && rename(next, path) != 0 ? SANJI_E_IO : r;
}

/* The settings of before, but what was said on the command line now goes before them. */
static int take_conf(struct placing *x, struct span body)
{
    const struct {
        const char *name, *value;
    } given[] = {{"staff_listen", x->b->staff}, {"sync_listen", x->b->sync}, {"url", x->b->url}};
    char want[160];
    struct config c;
    struct buf out;
    config_defaults(&c);
    if (config_parse((const char *)body.p, body.n, &c, NULL, NULL) < 0) {
        return 0; /* of another version: this one's defaults stay, and nothing else is lost */
    }
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof given / sizeof given[0]; i++) {
        r = given[i].value == NULL
                ? 0
                : config_set(&c, config_find(given[i].name), given[i].value, want);
    }
    buf_init(&out, CONFIG_FILE_BYTES);
    r = r < 0 ? r : config_print(&c, x->b->zh, &out);
    r = r < 0 ? r : replace_file(x->a, "sanji.conf", span_of(out.data, out.len), false);
    buf_done(&out);
    return r;
}

static int take_open(struct placing *x, struct span body)
{
    const struct sync_store *st = store_port(x->a->store);
    struct buf v;
    buf_init(&v, SELF_FILES + 64);
    buf_printf(&v, "%lld\n", (long long)x->ret->made_ms);
    int r = buf_put(&v, body.p, body.n);
    for (size_t i = 0; i < body.n; i++) {
        x->ret->open += ((const char *)body.p)[i] == '\n';
    }
    r = r < 0 ? r : st->kv_put(st->ctx, kv_open, span_of(v.data, v.len));
    buf_done(&v);
    return r;
}

/* A node that others connect to keeps the key they know it by, or they could not hear of another.
 */
static int take_tls(struct placing *x)
{
    char crt[APP_PATH_BYTES];
    uint8_t pin[HASH_LEN];
    if (x->tls_key.n == 0 || x->tls_crt.n == 0) {
        return 0;
    }
    int r = app_path(x->a->dir, "keys/tls.crt", crt);
    r = r < 0 ? r : replace_file(x->a, "keys/tls.key", x->tls_key, true);
    r = r < 0 ? r : replace_file(x->a, "keys/tls.crt", x->tls_crt, false);
    r = r < 0 ? r : tls_pin_of_file(crt, pin);
    x->ret->tls = r == 0 && memcmp(pin, x->a->tls_pin, HASH_LEN) != 0;
    return r;
}

static int take_file(struct placing *x, const char *name, size_t n, struct span body)
{
    struct span nm = span_of(name, n);
    if (span_eqs(nm, "staff")) {
        return take_staff(x, body);
    }
    if (span_eqs(nm, "sanji.conf")) {
        return body.n == 0 ? 0 : take_conf(x, body);
    }
    if (span_eqs(nm, "open")) {
        return take_open(x, body);
    }
    if (span_eqs(nm, "audit")) {
        return body.n == 0 ? 0 : replace_file(x->a, "audit-before-loss.jsonl", body, true);
    }
    x->tls_key = span_eqs(nm, "keys/tls.key") ? body : x->tls_key;
    x->tls_crt = span_eqs(nm, "keys/tls.crt") ? body : x->tls_crt;
    return 0; /* what a newer version adds is left to it */
}

static int take_files(struct placing *x, const char *p, size_t n)
{
    int r = 0;
    while (r == 0 && n > 0) {
        int64_t size = 0;
        const char *nl = memchr(p, '\n', n);
        const char *sp = nl == NULL ? NULL : memchr(p, ' ', (size_t)(nl - p));
        if (sp == NULL || text_i64(sp + 1, (size_t)(nl - sp) - 1, 0, SELF_FILES, &size) < 0 ||
            (size_t)size > n - (size_t)(nl - p) - 1) {
            return SANJI_E_CORRUPT;
        }
        r = take_file(x, p, (size_t)(sp - p), span_of(nl + 1, (size_t)size));
        n -= (size_t)(nl - p) + 1 + (size_t)size;
        p = nl + 1 + size;
    }
    return r < 0 ? r : take_tls(x);
}

/* Before the mark goes that says there is something to be put in place. */
static int make_sure(const struct app *a)
{
    char keys[APP_PATH_BYTES];
    int r = app_path(a->dir, "keys", keys);
    r = r < 0 ? r : app__sync_dir(keys);
    return r < 0 ? r : app__sync_dir(a->dir);
}

int app_recover_self(struct app *a, const struct app_birth *b,
                     const uint8_t secret[static RECOVERY_SECRET], struct app_recovered *ret)
{
    uint8_t seed[1][SEAL_SEED_LEN];
    struct store_totals tot;
    struct opening o = {
        .a = a, .seed = (const uint8_t(*)[SEAL_SEED_LEN])seed, .ar = arena_new(16 << 20)};
    struct placing x = {.a = a, .b = b, .ar = o.ar, .ret = ret};
    struct buf z;
    char *text = NULL;
    size_t n = 0;
    memset(ret, 0, sizeof *ret);
    recovery_seed(secret, seed[0]);
    buf_init(&o.plain, LIM_ITEM_BYTES);
    buf_init(&z, SELF_FILES);
    int r = o.ar == NULL ? SANJI_E_NOMEM : store_totals(a->store, &tot);
    if (r == 0) {
        ret->bundles = tot.bundles;
        r = open_pieces(&o, &z);
        ret->found = r == 0;
        ret->made_ms = r == 0 ? o.p.no : 0;
    }
    if (r == 0) {
        r = unpack(&z, &text, &n);
    }
    if (r == 0) {
        r = take_files(&x, text, n);
    }
    r = r < 0 ? r : make_sure(a);
    if (text != NULL) {
        mem_wipe(text, n);
    }
    free(text);
    mem_wipe(seed, sizeof seed);
    buf_wipe_done(&o.plain);
    buf_wipe_done(&z);
    arena_free(o.ar);
    return r == SANJI_E_NOT_FOUND && !ret->found ? 0 : r;
}

char app_recover_side(struct app *a, const char *peer, const char *id, int64_t *ret_ms)
{
    const struct sync_store *st = store_port(a->store);
    char line[LIM_ID_BYTES + LIM_NODE_ID + 8], side = 0;
    struct buf v;
    int64_t ms = 0;
    buf_init(&v, SELF_FILES + 64);
    if (st->kv_get(st->ctx, kv_open, &v) == 0) {
        const char *s = buf_str(&v), *nl = strchr(s, '\n');
        if (nl != NULL) {
            (void)text_i64(s, (size_t)(nl - s), 0, INT64_MAX, &ms);
        }
        for (int i = 0; side == 0 && i < 2; i++) {
            (void)snprintf(line, sizeof line, "\n%c %s %s\n", "ir"[i], peer, id);
            side = strstr(s, line) != NULL ? "ir"[i] : '\0';
        }
    }
    buf_done(&v);
    if (ret_ms != NULL) {
        *ret_ms = ms;
    }
    return side;
}
