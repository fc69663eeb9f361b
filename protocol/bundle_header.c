/* SPDX-License-Identifier: Apache-2.0 */
/* The header is all that is signed, so every member it may have stands in one table that both reads
 * and writes it. Unknown members are ignored (a newer writer says with `crit` when that would be
 * wrong); known ones are held to their rule. No parser tree: headers arrive with every bundle. */
#include "protocol/bundle_header.h"

#include "protocol/base/enc.h"
#include "protocol/jcur.h"
#include "protocol/json_gate.h"
#include "protocol/jwrite.h"

#include <stdio.h>
#include <string.h>

static const char *const type_names[BUNDLE_TYPE_COUNT] = {"data", "beat", "key", "epoch"};

enum {
    VERSION = 1,
    CRIT_MAX = 8,
    LNK_MAX = 16,
    MERGES_MAX = 8,
};

const char *bundle_type_name(enum bundle_type t)
{
    return (unsigned)t < BUNDLE_TYPE_COUNT ? type_names[t] : "";
}

/* ---- tables -------------------------------------------------------------------------------- */

enum member_type {
    MT_END,
    MT_INT,
    MT_BOOL,
    MT_BYTES,
    MT_TYPE,
    MT_NODE,
    MT_KEY,
    MT_AUD,
    MT_HASHES,
    MT_NAMES,
    MT_OBJ
};

struct member {
    const char *name;
    enum member_type type;
    bool optional;
    size_t off;
    size_t size;      /* BYTES: how many */
    size_t has_off;   /* OBJ: bool that says present; HASHES, NAMES: size_t count */
    int64_t min, max; /* INT: range; HASHES, NAMES: elements */
    const struct member *sub;
    const char *want;
};

/* clang-format off */
#define AT(S, m) offsetof(S, m)
#define M_INT(S, m, lo, hi)   {#m, MT_INT, false, AT(S, m), 0, 0, lo, hi, NULL, NULL}
#define M_BOOL(S, m)          {#m, MT_BOOL, false, AT(S, m), 0, 0, 0, 0, NULL, "true or false"}
#define M_BYTES(S, m)         {#m, MT_BYTES, false, AT(S, m), sizeof(((S *)0)->m), 0, 0, 0, NULL, "base64url of the right length"}
#define M_ONE(S, m, t, want)  {#m, t, false, AT(S, m), 0, 0, 0, 0, NULL, want}
#define M_LIST(S, m, t, hi, want) {#m, t, true, AT(S, m), 0, AT(S, n_##m), 0, hi, NULL, want}
#define M_OBJ(S, m, opt, has, sub, want) {#m, MT_OBJ, opt, AT(S, m), 0, has, 0, 0, sub, want}
#define M_END                 {NULL, MT_END, false, 0, 0, 0, 0, 0, NULL, NULL}

static const struct member live_members[] = {
    M_INT(struct live_digest, c, 0, 999999999999999),
    M_BYTES(struct live_digest, s),
    M_END,
};
static const struct member pe_members[] = {
    M_INT(struct prev_epoch, ep, 1, LIM_EPOCH),
    M_BYTES(struct prev_epoch, en),
    M_INT(struct prev_epoch, seq, 0, LIM_SEQ),
    M_BYTES(struct prev_epoch, id),
    M_BOOL(struct prev_epoch, ok),
    M_END,
};
static const struct member kf_members[] = {
    M_INT(struct keyframe, from, 1, LIM_SEQ),
    M_INT(struct keyframe, to, 1, LIM_SEQ),
    M_INT(struct keyframe, covers, 0, LIM_SEQ),
    M_OBJ(struct keyframe, live, false, SIZE_MAX, live_members, "c and s"),
    M_BYTES(struct keyframe, sha),
    M_END,
};
#define H struct bundle_header
static const struct member header_members[] = {
    M_INT(H, v, 1, 999999999999999),
    M_ONE(H, t, MT_TYPE, "data, beat, key or epoch"),
    M_BYTES(H, g),
    M_ONE(H, by, MT_NODE, "a node id"),
    M_ONE(H, aud, MT_AUD, "an audience"),
    M_INT(H, ep, 1, LIM_EPOCH),
    M_BYTES(H, en),
    M_INT(H, seq, 1, LIM_SEQ),
    M_BYTES(H, prev),
    M_INT(H, n, 0, LIM_ITEMS),
    M_BYTES(H, root),
    M_ONE(H, kid, MT_KEY, "a key id"),
    M_BYTES(H, rv),
    M_INT(H, ts, 0, 999999999999999),
    M_LIST(H, crit, MT_NAMES, CRIT_MAX, "at most 8 names"),
    M_LIST(H, lnk, MT_HASHES, LNK_MAX, "at most 16 bundle ids"),
    M_OBJ(H, live, true, AT(H, has_live), live_members, "c and s"),
    M_OBJ(H, pe, true, AT(H, has_pe), pe_members, "ep, en, seq, id and ok"),
    M_LIST(H, merges, MT_HASHES, MERGES_MAX, "at most 8 bundle ids"),
    M_OBJ(H, kf, true, AT(H, has_kf), kf_members, "from, to, covers, live and sha"),
    M_END,
};
#undef H
/* clang-format on */

