/* SPDX-License-Identifier: Apache-2.0 */
/* The list of heads a node holds is the whole cursor of the exchange: nothing is numbered by a
 * relay, a lost answer is repaired by the next list. Lines are read without building anything,
 * because every exchange of every child carries them. */
#include "protocol/msg.h"

#include "protocol/base/enc.h"
#include "protocol/jcur.h"
#include "protocol/json_gate.h"
#include "protocol/sum256.h"

#include <string.h>

enum { EPOCHS_MAX = 1024 }; /* of one stream in one line */

/* Up to 256 streams with an epoch or more each are more values than the general limit allows. */
static const struct json_limits have_limits = {6, 262144, LIM_MEMBERS};

static int bad_have(struct fault *f, const char *want)
{
    return fault_set(f, SANJI_E_SPEC, "have", want);
}

static bool get_bytes(struct span v, void *out, size_t n)
{
    struct span s;
    return jcur_plain(v, &s) && b64u_get((const char *)s.p, s.n, out, n) == 0;
}

/* [ep,"<en>",seq,"<id8>"] */
static bool get_epoch(struct span v, struct have_epoch *ret)
{
    struct jcur c;
    struct span ep, en, seq, id8, more;
    int64_t n = 0;
    if (!jcur_array(&c, v) || !jcur_element(&c, &ep) || !jcur_element(&c, &en) ||
        !jcur_element(&c, &seq) || !jcur_element(&c, &id8) || jcur_element(&c, &more)) {
        return false;
    }
    if (!jcur_int(ep, &n) || n < 1 || n > LIM_EPOCH || !jcur_int(seq, &ret->seq) || ret->seq < 1 ||
        ret->seq > LIM_SEQ) {
        return false;
    }
    ret->ep = (uint32_t)n;
    return get_bytes(en, ret->en, sizeof(ret->en)) && get_bytes(id8, ret->id8, sizeof(ret->id8));
}

static bool get_name(struct span v, char *out, size_t size)
{
    struct span s;
    if (!jcur_plain(v, &s) || s.n >= size) {
        return false;
    }
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return true;
}

/* ["<by>","<aud>",[...]] */
static int read_stream(struct span v, have_fn *fn, void *arg, struct fault *f)
{
    struct jcur c;
    struct span by, aud, list, more;
    struct audience a;
    struct have_epoch e[EPOCHS_MAX];
    char by_s[LIM_NODE_ID + 1];
    char aud_s[LIM_AUD_BYTES + 1];
    size_t n = 0;
    if (!jcur_array(&c, v) || !jcur_element(&c, &by) || !jcur_element(&c, &aud) ||
        !jcur_element(&c, &list) || jcur_element(&c, &more)) {
        return bad_have(f, "[by, aud, epochs]");
    }
    if (!get_name(by, by_s, sizeof(by_s)) || !node_id_valid(by_s, strlen(by_s))) {
        return bad_have(f, "a node id");
    }
    if (!get_name(aud, aud_s, sizeof(aud_s)) || audience_parse(aud_s, strlen(aud_s), &a) < 0) {
        return bad_have(f, "an audience");
    }
    if (!jcur_array(&c, list)) {
        return bad_have(f, "an array of epochs");
    }
    while (jcur_element(&c, &v)) {
        if (n == EPOCHS_MAX) {
            return fault_set(f, SANJI_E_SIZE, "have", "at most 1024 epochs");
        }
        if (!get_epoch(v, &e[n])) {
            return bad_have(f, "[ep, en, seq, id8]");
        }
        n++;
    }
    return fn(by_s, aud_s, e, n, arg);
}

