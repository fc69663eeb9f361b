/* SPDX-License-Identifier: Apache-2.0 */
/* A node's own keys on disk, and their exchange for new ones (PROTOCOL.md 13.1). The new seeds lie
 * in keys/next until the roster shows them; each step can be repeated after a crash:
 *
 *   keys/next made, nothing said      the next attempt uses the same seeds
 *   kv "rekey/body" stored            the new key writes, the parent is asked again and again
 *   the roster has the new key        the files take their places, keys/next goes
 *
 * Old sealing seeds stay in keys/seal.seed (newest last): what was sealed to them must open for
 * ever. An old signing seed is of no use to anybody but a thief, and is overwritten. */
#include "node/app_internal.h"
#include "node/http/tls.h"
#include "node/root_key.h"
#include "sync/enrol.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int app__sync_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 || fsync(fd) != 0 ? SANJI_E_IO : 0;
    if (fd >= 0) {
        close(fd);
    }
    return r;
}

static int sync_dir_of(const struct app *a, const char *name)
{
    char path[APP_PATH_BYTES];
    int r = app_path(a->dir, name, path);
    return r == 0 ? app__sync_dir(path) : r;
}

static void drop_file(const struct app *a, const char *name)
{
    char path[APP_PATH_BYTES];
    if (app_path(a->dir, name, path) == 0) {
        (void)unlink(path);
    }
}

static int load_seals(struct app *a)
{
    char path[APP_PATH_BYTES];
    struct buf b;
    buf_init(&b, sizeof a->seal_seed);
    int r = app_path(a->dir, "keys/seal.seed", path);
    if (r == 0) {
        r = app__read_file(path, sizeof a->seal_seed, &b);
    }
    if (r == 0 && (b.len == 0 || b.len % SEAL_SEED_LEN != 0)) {
        r = SANJI_E_CORRUPT;
    }
    if (r == 0) {
        memcpy(a->seal_seed, b.data, b.len);
        a->n_seal = b.len / SEAL_SEED_LEN;
    }
    buf_wipe_done(&b);
    return r;
}

int app__keys_load(struct app *a)
{
    char crt[APP_PATH_BYTES];
    a->rotating = false;
    int r = app__read_secret(a->dir, "keys/sign.seed", a->sign_seed, SIGN_SEED_LEN);
    if (r == 0) {
        r = load_seals(a);
    }
    if (r == 0) {
        r = app_path(a->dir, "keys/tls.crt", crt);
    }
    if (r == 0) {
        r = tls_pin_of_file(crt, a->tls_pin);
    }
    a->has_next =
        r == 0 && a->n_seal < APP_SEAL_SEEDS &&
        app__read_secret(a->dir, "keys/next/sign.seed", a->next_sign, SIGN_SEED_LEN) == 0 &&
        app__read_secret(a->dir, "keys/next/seal.seed", a->next_seal, SEAL_SEED_LEN) == 0;
    return r;
}

static void use_next(struct app *a)
{
    a->rotating = true;
    if (memcmp(a->seal_seed[a->n_seal - 1], a->next_seal, SEAL_SEED_LEN) == 0) {
        return; /* the file of sealing seeds was written before the crash */
    }
    memcpy(a->seal_seed[a->n_seal++], a->next_seal, SEAL_SEED_LEN);
}

void app__self(const struct app *a, struct sync_self *ret)
{
    ret->sign_seed = a->rotating ? a->next_sign : a->sign_seed;
    ret->old_sign_seed = a->rotating ? a->sign_seed : NULL;
    ret->seal_seeds = (const uint8_t(*)[SEAL_SEED_LEN])a->seal_seed;
    ret->n_seal_seeds = a->n_seal;
    memcpy(ret->tls_spki, a->tls_pin, HASH_LEN);
}

/* ---- the end of a rotation ---- */

static int write_seals(const struct app *a)
{
    char tmp[APP_PATH_BYTES], path[APP_PATH_BYTES];
    int r = app_path(a->dir, "keys/seal.seed", path);
    if (r == 0) {
        r = app_path(a->dir, "keys/seal.seed.tmp", tmp);
    }
    if (r == 0) {
        (void)unlink(tmp);
        r = app__write_file(tmp, a->seal_seed, a->n_seal * SEAL_SEED_LEN, true);
    }
    if (r == 0 && rename(tmp, path) != 0) {
        r = SANJI_E_IO;
    }
    return r == 0 ? sync_dir_of(a, "keys") : r;
}

