/* SPDX-License-Identifier: Apache-2.0 */
/* How a node comes into being: as the first of a federation (app_init), or invited by a parent
 * (app_join_*). The root key is made here, written once to a file outside the data folder, and
 * never read again by a running node: it belongs into a drawer. A birth that fails half-way takes
 * away what it made, one that is cut short is cleared away by the next (app_birth.c); a join keeps
 * its keys, because the parent may already have approved them. */
#include "node/app_backup.h"
#include "node/app_internal.h"
#include "node/dirlock.h"
#include "node/http/tls.h"
#include "node/root_key.h"
#include "protocol/base/text.h"
#include "sync/enrol.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int check_birth(const struct app_birth *b, struct fault *f)
{
    int r = app__name_check(b->name, true, f);
    if (r < 0) {
        return r;
    }
    if (!app_area_ok(b->area)) {
        return fault_set(f, SANJI_E_SPEC, "area", "2 .. 12 digits");
    }
    if (b->lv < 1 || b->lv > 99) {
        return fault_set(f, SANJI_E_SPEC, "tier", "province city district street community");
    }
    return 0;
}

/* Settings given on the command line, checked before anything is made. */
static int birth_config(const struct app_birth *b, struct config *c, struct fault *f)
{
    const struct {
        const char *name, *value, *flag;
    } given[] = {{"staff_listen", b->staff, "staff"},
                 {"sync_listen", b->sync, "sync"},
                 {"url", b->url, "url"}};
    char want[160];
    config_defaults(c);
    for (size_t i = 0; i < 3; i++) {
        if (given[i].value != NULL &&
            config_set(c, config_find(given[i].name), given[i].value, want) < 0) {
            return fault_set(f, SANJI_E_SPEC, given[i].flag, want);
        }
    }
    return 0;
}

/* SANJI_E_EXISTS: somebody's keys lie there, or somebody is at it; nothing was touched. */
static int make_dirs(const char *dir, const char *what, int *ret_lock)
{
    char keys[APP_PATH_BYTES];
    int r = app_path(dir, "keys", keys);
    if (r == 0 && mkdir(dir, 0700) != 0 && errno != EEXIST) {
        r = errno == ENOSPC ? SANJI_E_FULL : SANJI_E_IO;
    }
    if (r == 0 && access(keys, F_OK) == 0) {
        r = SANJI_E_EXISTS;
    }
    if (r == 0) {
        r = app__birth_begin(dir, what, ret_lock);
        r = r == SANJI_E_LOCKED ? SANJI_E_EXISTS : r == SANJI_E_NOT_FOUND ? SANJI_E_IO : r;
    }
    if (r == 0 && mkdir(keys, 0700) != 0) {
        r = errno == ENOSPC ? SANJI_E_FULL : SANJI_E_IO;
    }
    return r;
}

static int make_secret(const char *dir, const char *name, void *out, size_t n)
{
    char path[APP_PATH_BYTES];
    int r = app_random(out, n);
    if (r == 0) {
        r = app_path(dir, name, path);
    }
    return r == 0 ? app__write_file(path, out, n, true) : r;
}

/* Host part of "https://host:port/..." or "host:port". */
static void host_of(const char *s, char out[256])
{
    const char *p = strstr(s, "://");
    p = p != NULL ? p + 3 : s;
    size_t n = p[0] == '[' ? strcspn(p, "]") : strcspn(p, ":/");
    p += p[0] == '[';
    n -= p[-1] == '[' && n > 0 ? 1 : 0;
    snprintf(out, 256, "%.*s", (int)(n < 255 ? n : 255), p);
}

