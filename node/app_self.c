/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the `self` backup (app_self.h has the format). It is small, so it is made whole each time
 * and compared by hash with the one before. */
#include "node/app_self.h"

#include "node/app_internal.h"
#include "node/recovery.h"
#include "node/store/staff.h"
#include "protocol/base/enc.h"
#include "protocol/jspec.h"
#include "protocol/seal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { LOOK_MS = 5000, REST_MS = 600000, DAY_MS = 86400000, LEVEL = 9 };
static const char kv_last[] = "self/backup";

/* clang-format off */
#define S struct self_staff
const struct jspec self_staff_spec[] = {
    JF_TEXT(S, login, 1, 64), JF_TEXT(S, name, 0, 80), JF_TEXT(S, role, 1, 40), JF_TEXT(S, pass, 0, 400),
    JF_BLOB(S, totp, 0, 64), JF_BOOL(S, one_time), JF_BOOL(S, disabled),
    JF_INT(S, created, 0, 999999999999999), JF_INT(S, changed, 0, 999999999999999),
    JF_TOKEN_OPT(S, org, 1, LIM_ID_BYTES), JF_END};
#undef S
#define S struct self_piece
const struct jspec self_piece_spec[] = {
    JF_TEXT(S, k, 1, 20), JF_INT(S, no, 0, 999999999999999), JF_INT(S, i, 0, SELF_PIECES - 1),
    JF_INT(S, n, 1, SELF_PIECES), JF_BYTES(S, sha), JF_BLOB(S, z, 1, SELF_PIECE), JF_END};
#undef S
/* clang-format on */

void self_piece_id(int64_t i, char out[static 16])
{
    (void)snprintf(out, 16, "self.%d", (int)i);
}

/* ---- the text ---- */

static int put_file(struct buf *out, const char *name, const struct buf *body)
{
    if (body->err < 0) {
        return body->err;
    }
    buf_printf(out, "%s %zu\n", name, body->len);
    return buf_put(out, body->data, body->len);
}

static int on_user(const struct staff_user *u, void *arg)
{
    struct buf *out = arg;
    struct self_staff x = {.login = u->login,
                           .name = u->name,
                           .role = u->role,
                           .pass = u->pass,
                           .totp = u->totp,
                           .one_time = u->one_time,
                           .disabled = u->disabled,
                           .created = u->created,
                           .changed = u->changed,
                           .org = u->org[0] == '\0' ? NULL : u->org};
    struct jw w;
    jw_init(&w, out);
    jspec_write(&w, NULL, self_staff_spec, &x);
    int r = jw_done(&w);
    return r < 0 ? r : buf_putc(out, '\n');
}

struct names {
    struct buf *out;
    int n;
};

static int on_thread(const struct store_thread *t, void *arg)
{
    struct names *x = arg;
    bool out = strcmp(t->init, t->peer) != 0;
    enum ref_state next;
    if (ref_next(t->fold.state, RE_RESEAL, out ? REF_I : REF_R, &next) < 0) {
        return 0; /* over: nobody seals it anew */
    }
    buf_printf(x->out, "%c %s %s\n", out ? 'i' : 'r', t->peer, t->id);
    return ++x->n < SELF_THREADS ? 0 : 1;
}

static int on_audit(const struct staff_audit *r, void *arg)
{
    struct buf *out = arg;
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_int(&w, "ts", r->ts);
    jw_str(&w, "who", r->who);
    jw_str(&w, "what", r->what);
    jw_str(&w, "target", r->target);
    jw_str(&w, "result", r->result);
    jw_str(&w, "detail", r->detail);
    jw_end_obj(&w);
    int e = jw_done(&w);
    return e < 0 ? e : buf_putc(out, '\n');
}

static int put_own_file(const struct app *a, const char *name, struct buf *out)
{
    char path[APP_PATH_BYTES];
    struct buf b;
    buf_init(&b, 256 * 1024);
    int r = app_path(a->dir, name, path);
    if (r == 0) {
        r = app__read_file(path, 256 * 1024, &b);
    }
    r = r == SANJI_E_NOT_FOUND ? 0 : r;
    if (r == 0) {
        r = put_file(out, name, &b);
    }
    buf_wipe_done(&b);
    return r;
}

/* What is worth writing it again at once. */
static int text_core(struct app *a, const uint8_t pub[static SEAL_PUB_LEN], struct buf *out)
{
    static const char *const files[] = {"sanji.conf", "keys/tls.key", "keys/tls.crt"};
    struct buf b;
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof files / sizeof files[0]; i++) {
        r = put_own_file(a, files[i], out);
    }
    buf_init(&b, SELF_FILES);
    r = r < 0 ? r : staff_user_list(a->store, on_user, &b);
    r = r < 0 ? r : put_file(out, "staff", &b);
    buf_reset(&b);
    r = r < 0 ? r : buf_put(&b, pub, SEAL_PUB_LEN); /* another code: what the old one opens ends */
    r = r < 0 ? r : put_file(out, "code", &b);
    buf_wipe_done(&b);
    return r;
}

