/* SPDX-License-Identifier: Apache-2.0 */
/* Trust acts from bytes to struct. An unknown member is refused: what is not understood cannot be
 * enforced, and trust is not the place to guess. Whether an act holds is not decided here but by
 * the roster's fold. */
#include "protocol/act.h"

#include "protocol/act_table.h"
#include "protocol/base/enc.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/json_gate.h"

#include <string.h>

static const char *const why_codes[] = {"lost", "stolen", "left", "fork", "other"};

void act_hash(struct span text, uint8_t out[static HASH_LEN])
{
    hash_two(ACT_PREFIX, strlen(ACT_PREFIX), text.p, text.n, out);
}

/* ---- reading ---- */

struct reader {
    struct act *a;
    struct arena *ar;
    struct fault *f;
    const char *member; /* for the fault */
};

static int bad(const struct reader *r, const char *want)
{
    return fault_set(r->f, SANJI_E_SPEC, r->member, want);
}

bool act__get_bytes(struct span v, void *out, size_t n)
{
    struct span s;
    return jcur_plain(v, &s) && b64u_get((const char *)s.p, s.n, out, n) == 0;
}

static bool get_node(struct span v, struct node_id *ret)
{
    struct span s;
    return jcur_plain(v, &s) && node_id_parse((const char *)s.p, s.n, ret) == 0;
}

static bool all_in(const char *s, char lo, char hi)
{
    for (; *s != '\0'; s++) {
        if (*s < lo || *s > hi) {
            return false;
        }
    }
    return true;
}