static int make_tls(const char *dir, const char *id, const struct config *c,
                    uint8_t pin[static HASH_LEN])
{
    char key[APP_PATH_BYTES], crt[APP_PATH_BYTES], host[2][256];
    const char *names[2];
    size_t n = 0;
    const char *from[] = {c->url, c->sync_listen};
    for (size_t i = 0; i < 2; i++) {
        if (from[i][0] != '\0' && from[i][0] != '*') {
            host_of(from[i], host[i]);
            if (host[i][0] != '\0' && (n == 0 || strcmp(names[0], host[i]) != 0)) {
                names[n++] = host[i];
            }
        }
    }
    int r = app_path(dir, "keys/tls.key", key);
    if (r == 0) {
        r = app_path(dir, "keys/tls.crt", crt);
    }
    return r == 0 ? tls_identity_create(key, crt, id, names, n, pin) : r;
}

static int write_config(const char *dir, const struct config *c, bool zh)
{
    char path[APP_PATH_BYTES];
    struct buf b;
    buf_init(&b, CONFIG_FILE_BYTES);
    int r = app_path(dir, "sanji.conf", path);
    if (r == 0) {
        r = config_print(c, zh, &b);
    }
    if (r == 0) {
        r = app__write_file(path, b.data, b.len, false);
    }
    buf_done(&b);
    return r;
}

/* Lies `path` (which need not exist yet) inside `dir`? Both parents are resolved first. */
static bool inside(const char *dir, const char *path)
{
    char parent[APP_PATH_BYTES], real_dir[PATH_MAX], real_parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash == NULL) {
        snprintf(parent, sizeof parent, ".");
    } else {
        slash[slash == parent ? 1 : 0] = '\0';
    }
    if (realpath(dir, real_dir) == NULL || realpath(parent, real_parent) == NULL) {
        size_t n = strlen(dir); /* DIR does not exist yet: compare as written */
        return strncmp(path, dir, n) == 0 && path[n] == '/';
    }
    size_t n = strlen(real_dir);
    return strncmp(real_parent, real_dir, n) == 0 &&
           (real_parent[n] == '/' || real_parent[n] == '\0');
}

static int root_key_path(const struct app_birth *b, char out[static APP_PATH_BYTES],
                         struct fault *f)
{
    size_t n = strlen(b->dir);
    while (n > 1 && b->dir[n - 1] == '/') {
        n--;
    }
    int k = b->root_key != NULL ? snprintf(out, APP_PATH_BYTES, "%s", b->root_key)
                                : snprintf(out, APP_PATH_BYTES, "%.*s-root.key", (int)n, b->dir);
    if (k <= 0 || k >= APP_PATH_BYTES) {
        return fault_set(f, SANJI_E_SIZE, "root-key", NULL);
    }
    if (inside(b->dir, out)) {
        return fault_set(f, SANJI_E_SPEC, "root-key", "a file outside the data folder");
    }
    return access(out, F_OK) == 0 ? fault_set(f, SANJI_E_EXISTS, "root-key", NULL) : 0;
}

struct birth {
    struct config cfg;
    struct sync_self self;
    uint8_t sign_seed[SIGN_SEED_LEN], seal_seed[1][SEAL_SEED_LEN], root_seed[SIGN_SEED_LEN];
    struct sign_key *root, *own;
    int64_t ts;
};

static int body_of(struct act *a, const struct sign_key *k1, const struct sign_key *k2,
                   struct buf *text, struct buf *body)
{
    struct act_co co[2];
    size_t n = 0;
    int r = act_write(a, text);
    struct span t = span_of(text->data, text->len);
    if (r == 0) {
        r = act_sign(t, k1, &co[n++]);
    }
    if (r == 0 && k2 != NULL) {
        r = act_sign(t, k2, &co[n++]);
    }
    return r == 0 ? act_body_write(t, co, n, body) : r;
}