/* The files take their places. seal_seed holds the new one already. */
static int settle_files(struct app *a)
{
    char from[APP_PATH_BYTES], to[APP_PATH_BYTES], next[APP_PATH_BYTES];
    const struct sync_store *st = store_port(a->store);
    int r = write_seals(a);
    if (r == 0) {
        r = app_path(a->dir, "keys/next/sign.seed", from);
    }
    if (r == 0) {
        r = app_path(a->dir, "keys/sign.seed", to);
    }
    if (r == 0 && rename(from, to) != 0) {
        r = SANJI_E_IO;
    }
    if (r < 0) {
        return r;
    }
    drop_file(a, "keys/next/seal.seed");
    if (app_path(a->dir, "keys/next", next) == 0) {
        (void)rmdir(next);
    }
    r = sync_dir_of(a, "keys");
    if (r == 0) {
        r = st->kv_del(st->ctx, "rekey/body");
        r = r == SANJI_E_NOT_FOUND ? 0 : r;
    }
    memcpy(a->sign_seed, a->next_sign, SIGN_SEED_LEN);
    mem_wipe(a->next_sign, sizeof a->next_sign);
    mem_wipe(a->next_seal, sizeof a->next_seal);
    a->rotating = a->has_next = false;
    return r;
}

int app__keys_tick(struct app *a)
{
    return a->rotating && sync_rekey_state(a->sync) == 0 ? settle_files(a) : 0;
}

static bool in_roster(const struct app *a, const uint8_t seed[static SIGN_SEED_LEN])
{
    struct key_id kid;
    struct sign_key *k = sign_key_new(seed);
    if (k == NULL) {
        return false;
    }
    key_id_of(sign_key_pub(k), &kid);
    sign_key_free(k);
    return roster_key(app_roster(a), app_id(a), kid.s) != NULL;
}

int app__keys_resume(struct app *a, bool *ret_again)
{
    const struct sync_store *st = store_port(a->store);
    struct buf b;
    *ret_again = false;
    if (!a->has_next) { /* what a crash may have left behind */
        drop_file(a, "keys/next/seal.seed");
        return 0;
    }
    buf_init(&b, LIM_ITEM_BYTES * 2);
    int r = st->kv_get(st->ctx, "rekey/body", &b);
    buf_done(&b);
    if (r < 0 && r != SANJI_E_NOT_FOUND) {
        return r;
    }
    bool said = in_roster(a, a->next_sign);
    if (r == SANJI_E_NOT_FOUND && !said) {
        return 0; /* nothing was said yet: the next attempt goes on with these seeds */
    }
    use_next(a);
    *ret_again = true;
    return said ? settle_files(a) : 0;
}

/* ---- the beginning ---- */

static int make_next(struct app *a)
{
    static const struct {
        const char *name;
        size_t at;
    } files[] = {{"keys/next/seal.seed", offsetof(struct app, next_seal)},
                 {"keys/next/sign.seed", offsetof(struct app, next_sign)}};
    char path[APP_PATH_BYTES];
    int r = app_path(a->dir, "keys/next", path);
    if (r == 0 && mkdir(path, 0700) != 0 && errno != EEXIST) {
        r = errno == ENOSPC ? SANJI_E_FULL : SANJI_E_IO;
    }
    for (size_t i = 0; r == 0 && i < 2; i++) {
        uint8_t *to = (uint8_t *)a + files[i].at;
        drop_file(a, files[i].name);
        r = app_random(to, 32);
        if (r == 0) {
            r = app_path(a->dir, files[i].name, path);
        }
        if (r == 0) {
            r = app__write_file(path, to, 32, true);
        }
    }
    if (r == 0) {
        r = sync_dir_of(a, "keys/next");
    }
    if (r == 0) {
        r = sync_dir_of(a, "keys");
    }
    a->has_next = r == 0;
    return r;
}

/* Each one in force, and enough of them. */
static int root_keys(const struct app *a, struct span text, struct sign_key **ret, size_t max,
                     size_t *ret_n)
{
    const uint8_t(*pubs)[SIGN_PUB_LEN] = NULL;
    int64_t k = 0;
    size_t n = roster_root_keys(app_roster(a), &pubs, &k);
    int r = root_keys_read(text, ret, max, ret_n);
    for (size_t x = 0; r == 0 && x < *ret_n; x++) {
        bool known = false;
        for (size_t i = 0; i < n; i++) {
            known = known || memcmp(pubs[i], sign_key_pub(ret[x]), SIGN_PUB_LEN) == 0;
        }
        r = known ? 0 : SANJI_E_AUTHORITY;
    }
    return r < 0 || (int64_t)*ret_n >= k ? r : SANJI_E_SIGNATURE;
}

