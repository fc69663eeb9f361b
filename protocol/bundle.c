/* SPDX-License-Identifier: Apache-2.0 */
/* The envelope: header, signature, items, in one line with exactly one spelling, so that the bytes
 * a node stores and relays are the bytes the writer signed. Reading is the hottest path of a sync
 * and works in one pass over the line into one piece of memory:
 *
 *   scratch:  0x00 item0 0x00 item1 ...      each text has its hash prefix right before it
 *   leaves:   0x01 leaf0 leaf1 ...           and so has the list of leaves
 *
 * A stub {"x":leaf} stands for an item that was erased; the chain does not need its text. */
#include "protocol/bundle.h"

#include "protocol/base/enc.h"
#include "protocol/bundle_header.h"
#include "protocol/json_gate.h"
#include "protocol/sum256.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#define SIGNED_PREFIX "SJ1-bundle\n"
enum {
    SIGNED_PREFIX_LEN = sizeof(SIGNED_PREFIX) - 1,
    SLACK = 8, /* unquote stores whole words */
    SIG_TEXT = B64U_LEN(SIG_LEN),
    LEAF_TEXT = B64U_LEN(HASH_LEN),
    STUB_LEN = 6 + LEAF_TEXT + 2,
};

void live_add(struct live_digest *d, const uint8_t leaf[static HASH_LEN])
{
    d->c++;
    sum256_add(d->s, leaf);
}

void live_sub(struct live_digest *d, const uint8_t leaf[static HASH_LEN])
{
    d->c--;
    sum256_sub(d->s, leaf);
}

/* ---- reading ------------------------------------------------------------------------------- */

struct cursor {
    const uint8_t *p, *end;
};

static bool expect(struct cursor *c, const char *lit, size_t n)
{
    if ((size_t)(c->end - c->p) < n || memcmp(c->p, lit, n) != 0) {
        return false;
    }
    c->p += n;
    return true;
}
#define EXPECT(c, lit) expect((c), (lit), sizeof(lit) - 1)

/* High bit of each byte of w that equals the repeated byte of pattern; exact for the lowest one. */
static uint64_t word_hits(uint64_t w, uint64_t pattern)
{
    const uint64_t ones = 0x0101010101010101ULL;
    uint64_t x = w ^ pattern;
    return (x - ones) & ~x & (ones << 7);
}

/* From behind the opening quote to behind the closing one, undoing \" and \\; every other escape is
 * a second spelling and refused. out needs room for the encoded length plus SLACK. Returns the end
 * of the output; NULL with the cursor where it failed: at the end, or at a wrong escape. */
static uint8_t *unquote(struct cursor *c, uint8_t *out)
{
    const uint64_t quotes = 0x0101010101010101ULL * '"';
    const uint64_t slashes = 0x0101010101010101ULL * '\\';
    const uint8_t *p = c->p;
    while (p < c->end) {
        if (c->end - p >= 8) {
            uint64_t w;
            memcpy(&w, p, sizeof(w));
            memcpy(out, &w, sizeof(w));
            w = le64toh(w);
            uint64_t hits = word_hits(w, quotes) | word_hits(w, slashes);
            if (hits == 0) {
                p += 8;
                out += 8;
                continue;
            }
            unsigned run = (unsigned)__builtin_ctzll(hits) / 8;
            p += run;
            out += run;
        }
        if (*p == '"') {
            c->p = p + 1;
            return out;
        }
        if (*p == '\\') {
            if (c->end - p >= 2 && p[1] != '"' && p[1] != '\\') {
                break;
            }
            p++;
        }
        if (p < c->end) {
            *out++ = *p++;
        }
    }
    c->p = p;
    return NULL;
}

static int line_fault(struct fault *f, int err, const struct cursor *c, struct span line,
                      const char *want)
{
    (void)fault_set(f, err, "", want);
    if (f != NULL) {
        f->off = (long)(c->p - line.p);
    }
    return err;
}

