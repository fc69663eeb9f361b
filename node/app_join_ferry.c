/* SPDX-License-Identifier: Apache-2.0 */
/* A machine that never had a line to its parent joins by files (PROTOCOL.md 13.3). One stick goes
 * there and one comes back: the node act is written here as the parent will write it, and signed
 * with the request. The answer is a ferry file like any other; that it is an answer shows when it
 * has been taken, in the roster. Until then the folder is no node, and what was made of a file that
 * was none is cleared away like any birth that was cut short (app_birth.c). */
#include "node/app_internal.h"
#include "node/dirlock.h"
#include "protocol/ferry.h"
#include "protocol/msg.h"

#include <string.h>

/* The act's text, and the signature over it. */
static int sign_act(const struct app_join *j, const struct sign_key *k, struct msg_enrol *e)
{
    const struct msg_invite *inv = j->inv;
    struct node_id up;
    struct act_co co;
    struct buf act;
    buf_init(&act, LIM_ITEM_BYTES);
    int r = node_id_parse(inv->up, strlen(inv->up), &up);
    e->up = inv->up;
    e->ts = app_now_ms() + 1; /* never the absent one */
    if (r == 0) {
        struct enrol_place p = {.g = inv->g,
                                .up = &up,
                                .name = inv->name,
                                .area = inv->area,
                                .lv = inv->lv,
                                .ts = e->ts};
        r = enrol_act(e, &p, &act);
    }
    if (r == 0) {
        r = act_sign(span_of(act.data, act.len), k, &co);
    }
    if (r == 0) {
        e->has_pop = true;
        memcpy(e->pop, co.s, SIG_LEN);
    }
    buf_done(&act);
    return r;
}

int app_join_letter(const struct app_join *j, const char *url, struct buf *out_file,
                    char digits[static 7])
{
    struct msg_enrol e;
    struct buf body;
    struct sign_key *k = sign_key_new(j->sign_seed);
    struct frame_ctx *c = frame_ctx_new();
    int r = k == NULL || c == NULL ? SANJI_E_NOMEM : app__join_fill(j, url, k, &e);
    buf_init(&body, LIM_ITEM_BYTES);
    if (r == 0) {
        r = sign_act(j, k, &e);
    }
    if (r == 0) {
        enrol_digits(&e, j->inv->secret, digits);
        r = enrol_write(&e, j->inv->secret, k, &body);
    }
    if (r == 0) {
        r = ferry_request_write(c, span_of(body.data, body.len), out_file);
    }
    buf_done(&body);
    frame_ctx_free(c);
    sign_key_free(k);
    return r;
}

int app_join_open(const char *dir, const struct app_join *j, char ret_code[static RECOVERY_TEXT],
                  struct app **ret)
{
    struct app_fault f = {.born = true};
    int lock = -1;
    int r = app__join_make(dir, j, NULL, ret_code, &lock);
    dirlock_drop(lock); /* app_open() takes it; the mark keeps everybody else out */
    r = r < 0 ? r : app_open(dir, ret, &f);
    if (r < 0) {
        (void)app__birth_clear(dir);
    }
    return r;
}

/* Signed by registrars from the root down, for the very key of this folder: nobody else can have
 * made it, whoever carried it. */
static bool is_there(const struct app *a)
{
    const struct roster_key *k = roster_current_key(app_roster(a), app_id(a));
    return k != NULL && memcmp(k->sig, sign_key_pub(sync_key(a->sync)), SIGN_PUB_LEN) == 0;
}

int app_join_settle(struct app *a)
{
    char dir[APP_DIR_BYTES];
    int lock = -1;
    long holder = 0;
    bool there = is_there(a);
    memcpy(dir, a->dir, sizeof dir);
    app_close(a);
    if (!there) {
        int r = app__birth_clear(dir);
        return r < 0 ? r : SANJI_E_PENDING;
    }
    int r = dirlock_take(dir, &lock, &holder);
    r = r < 0 ? r : app__birth_end(dir, NULL);
    dirlock_drop(lock);
    return r;
}
