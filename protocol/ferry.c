/* SPDX-License-Identifier: Apache-2.0 */
/* A stick that travels between two nodes without a line is the same exchange as the network's, so
 * it holds the same frames. What differs is that nobody can be asked again: counts and a sum tell
 * whether the file arrived whole, while every bundle still stands on its own checks. */
#include "protocol/ferry.h"

#include "protocol/jcur.h"
#include "protocol/json_gate.h"
#include "protocol/jspec.h"

#include <stdlib.h>
#include <string.h>

#define INT_WIRE INT64_C(999999999999999)
static const char manifest_domain[] = "SJ1-ferry\n";
static const char receipt_domain[] = "SJ1-receipt\n";
enum {
    INNER_MAX = 2048,
    FIRST_MAX = 8192,
    REQUEST_MAX = LIM_ITEM_BYTES,
    PARTS_MAX = 10000,
    /* Any frame a reader accepts fits: content, overhead. */
    WINDOW = LIM_BUNDLE_BYTES + 1 + LIM_FRAME_OVERHEAD,
    END_RESERVE = 1024,
    DAMAGES_MAX = 1000, /* in one part; beyond it nothing more is looked for */
};

/* clang-format off */
#define S struct ferry_manifest
static const struct jspec manifest_spec[] = {
    JF_INT(S, v, 1, 1),
    JF_BYTES(S, g),
    JF_TOKEN(S, by, LIM_NODE_ID, LIM_NODE_ID),
    JF_TOKEN_OPT(S, to, LIM_NODE_ID, LIM_NODE_ID),
    JF_INT(S, no, 1, INT_WIRE),
    JF_INT(S, ts, 0, INT_WIRE),
    JF_BYTES(S, rv),
    JF_INT(S, part, 1, PARTS_MAX),
    JF_INT(S, parts, 1, PARTS_MAX),
    JF_INT(S, lines, 0, INT_WIRE),
    JF_INT(S, count, 0, INT_WIRE),
    JF_BYTES(S, sha),
    JF_END_OPEN,
};
#undef S
#define S struct ferry_receipt
static const struct jspec receipt_spec[] = {
    JF_INT(S, v, 1, 1),
    JF_BYTES(S, g),
    JF_TOKEN(S, by, LIM_NODE_ID, LIM_NODE_ID),
    JF_TOKEN(S, to, LIM_NODE_ID, LIM_NODE_ID),
    JF_INT(S, no, 1, INT_WIRE),
    JF_INT(S, ts, 0, INT_WIRE),
    JF_INT(S, lines, 0, INT_WIRE),
    JF_BYTES_OPT(S, sha, has_sha),
    JF_END_OPEN,
};
#undef S
struct outer {
    const char *m, *kid;
    uint8_t s[SIG_LEN];
};
static const struct jspec outer_spec[] = {
    JF_TEXT(struct outer, m, 2, INNER_MAX),
    JF_TOKEN(struct outer, kid, LIM_KID, LIM_KID),
    JF_BYTES(struct outer, s),
    JF_END_OPEN,
};
/* clang-format on */

/* ---- the signed first line ------------------------------------------------------------------ */

static int preimage(const char *domain, struct span m, struct buf *out)
{
    (void)buf_puts(out, domain);
    return buf_put(out, m.p, m.n);
}

static bool name_ok(const char *s)
{
    return s == NULL || node_id_valid(s, strlen(s));
}

static int signed_write(const char *domain, const struct jspec *spec, const void *src,
                        const struct sign_key *k, struct buf *out)
{
    struct outer o = {0};
    struct key_id kid;
    struct buf m, pre;
    struct jw w;
    key_id_of(sign_key_pub(k), &kid);
    buf_init(&m, INNER_MAX);
    buf_init(&pre, INNER_MAX + 32);
    jw_init(&w, &m);
    jspec_write(&w, NULL, spec, src);
    int r = jw_done(&w);
    if (r < 0 || (r = preimage(domain, span_of(m.data, m.len), &pre)) < 0 ||
        (r = sign_raw(k, pre.data, pre.len, o.s)) < 0) {
        goto out;
    }
    o.m = buf_str(&m);
    o.kid = kid.s;
    jw_init(&w, out);
    jspec_write(&w, NULL, outer_spec, &o);
    r = jw_done(&w);
out:
    buf_done(&m);
    buf_done(&pre);
    return r;
}

