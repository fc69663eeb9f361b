/* SPDX-License-Identifier: Apache-2.0 */
/* Small values that must survive a restart, one for each stream: "WHAT/NO" in the store, NO being
 * the store's number of the stream, and always of one size. */
#include "sync/internal.h"

#include "protocol/base/text.h"

#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 48, VALUE_MAX = 4096 };

static const char *name_of(const char *what, int64_t no, char out[static NAME_BYTES])
{
    (void)snprintf(out, NAME_BYTES, "%s/%lld", what, (long long)no);
    return out;
}

int sync__kept_get(const struct sync *s, const char *what, int64_t no, void *ret, size_t n)
{
    char name[NAME_BYTES];
    struct buf v;
    buf_init(&v, VALUE_MAX);
    int r = s->st->kv_get(s->st->ctx, name_of(what, no, name), &v);
    if (r == 0) {
        r = v.len == n ? 0 : SANJI_E_CORRUPT;
    }
    if (r == 0) {
        memcpy(ret, v.data, n);
    }
    buf_done(&v);
    return r;
}

int sync__kept_set(struct sync *s, const char *what, int64_t no, const void *v, size_t n)
{
    char name[NAME_BYTES];
    name_of(what, no, name);
    return v == NULL ? s->st->kv_del(s->st->ctx, name)
                     : s->st->kv_put(s->st->ctx, name, span_of(v, n));
}

int sync__by_no(const struct sync *s, int64_t no)
{
    for (size_t i = 0; no != 0 && i < s->n_streams; i++) {
        if (s->streams[i].row.no == no) {
            return (int)i;
        }
    }
    return -1;
}

struct each {
    struct sync *s;
    size_t n;
    sync__kept_fn *fn;
};

static int one(const char *key, struct span value, void *arg)
{
    const struct each *e = arg;
    int64_t no;
    const char *digits = strchr(key, '/');
    if (value.n != e->n || digits == NULL ||
        text_i64(digits + 1, strlen(digits + 1), 1, INT64_MAX, &no) < 0) {
        return SANJI_E_CORRUPT;
    }
    int idx = sync__by_no(e->s, no);
    return idx < 0 ? 0 : e->fn(e->s, &e->s->streams[idx], value.p);
}

int sync__kept_each(struct sync *s, const char *what, size_t n, sync__kept_fn *fn)
{
    struct each e = {s, n, fn};
    char prefix[NAME_BYTES];
    (void)snprintf(prefix, sizeof(prefix), "%s/", what);
    return s->st->kv_each(s->st->ctx, prefix, one, &e);
}