/* ---- reading ------------------------------------------------------------------------------- */

static bool bytes_get(struct span v, void *out, size_t n)
{
    struct span s;
    return jcur_plain(v, &s) && b64u_get((const char *)s.p, s.n, out, n) == 0;
}

static bool type_get(struct span v, enum bundle_type *ret)
{
    struct span s;
    if (!jcur_plain(v, &s)) {
        return false;
    }
    for (int i = 0; i < BUNDLE_TYPE_COUNT; i++) {
        if (span_eqs(s, type_names[i])) {
            *ret = (enum bundle_type)i;
            return true;
        }
    }
    return false;
}

static bool node_get(struct span v, struct node_id *ret)
{
    struct span s;
    return jcur_plain(v, &s) && node_id_parse((const char *)s.p, s.n, ret) == 0;
}

static bool key_get(struct span v, struct key_id *ret)
{
    struct span s;
    if (!jcur_plain(v, &s) || !key_id_valid((const char *)s.p, s.n)) {
        return false;
    }
    memcpy(ret->s, s.p, s.n);
    return true;
}

static bool aud_get(struct span v, char out[static LIM_AUD_BYTES + 1])
{
    struct span s;
    struct audience a;
    if (!jcur_plain(v, &s) || s.n > LIM_AUD_BYTES ||
        audience_parse((const char *)s.p, s.n, &a) < 0) {
        return false;
    }
    memcpy(out, s.p, s.n);
    return true;
}

static bool name_get(struct span v, char out[static LIM_NAME_BYTES + 1])
{
    struct span s;
    if (!jcur_plain(v, &s) || s.n == 0 || s.n > LIM_NAME_BYTES) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) {
            return false;
        }
    }
    memcpy(out, s.p, s.n);
    return true;
}

static bool list_get(const struct member *m, struct span v, uint8_t *dst, uint8_t *base)
{
    struct jcur c;
    struct span e;
    size_t n = 0;
    if (!jcur_array(&c, v)) {
        return false;
    }
    while (jcur_element(&c, &e)) {
        if (n == (size_t)m->max) {
            return false;
        }
        bool ok = m->type == MT_HASHES ? bytes_get(e, dst + n * HASH_LEN, HASH_LEN)
                                       : name_get(e, (char *)dst + n * (LIM_NAME_BYTES + 1));
        if (!ok) {
            return false;
        }
        n++;
    }
    memcpy(base + m->has_off, &n, sizeof(n));
    return true;
}

static bool members_get(const struct member *table, struct span obj, void *dst,
                        const char **ret_bad);

/* Objects nest as deep as the tables do: kf holds live, and that is all. */
static bool object_get(const struct member *m, struct span v, uint8_t *base)
{
    const char *bad = NULL;
    if (!members_get(m->sub, v, base + m->off, &bad)) {
        return false;
    }
    if (m->has_off != SIZE_MAX) {
        bool yes = true;
        memcpy(base + m->has_off, &yes, sizeof(yes));
    }
    return true;
}