/* The two acts everything rests on: who the root is, and that this node is the top. */
static int first_acts(const struct app_birth *b, struct birth *x, struct buf *root_body,
                      struct buf *node_body)
{
    struct buf text;
    struct act a = {.type = ACT_ROOT, .n = x->self.id, .ts = x->ts, .ver = 1, .k = 1, .n_keys = 1};
    buf_init(&text, LIM_ITEM_BYTES);
    memcpy(a.keys[0], sign_key_pub(x->root), SIGN_PUB_LEN);
    int r = body_of(&a, x->root, NULL, &text, root_body);
    if (r == 0) {
        act_hash(span_of(text.data, text.len), x->self.g);
        struct act t = {.type = ACT_NODE,
                        .has_g = true,
                        .n = x->self.id,
                        .ts = x->ts,
                        .lv = b->lv,
                        .name = b->name,
                        .area = b->area,
                        .reg = true,
                        .has_sig = true,
                        .has_seal = true,
                        .has_tls = true,
                        .has_inst = true};
        memcpy(t.g, x->self.g, HASH_LEN);
        memcpy(t.after, x->self.g, HASH_LEN); /* the root act was the first about the top node */
        memcpy(t.sig, sign_key_pub(x->own), SIGN_PUB_LEN);
        memcpy(t.tls, x->self.tls_spki, HASH_LEN);
        memcpy(t.inst, x->self.inst, sizeof t.inst);
        t.url = x->cfg.url[0] != '\0' ? x->cfg.url : NULL;
        r = seal_pub_of(x->seal_seed[0], t.seal);
        buf_reset(&text);
        if (r == 0) {
            r = body_of(&t, x->root, x->own, &text, node_body);
        }
    }
    buf_done(&text);
    return r;
}

static int kv_self(struct store *s, const struct sync_self *self)
{
    const struct sync_store *st = store_port(s);
    int r = st->kv_put(st->ctx, "self/g", span_of(self->g, HASH_LEN));
    if (r == 0) {
        r = st->kv_put(st->ctx, "self/id", span_of(self->id.s, LIM_NODE_ID));
    }
    return r == 0 ? st->kv_put(st->ctx, "self/inst", span_of(self->inst, sizeof self->inst)) : r;
}

static int make_database(const struct app_birth *b, struct birth *x)
{
    struct buf root_body, node_body;
    struct store *s = NULL;
    struct sync *y = NULL;
    struct sync_tick t;
    buf_init(&root_body, LIM_ITEM_BYTES);
    buf_init(&node_body, LIM_ITEM_BYTES);
    int r = first_acts(b, x, &root_body, &node_body);
    if (r == 0) {
        r = store_open(b->dir, STORE_WRITE, &s);
    }
    if (r == 0) {
        r = sync_new(&x->self, store_port(s), &y);
    }
    if (r == 0) {
        r = app_tick_make(&t);
    }
    if (r == 0) {
        r = sync_genesis(y, &t, span_of(root_body.data, root_body.len),
                         span_of(node_body.data, node_body.len));
    }
    if (r == 0) {
        r = kv_self(s, &x->self);
    }
    sync_free(y);
    store_close(s);
    buf_done(&root_body);
    buf_done(&node_body);
    return r;
}

static int make_keys(const struct app_birth *b, struct birth *x)
{
    uint8_t rnd[9];
    const char *dir = b->dir;
    int r = app_random(rnd, sizeof rnd);
    if (r == 0) {
        node_id_make(rnd, &x->self.id);
        r = make_secret(dir, "keys/sign.seed", x->sign_seed, SIGN_SEED_LEN);
    }
    if (r == 0) {
        r = make_secret(dir, "keys/seal.seed", x->seal_seed[0], SEAL_SEED_LEN);
    }
    if (r == 0) {
        r = make_secret(dir, "keys/inst", x->self.inst, sizeof x->self.inst);
    }
    if (r == 0) {
        r = make_tls(dir, x->self.id.s, &x->cfg, x->self.tls_spki);
    }
    if (r == 0) {
        x->own = sign_key_new(x->sign_seed);
        r = x->own == NULL ? SANJI_E_NOMEM : 0;
    }
    x->self.sign_seed = x->sign_seed;
    x->self.seal_seeds = (const uint8_t(*)[SEAL_SEED_LEN])x->seal_seed;
    x->self.n_seal_seeds = 1;
    return r;
}

/* The root key, and the mark that says what is being made. Whoever clears it away may stand in
 * another folder: its path is written out. */
