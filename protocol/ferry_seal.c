/* SPDX-License-Identifier: Apache-2.0 */
/* A stick can be lost. A sealed part is opened by its addressee only; it is cut into chunks so that
 * neither side needs the file in memory, and each chunk is authenticated with its number and
 * whether it is the last, so that chunks cannot be dropped, repeated, reordered or cut off at the
 * end. */
#include "protocol/ferry.h"

#include "protocol/jspec.h"

#include <stdlib.h>
#include <string.h>

#define WRAP_INFO "SJ1-wrap\n"
#define KEY_INFO  "SJ1-ferry"
enum {
    CEK_LEN = 32,
    WRAP_LEN = CEK_LEN + AEAD_TAG_LEN,
    SALT_LEN = 32,
    CHUNK = 64 * 1024,
    CHUNK_CT = CHUNK + AEAD_TAG_LEN,
    HEAD_FRAME_MAX = 2048,
    SEEDS_MAX = 16,
};

struct seal_head {
    int64_t sealed;
    const char *to;
    uint8_t key[SEAL_PUB_LEN], enc[SEAL_ENC_LEN], w[WRAP_LEN], salt[SALT_LEN];
};
/* clang-format off */
static const struct jspec head_spec[] = {
    JF_INT(struct seal_head, sealed, 1, 1),
    JF_TOKEN(struct seal_head, to, LIM_NODE_ID, LIM_NODE_ID),
    JF_BYTES(struct seal_head, key),
    JF_BYTES(struct seal_head, enc),
    JF_BYTES(struct seal_head, w),
    JF_BYTES(struct seal_head, salt),
    JF_END,
};
/* clang-format on */

/* Addressee and key are bound to the wrap. */
static int wrap_aad(const struct seal_head *h, struct buf *out)
{
    (void)buf_puts(out, "SJ1-ferry\n");
    (void)buf_put_lps(out, h->to);
    return buf_put_lp(out, h->key, sizeof(h->key));
}

static int chunk_key(const struct seal_head *h, const uint8_t cek[static CEK_LEN],
                     uint8_t out[static AEAD_KEY_LEN])
{
    return hkdf(h->salt, SALT_LEN, cek, CEK_LEN, KEY_INFO, sizeof(KEY_INFO) - 1, out, AEAD_KEY_LEN);
}

static void chunk_nonce(uint64_t number, uint8_t out[static AEAD_NONCE_LEN])
{
    memset(out, 0, AEAD_NONCE_LEN);
    for (int i = 0; i < 8; i++) {
        out[4 + i] = (uint8_t)(number >> (56 - 8 * i));
    }
}

/* ---- sealing -------------------------------------------------------------------------------- */

static int head_put(struct frame_ctx *c, const struct seal_head *h, struct buf *out)
{
    struct buf line;
    struct jw w;
    buf_init(&line, HEAD_FRAME_MAX);
    jw_init(&w, &line);
    jspec_write(&w, NULL, head_spec, h);
    int r = jw_done(&w);
    if (r == 0) {
        r = frame_pack(c, span_of(line.data, line.len), out);
    }
    buf_done(&line);
    return r;
}

int ferry_seal_begin(struct ferry_sealer *s, struct frame_ctx *c, const struct node_id *to,
                     const uint8_t pub[static SEAL_PUB_LEN], const uint8_t rnd[static 96],
                     struct buf *out)
{
    struct seal_head h = {.sealed = 1, .to = to->s};
    struct buf aad;
    *s = (struct ferry_sealer){0};
    buf_init(&s->pending, CHUNK);
    if (!node_id_valid(to->s, strlen(to->s))) {
        return SANJI_E_SPEC;
    }
    memcpy(h.key, pub, SEAL_PUB_LEN);
    memcpy(h.salt, rnd + 64, SALT_LEN);
    buf_init(&aad, 256);
    int r = wrap_aad(&h, &aad);
    if (r == 0) {
        r = hpke_seal(pub, rnd + 32, span_of(WRAP_INFO, sizeof(WRAP_INFO) - 1),
                      span_of(aad.data, aad.len), span_of(rnd, CEK_LEN), h.enc, h.w);
    }
    buf_done(&aad);
    if (r == 0) {
        r = chunk_key(&h, rnd, s->key);
    }
    return r < 0 ? r : head_put(c, &h, out);
}