static bool member_get(const struct member *m, struct span v, uint8_t *base)
{
    void *dst = base + m->off;
    int64_t i = 0;
    switch (m->type) {
    case MT_INT:
        if (!jcur_int(v, &i) || i < m->min || i > m->max) {
            return false;
        }
        memcpy(dst, &i, sizeof(i));
        return true;
    case MT_BOOL:
        return jcur_bool(v, dst);
    case MT_BYTES:
        return bytes_get(v, dst, m->size);
    case MT_TYPE:
        return type_get(v, dst);
    case MT_NODE:
        return node_get(v, dst);
    case MT_KEY:
        return key_get(v, dst);
    case MT_AUD:
        return aud_get(v, dst);
    case MT_HASHES:
    case MT_NAMES:
        return list_get(m, v, dst, base);
    case MT_OBJ:
        return object_get(m, v, base);
    case MT_END:
        break;
    }
    return false;
}

/* On failure *ret_bad is the member that is missing, wrong or there twice; NULL: not an object. */
static bool members_get(const struct member *table, struct span obj, void *dst,
                        const char **ret_bad)
{
    struct jcur c;
    struct span name, value;
    uint32_t seen = 0;
    *ret_bad = NULL;
    if (!jcur_object(&c, obj)) {
        return false;
    }
    while (jcur_member(&c, &name, &value)) {
        size_t i = 0;
        while (table[i].type != MT_END && !span_eqs(name, table[i].name)) {
            i++;
        }
        if (table[i].type == MT_END) {
            continue;
        }
        if ((seen >> i & 1) != 0 || !member_get(&table[i], value, dst)) {
            *ret_bad = table[i].name;
            return false;
        }
        seen |= UINT32_C(1) << i;
    }
    for (size_t i = 0; table[i].type != MT_END; i++) {
        if (!table[i].optional && (seen >> i & 1) == 0) {
            *ret_bad = table[i].name;
            return false;
        }
    }
    return true;
}

/* ---- rules between members ----------------------------------------------------------------- */

static bool names_itself(const struct bundle_header *h)
{
    return strncmp(h->aud, "to:", 3) == 0 && strstr(h->aud, h->by.s) != NULL;
}

static int rules_check(const struct bundle_header *h, struct fault *f)
{
    static const uint8_t zero[HASH_LEN];
    const char *bad = NULL;
    const char *want = NULL;
    if (names_itself(h)) {
        bad = "aud";
        want = "the writer is not named";
    } else if (h->seq == 1 && memcmp(h->prev, zero, sizeof(zero)) != 0) {
        bad = "prev";
        want = "zero at seq 1";
    } else if (h->t == BUNDLE_BEAT && h->n != 0) {
        bad = "n";
        want = "0 in a beat";
    } else if (h->t == BUNDLE_BEAT && !h->has_live) {
        bad = "live";
        want = "required in a beat";
    } else if (h->t == BUNDLE_EPOCH && !h->has_pe) {
        bad = "pe";
        want = "required in an epoch bundle";
    } else if (h->has_pe && h->pe.ep >= h->ep) {
        bad = "pe";
        want = "an earlier epoch";
    } else if (h->has_kf && (h->t != BUNDLE_KEY || h->kf.to != h->seq || h->kf.from > h->kf.to ||
                             h->kf.covers >= h->kf.from)) {
        bad = "kf";
        want = "covers < from <= to = seq, in a key bundle";
    }
    return bad == NULL ? 0 : fault_set(f, SANJI_E_SPEC, bad, want);
}

/* A header of another suite may follow other rules: say "newer", not "wrong". */
static int version_check(struct span h, struct fault *f)
{
    struct span v;
    int64_t version = 0;
    if (jcur_get(h, "v", &v) && jcur_int(v, &version) && version > VERSION) {
        return fault_set(f, SANJI_E_VERSION, "v", "1");
    }
    return 0;
}

