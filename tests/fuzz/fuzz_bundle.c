/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever parses as a bundle has one spelling: written again from its parts it is the same line.
 * Items and header text that pass are read to the end; what a peek sees is what the whole reading
 * sees. */
#include "protocol/bundle.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void check_items(const struct bundle *b)
{
    struct fault f;
    struct item it;
    struct buf again;
    buf_init(&again, LIM_BUNDLE_BYTES);
    for (size_t i = 0; i < (size_t)b->hdr.n; i++) {
        uint8_t leaf[HASH_LEN];
        if (b->item[i].stub) {
            continue;
        }
        leaf_of(b->item[i].text, leaf);
        if (memcmp(leaf, b->item[i].leaf, HASH_LEN) != 0) {
            abort();
        }
        if (item_parse(b->item[i].text, &it, &f) == 0) {
            buf_reset(&again);
            if (!it.unknown_crit && item_write(&it, &again) < 0) {
                abort();
            }
        }
    }
    buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static struct bundle b, peeked;
    static const bool none[LIM_ITEMS];
    struct fault f;
    struct buf line;
    struct arena *a = arena_new((size_t)8 << 20);
    struct span in = span_of(p, n);
    if (a == NULL) {
        return 0;
    }
    int peek = bundle_peek(in, a, &peeked, &f);
    if (bundle_parse(in, a, &b, &f) == 0) {
        if (peek < 0 || memcmp(b.id, peeked.id, HASH_LEN) != 0 ||
            memcmp(&b.hdr, &peeked.hdr, sizeof(b.hdr)) != 0) {
            abort();
        }
        buf_init(&line, LIM_BUNDLE_BYTES);
        int r = b.header_only ? bundle_write_header_only(&b, &line)
                              : bundle_write_stubbed(&b, none, &line);
        if (r < 0 || line.len != n || memcmp(line.data, p, n) != 0) {
            abort();
        }
        if (!b.header_only) {
            check_items(&b);
        }
        buf_done(&line);
    } else if (f.err >= 0) {
        abort();
    }
    arena_free(a);
    return 0;
}