static struct sync_new_key next_of(const struct app *a)
{
    return (struct sync_new_key){
        .sign_seed = a->next_sign, .seal_seed = a->next_seal, .tls = a->tls_pin};
}

static int rotate_with(struct app *a, const struct sync_new_key *k)
{
    struct sync_tick t;
    int r = app_tick_make(&t);
    if (r == 0) {
        r = sync_rekey(a->sync, &t, k);
    }
    if (r == 0) {
        use_next(a);
        app__wrote(a);
        r = app__keys_tick(a);
    }
    return r;
}

int app_approve(struct app *a, const char *node, struct span root, struct fault *f)
{
    struct sign_key *keys[LIM_ROOT_KEYS];
    struct sync_tick t;
    size_t n = 0;
    int r = root.n > 0 ? root_keys(a, root, keys, sizeof keys / sizeof keys[0], &n) : 0;
    if (r < 0) {
        (void)fault_set(f, r, "root-key", "the root key file of this federation");
    } else {
        r = app_tick_make(&t);
    }
    if (r == 0) {
        r = enrol_approve(a->sync, &t, node, (const struct sign_key *const *)keys, n);
    }
    if (r == 0) {
        a->wrote = true; /* an act may have been written: neighbours want it */
    }
    while (n > 0) {
        sign_key_free(keys[--n]);
    }
    return r;
}

int app_agree(struct app *a, const char *node, const char *kid)
{
    struct sync_tick t;
    int r = app_tick_make(&t);
    r = r < 0 ? r : enrol_agree(a->sync, &t, node, kid);
    a->wrote = a->wrote || r == 0;
    return r;
}

int app_rotate(struct app *a, struct span root, struct fault *f)
{
    struct sign_key *keys[LIM_ROOT_KEYS];
    size_t n = 0;
    int r = 0;
    const struct roster_node *me = app_self_node(a);
    if (a->rotating) {
        return 0; /* begun already: it goes on */
    }
    if (me == NULL) {
        return SANJI_E_UNKNOWN_KEY;
    }
    if (me->state != NODE_ACTIVE) {
        return me->state == NODE_CUT ? SANJI_E_REVOKED : SANJI_E_CLOSED;
    }
    if (a->n_seal >= APP_SEAL_SEEDS) {
        return SANJI_E_SIZE;
    }
    if (app_is_top(a) != (root.n > 0)) {
        return fault_set(f, SANJI_E_SPEC, "root-key",
                         app_is_top(a) ? "the root key file" : "the top node alone has one");
    }
    if (root.n > 0) {
        r = root_keys(a, root, keys, sizeof keys / sizeof keys[0], &n);
        if (r < 0) {
            (void)fault_set(f, r, "root-key", "the root key file of this federation");
        }
    }
    if (r == 0 && !a->has_next) {
        r = make_next(a);
    }
    if (r == 0) {
        struct sync_new_key k = next_of(a);
        k.root = (const struct sign_key *const *)keys;
        k.n_root = n;
        r = rotate_with(a, &k);
    }
    while (n > 0) {
        sign_key_free(keys[--n]);
    }
    return r;
}

int app__rekey_draft(struct app *a, int64_t ts, struct buf *ret_text)
{
    struct sync_tick t;
    int r = a->rotating ? SANJI_E_BUSY : a->n_seal >= APP_SEAL_SEEDS ? SANJI_E_SIZE : 0;
    if (r == 0 && !a->has_next) {
        r = make_next(a);
    }
    if (r == 0) {
        r = app_tick_make(&t);
    }
    if (r == 0) {
        struct sync_new_key k = next_of(a);
        k.ts = ts;
        r = sync_rekey_draft(a->sync, &t, &k, ret_text);
    }
    return r;
}

int app__rekey_said(struct app *a, int64_t ts, const struct act_co *co, size_t n_co)
{
    struct sync_new_key k = next_of(a);
    k.ts = ts;
    k.said = co;
    k.n_said = n_co;
    return rotate_with(a, &k);
}

int app_rotation(const struct app *a)
{
    return a->rotating ? sync_rekey_state(a->sync) : 0;
}