/* {"h":"...","s":"...": decodes both, hashes and checks the header. Leaves c behind s. */
static int head_parse(struct cursor *c, struct arena *a, struct bundle *ret, struct fault *f)
{
    struct span line = ret->line;
    if (line.n == 0) {
        return fault_set(f, SANJI_E_SYNTAX, "", "a line");
    }
    if (line.n > LIM_BUNDLE_BYTES) {
        return fault_set(f, SANJI_E_SIZE, "", "a line of at most 1 MiB");
    }
    if (!EXPECT(c, "{\"h\":\"")) {
        return line_fault(f, SANJI_E_SYNTAX, c, line, "{\"h\":\"");
    }
    /* The longest header that can decode to its limit has every byte escaped. */
    size_t most = (size_t)(c->end - c->p);
    most = most < 2 * LIM_HEADER_BYTES + 1 ? most : 2 * LIM_HEADER_BYTES + 1;
    uint8_t *buf = arena_alloc(a, SIGNED_PREFIX_LEN + most + SLACK);
    if (buf == NULL) {
        return fault_set(f, SANJI_E_NOMEM, "", NULL);
    }
    memcpy(buf, SIGNED_PREFIX, SIGNED_PREFIX_LEN);
    struct cursor hc = {.p = c->p, .end = c->p + most};
    uint8_t *h = buf + SIGNED_PREFIX_LEN;
    uint8_t *h_end = unquote(&hc, h);
    if (h_end == NULL && hc.p == hc.end && hc.p < c->end) {
        return fault_set(f, SANJI_E_SIZE, "h", "at most 2048 bytes");
    }
    if (h_end == NULL) {
        return line_fault(f, SANJI_E_SYNTAX, &hc, line, "a header string with \\\" and \\\\ only");
    }
    c->p = hc.p;
    ret->h = span_of(h, (size_t)(h_end - h));
    if (!EXPECT(c, ",\"s\":\"") || c->end - c->p < SIG_TEXT + 1 ||
        b64u_get((const char *)c->p, SIG_TEXT, ret->sig, SIG_LEN) < 0 || c->p[SIG_TEXT] != '"') {
        return line_fault(f, SANJI_E_SYNTAX, c, line, ",\"s\":\"<64 bytes>\"");
    }
    c->p += SIG_TEXT + 1;
    hash_bytes(buf, SIGNED_PREFIX_LEN + ret->h.n, ret->id);
    return bundle_header_parse(ret->h, &ret->hdr, f);
}

static bool stub_parse(struct cursor *c, struct item_ref *ret)
{
    if (c->end - c->p < STUB_LEN || !EXPECT(c, "{\"x\":\"") ||
        b64u_get((const char *)c->p, LEAF_TEXT, ret->leaf, HASH_LEN) < 0) {
        return false;
    }
    c->p += LEAF_TEXT;
    ret->stub = true;
    ret->text = (struct span){0};
    return EXPECT(c, "\"}");
}

/* One element of b. *at is where its text goes; a zero byte before it makes the leaf one hash. */
static int item_take(struct cursor *c, uint8_t **at, struct item_ref *ret)
{
    if (c->p < c->end && *c->p == '{') {
        return stub_parse(c, ret) ? 0 : SANJI_E_SYNTAX;
    }
    if (!EXPECT(c, "\"")) {
        return SANJI_E_SYNTAX;
    }
    uint8_t *prefix = *at;
    uint8_t *stop = unquote(c, prefix + 1);
    if (stop == NULL) {
        return SANJI_E_SYNTAX;
    }
    *prefix = 0x00;
    *at = stop;
    ret->text = span_of(prefix + 1, (size_t)(stop - prefix) - 1);
    if (ret->text.n > LIM_ITEM_BYTES) {
        return SANJI_E_SIZE;
    }
    hash_bytes(prefix, ret->text.n + 1, ret->leaf);
    return 0;
}

static void item_name(struct fault *f, size_t i)
{
    if (f != NULL) {
        (void)snprintf(f->member, sizeof(f->member), "b[%zu]", i);
    }
}

