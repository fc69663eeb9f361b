/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever parses as a bundle has one spelling: written again from its parts it is the same line.
 * Items and header text that pass are read to the end; what a peek sees is what the whole reading
 * sees. And only what the signer wrote passes for it: an input that begins with `M` is a list of
 * changes to one of three lines that are signed with a good key, which is then verified as one from
 * outside is. Erased items alone may be missing from it. */
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

/* ---- a signed line, changed ---- */

enum { SIGNED = 3, CHANGE_BYTES = 4 };
static struct buf signed_line[SIGNED];
static struct sign_pub *signer;

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void sign_some(void)
{
    static const char item[] = "{\"id\":\"a\",\"k\":\"listing/1\",\"op\":\"put\",\"r\":1,\"z\":"
                               "\"AAAAAAAAAAAAAAAAAAAAAA\",\"d\":{\"kind\":\"venue\",\"title\":"
                               "\"x\"}}";
    static const char *const aud[SIGNED] = {"fed", "trust", "to:nbbbbbbbbbbbbb"};
    const uint8_t seed[SIGN_SEED_LEN] = {1};
    struct sign_key *k = sign_key_new(seed);
    must(k != NULL && sign_pub_new(sign_key_pub(k), &signer) == 0);
    for (int i = 0; i < SIGNED; i++) {
        struct span it[2] = {span_of(item, sizeof(item) - 1), span_of(item, sizeof(item) - 1)};
        struct bundle_header h = {.v = 1, .t = BUNDLE_DATA, .by = {"naaaaaaaaaaaaa"}, .ep = 1};
        uint8_t id[HASH_LEN];
        memcpy(h.aud, aud[i], strlen(aud[i]) + 1);
        h.seq = i + 1;
        h.prev[0] = i > 0;
        h.ts = 1795000000000;
        buf_init(&signed_line[i], LIM_BUNDLE_BYTES);
        must(bundle_write(&h, it, (size_t)(i == 1 ? 0 : i / 2 + 1), k, &signed_line[i], id) == 0);
    }
    sign_key_free(k);
}

static void change(struct buf *line, const uint8_t *c)
{
    size_t at = ((size_t)c[0] << 8 | c[1]) % line->len;
    switch (c[2] % 4) {
    case 0:
        line->data[at] = c[3];
        break;
    case 1:
        line->data[at] ^= (uint8_t)(1u << c[3] % 8);
        break;
    case 2: /* from there on, so many bytes less */
        memmove(line->data + at, line->data + at + (c[3] % (line->len - at)),
                line->len - at - c[3] % (line->len - at));
        line->len -= c[3] % (line->len - at);
        break;
    default: /* a byte more */
        must(buf_putc(line, 0) == 0);
        memmove(line->data + at + 1, line->data + at, line->len - at - 1);
        line->data[at] = c[3];
    }
}

/* What stands in the line under the signature, all but what was erased. */
static bool is_original(const struct bundle *b, const struct bundle *o)
{
    bool same = memcmp(b->id, o->id, HASH_LEN) == 0 && b->hdr.n == o->hdr.n &&
                memcmp(b->sig, o->sig, SIG_LEN) == 0;
    for (size_t i = 0; same && !b->header_only && i < (size_t)b->hdr.n; i++) {
        same = memcmp(b->item[i].leaf, o->item[i].leaf, HASH_LEN) == 0 &&
               (b->item[i].stub || span_eq(b->item[i].text, o->item[i].text));
    }
    return same;
}

static void only_the_signers(const uint8_t *p, size_t n)
{
    static struct bundle b, original;
    struct buf line;
    if (signer == NULL) {
        sign_some();
    }
    if (n == 0) {
        return;
    }
    const struct buf *from = &signed_line[p[0] % SIGNED];
    struct arena *a = arena_new((size_t)8 << 20);
    buf_init(&line, LIM_BUNDLE_BYTES);
    must(a != NULL && buf_put(&line, from->data, from->len) == 0);
    must(bundle_parse(span_of(from->data, from->len), a, &original, NULL) == 0);
    must(bundle_verify(&original, signer) == 0);
    for (size_t i = 1; i + CHANGE_BYTES <= n && line.len > 1; i += CHANGE_BYTES) {
        change(&line, p + i);
    }
    if (bundle_parse(span_of(line.data, line.len), a, &b, NULL) == 0 &&
        bundle_verify(&b, signer) == 0) {
        must(is_original(&b, &original));
    }
    buf_done(&line);
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    if (n > 0 && p[0] == 'M') {
        only_the_signers(p + 1, n - 1);
        return 0;
    }
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