static int signed_read(struct span line, const struct jspec *spec, struct arena *a, void *ret,
                       size_t size, struct ferry_signed *ret_sig, struct fault *f)
{
    struct outer o;
    if (line.n > FIRST_MAX) {
        return fault_set(f, SANJI_E_SIZE, "m", "a shorter first line");
    }
    int r = jspec_read(line.p, line.n, outer_spec, &o, sizeof(o), a, f);
    if (r < 0) {
        return r;
    }
    if (!key_id_valid(o.kid, strlen(o.kid))) {
        return fault_set(f, SANJI_E_SPEC, "kid", "a key id");
    }
    *ret_sig = (struct ferry_signed){.m = span_of(o.m, strlen(o.m)), .kid = o.kid};
    memcpy(ret_sig->s, o.s, SIG_LEN);
    return jspec_read(ret_sig->m.p, ret_sig->m.n, spec, ret, size, a, f);
}

int ferry_manifest_write(const struct ferry_manifest *m, const struct sign_key *k, struct buf *out)
{
    if (m->by == NULL || !name_ok(m->by) || !name_ok(m->to) || m->part > m->parts) {
        return SANJI_E_SPEC;
    }
    return signed_write(manifest_domain, manifest_spec, m, k, out);
}

int ferry_manifest_read(struct span line, struct arena *a, struct ferry_manifest *ret,
                        struct ferry_signed *ret_sig, struct fault *f)
{
    int r = signed_read(line, manifest_spec, a, ret, sizeof(*ret), ret_sig, f);
    if (r < 0) {
        return r;
    }
    /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): jspec_read() filled it */
    if (!name_ok(ret->by) || !name_ok(ret->to)) {
        return fault_set(f, SANJI_E_SPEC, name_ok(ret->by) ? "to" : "by", "a node id");
    }
    return ret->part <= ret->parts ? 0 : fault_set(f, SANJI_E_SPEC, "part", "at most parts");
}

int ferry_receipt_write(const struct ferry_receipt *r, const struct sign_key *k, struct buf *out)
{
    if (r->by == NULL || r->to == NULL || !name_ok(r->by) || !name_ok(r->to)) {
        return SANJI_E_SPEC;
    }
    return signed_write(receipt_domain, receipt_spec, r, k, out);
}

int ferry_receipt_read(struct span line, struct arena *a, struct ferry_receipt *ret,
                       struct ferry_signed *ret_sig, struct fault *f)
{
    int r = signed_read(line, receipt_spec, a, ret, sizeof(*ret), ret_sig, f);
    if (r < 0) {
        return r;
    }
    ret_sig->receipt = true;
    /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): jspec_read() filled it */
    if (!name_ok(ret->by) || !name_ok(ret->to)) {
        return fault_set(f, SANJI_E_SPEC, name_ok(ret->by) ? "to" : "by", "a node id");
    }
    return 0;
}

int ferry_verify(const struct ferry_signed *s, const struct sign_pub *key)
{
    struct buf pre;
    buf_init(&pre, FIRST_MAX + 32);
    int r = preimage(s->receipt ? receipt_domain : manifest_domain, s->m, &pre);
    if (r == 0) {
        r = verify_raw(key, pre.data, pre.len, s->s);
    }
    buf_done(&pre);
    return r;
}

/* ---- reading -------------------------------------------------------------------------------- */

enum state { AT_FIRST, AT_LINES, AT_BUNDLES, AT_END, AT_EOF, DONE };