static bool is_why(const char *s)
{
    for (size_t i = 0; i < sizeof(why_codes) / sizeof(why_codes[0]); i++) {
        if (strcmp(s, why_codes[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool text_fits(const struct act__member *m, const char *s, size_t n)
{
    int days;
    if (m->type == M_DATE) {
        return date_parse(s, n, &days) == 0;
    }
    if (m->type == M_WHY) {
        return is_why(s);
    }
    size_t len = utf8_len(s, n);
    if (len < (size_t)m->min || len > (size_t)m->max) {
        return false;
    }
    if (m->type == M_DIGITS) {
        return all_in(s, '0', '9');
    }
    return m->type == M_TOKEN ? all_in(s, '!', '~') : !text_has_control(s, n, false);
}

static int get_text(struct reader *r, const struct act__member *m, struct span v, const char **ret)
{
    struct buf b;
    buf_init(&b, ACT_MAX_BYTES);
    int err = jcur_type(v) != JCUR_STR ? SANJI_E_SPEC : jcur_text(v, &b);
    if (err < 0) {
        buf_done(&b);
        return err == SANJI_E_NOMEM ? err : bad(r, "text");
    }
    const char *s = arena_dup(r->ar, buf_str(&b), b.len);
    if (s == NULL) {
        err = SANJI_E_NOMEM;
    } else if (!text_fits(m, s, b.len)) {
        err = bad(r, "text of the right form and length");
    } else {
        *ret = s;
    }
    buf_done(&b);
    return err;
}

static int get_keys(struct reader *r, struct span v)
{
    struct jcur c;
    struct span e;
    struct act *a = r->a;
    if (!jcur_array(&c, v)) {
        return bad(r, "array of keys");
    }
    while (jcur_element(&c, &e)) {
        if (a->n_keys == LIM_ROOT_KEYS || !act__get_bytes(e, a->keys[a->n_keys], SIGN_PUB_LEN)) {
            return bad(r, "1 to 16 keys of 32 bytes in base64url");
        }
        if (sign_pub_check(a->keys[a->n_keys]) < 0) {
            return fault_set(r->f, SANJI_E_WEAK_KEY, r->member, "a strong Ed25519 key");
        }
        for (size_t i = 0; i < a->n_keys; i++) {
            /* One holder must not count twice towards the threshold. */
            if (memcmp(a->keys[i], a->keys[a->n_keys], SIGN_PUB_LEN) == 0) {
                return bad(r, "different keys");
            }
        }
        a->n_keys++;
    }
    return a->n_keys == 0 ? bad(r, "1 to 16 keys") : 0;
}

enum { HEAD_BY = 1, HEAD_AUD = 2, HEAD_EP = 4, HEAD_EN = 8, HEAD_SEQ = 16, HEAD_ID = 32 };

static const char *dup_plain(struct reader *r, struct span v)
{
    struct span s;
    return jcur_plain(v, &s) ? arena_dup(r->ar, s.p, s.n) : NULL;
}

/* One member of a head; the bit of what it was, 0 when it is wrong. */
static unsigned get_head_member(struct reader *r, struct span name, struct span v,
                                struct act_head *h)
{
    if (span_eqs(name, "by")) {
        struct node_id n;
        return get_node(v, &n) && (h->by = dup_plain(r, v)) != NULL ? HEAD_BY : 0;
    }
    if (span_eqs(name, "aud")) {
        struct audience aud;
        h->aud = dup_plain(r, v);
        bool ok = h->aud != NULL && audience_parse(h->aud, strlen(h->aud), &aud) == 0 &&
                  !audience_is_private(aud.type);
        return ok ? HEAD_AUD : 0;
    }
    if (span_eqs(name, "ep")) {
        return jcur_int(v, &h->ep) && h->ep >= 1 && h->ep <= LIM_EPOCH ? HEAD_EP : 0;
    }
    if (span_eqs(name, "en")) {
        h->has_en = act__get_bytes(v, h->en, sizeof(h->en));
        return h->has_en ? HEAD_EN : 0;
    }
    if (span_eqs(name, "seq")) {
        return jcur_int(v, &h->seq) && h->seq >= 1 && h->seq <= LIM_SEQ ? HEAD_SEQ : 0;
    }
    return span_eqs(name, "id") && act__get_bytes(v, h->id, HASH_LEN) ? HEAD_ID : 0;
}

static int get_head(struct reader *r, bool with_by, struct span v, struct act_head *h)
{
    const unsigned full = HEAD_AUD | HEAD_EP | HEAD_EN | HEAD_SEQ | HEAD_ID;
    struct jcur c;
    struct span name, val;
    unsigned seen = 0;
    if (!jcur_object(&c, v)) {
        return bad(r, "array of heads");
    }
    while (jcur_member(&c, &name, &val)) {
        unsigned bit = get_head_member(r, name, val, h);
        if (bit == 0) {
            return bad(r, "heads with by, aud, ep, en, seq, id");
        }
        seen |= bit;
    }
    if (with_by) {
        return seen == (full | HEAD_BY) && strcmp(h->aud, "trust") == 0
                   ? 0
                   : bad(r, "heads of trust streams with by");
    }
    return seen == full || seen == HEAD_ID ? 0 : bad(r, "aud, ep, en, seq, id; or id alone");
}

static int get_heads(struct reader *r, const struct act__member *m, struct span v)
{
    struct jcur c;
    struct span e;
    size_t n = 0;
    if (!jcur_array(&c, v)) {
        return bad(r, "array of heads");
    }
    while (jcur_element(&c, &e)) {
        n++;
    }
    if (n > (size_t)m->max) {
        return fault_set(r->f, SANJI_E_SIZE, r->member, "at most 1024 heads");
    }
    r->a->heads = arena_alloc(r->ar, n * sizeof(struct act_head));
    if (r->a->heads == NULL) {
        return SANJI_E_NOMEM;
    }
    (void)jcur_array(&c, v);
    while (jcur_element(&c, &e)) {
        int err = get_head(r, m->type == M_HEADS_BY, e, &r->a->heads[r->a->n_heads]);
        if (err < 0) {
            return err;
        }
        r->a->n_heads++;
    }
    return 0;
}

static int get_int(struct reader *r, const struct act__member *m, struct span v, int64_t *ret)
{
    return jcur_int(v, ret) && *ret >= m->min && *ret <= m->max ? 0 : bad(r, "integer in range");
}

static int get_word(struct reader *r, const struct act__member *m, struct span v, void *dst)
{
    struct span s;
    if (!jcur_plain(v, &s)) {
        return bad(r, "text");
    }
    if (m->type == M_HIST) {
        *(bool *)dst = span_eqs(s, "all");
        return *(bool *)dst || span_eqs(s, "now") ? 0 : bad(r, "all or now");
    }
    if (m->type == M_KID) {
        struct key_id *k = dst;
        if (!key_id_valid((const char *)s.p, s.n)) {
            return bad(r, "key id");
        }
        memcpy(k->s, s.p, s.n);
        return 0;
    }
    if (m->type == M_AUTHOR && span_eqs(s, "root")) {
        return 0;
    }
    return node_id_parse((const char *)s.p, s.n, dst) == 0 ? 0 : bad(r, "node id");
}

static int get_member(struct reader *r, const struct act__member *m, struct span v)
{
    uint8_t *dst = (uint8_t *)r->a + m->off;
    if (m->has != 0) {
        *(bool *)((uint8_t *)r->a + m->has) = true;
    }
    switch (m->type) {
    case M_NODE:
    case M_AUTHOR:
    case M_HIST:
    case M_KID:
        return get_word(r, m, v, dst);
    case M_BYTES:
        return act__get_bytes(v, dst, (size_t)m->max) ? 0 : bad(r, "base64url of the right length");
    case M_SIGNKEY:
        if (!act__get_bytes(v, dst, SIGN_PUB_LEN)) {
            return bad(r, "32 bytes in base64url");
        }
        return sign_pub_check(dst) == 0
                   ? 0
                   : fault_set(r->f, SANJI_E_WEAK_KEY, m->name, "a strong Ed25519 key");
    case M_INT:
        return get_int(r, m, v, (void *)dst);
    case M_TEXT:
    case M_TOKEN:
    case M_DIGITS:
    case M_DATE:
    case M_WHY:
        return get_text(r, m, v, (void *)dst);
    case M_BOOL:
        return jcur_bool(v, (void *)dst) ? 0 : bad(r, "true or false");
    case M_TRUE:
        return jcur_bool(v, (void *)dst) && *(bool *)dst ? 0 : bad(r, "true, or absent");
    case M_KEYS:
        return get_keys(r, v);
    case M_HEADS:
    case M_HEADS_BY:
        return get_heads(r, m, v);
    }
    return SANJI_E_BUG;
}

/* Bit numbers: rows of the common table first. */
static const struct act__member *find_member(enum act_type t, struct span name, unsigned *ret_bit)
{
    const struct act__member *const rows[] = {act__common, act__tables[t]};
    unsigned bit = 0;
    for (size_t i = 0; i < 2; i++) {
        for (const struct act__member *m = rows[i]; m->name != NULL; m++, bit++) {
            if (span_eqs(name, m->name)) {
                *ret_bit = bit;
                return m;
            }
        }
    }
    return NULL;
}

static int check_required(struct reader *r, unsigned seen)
{
    const struct act__member *const rows[] = {act__common, act__tables[r->a->type]};
    unsigned bit = 0;
    for (size_t i = 0; i < 2; i++) {
        for (const struct act__member *m = rows[i]; m->name != NULL; m++, bit++) {
            if (!m->opt && (seen & (1U << bit)) == 0) {
                return fault_set(r->f, SANJI_E_SPEC, m->name, "required");
            }
        }
    }
    return 0;
}

static int expect(struct reader *r, bool ok, const char *member, const char *want)
{
    return ok ? 0 : fault_set(r->f, SANJI_E_SPEC, member, want);
}

/* What a row cannot say by itself: members that depend on each other (P9). */
static int check_across(struct reader *r, bool has_prev)
{
    static const uint8_t zero[HASH_LEN];
    const struct act *a = r->a;
    bool first = a->type == ACT_ROOT && a->ver == 1;
    bool by_root = node_id_none(&a->by);
    bool root_only = a->type == ACT_ROOT || a->type == ACT_HANDOVER || a->type == ACT_ADOPT;
    int err =
        expect(r, a->has_g != first, "g", first ? "absent in the first root act" : "required");
    if (err == 0 && root_only) {
        err = expect(r, by_root, "by", "root");
    }
    if (err == 0 && (a->type == ACT_FLOOR || a->type == ACT_MOVE)) {
        err = expect(r, !by_root, "by", "a node id");
    }
    if (err == 0 && a->type == ACT_NODE) {
        err = expect(r, by_root == node_id_none(&a->up), "up", "absent exactly for the top");
    }
    if (err == 0 && a->type == ACT_ROOT) {
        err = expect(r, (size_t)a->k <= a->n_keys, "k", "at most the number of keys");
        if (err == 0) {
            err = expect(r, has_prev != first, "prev", "present from version 2 on");
        }
        if (err == 0 && first) {
            err = expect(r, memcmp(a->after, zero, HASH_LEN) == 0, "after", "zero");
        }
    }
    if (err == 0 && a->type == ACT_FLOOR) {
        err = expect(r, node_id_cmp(&a->by, &a->n) == 0, "by", "the subject itself");
    }
    if (err == 0 && a->type == ACT_INFO) {
        bool any = a->name != NULL || a->url != NULL || a->area != NULL || a->has_tls;
        err = expect(r, any, "name", "at least one of name, url, area, tls");
    }
    return err;
}

static int read_members(struct reader *r)
{
    struct jcur c;
    struct span name, v;
    unsigned seen = 0;
    bool has_prev = false;
    (void)jcur_object(&c, r->a->text);
    while (jcur_member(&c, &name, &v)) {
        unsigned bit = 0;
        if (span_eqs(name, "t")) {
            continue;
        }
        const struct act__member *m = find_member(r->a->type, name, &bit);
        if (m == NULL) {
            char shown[LIM_NAME_BYTES + 1] = {0};
            memcpy(shown, name.p, name.n < LIM_NAME_BYTES ? name.n : LIM_NAME_BYTES);
            return fault_set(r->f, SANJI_E_SPEC, shown, "no such member in this act");
        }
        r->member = m->name;
        int err = get_member(r, m, v);
        if (err < 0) {
            return err;
        }
        seen |= 1U << bit;
        has_prev = has_prev || m->off == offsetof(struct act, prev);
    }
    int err = check_required(r, seen);
    return err < 0 ? err : check_across(r, has_prev);
}

static int read_type(struct span text, enum act_type *ret, struct fault *f)
{
    struct span v, s;
    if (jcur_get(text, "t", &v) && jcur_plain(v, &s)) {
        for (int t = 0; t < ACT_TYPE_COUNT; t++) {
            if (span_eqs(s, act_type_name((enum act_type)t))) {
                *ret = (enum act_type)t;
                return 0;
            }
        }
        return fault_set(f, SANJI_E_VERSION, "t", "a known type of act");
    }
    return fault_set(f, SANJI_E_SPEC, "t", "required");
}

int act_body_type(struct span d, struct fault *f)
{
    struct span a;
    struct buf text;
    enum act_type type;
    buf_init(&text, LIM_ITEM_BYTES);
    int r = !jcur_get(d, "a", &a) || jcur_type(a) != JCUR_STR || jcur_text(a, &text) < 0
                ? fault_set(f, SANJI_E_SPEC, "a", "text of the act")
                : read_type(span_of(text.data, text.len), &type, f);
    buf_done(&text);
    return r;
}

/* Fills everything but the signatures. */
int act__read(struct span text, struct arena *ar, struct act *a, struct fault *f)
{
    if (text.n > ACT_MAX_BYTES) {
        return fault_set(f, SANJI_E_SIZE, "a", "a shorter act");
    }
    int err = json_gate(text.p, text.n, JSON_PROTOCOL, f);
    if (err < 0) {
        return err;
    }
    const uint8_t *copy = arena_dup(ar, text.p, text.n);
    if (copy == NULL) {
        return SANJI_E_NOMEM;
    }
    a->text = span_of(copy, text.n);
    err = read_type(a->text, &a->type, f);
    if (err < 0) {
        return err;
    }
    struct reader r = {.a = a, .ar = ar, .f = f, .member = ""};
    err = read_members(&r);
    if (err == 0) {
        act_hash(a->text, a->hash);
    }
    return err;
}

int act_parse(struct span text, struct arena *ar, struct act *ret, struct fault *f)
{
    struct act *a = arena_alloc(ar, sizeof(*a));
    if (a == NULL) {
        return SANJI_E_NOMEM;
    }
    int err = act__read(text, ar, a, f);
    if (err == 0) {
        *ret = *a;
    }
    return err;
}

/* What can be read of an act of the future; false: it is not critical, or says not enough. */
static bool read_crit(struct act *a, struct arena *ar)
{
    struct span v;
    struct reader r = {.a = a, .ar = ar, .f = NULL, .member = ""};
    if (!jcur_get(a->text, "crit", &v) || !span_eqs(v, "true")) {
        return false;
    }
    for (const struct act__member *m = act__common; m->name != NULL; m++) {
        if (!jcur_get(a->text, m->name, &v) || get_member(&r, m, v) < 0) {
            return false;
        }
    }
    act_hash(a->text, a->hash);
    return true;
}

/* ---- body of the item ---- */

static int read_one_co(struct span v, struct act_co *co, struct fault *f)
{
    struct jcur c;
    struct span name, val, s;
    unsigned seen = 0;
    if (!jcur_object(&c, v)) {
        return fault_set(f, SANJI_E_SPEC, "co", "array of signatures");
    }
    while (jcur_member(&c, &name, &val)) {
        if (span_eqs(name, "kid") && jcur_plain(val, &s) && key_id_valid((const char *)s.p, s.n)) {
            memcpy(co->kid.s, s.p, s.n);
            seen |= 1;
        } else if (span_eqs(name, "s") && act__get_bytes(val, co->s, SIG_LEN)) {
            seen |= 2;
        } else {
            return fault_set(f, SANJI_E_SPEC, "co", "kid and s");
        }
    }
    return seen == 3 ? 0 : fault_set(f, SANJI_E_SPEC, "co", "kid and s");
}

static int read_co(struct span v, struct act *a, struct fault *f)
{
    struct jcur c;
    struct span e;
    if (!jcur_array(&c, v)) {
        return fault_set(f, SANJI_E_SPEC, "co", "array of signatures");
    }
    while (jcur_element(&c, &e)) {
        if (a->n_co == LIM_CO_SIGNATURES) {
            return fault_set(f, SANJI_E_SPEC, "co", "at most 16 signatures");
        }
        int err = read_one_co(e, &a->co[a->n_co], f);
        if (err < 0) {
            return err;
        }
        a->n_co++;
    }
    return a->n_co > 0 ? 0 : fault_set(f, SANJI_E_SPEC, "co", "at least one signature");
}

int act_body_parse(struct span d, struct arena *ar, struct act *ret, struct fault *f)
{
    struct jcur c;
    struct span name, v, va = {0}, vco = {0};
    int err = json_gate(d.p, d.n, JSON_PROTOCOL, f);
    if (err < 0) {
        return err;
    }
    (void)jcur_object(&c, d);
    while (jcur_member(&c, &name, &v)) {
        if (span_eqs(name, "a")) {
            va = v;
        } else if (span_eqs(name, "co")) {
            vco = v;
        } else {
            return fault_set(f, SANJI_E_SPEC, "d", "a and co alone");
        }
    }
    struct act *a = arena_alloc(ar, sizeof(*a));
    if (a == NULL) {
        return SANJI_E_NOMEM;
    }
    struct buf text;
    buf_init(&text, LIM_ITEM_BYTES);
    int read = va.p == NULL || jcur_type(va) != JCUR_STR ? SANJI_E_SPEC : jcur_text(va, &text);
    if (read == SANJI_E_NOMEM) {
        err = read;
    } else if (read < 0) {
        err = fault_set(f, SANJI_E_SPEC, "a", "text of the act");
    } else {
        err = act__read(span_of(buf_str(&text), text.len), ar, a, f);
    }
    buf_done(&text);
    if (err == SANJI_E_VERSION) {
        a->crit = read_crit(a, ar) && read_co(vco, a, NULL) == 0;
        *ret = *a;
    }
    if (err == 0) {
        err = read_co(vco, a, f);
    }
    if (err == 0) {
        *ret = *a;
    }
    return err;
}

bool act_heads_cover(const struct act_head *h, size_t n, const struct stream_key *s, int64_t seq,
                     const uint8_t id[static HASH_LEN], const struct act_head **ret_head)
{
    for (size_t i = 0; i < n; i++) {
        if (h[i].aud == NULL || strcmp(h[i].aud, s->aud) != 0 || h[i].ep != (int64_t)s->ep ||
            memcmp(h[i].en, s->en, sizeof(s->en)) != 0) {
            continue;
        }
        if (ret_head != NULL) {
            *ret_head = &h[i];
        }
        if (seq < h[i].seq || (seq == h[i].seq && memcmp(id, h[i].id, HASH_LEN) == 0)) {
            return true;
        }
    }
    return false;
}