/* [<item>,<item>...]} to the end of the line: exactly hdr.n elements. */
static int items_split(struct cursor *c, struct arena *a, struct bundle *ret, struct fault *f)
{
    size_t n = (size_t)ret->hdr.n;
    ret->item = arena_alloc(a, n * sizeof(*ret->item));
    uint8_t *at = arena_alloc(a, (size_t)(c->end - c->p) + SLACK);
    if (ret->item == NULL || at == NULL) {
        return fault_set(f, SANJI_E_NOMEM, "", NULL);
    }
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && !EXPECT(c, ",")) {
            return EXPECT(c, "]") ? fault_set(f, SANJI_E_SPEC, "n", "the number of items")
                                  : line_fault(f, SANJI_E_SYNTAX, c, ret->line, "a comma");
        }
        if (i == 0 && c->p < c->end && *c->p == ']') {
            return fault_set(f, SANJI_E_SPEC, "n", "the number of items");
        }
        int r = item_take(c, &at, &ret->item[i]);
        if (r < 0) {
            r = line_fault(f, r, c, ret->line, "an item of at most 64 KiB, or a stub");
            item_name(f, i);
            return r;
        }
    }
    if (n > 0 ? EXPECT(c, ",") : c->p < c->end && (*c->p == '"' || *c->p == '{')) {
        return fault_set(f, SANJI_E_SPEC, "n", "the number of items");
    }
    return EXPECT(c, "]}") && c->p == c->end
               ? 0
               : line_fault(f, SANJI_E_SYNTAX, c, ret->line, "the end");
}

static int root_of(const struct item_ref *item, size_t n, struct arena *a,
                   uint8_t out[static HASH_LEN])
{
    uint8_t *list = arena_alloc(a, 1 + n * HASH_LEN);
    if (list == NULL) {
        return SANJI_E_NOMEM;
    }
    list[0] = 0x01;
    for (size_t i = 0; i < n; i++) {
        memcpy(list + 1 + i * HASH_LEN, item[i].leaf, HASH_LEN);
    }
    hash_bytes(list, 1 + n * HASH_LEN, out);
    return 0;
}

static int items_check(const struct bundle *b, struct arena *a, struct fault *f)
{
    uint8_t root[HASH_LEN];
    int r = root_of(b->item, (size_t)b->hdr.n, a, root);
    if (r < 0) {
        return fault_set(f, r, "", NULL);
    }
    if (memcmp(root, b->hdr.root, HASH_LEN) != 0) {
        return fault_set(f, SANJI_E_HASH, "root", "the hash of the items");
    }
    for (size_t i = 0; i < (size_t)b->hdr.n; i++) {
        const struct item_ref *it = &b->item[i];
        r = it->stub ? 0 : json_gate(it->text.p, it->text.n, JSON_PROTOCOL, f);
        if (r < 0) {
            item_name(f, i);
            return r;
        }
    }
    return 0;
}

int bundle_parse(struct span line, struct arena *a, struct bundle *ret, struct fault *f)
{
    struct cursor c = {.p = line.p, .end = line.n > 0 ? line.p + line.n : line.p};
    *ret = (struct bundle){.line = line};
    int r = head_parse(&c, a, ret, f);
    if (r < 0) {
        return r;
    }
    if (EXPECT(&c, "}")) {
        ret->header_only = true;
        if (c.p != c.end) {
            return line_fault(f, SANJI_E_SYNTAX, &c, line, "the end");
        }
        return ret->hdr.t == BUNDLE_KEY
                   ? 0
                   : fault_set(f, SANJI_E_SPEC, "b", "only key bundles come without items");
    }
    if (!EXPECT(&c, ",\"b\":[")) {
        return line_fault(f, SANJI_E_SYNTAX, &c, line, ",\"b\":[");
    }
    r = items_split(&c, a, ret, f);
    return r < 0 ? r : items_check(ret, a, f);
}

int bundle_peek(struct span line, struct arena *a, struct bundle *ret, struct fault *f)
{
    struct cursor c = {.p = line.p, .end = line.n > 0 ? line.p + line.n : line.p};
    *ret = (struct bundle){.line = line};
    int r = head_parse(&c, a, ret, f);
    if (r < 0) {
        return r;
    }
    ret->header_only = c.end - c.p == 1 && *c.p == '}';
    return ret->header_only || EXPECT(&c, ",\"b\":[")
               ? 0
               : line_fault(f, SANJI_E_SYNTAX, &c, line, ",\"b\":[");
}