struct ferry_reader {
    ferry_read_fn *fn;
    void *arg;
    struct frame_ctx *c;
    struct arena *a;
    uint8_t *window; /* holds WINDOW bytes, or all that is left, whenever a frame is read */
    size_t at, have;
    bool eof;
    int64_t total;
    struct buf line;
    struct hash_ctx sha;
    uint8_t want_sha[HASH_LEN];
    bool receipt, request, has_sha;
    size_t damages; /* once there are some, counts say nothing about where we are */
    int64_t lines_left, count, count_left;
    enum state st;
    int err;
};

struct ferry_reader *ferry_reader_new(ferry_read_fn *fn, void *arg)
{
    struct ferry_reader *r = calloc(1, sizeof(*r));
    if (r == NULL) {
        return NULL;
    }
    r->fn = fn;
    r->arg = arg;
    r->c = frame_ctx_new();
    r->a = arena_new((size_t)64 * 1024);
    r->window = malloc((size_t)2 * WINDOW);
    buf_init(&r->line, LIM_BUNDLE_BYTES + 1);
    if (r->c == NULL || r->a == NULL || r->window == NULL || hash_init(&r->sha) < 0) {
        ferry_reader_free(r);
        return NULL;
    }
    return r;
}

void ferry_reader_free(struct ferry_reader *r)
{
    if (r == NULL) {
        return;
    }
    frame_ctx_free(r->c);
    arena_free(r->a);
    free(r->window);
    buf_done(&r->line);
    if (r->sha.p != NULL) {
        hash_abort(&r->sha);
    }
    free(r);
}

/* Tops the window up, so that a frame in it is whole unless the file ends. */
static int fill(struct ferry_reader *r)
{
    if (r->have - r->at >= WINDOW || r->eof) {
        return 0;
    }
    memmove(r->window, r->window + r->at, r->have - r->at);
    r->have -= r->at;
    r->at = 0;
    while (r->have < (size_t)2 * WINDOW && !r->eof) {
        size_t n = 0;
        size_t room = (size_t)2 * WINDOW - r->have;
        int err = r->fn(r->window + r->have, room, &n, r->arg);
        if (err < 0) {
            return err;
        }
        if (n > room) {
            return SANJI_E_BUG;
        }
        r->eof = n == 0;
        r->have += n;
        r->total += (int64_t)n;
        if (r->total > LIM_FERRY_PART_BYTES) {
            return SANJI_E_SIZE;
        }
    }
    return 0;
}

static int take_frame(struct ferry_reader *r, struct span *ret_frame)
{
    size_t used = 0;
    struct span in = span_of(r->window + r->at, r->have - r->at);
    int err = frame_unpack(r->c, in, &r->line, &used);
    if (err < 0) {
        return err;
    }
    *ret_frame = span_of(in.p, used);
    r->at += used;
    return r->st == AT_FIRST ? 0 : hash_update(&r->sha, in.p, used);
}

/* Skips what is no frame. A stick with one bad block should not cost what lies behind it. */
static bool skip_damage(struct ferry_reader *r)
{
    struct span in = span_of(r->window + r->at, r->have - r->at);
    if (r->st == AT_FIRST || in.n == 0 || r->damages == DAMAGES_MAX) {
        return false;
    }
    size_t n = frame_search(in);
    r->damages++;
    r->at += n;
    return true;
}

static bool begins(const struct ferry_reader *r, const char *with)
{
    size_t n = strlen(with);
    return r->line.len >= n && memcmp(r->line.data, with, n) == 0;
}

/* After damage each line says itself what it is. */
static void place_line(struct ferry_reader *r)
{
    r->lines_left = begins(r, "{\"have\":") ? 1 : 0;
    r->count_left = 1;
    r->st = r->lines_left > 0 ? AT_LINES : begins(r, "{\"end\":") ? AT_END : AT_BUNDLES;
}