static int member_fault(struct fault *f, const char *bad)
{
    char want[64];
    const struct member *m = header_members;
    while (m->type != MT_END && (bad == NULL || strcmp(m->name, bad) != 0)) {
        m++;
    }
    if (m->type == MT_END) {
        return fault_set(f, SANJI_E_SPEC, "h", "an object");
    }
    (void)snprintf(want, sizeof(want), "an integer %lld to %lld", (long long)m->min,
                   (long long)m->max);
    return fault_set(f, SANJI_E_SPEC, bad, m->type == MT_INT ? want : m->want);
}

int bundle_header_parse(struct span h, struct bundle_header *ret, struct fault *f)
{
    const char *bad = NULL;
    if (h.n > LIM_HEADER_BYTES) {
        return fault_set(f, SANJI_E_SIZE, "h", "at most 2048 bytes");
    }
    int r = json_gate(h.p, h.n, JSON_PROTOCOL, f);
    if (r < 0) {
        if (f != NULL) {
            f->member[0] = 'h';
            f->member[1] = '\0';
        }
        return r;
    }
    r = version_check(h, f);
    if (r < 0) {
        return r;
    }
    *ret = (struct bundle_header){0};
    if (members_get(header_members, h, ret, &bad)) {
        return rules_check(ret, f);
    }
    return member_fault(f, bad);
}

/* ---- writing ------------------------------------------------------------------------------- */

static void members_put(struct jw *w, const char *name, const struct member *table,
                        const uint8_t *base);

static void list_put(struct jw *w, const struct member *m, const uint8_t *base)
{
    size_t n = 0;
    memcpy(&n, base + m->has_off, sizeof(n));
    if (n == 0) {
        return;
    }
    jw_arr(w, m->name);
    for (size_t i = 0; i < n && i < (size_t)m->max; i++) {
        if (m->type == MT_HASHES) {
            jw_b64(w, NULL, base + m->off + i * HASH_LEN, HASH_LEN);
        } else {
            jw_str(w, NULL, (const char *)base + m->off + i * (LIM_NAME_BYTES + 1));
        }
    }
    jw_end_arr(w);
}

static void member_put(struct jw *w, const struct member *m, const uint8_t *base)
{
    const uint8_t *src = base + m->off;
    int64_t i = 0;
    enum bundle_type t = BUNDLE_DATA;
    bool yes = true;
    switch (m->type) {
    case MT_INT:
        memcpy(&i, src, sizeof(i));
        jw_int(w, m->name, i);
        break;
    case MT_BOOL:
        memcpy(&yes, src, sizeof(yes));
        jw_bool(w, m->name, yes);
        break;
    case MT_BYTES:
        jw_b64(w, m->name, src, m->size);
        break;
    case MT_TYPE:
        memcpy(&t, src, sizeof(t));
        jw_str(w, m->name, bundle_type_name(t));
        break;
    case MT_NODE:
    case MT_KEY:
    case MT_AUD:
        jw_str(w, m->name, (const char *)src);
        break;
    case MT_HASHES:
    case MT_NAMES:
        list_put(w, m, base);
        break;
    case MT_OBJ:
        if (m->has_off != SIZE_MAX) {
            memcpy(&yes, base + m->has_off, sizeof(yes));
        }
        if (yes) {
            members_put(w, m->name, m->sub, src);
        }
        break;
    case MT_END:
        break;
    }
}

static void members_put(struct jw *w, const char *name, const struct member *table,
                        const uint8_t *base)
{
    jw_obj(w, name);
    for (size_t i = 0; table[i].type != MT_END; i++) {
        member_put(w, &table[i], base);
    }
    jw_end_obj(w);
}

int bundle_header_write(const struct bundle_header *hdr, struct buf *out)
{
    struct jw w;
    if (hdr->n_crit > CRIT_MAX || hdr->n_lnk > LNK_MAX || hdr->n_merges > MERGES_MAX) {
        return SANJI_E_SPEC;
    }
    jw_init(&w, out);
    members_put(&w, NULL, header_members, (const uint8_t *)hdr);
    return jw_done(&w);
}