/* The bytes a signature covers; sign and verify have no other. */
static struct span signed_bytes(struct span h,
                                uint8_t out[static SIGNED_PREFIX_LEN + LIM_HEADER_BYTES])
{
    memcpy(out, SIGNED_PREFIX, SIGNED_PREFIX_LEN);
    memcpy(out + SIGNED_PREFIX_LEN, h.p, h.n);
    return span_of(out, SIGNED_PREFIX_LEN + h.n);
}

int bundle_verify(const struct bundle *b, const struct sign_pub *key)
{
    uint8_t pre[SIGNED_PREFIX_LEN + LIM_HEADER_BYTES];
    if (b->h.n == 0 || b->h.n > LIM_HEADER_BYTES) {
        return SANJI_E_SIGNATURE;
    }
    struct span s = signed_bytes(b->h, pre);
    return verify_raw(key, s.p, s.n, b->sig);
}

enum head_cmp bundle_follows(const struct head *have, const struct bundle *b)
{
    if (b->hdr.seq > have->seq + 1) {
        return HEAD_GAP;
    }
    if (b->hdr.seq == have->seq + 1) {
        return memcmp(b->hdr.prev, have->id, HASH_LEN) == 0 ? HEAD_NEXT : HEAD_CHAIN;
    }
    bool same = b->hdr.seq == have->seq && memcmp(b->id, have->id, HASH_LEN) == 0;
    return same ? HEAD_SAME : HEAD_OLD;
}

/* ---- writing ------------------------------------------------------------------------------- */

/* The outer string: its content holds no control characters, so two escapes are enough. */
static void quote(struct buf *out, struct span s)
{
    const uint64_t quotes = 0x0101010101010101ULL * '"';
    const uint64_t slashes = 0x0101010101010101ULL * '\\';
    size_t run = 0;
    (void)buf_putc(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        uint64_t w;
        if (s.n - i >= sizeof(w)) {
            memcpy(&w, s.p + i, sizeof(w));
            w = le64toh(w);
            uint64_t hits = word_hits(w, quotes) | word_hits(w, slashes);
            i += hits == 0 ? sizeof(w) - 1 : (size_t)__builtin_ctzll(hits) / 8;
        }
        if (s.p[i] == '"' || s.p[i] == '\\') {
            (void)buf_put(out, s.p + run, i - run);
            (void)buf_putc(out, '\\');
            run = i;
        }
    }
    if (s.n > run) {
        (void)buf_put(out, s.p + run, s.n - run);
    }
    (void)buf_putc(out, '"');
}

static void put_head(struct buf *out, struct span h, const uint8_t sig[static SIG_LEN])
{
    char text[SIG_TEXT];
    (void)b64u_put(sig, SIG_LEN, text);
    (void)buf_puts(out, "{\"h\":");
    quote(out, h);
    (void)buf_puts(out, ",\"s\":\"");
    (void)buf_put(out, text, sizeof(text));
    (void)buf_puts(out, "\"");
}

static void put_stub(struct buf *out, const uint8_t leaf[static HASH_LEN])
{
    char text[LEAF_TEXT];
    (void)b64u_put(leaf, HASH_LEN, text);
    (void)buf_puts(out, "{\"x\":\"");
    (void)buf_put(out, text, sizeof(text));
    (void)buf_puts(out, "\"}");
}

/* A failed write leaves out as it was found, but for its own sticky error. */
static int undo(struct buf *out, size_t start, int r)
{
    if (out->data != NULL && out->len > start) {
        out->len = start;
        out->data[start] = 0;
    }
    return r;
}