/* {"q":"<json>","mac":…,"s":…}, or {"a":"<act>","co":[…]} */
static bool is_request(struct span line)
{
    struct span v;
    return line.n <= REQUEST_MAX && json_gate(line.p, line.n, JSON_PROTOCOL, NULL) == 0 &&
           (jcur_get(line, "q", &v) || jcur_get(line, "a", &v));
}

static int take_first(struct ferry_reader *r, enum ferry_kind *ret_kind, struct fault *f)
{
    struct ferry_manifest m;
    struct ferry_receipt rc;
    struct ferry_signed sig;
    struct span line = span_of(r->line.data, r->line.len);
    int err = ferry_manifest_read(line, r->a, &m, &sig, f);
    if (err == 0) {
        *ret_kind = FERRY_MANIFEST;
        r->has_sha = true;
        memcpy(r->want_sha, m.sha, HASH_LEN);
        r->lines_left = m.lines;
        r->count = r->count_left = m.count;
        return 0;
    }
    /* A receipt or request lacks what a manifest needs; its own reader decides. */
    arena_reset(r->a);
    if ((err == SANJI_E_SPEC || err == SANJI_E_SIZE) && is_request(line)) {
        *ret_kind = FERRY_REQUEST;
        r->request = true;
        return 0;
    }
    if (err != SANJI_E_SPEC || ferry_receipt_read(line, r->a, &rc, &sig, NULL) < 0) {
        return err;
    }
    *ret_kind = FERRY_RECEIPT;
    r->receipt = true;
    r->has_sha = rc.has_sha;
    memcpy(r->want_sha, rc.sha, HASH_LEN);
    r->lines_left = rc.lines;
    return 0;
}

static int check_end_line(struct ferry_reader *r, struct fault *f)
{
    struct span line = span_of(r->line.data, r->line.len);
    struct span v;
    int64_t n = -1;
    int err = json_gate(line.p, line.n, JSON_PROTOCOL, f);
    if (err < 0) {
        return err;
    }
    if (!jcur_get(line, "end", &v) || !jcur_int(v, &n) || n != r->count) {
        return fault_set(f, SANJI_E_SPEC, "end", "the number of bundles");
    }
    return 0;
}

static int check_eof(struct ferry_reader *r, struct fault *f)
{
    uint8_t sum[HASH_LEN];
    int err = fill(r);
    if (err < 0) {
        return err;
    }
    if (r->at != r->have) {
        return fault_set(f, SANJI_E_SYNTAX, "", "nothing after the end");
    }
    err = hash_final(&r->sha, sum);
    if (err < 0) {
        return err;
    }
    if (r->damages > 0 || (r->has_sha && memcmp(sum, r->want_sha, HASH_LEN) != 0)) {
        return fault_set(f, SANJI_E_HASH, "sha", "the sum of the file");
    }
    r->st = DONE;
    return 0;
}

/* Where the counts of the first line say we are. */
static void advance(struct ferry_reader *r)
{
    if (r->st == AT_FIRST) {
        r->st = r->request ? AT_EOF : AT_LINES;
    }
    if (r->st == AT_LINES && r->lines_left == 0) {
        r->st = r->receipt ? AT_EOF : AT_BUNDLES;
    }
    if (r->st == AT_BUNDLES && r->count_left == 0) {
        r->st = AT_END;
    }
}