static int chunk_put(struct ferry_sealer *s, bool last, struct buf *out)
{
    const uint8_t aad = last ? 1 : 0;
    uint8_t nonce[AEAD_NONCE_LEN];
    static const uint8_t none;
    size_t n = s->pending.len;
    int r = buf_reserve(out, n + AEAD_TAG_LEN);
    if (r < 0) {
        return r;
    }
    chunk_nonce(s->chunk++, nonce);
    r = aead_seal(s->key, nonce, span_of(&aad, 1), span_of(n > 0 ? s->pending.data : &none, n),
                  out->data + out->len);
    if (r == 0) {
        out->len += n + AEAD_TAG_LEN;
        out->data[out->len] = 0;
    }
    buf_reset(&s->pending);
    return r;
}

int ferry_seal_put(struct ferry_sealer *s, struct span plain, struct buf *out)
{
    int r = 0;
    while (r == 0 && plain.n > 0) {
        /* A full chunk goes only when more follows: the last one is marked. */
        if (s->pending.len == CHUNK && (r = chunk_put(s, false, out)) < 0) {
            break;
        }
        size_t room = CHUNK - s->pending.len;
        size_t n = plain.n < room ? plain.n : room;
        r = buf_put(&s->pending, plain.p, n);
        plain = span_of(plain.p + n, plain.n - n);
    }
    return r;
}

int ferry_seal_end(struct ferry_sealer *s, struct buf *out)
{
    int r = chunk_put(s, true, out);
    ferry_seal_abort(s);
    return r;
}

void ferry_seal_abort(struct ferry_sealer *s)
{
    mem_wipe(s->key, sizeof(s->key));
    buf_wipe_done(&s->pending);
}

/* ---- opening -------------------------------------------------------------------------------- */

struct ferry_unsealer {
    ferry_read_fn *fn;
    void *arg;
    uint8_t key[AEAD_KEY_LEN];
    uint64_t chunk;
    bool eof, done;
    size_t ct_n; /* bytes in ct; one more than a chunk tells that another follows */
    uint8_t ct[CHUNK_CT + HEAD_FRAME_MAX];
    size_t pt_at, pt_n;
    uint8_t pt[CHUNK];
};

bool ferry_is_sealed(struct frame_ctx *c, struct span head)
{
    static const char begin[] = "{\"sealed\":";
    struct buf line;
    size_t used = 0;
    buf_init(&line, HEAD_FRAME_MAX);
    bool yes = frame_unpack(c, head, &line, &used) == 0 && line.len >= sizeof(begin) - 1 &&
               memcmp(line.data, begin, sizeof(begin) - 1) == 0;
    buf_done(&line);
    return yes;
}

static int pull(struct ferry_unsealer *u, size_t want)
{
    while (u->ct_n < want && !u->eof) {
        size_t n = 0;
        int r = u->fn(u->ct + u->ct_n, want - u->ct_n, &n, u->arg);
        if (r < 0) {
            return r;
        }
        if (n > want - u->ct_n) {
            return SANJI_E_BUG;
        }
        u->eof = n == 0;
        u->ct_n += n;
    }
    return 0;
}

static int unwrap(struct ferry_unsealer *u, const struct seal_head *h, const struct node_id *me,
                  const uint8_t (*seeds)[SEAL_SEED_LEN], size_t n_seeds)
{
    uint8_t pub[SEAL_PUB_LEN];
    uint8_t cek[CEK_LEN];
    struct buf aad;
    int r = SANJI_E_OPEN;
    if (strcmp(h->to, me->s) != 0) {
        return SANJI_E_OPEN;
    }
    buf_init(&aad, 256);
    if (wrap_aad(h, &aad) < 0) {
        buf_done(&aad);
        return SANJI_E_NOMEM;
    }
    for (size_t i = 0; i < n_seeds && i < SEEDS_MAX && r < 0; i++) {
        if (seal_pub_of(seeds[i], pub) == 0 && memcmp(pub, h->key, sizeof(pub)) == 0) {
            r = hpke_open(seeds[i], h->enc, span_of(WRAP_INFO, sizeof(WRAP_INFO) - 1),
                          span_of(aad.data, aad.len), span_of(h->w, WRAP_LEN), cek);
        }
    }
    buf_done(&aad);
    if (r == 0) {
        r = chunk_key(h, cek, u->key);
        mem_wipe(cek, sizeof(cek));
    }
    return r;
}