static int text_rest(struct app *a, struct buf *out)
{
    struct buf b;
    struct names n = {.out = &b};
    buf_init(&b, SELF_FILES);
    int r = store_thread_list(a->store, 0, 0, on_thread, &n);
    r = r < 0 ? r : put_file(out, "open", &b);
    buf_done(&b);
    return r;
}

static int text_audit(struct app *a, struct buf *out)
{
    struct buf b;
    buf_init(&b, SELF_FILES);
    int r = staff_audit_list(a->store, NULL, 0, SELF_AUDIT, on_audit, &b);
    r = r < 0 ? r : put_file(out, "audit", &b);
    buf_done(&b);
    return r;
}

/* ---- sealing ---- */

static int on_record(const struct store_rec *rec, void *arg)
{
    int64_t *r = arg;
    r[0] = rec->r;
    r[1] = !rec->withdrawn;
    return 0;
}

/* *ret_r: the next revision; *ret_is: it stands. */
static int revision(struct app *a, const char *id, int64_t *ret_r, bool *ret_is)
{
    int64_t x[2] = {0, 0};
    int r = store_record_get(a->store, app_id(a), "sealed", id, on_record, x);
    *ret_r = x[0] + 1;
    *ret_is = x[1] != 0;
    if (r == SANJI_E_NOT_FOUND) {
        r = sync_erased_upto(a->sync, NULL, id, ret_r);
        ++*ret_r;
    }
    return r;
}

static int seal_piece(struct app *a, const uint8_t pub[static SEAL_PUB_LEN],
                      const struct self_piece *p, struct buf *out)
{
    struct seal_ctx c = {.n_to = 1};
    struct item it = {.op = OP_PUT, .k = "sealed/1"};
    uint8_t rnd[64], cek[32];
    struct buf plain, d;
    struct jw w;
    bool is;
    self_piece_id(p->i, it.id);
    memcpy(c.g, roster_g(app_roster(a)), HASH_LEN);
    memcpy(c.id, it.id, sizeof c.id);
    memcpy(c.to[0].pub, pub, SEAL_PUB_LEN);
    buf_init(&plain, LIM_ITEM_BYTES);
    buf_init(&d, LIM_ITEM_BYTES * 2);
    int r = node_id_parse(app_id(a), strlen(app_id(a)), &c.by);
    c.to[0].n = c.by;
    r = r < 0 ? r : revision(a, it.id, &it.r, &is);
    c.step = it.r;
    r = r < 0 ? r : app_random(rnd, sizeof rnd);
    r = r < 0 ? r : app_random(cek, sizeof cek);
    r = r < 0 ? r : app_random(it.z, sizeof it.z);
    if (r == 0) {
        jw_init(&w, &plain);
        jspec_write(&w, NULL, self_piece_spec, p);
        r = jw_done(&w);
    }
    r = r < 0 ? r : seal_write(&c, cek, span_of(plain.data, plain.len), rnd, &d);
    it.d = span_of(d.data, d.len);
    r = r < 0 ? r : item_write(&it, out);
    mem_wipe(cek, sizeof cek);
    mem_wipe(rnd, sizeof rnd);
    buf_wipe_done(&plain);
    buf_done(&d);
    return r;
}

struct pieces { /* texts of items, one behind the other */
    struct buf text;
    size_t end[SELF_PIECES];
    size_t n;
};

static int piece_end(struct pieces *x, int r)
{
    if (r == 0) {
        x->end[x->n++] = x->text.len;
    }
    return r;
}

/* Of a longer backup before this one. */
static int withdraw_from(struct app *a, int64_t n, struct pieces *x)
{
    int r = 0;
    for (int64_t i = n; r == 0 && i < SELF_PIECES; i++) {
        struct item it = {.op = OP_WITHDRAW, .k = "sealed/1"};
        bool is;
        self_piece_id(i, it.id);
        r = revision(a, it.id, &it.r, &is);
        if (r < 0 || !is) {
            break;
        }
        r = app_random(it.z, sizeof it.z);
        r = piece_end(x, r < 0 ? r : item_write(&it, &x->text));
    }
    return r;
}

static int write_items(struct app *a, const struct pieces *x)
{
    struct span items[SELF_PIECES];
    struct sync_tick t;
    size_t from = 0;
    for (size_t i = 0; i < x->n; i++) {
        items[i] = span_of(x->text.data + from, x->end[i] - from);
        from = x->end[i];
    }
    int r = app_tick_make(&t);
    return r < 0 ? r : sync_write(a->sync, &t, "self", items, x->n, false, NULL);
}