static int make_root(struct birth *x, const char *path, char *what, size_t max)
{
    char here[PATH_MAX] = "";
    struct key_id kid;
    int r = app_random(x->root_seed, sizeof x->root_seed);
    x->root = r < 0 ? NULL : sign_key_new(x->root_seed);
    if (x->root == NULL) {
        return r < 0 ? r : SANJI_E_NOMEM;
    }
    if (path[0] != '/' && getcwd(here, sizeof here) == NULL) {
        return SANJI_E_IO;
    }
    key_id_of(sign_key_pub(x->root), &kid);
    int n = snprintf(what, max, "node %s %s%s%s", kid.s, here, here[0] != '\0' ? "/" : "", path);
    return n > 0 && n < (int)max ? 0 : SANJI_E_SIZE;
}

/* Everything that can be refused, then the folder with its mark. *ret_lock as by make_dirs(). */
static int begin(const struct app_birth *b, struct birth *x, struct app_born *ret, struct fault *f,
                 int *ret_lock)
{
    char db[APP_PATH_BYTES], what[APP_PATH_BYTES + 24];
    int r = check_birth(b, f);
    if (r == 0) {
        r = birth_config(b, &x->cfg, f);
    }
    if (r == 0) {
        r = app__birth_clear(b->dir);
        r = r == SANJI_E_LOCKED ? fault_set(f, SANJI_E_EXISTS, "data", NULL) : r;
    }
    if (r == 0) {
        r = root_key_path(b, ret->root_key, f);
    }
    if (r == 0 && app_path(b->dir, "sanji.db", db) == 0 && access(db, F_OK) == 0) {
        r = fault_set(f, SANJI_E_EXISTS, "data", NULL);
    }
    if (r == 0) {
        r = make_root(x, ret->root_key, what, sizeof what);
    }
    if (r < 0) {
        return r;
    }
    r = make_dirs(b->dir, what, ret_lock);
    if (r == SANJI_E_EXISTS) {
        return fault_set(f, r, "data", NULL);
    }
    if (r < 0 && *ret_lock >= 0) {
        app__birth_undo(b->dir);
    }
    return r;
}

int app_init(const struct app_birth *b, struct app_born *ret, struct fault *f)
{
    struct birth x = {.ts = app_now_ms()};
    int lock = -1;
    bool root_written = false;
    int r = begin(b, &x, ret, f, &lock);
    if (r < 0) {
        sign_key_free(x.root);
        mem_wipe(&x, sizeof x);
        dirlock_drop(lock);
        return r;
    }
    r = make_keys(b, &x);
    if (r == 0) {
        r = app_recovery_new(b->dir, ret->recovery);
    }
    if (r == 0) {
        r = write_config(b->dir, &x.cfg, b->zh);
    }
    if (r == 0) {
        r = make_database(b, &x);
    }
    if (r == 0) {
        r = root_key_write(ret->root_key, x.root_seed, x.self.g);
        root_written = r == 0;
        if (r < 0) {
            (void)fault_set(f, r, "root-key", NULL);
        }
    }
    if (r == 0) {
        r = app__birth_end(b->dir, ret->root_key);
    }
    if (r < 0) {
        if (root_written) { /* while the mark still names it */
            (void)unlink(ret->root_key);
        }
        app__birth_undo(b->dir);
    }
    dirlock_drop(lock);
    ret->id = x.self.id;
    memcpy(ret->g, x.self.g, HASH_LEN);
    sign_key_free(x.own);
    sign_key_free(x.root);
    mem_wipe(&x, sizeof x);
    return r;
}

/* ---- joining ---- */

/* 0: the folder is the very node of this invite; any other node must not be touched. */
static int already_joined(const char *dir, const struct msg_invite *inv, struct fault *f)
{
    struct store *s = NULL;
    struct buf g, id;
    buf_init(&g, HASH_LEN + 1);
    buf_init(&id, LIM_NODE_ID + 1);
    int r = store_open(dir, STORE_READ, &s);
    if (r == 0) {
        const struct sync_store *st = store_port(s);
        r = st->kv_get(st->ctx, "self/g", &g);
        if (r == 0) {
            r = st->kv_get(st->ctx, "self/id", &id);
        }
        store_close(s);
    }
    bool same = r == 0 && g.len == HASH_LEN && memcmp(g.data, inv->g, HASH_LEN) == 0 &&
                id.len == strlen(inv->node) && memcmp(id.data, inv->node, id.len) == 0;
    buf_done(&g);
    buf_done(&id);
    return same ? 0 : fault_set(f, SANJI_E_EXISTS, "data", NULL);
}

