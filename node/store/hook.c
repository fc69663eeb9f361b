/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of those who are told, of messages, and of what was told. */
#include "node/store/hook.h"

#include "node/store/internal.h"
#include "protocol/base/err.h"

#include <stdlib.h>
#include <string.h>

enum { FORGET_BYTES = 1 << 18 };

int hook_add(struct store *s, const struct hook_row *h, int64_t *ret_n)
{
    struct q q;
    q_begin(&q, &s->db, Q_HOOK_ADD);
    q_text(&q, h->name);
    q_text(&q, h->form);
    q_text(&q, h->url);
    q_text(&q, h->secret);
    q_text(&q, h->events);
    q_text(&q, h->maker);
    q_int(&q, h->created);
    if (q_row(&q)) {
        *ret_n = q_col_int(&q, 0);
    }
    return q_end(&q);
}

int hook_list(struct store *s, hook_fn fn, void *arg)
{
    struct q q;
    int r = 0;
    q_begin(&q, &s->db, Q_HOOK_LIST);
    while (r == 0 && q_row(&q)) {
        struct hook_row h = {.n = q_col_int(&q, 0),
                             .name = q_col_text(&q, 1),
                             .form = q_col_text(&q, 2),
                             .url = q_col_text(&q, 3),
                             .secret = q_col_text(&q, 4),
                             .events = q_col_text(&q, 5),
                             .maker = q_col_text(&q, 6),
                             .created = q_col_int(&q, 7),
                             .ok_at = q_col_int(&q, 8),
                             .fails = q_col_int(&q, 9),
                             .failed = q_col_int(&q, 10),
                             .why = q_col_text(&q, 11),
                             .queued = q_col_int(&q, 12)};
        r = fn(&h, arg);
    }
    int e = q_end(&q);
    return r < 0 ? r : e;
}

int hook_drop(struct store *s, int64_t n)
{
    struct q q;
    q_begin(&q, &s->db, Q_HOOK_DROP);
    q_int(&q, n);
    int r = q_run(&q);
    return r == 0 && q_changes(&s->db) == 0 ? SANJI_E_NOT_FOUND : r;
}

int hook_said(struct store *s, const struct hook_row *h)
{
    struct q q;
    q_begin(&q, &s->db, Q_HOOK_SAID);
    q_int(&q, h->n);
    q_int(&q, h->ok_at);
    q_int(&q, h->fails);
    q_int(&q, h->failed);
    q_text(&q, h->why);
    return q_run(&q);
}

int hook_push(struct store *s, int64_t hook, const char *body, int64_t due)
{
    struct q q;
    q_begin(&q, &s->db, Q_HOOK_PUSH);
    q_int(&q, hook);
    q_text(&q, body);
    q_int(&q, due);
    return q_run(&q);
}

int hook_due(struct store *s, int64_t now, hook_message_fn fn, void *arg)
{
    struct q q;
    int r = 0;
    q_begin(&q, &s->db, Q_HOOK_DUE);
    q_int(&q, now);
    while (r == 0 && q_row(&q)) {
        struct hook_message m = {.n = q_col_int(&q, 0),
                                 .hook = q_col_int(&q, 1),
                                 .body = q_col_text(&q, 2),
                                 .tries = q_col_int(&q, 3),
                                 .due = q_col_int(&q, 4)};
        r = fn(&m, arg);
    }
    int e = q_end(&q);
    return r < 0 ? r : e;
}

int hook_later(struct store *s, int64_t n, int64_t tries, int64_t due)
{
    struct q q;
    q_begin(&q, &s->db, Q_HOOK_LATER);
    q_int(&q, n);
    q_int(&q, tries);
    q_int(&q, due);
    return q_run(&q);
}

int hook_sent(struct store *s, int64_t n)
{
    struct q q;
    q_begin(&q, &s->db, Q_HOOK_SENT);
    q_int(&q, n);
    return q_run(&q);
}

int hook_trim(struct store *s, int64_t hook, int64_t most)
{
    struct q q;
    q_begin(&q, &s->db, Q_HOOK_TRIM);
    q_int(&q, hook);
    q_int(&q, most);
    return q_run(&q);
}

int hook_see(struct store *s, const uint8_t k[static HASH_LEN], bool *ret_new)
{
    struct q q;
    q_begin(&q, &s->db, Q_HOOK_SEE);
    q_blob(&q, k, HASH_LEN);
    int r = q_run(&q);
    *ret_new = r == 0 && q_changes(&s->db) > 0;
    return r;
}

static int unsee(struct store *s, const uint8_t *k)
{
    struct q q;
    q_begin(&q, &s->db, Q_HOOK_UNSEE);
    q_blob(&q, k, HASH_LEN);
    return q_run(&q);
}

int hook_forget(struct store *s, hook_still_fn fn, void *arg)
{
    struct buf gone;
    struct q q;
    uint8_t k[HASH_LEN];
    buf_init(&gone, FORGET_BYTES);
    q_begin(&q, &s->db, Q_HOOK_ALL_SEEN);
    while (gone.len + HASH_LEN <= FORGET_BYTES && q_row(&q)) { /* the rest the next time */
        q_col_fixed(&q, 0, k, HASH_LEN);
        if (q.err == 0 && !fn(k, arg)) {
            buf_put(&gone, k, HASH_LEN);
        }
    }
    int r = q_end(&q);
    r = r < 0 ? r : gone.err;
    for (size_t i = 0; r == 0 && i + HASH_LEN <= gone.len; i += HASH_LEN) {
        r = unsee(s, gone.data + i);
    }
    buf_done(&gone);
    return r;
}