static int check_written(struct span line, const struct sign_key *key, struct arena *a,
                         uint8_t ret_id[static HASH_LEN])
{
    struct bundle *b = arena_alloc(a, sizeof(*b));
    struct sign_pub *pub = NULL;
    struct fault f;
    if (b == NULL) {
        return SANJI_E_NOMEM;
    }
    int r = bundle_parse(line, a, b, &f);
    if (r == 0) {
        r = sign_pub_new(sign_key_pub(key), &pub);
    }
    if (r == 0) {
        r = bundle_verify(b, pub);
        memcpy(ret_id, b->id, HASH_LEN);
    }
    sign_pub_free(pub);
    return r;
}

static int fill_header(struct bundle_header *hdr, const struct span *items, size_t n,
                       const struct sign_key *key, struct arena *a)
{
    struct item_ref *ref = arena_alloc(a, n * sizeof(*ref));
    if (ref == NULL) {
        return SANJI_E_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        leaf_of(items[i], ref[i].leaf);
    }
    hdr->n = (int64_t)n;
    key_id_of(sign_key_pub(key), &hdr->kid);
    return root_of(ref, n, a, hdr->root);
}

int bundle_make(struct bundle_header *hdr, const struct span *items, size_t n,
                const struct sign_key *key, struct buf *out)
{
    uint8_t pre[SIGNED_PREFIX_LEN + LIM_HEADER_BYTES];
    uint8_t sig[SIG_LEN];
    size_t start = out->len;
    struct span text, s;
    struct buf h;
    if (n > LIM_ITEMS) {
        return SANJI_E_SIZE;
    }
    buf_init(&h, LIM_HEADER_BYTES);
    struct arena *a = arena_new((size_t)4 * LIM_BUNDLE_BYTES);
    int r = a == NULL ? SANJI_E_NOMEM : fill_header(hdr, items, n, key, a);
    if (r < 0 || (r = bundle_header_write(hdr, &h)) < 0) {
        goto out;
    }
    text = span_of(h.data, h.len);
    s = signed_bytes(text, pre);
    if ((r = sign_raw(key, s.p, s.n, sig)) < 0) {
        goto out;
    }
    put_head(out, text, sig);
    (void)buf_puts(out, ",\"b\":[");
    for (size_t i = 0; i < n; i++) {
        if (i > 0) {
            (void)buf_putc(out, ',');
        }
        quote(out, items[i]);
    }
    r = buf_puts(out, "]}");
out:
    arena_free(a);
    buf_done(&h);
    return r < 0 ? undo(out, start, r) : 0;
}

int bundle_write(struct bundle_header *hdr, const struct span *items, size_t n,
                 const struct sign_key *key, struct buf *out, uint8_t ret_id[static HASH_LEN])
{
    size_t start = out->len;
    int r = bundle_make(hdr, items, n, key, out);
    struct arena *a = r == 0 ? arena_new((size_t)4 * LIM_BUNDLE_BYTES) : NULL;
    if (r == 0) {
        r = a == NULL ? SANJI_E_NOMEM
                      : check_written(span_of(out->data + start, out->len - start), key, a, ret_id);
    }
    arena_free(a);
    return r < 0 ? undo(out, start, r) : 0;
}

int bundle_write_stubbed(const struct bundle *b, const bool *stub, struct buf *out)
{
    size_t start = out->len;
    if (b->header_only || b->item == NULL) {
        return SANJI_E_STATE;
    }
    put_head(out, b->h, b->sig);
    (void)buf_puts(out, ",\"b\":[");
    for (size_t i = 0; i < (size_t)b->hdr.n; i++) {
        if (i > 0) {
            (void)buf_putc(out, ',');
        }
        if (b->item[i].stub || stub[i]) {
            put_stub(out, b->item[i].leaf);
        } else {
            quote(out, b->item[i].text);
        }
    }
    int r = buf_puts(out, "]}");
    return r < 0 ? undo(out, start, r) : 0;
}

int bundle_write_header_only(const struct bundle *b, struct buf *out)
{
    size_t start = out->len;
    if (b->hdr.t != BUNDLE_KEY) {
        return SANJI_E_STATE;
    }
    put_head(out, b->h, b->sig);
    int r = buf_putc(out, '}');
    return r < 0 ? undo(out, start, r) : 0;
}