static int write_pieces(struct app *a, const uint8_t pub[static SEAL_PUB_LEN], struct span z)
{
    struct pieces x = {.n = 0};
    struct self_piece p = {
        .k = "self/1", .no = app_now_ms(), .n = (int64_t)((z.n + SELF_PIECE - 1) / SELF_PIECE)};
    if (p.n > SELF_PIECES) {
        return SANJI_E_SIZE;
    }
    hash_bytes(z.p, z.n, p.sha);
    buf_init(&x.text, (size_t)SELF_PIECES * LIM_ITEM_BYTES);
    int r = 0;
    for (; r == 0 && p.i < p.n; p.i++) {
        size_t from = (size_t)p.i * SELF_PIECE, left = z.n - from;
        p.z = span_of((const uint8_t *)z.p + from, left < SELF_PIECE ? left : (size_t)SELF_PIECE);
        r = piece_end(&x, seal_piece(a, pub, &p, &x.text));
    }
    r = r < 0 ? r : withdraw_from(a, p.n, &x);
    r = r < 0 ? r : write_items(a, &x);
    buf_done(&x.text);
    return r;
}

static int pack_and_write(struct app *a, const uint8_t pub[static SEAL_PUB_LEN],
                          const struct buf *x)
{
    size_t max = ZSTD_compressBound(x->len);
    uint8_t *z = malloc(max);
    if (z == NULL) {
        return SANJI_E_NOMEM;
    }
    size_t n = ZSTD_compress(z, max, x->data, x->len, LEVEL);
    int r = ZSTD_isError(n) ? SANJI_E_NOMEM : write_pieces(a, pub, span_of(z, n));
    mem_wipe(z, max);
    free(z);
    return r;
}

/* ---- when ---- */

struct last {
    uint8_t core[HASH_LEN], rest[HASH_LEN], audit[HASH_LEN];
    int64_t ms;
};

static int last_get(struct app *a, struct last *ret)
{
    const struct sync_store *st = store_port(a->store);
    struct buf v;
    buf_init(&v, 1024);
    memset(ret, 0, sizeof *ret);
    int r = st->kv_get(st->ctx, kv_last, &v);
    if (r == 0 && v.len == sizeof *ret) {
        memcpy(ret, v.data, sizeof *ret);
    }
    buf_done(&v);
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

static bool due(const struct last *was, const struct last *now)
{
    bool core = memcmp(was->core, now->core, HASH_LEN) != 0;
    bool rest = memcmp(was->rest, now->rest, HASH_LEN) != 0;
    bool audit = memcmp(was->audit, now->audit, HASH_LEN) != 0;
    int64_t since = now->ms < was->ms ? DAY_MS : now->ms - was->ms; /* a clock that went back */
    return core || (rest && since >= REST_MS) || (audit && since >= DAY_MS);
}

static int look(struct app *a, const uint8_t pub[static SEAL_PUB_LEN])
{
    struct last was, now = {.ms = app_now_ms()};
    const struct sync_store *st = store_port(a->store);
    struct buf x;
    buf_init(&x, SELF_FILES);
    int r = last_get(a, &was);
    r = r < 0 ? r : text_core(a, pub, &x);
    size_t core = x.len;
    r = r < 0 ? r : text_rest(a, &x);
    size_t rest = x.len;
    r = r < 0 ? r : text_audit(a, &x);
    if (r == 0) {
        hash_bytes(x.data, core, now.core);
        hash_bytes(x.data + core, rest - core, now.rest);
        hash_bytes(x.data + rest, x.len - rest, now.audit);
    }
    if (r == 0 && due(&was, &now)) {
        r = pack_and_write(a, pub, &x);
        if (r == 0) {
            r = st->kv_put(st->ctx, kv_last, span_of(&now, sizeof now));
            a->wrote = true;
        }
    }
    buf_wipe_done(&x);
    return r;
}

int app_self_tick(struct app *a, int64_t mono_ms)
{
    uint8_t pub[SEAL_PUB_LEN];
    const struct roster_node *me = app_self_node(a);
    if (mono_ms < a->self_due || me == NULL || node_id_none(&me->up) || app__may_write(a) < 0 ||
        app_disk_low(a) || sync_self_state(a->sync) != SYNC_SELF_OK || app_recovering(a)) {
        return 0;
    }
    a->self_due = app_mono_ms() + LOOK_MS;
    int r = app__read_secret(a->dir, "keys/recovery.pub", pub, sizeof pub);
    return r == SANJI_E_NOT_FOUND ? 0 : r < 0 ? r : look(a, pub);
}