static int open_head(struct ferry_unsealer *u, const struct node_id *me,
                     const uint8_t (*seeds)[SEAL_SEED_LEN], size_t n_seeds, struct fault *f)
{
    struct frame_ctx *c = frame_ctx_new();
    struct arena *a = arena_new((size_t)16 * 1024);
    struct seal_head h;
    struct buf line;
    size_t used = 0;
    buf_init(&line, HEAD_FRAME_MAX);
    int r = c == NULL || a == NULL ? SANJI_E_NOMEM : pull(u, HEAD_FRAME_MAX);
    if (r == 0) {
        r = frame_unpack(c, span_of(u->ct, u->ct_n), &line, &used);
    }
    if (r == 0) {
        r = jspec_read(line.data, line.len, head_spec, &h, sizeof(h), a, f);
    }
    if (r == 0) {
        r = unwrap(u, &h, me, seeds, n_seeds);
    }
    if (r == 0) {
        u->ct_n -= used;
        memmove(u->ct, u->ct + used, u->ct_n);
    }
    buf_done(&line);
    arena_free(a);
    frame_ctx_free(c);
    return r;
}

int ferry_unseal_new(ferry_read_fn *fn, void *arg, const struct node_id *me,
                     const uint8_t (*seeds)[SEAL_SEED_LEN], size_t n_seeds,
                     struct ferry_unsealer **ret, struct fault *f)
{
    struct ferry_unsealer *u = calloc(1, sizeof(*u));
    if (u == NULL) {
        return fault_set(f, SANJI_E_NOMEM, "", NULL);
    }
    u->fn = fn;
    u->arg = arg;
    int r = open_head(u, me, seeds, n_seeds, f);
    if (r < 0) {
        ferry_unseal_free(u);
        return r == SANJI_E_SPEC ? r : fault_set(f, r, "sealed", "a file sealed for this node");
    }
    *ret = u;
    return 0;
}

static int open_chunk(struct ferry_unsealer *u)
{
    uint8_t nonce[AEAD_NONCE_LEN];
    int r = pull(u, CHUNK_CT + 1);
    if (r < 0) {
        return r;
    }
    bool last = u->ct_n <= CHUNK_CT;
    size_t n = last ? u->ct_n : (size_t)CHUNK_CT;
    const uint8_t aad = last ? 1 : 0;
    if (n < AEAD_TAG_LEN) {
        return SANJI_E_OPEN;
    }
    chunk_nonce(u->chunk++, nonce);
    r = aead_open(u->key, nonce, span_of(&aad, 1), span_of(u->ct, n), u->pt);
    if (r < 0) {
        return r;
    }
    u->pt_at = 0;
    u->pt_n = n - AEAD_TAG_LEN;
    u->ct_n -= n;
    memmove(u->ct, u->ct + n, u->ct_n);
    u->done = last;
    return 0;
}

int ferry_unseal_read(void *p, size_t n, size_t *ret_n, void *arg)
{
    struct ferry_unsealer *u = arg;
    if (u->pt_at == u->pt_n && !u->done) {
        int r = open_chunk(u);
        if (r < 0) {
            return r;
        }
    }
    size_t left = u->pt_n - u->pt_at;
    *ret_n = n < left ? n : left;
    memcpy(p, u->pt + u->pt_at, *ret_n);
    u->pt_at += *ret_n;
    return 0;
}

void ferry_unseal_free(struct ferry_unsealer *u)
{
    if (u != NULL) {
        mem_wipe(u, sizeof(*u));
        free(u);
    }
}