int app_join_prepare(const struct app_birth *b, const struct msg_invite *inv, struct app_join *ret,
                     struct fault *f)
{
    struct config c;
    char path[APP_PATH_BYTES];
    int lock = -1;
    ret->inv = inv;
    int r = birth_config(b, &c, f);
    if (r == 0) {
        r = app__birth_clear(b->dir);
    }
    if (r < 0) {
        return r == SANJI_E_LOCKED ? fault_set(f, SANJI_E_EXISTS, "data", NULL) : r;
    }
    if (app_path(b->dir, "sanji.db", path) == 0 && access(path, F_OK) == 0) {
        r = already_joined(b->dir, inv, f);
        ret->done = r == 0;
        return r;
    }
    r = make_dirs(b->dir, "keys", &lock);
    bool again = r == SANJI_E_EXISTS;
    if (r < 0 && !again) {
        if (lock >= 0) {
            app__birth_undo(b->dir);
        }
        dirlock_drop(lock);
        return r;
    }
    if (again) { /* an interrupted join: the parent knows these keys */
        r = app__read_secret(b->dir, "keys/sign.seed", ret->sign_seed, SIGN_SEED_LEN);
        if (r == 0) {
            r = app__read_secret(b->dir, "keys/seal.seed", ret->seal_seed, SEAL_SEED_LEN);
        }
        if (r == 0) {
            r = app__read_secret(b->dir, "keys/inst", ret->inst, sizeof ret->inst);
        }
        if (r == 0 && app_path(b->dir, "keys/tls.crt", path) == 0) {
            r = tls_pin_of_file(path, ret->tls);
        }
        return r < 0 ? fault_set(f, SANJI_E_EXISTS, "data", NULL) : 0;
    }
    r = make_secret(b->dir, "keys/sign.seed", ret->sign_seed, SIGN_SEED_LEN);
    if (r == 0) {
        r = make_secret(b->dir, "keys/seal.seed", ret->seal_seed, SEAL_SEED_LEN);
    }
    if (r == 0) {
        r = make_secret(b->dir, "keys/inst", ret->inst, sizeof ret->inst);
    }
    if (r == 0) {
        r = make_tls(b->dir, inv->node, &c, ret->tls);
    }
    if (r == 0) {
        r = write_config(b->dir, &c, b->zh);
    }
    if (r == 0) {
        r = app__birth_end(b->dir, NULL);
    }
    ret->fresh = r == 0;
    if (r < 0) {
        app__birth_undo(b->dir);
    }
    dirlock_drop(lock);
    return r;
}

int app__join_fill(const struct app_join *j, const char *url, const struct sign_key *k,
                   struct msg_enrol *ret)
{
    *ret = (struct msg_enrol){.v = 1, .node = j->inv->node, .url = url, .ver = SANJI_VERSION};
    memcpy(ret->g, j->inv->g, HASH_LEN);
    memcpy(ret->tls, j->tls, HASH_LEN);
    memcpy(ret->inst, j->inst, sizeof ret->inst);
    memcpy(ret->sig, sign_key_pub(k), SIGN_PUB_LEN);
    return seal_pub_of(j->seal_seed, ret->seal);
}

int app_join_request(const struct app_join *j, const char *url, struct span act, struct buf *out,
                     char digits[static 7])
{
    struct msg_enrol e;
    struct sign_key *k = sign_key_new(j->sign_seed);
    struct act_co co;
    int r = k == NULL ? SANJI_E_NOMEM : app__join_fill(j, url, k, &e);
    if (r == 0 && act.n > 0) {
        r = act_sign(act, k, &co);
        e.has_pop = true;
        memcpy(e.pop, co.s, SIG_LEN);
    }
    if (r == 0) {
        enrol_digits(&e, j->inv->secret, digits);
        r = enrol_write(&e, j->inv->secret, k, out);
    }
    sign_key_free(k);
    return r;
}