static int next(struct ferry_reader *r, enum ferry_kind *ret_kind, struct span *ret_frame,
                struct fault *f)
{
    int err = 0;
    buf_reset(&r->line);
    *ret_frame = (struct span){0};
    if (r->st == AT_EOF) {
        *ret_kind = FERRY_END;
        return check_eof(r, f);
    }
    err = fill(r);
    if (err < 0) {
        return err == SANJI_E_PENDING ? err : fault_set(f, err, "", "a whole frame");
    }
    err = take_frame(r, ret_frame);
    if ((err == SANJI_E_SYNTAX || err == SANJI_E_SIZE) && skip_damage(r)) {
        *ret_kind = FERRY_DAMAGED;
        buf_reset(&r->line);
        (void)fault_set(f, err, "", "a whole frame");
        return 0;
    }
    if (err < 0) {
        return fault_set(f, err, "", "a whole frame");
    }
    if (r->damages > 0) {
        place_line(r);
    }
    switch (r->st) {
    case AT_FIRST:
        err = take_first(r, ret_kind, f);
        break;
    case AT_LINES:
        *ret_kind = FERRY_HAVE;
        r->lines_left--;
        break;
    case AT_BUNDLES:
        *ret_kind = FERRY_BUNDLE;
        r->count_left--;
        break;
    case AT_END:
        *ret_kind = FERRY_END;
        err = check_end_line(r, f);
        r->st = AT_EOF;
        return err < 0 ? err : check_eof(r, f);
    case AT_EOF:
    case DONE:
        break;
    }
    advance(r);
    return err;
}

int ferry_next(struct ferry_reader *r, enum ferry_kind *ret_kind, struct span *ret_line,
               struct span *ret_frame, struct fault *f)
{
    if (r->err < 0 || r->st == DONE) {
        return r->err < 0 ? r->err : SANJI_E_STATE;
    }
    int err = next(r, ret_kind, ret_frame, f);
    r->err = err == SANJI_E_PENDING ? 0 : err;
    *ret_line = span_of(r->line.data, r->line.len);
    return err;
}

/* ---- writing -------------------------------------------------------------------------------- */

int ferry_begin(struct ferry_writer *w, struct frame_ctx *c)
{
    *w = (struct ferry_writer){.c = c};
    return hash_init(&w->sha);
}

void ferry_abort(struct ferry_writer *w)
{
    if (w->sha.p != NULL) {
        hash_abort(&w->sha);
    }
}

static int add(struct ferry_writer *w, size_t start, struct buf *out)
{
    size_t n = out->len - start;
    /* Room for the end frame and the manifest. */
    if (w->bytes + (int64_t)n > LIM_FERRY_PART_BYTES - FIRST_MAX - END_RESERVE) {
        out->len = start;
        out->data[start] = 0;
        return SANJI_E_SIZE;
    }
    w->bytes += (int64_t)n;
    return hash_update(&w->sha, out->data + start, n);
}

int ferry_request_write(struct frame_ctx *c, struct span body, struct buf *out)
{
    return body.n > REQUEST_MAX ? SANJI_E_SIZE : frame_pack(c, body, out);
}

int ferry_add_have(struct ferry_writer *w, struct span line, struct buf *out)
{
    size_t start = out->len;
    if (w->count > 0) {
        return SANJI_E_STATE;
    }
    int r = frame_pack(w->c, line, out);
    r = r < 0 ? r : add(w, start, out);
    w->lines += r == 0;
    return r;
}

int ferry_add_bundle(struct ferry_writer *w, struct span frame, struct buf *out)
{
    size_t start = out->len;
    int r = buf_put(out, frame.p, frame.n);
    r = r < 0 ? r : add(w, start, out);
    w->count += r == 0;
    return r;
}

int ferry_finish(struct ferry_writer *w, struct ferry_manifest *m, const struct sign_key *k,
                 struct buf *out, struct buf *out_first)
{
    struct buf line;
    size_t start = out->len;
    buf_init(&line, FIRST_MAX);
    int r = buf_printf(&line, "{\"end\":%lld}", (long long)w->count);
    if (r == 0) {
        r = frame_pack(w->c, span_of(line.data, line.len), out);
    }
    if (r == 0) {
        r = hash_update(&w->sha, out->data + start, out->len - start);
    }
    if (r == 0) {
        r = hash_final(&w->sha, m->sha);
    }
    m->lines = w->lines;
    m->count = w->count;
    buf_reset(&line);
    if (r == 0) {
        r = ferry_manifest_write(m, k, &line);
    }
    if (r == 0) {
        r = frame_pack(w->c, span_of(line.data, line.len), out_first);
    }
    buf_done(&line);
    ferry_abort(w);
    return r;
}
