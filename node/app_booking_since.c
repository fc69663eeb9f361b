/* SPDX-License-Identifier: Apache-2.0 */
/* Since when an ask waits. Who gives one day of a series back writes the ask again, and what is
 * shown of a record is when its newest form arrived: the place in the line would be lost. So when
 * an occurrence is put on the list it is noted when its ask had come, and the note stands until
 * none of it waits. Kept here alone: what the line looks like is the owner's word (`place`). */
#include "node/app_booking_book.h"

#include "protocol/base/text.h"

#include <stdio.h>
#include <string.h>

enum { KEY_BYTES = 160, VALUE_BYTES = 48 };
static const char prefix[] = "booking/since/";

static void key_of(const char *node, const char *ask, char out[static KEY_BYTES])
{
    snprintf(out, KEY_BYTES, "%s%s/%s", prefix, node, ask);
}

static int on_note(const char *key, struct span value, void *arg)
{
    struct book *b = arg;
    char node[LIM_NODE_ID + 2];
    const char *p = key + sizeof prefix - 1, *slash = strchr(p, '/');
    const char *v = (const char *)value.p;
    const char *space = memchr(v, ' ', value.n);
    int64_t got = 0, n = 0;
    if (slash == NULL || slash - p != LIM_NODE_ID || space == NULL ||
        text_i64(v, (size_t)(space - v), 0, INT64_MAX, &got) < 0 ||
        text_i64(space + 1, value.n - (size_t)(space + 1 - v), 0, INT64_MAX, &n) < 0) {
        return 0;
    }
    snprintf(node, sizeof node, "%.*s", LIM_NODE_ID, p);
    struct bk_ask *k = book_ask(b, node, slash + 1);
    if (k != NULL && got <= k->got) {
        k->got = got;
        k->n = n;
    }
    return 0;
}

int book_arrivals(struct book *b)
{
    const struct sync_store *st = store_port(b->a->store);
    return st->kv_each(st->ctx, prefix, on_note, b);
}

static bool any_waits(const struct book *b, const struct bk_answer *of)
{
    for (size_t i = 0; i < b->n_ans; i++) {
        const struct bk_answer *x = &b->ans[i];
        if (x->state == BKS_WAITLISTED && strcmp(x->ask, of->ask) == 0 &&
            strcmp(x->node, of->node) == 0) {
            return true;
        }
    }
    return false;
}

int book_keep_arrival(struct book *b, const struct bk_answer *x)
{
    const struct sync_store *st = store_port(b->a->store);
    const struct bk_ask *k = book_ask(b, x->node, x->ask);
    char key[KEY_BYTES], value[VALUE_BYTES];
    key_of(x->node, x->ask, key);
    if (x->state != BKS_WAITLISTED) {
        return any_waits(b, x) ? 0 : st->kv_del(st->ctx, key);
    }
    if (k == NULL) {
        return 0;
    }
    int n = snprintf(value, sizeof value, "%lld %lld", (long long)k->got, (long long)k->n);
    return st->kv_put(st->ctx, key, span_of(value, (size_t)n)); /* the same again, if it stands */
}
