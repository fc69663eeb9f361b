/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a table reads, it writes, and reads again as the same bytes. */
#include "protocol/base/arena.h"
#include "protocol/jspec.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct part {
    const char *t;
    int64_t n;
    struct jarr tags;
};
struct whole {
    const char *name;
    int64_t num;
    bool yes;
    uint8_t key[4];
    bool has_key;
    struct span blob;
    struct span raw;
    struct part one;
    bool has_one;
    struct jarr list;
};

/* clang-format off */
static const struct jspec part_spec[] = {
    JF_TEXT(struct part, t, 0, 8),
    JF_INT_OPT(struct part, n, -9, 99),
    JF_TEXTS_OPT(struct part, tags, 0, 4),
    JF_END,
};
static const struct jspec whole_spec[] = {
    JF_TOKEN_OPT(struct whole, name, 0, 9),
    JF_INT_OPT(struct whole, num, INT64_MIN, INT64_MAX),
    JF_BOOL_OPT(struct whole, yes),
    JF_BYTES_OPT(struct whole, key, has_key),
    JF_BLOB(struct whole, blob, 0, 100),
    JF_RAW_OPT(struct whole, raw),
    JF_OBJ_OPT(struct whole, one, part_spec, has_one),
    JF_ARR_OPT(struct whole, list, 0, 5, part_spec, struct part),
    JF_END_OPEN,
};
/* clang-format on */

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

/* Reads and writes once; false when refused. */
static bool turn(const void *p, size_t n, struct arena *a, struct buf *out)
{
    struct whole m;
    struct fault f = {0};
    struct jw w;
    int r = jspec_read(p, n, whole_spec, &m, sizeof(m), a, &f);
    if (r < 0) {
        must(f.err == r);
        return false;
    }
    jw_init(&w, out);
    jspec_write(&w, NULL, whole_spec, &m);
    must(jw_done(&w) == 0);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct buf one;
    struct buf two;
    struct arena *a = arena_new(1U << 22);
    must(a != NULL);
    buf_init(&one, 1U << 20);
    buf_init(&two, 1U << 20);
    if (turn(p, n, a, &one)) {
        must(one.len <= n); /* unknown members and zeros may go, nothing may come */
        must(turn(one.data, one.len, a, &two));
        must(one.len == two.len && memcmp(one.data, two.data, one.len) == 0);
    }
    buf_done(&one);
    buf_done(&two);
    arena_free(a);
    return 0;
}