int app_join_check_act(const struct app_join *j, struct span text, struct fault *f)
{
    struct act a;
    uint8_t seal[SEAL_PUB_LEN];
    struct arena *ar = arena_new(1 << 20);
    struct sign_key *k = sign_key_new(j->sign_seed);
    int r = ar == NULL || k == NULL ? SANJI_E_NOMEM : act_parse(text, ar, &a, f);
    if (r == 0) {
        r = seal_pub_of(j->seal_seed, seal);
    }
    if (r == 0) {
        bool same = (a.type == ACT_NODE || a.type == ACT_KEY) && strcmp(a.n.s, j->inv->node) == 0 &&
                    a.has_g && memcmp(a.g, j->inv->g, HASH_LEN) == 0 && a.has_sig && a.has_seal &&
                    a.has_tls && memcmp(a.sig, sign_key_pub(k), SIGN_PUB_LEN) == 0 &&
                    memcmp(a.seal, seal, SEAL_PUB_LEN) == 0;
        if (same && a.type == ACT_NODE) {
            same = !j->inv->lost && memcmp(a.tls, j->tls, HASH_LEN) == 0 && a.lv == j->inv->lv &&
                   strcmp(a.up.s, j->inv->up) == 0;
        } else if (same) { /* its server key is the one in force, not the one made to ask with */
            same = j->inv->lost && a.lost && strcmp(a.by.s, j->inv->up) == 0;
        }
        r = same ? 0 : fault_set(f, SANJI_E_AUTHORITY, "act", "the place and keys of the invite");
    }
    sign_key_free(k);
    arena_free(ar);
    return r;
}

int app__join_make(const char *dir, const struct app_join *j, const uint8_t code[RECOVERY_SECRET],
                   char ret_code[static RECOVERY_TEXT], int *ret_lock)
{
    struct store *s = NULL;
    struct sync_self self = {0};
    struct span v;
    memcpy(self.g, j->inv->g, HASH_LEN);
    memcpy(self.inst, j->inst, sizeof self.inst);
    int r = node_id_parse(j->inv->node, strlen(j->inv->node), &self.id);
    if (r == 0) {
        r = app__birth_begin(dir, "database", ret_lock);
    }
    if (r == 0) {
        r = code != NULL ? app_recovery_use(dir, code) : app_recovery_new(dir, ret_code);
    }
    if (r == 0) {
        r = store_open(dir, STORE_WRITE, &s);
    }
    if (r < 0) { /* the next attempt clears it away */
        return r;
    }
    const struct sync_store *st = store_port(s);
    v = span_of(j->inv->up, strlen(j->inv->up));
    r = st->kv_put(st->ctx, "parent/id", v);
    if (r == 0) {
        r = st->kv_put(st->ctx, "parent/tls", span_of(j->inv->tls, HASH_LEN));
    }
    if (r == 0) { /* empty: it has none */
        bool none = strcmp(j->inv->url, INVITE_NO_URL) == 0;
        r = st->kv_put(st->ctx, "parent/url", span_of(j->inv->url, none ? 0 : strlen(j->inv->url)));
    }
    if (r == 0) {
        r = enrol_pin(st, j->inv);
    }
    if (r == 0) {
        r = kv_self(s, &self);
    }
    if (r == 0 && code != NULL) {
        r = app__recover_mark(s);
    }
    store_close(s);
    return r;
}

int app_join_finish(const char *dir, const struct app_join *j, const uint8_t code[RECOVERY_SECRET],
                    char ret_code[static RECOVERY_TEXT])
{
    int lock = -1;
    int r = app__join_make(dir, j, code, ret_code, &lock);
    if (r == 0) {
        r = app__birth_end(dir, NULL);
    }
    dirlock_drop(lock);
    return r;
}