int have_line_read(struct span line, have_fn *fn, void *arg, struct fault *f)
{
    struct jcur c;
    struct span list, v;
    size_t n = 0;
    if (line.n > LIM_BUNDLE_BYTES) {
        return fault_set(f, SANJI_E_SIZE, "have", "a line of at most 1 MiB");
    }
    int r = json_gate_with(line.p, line.n, JSON_PROTOCOL, &have_limits, f);
    if (r < 0) {
        return r;
    }
    if (!jcur_get(line, "have", &list) || !jcur_array(&c, list)) {
        return bad_have(f, "an array of streams");
    }
    while (r == 0 && jcur_element(&c, &v)) {
        if (n++ == LIM_HAVE_PER_LINE) {
            return fault_set(f, SANJI_E_SIZE, "have", "at most 256 streams");
        }
        r = read_stream(v, fn, arg, f);
    }
    return r;
}

/* ---- writing ------------------------------------------------------------------------------- */

void have_begin(struct have_writer *h, struct buf *out)
{
    h->n = 0;
    jw_init(&h->w, out);
    jw_obj(&h->w, NULL);
    jw_arr(&h->w, "have");
}

void have_add(struct have_writer *h, const char *by, const char *aud, const struct have_epoch *e,
              size_t n)
{
    if (h->n == LIM_HAVE_PER_LINE || n > EPOCHS_MAX) {
        h->w.err = h->w.err < 0 ? h->w.err : SANJI_E_SIZE;
        return;
    }
    h->n++;
    jw_arr(&h->w, NULL);
    jw_str(&h->w, NULL, by);
    jw_str(&h->w, NULL, aud);
    jw_arr(&h->w, NULL);
    for (size_t i = 0; i < n; i++) {
        jw_arr(&h->w, NULL);
        jw_int(&h->w, NULL, e[i].ep);
        jw_b64(&h->w, NULL, e[i].en, sizeof(e[i].en));
        jw_int(&h->w, NULL, e[i].seq);
        jw_b64(&h->w, NULL, e[i].id8, sizeof(e[i].id8));
        jw_end_arr(&h->w);
    }
    jw_end_arr(&h->w);
    jw_end_arr(&h->w);
}

int have_end(struct have_writer *h)
{
    jw_end_arr(&h->w);
    jw_end_obj(&h->w);
    return jw_done(&h->w);
}

/* ---- digest -------------------------------------------------------------------------------- */

static uint8_t *put_be(uint8_t *p, uint64_t v, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        *p++ = (uint8_t)(v >> 8 * i);
    }
    return p;
}

static uint8_t *put_lps(uint8_t *p, const char *s, size_t max)
{
    size_t n = strnlen(s, max);
    p = put_be(p, n, 4);
    memcpy(p, s, n);
    return p + n;
}

static void entry_hash(const char *by, const char *aud, const struct have_epoch *e,
                       uint8_t out[static HASH_LEN])
{
    static const char prefix[] = "SJ1-have\n";
    uint8_t pre[sizeof(prefix) + 4 + LIM_NODE_ID + 1 + 4 + LIM_AUD_BYTES + 4 + 8 + 8 + 8];
    uint8_t *p = pre;
    memcpy(p, prefix, sizeof(prefix) - 1);
    p += sizeof(prefix) - 1;
    p = put_lps(p, by, LIM_NODE_ID);
    p = put_lps(p, aud, LIM_AUD_BYTES);
    p = put_be(p, e->ep, 4);
    memcpy(p, e->en, sizeof(e->en));
    p += sizeof(e->en);
    p = put_be(p, (uint64_t)e->seq, 8);
    memcpy(p, e->id8, sizeof(e->id8));
    p += sizeof(e->id8);
    hash_bytes(pre, (size_t)(p - pre), out);
}

void have_digest_add(uint8_t sum[static HASH_LEN], const char *by, const char *aud,
                     const struct have_epoch *e)
{
    uint8_t h[HASH_LEN];
    entry_hash(by, aud, e, h);
    sum256_add(sum, h);
}

void have_digest_sub(uint8_t sum[static HASH_LEN], const char *by, const char *aud,
                     const struct have_epoch *e)
{
    uint8_t h[HASH_LEN];
    entry_hash(by, aud, e, h);
    sum256_sub(sum, h);
}
