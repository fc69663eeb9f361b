/* SPDX-License-Identifier: Apache-2.0 */
/* One item is one statement about one record. Its text is never re-printed: reading yields slices
 * of the signed bytes, and only the members that decide how it is applied are taken apart here.
 * What `d` means is the kind's affair. */
#include "protocol/bundle.h"

#include "protocol/base/enc.h"
#include "protocol/jcur.h"
#include "protocol/jwrite.h"

#include <string.h>

static const char *const op_names[OP_COUNT] = {"put", "wd", "ev"};

void leaf_of(struct span text, uint8_t out[static HASH_LEN])
{
    static const uint8_t prefix = 0x00;
    hash_two(&prefix, 1, text.p, text.n, out);
}

/* ---- members ------------------------------------------------------------------------------- */

static bool get_id(struct item *it, struct span v)
{
    struct span s;
    if (!jcur_plain(v, &s) || !record_id_valid((const char *)s.p, s.n)) {
        return false;
    }
    memcpy(it->id, s.p, s.n);
    return true;
}

static bool get_kind(struct item *it, struct span v)
{
    struct span s;
    if (!jcur_plain(v, &s) || s.n >= sizeof(it->k) || !kind_name_valid((const char *)s.p, s.n)) {
        return false;
    }
    memcpy(it->k, s.p, s.n);
    return true;
}

static bool get_op(struct item *it, struct span v)
{
    struct span s;
    if (!jcur_plain(v, &s)) {
        return false;
    }
    for (int i = 0; i < OP_COUNT; i++) {
        if (span_eqs(s, op_names[i])) {
            it->op = (enum item_op)i;
            return true;
        }
    }
    return false;
}

static bool get_r(struct item *it, struct span v)
{
    return jcur_int(v, &it->r) && it->r >= 1 && it->r <= LIM_SEQ;
}

static bool get_z(struct item *it, struct span v)
{
    struct span s;
    return jcur_plain(v, &s) && b64u_get((const char *)s.p, s.n, it->z, sizeof(it->z)) == 0;
}

static bool get_for(struct item *it, struct span v)
{
    struct span s;
    return jcur_plain(v, &s) && node_id_parse((const char *)s.p, s.n, &it->on_behalf) == 0;
}

/* This version knows no critical entries, so any entry at all parks the item. */
static bool get_crit(struct item *it, struct span v)
{
    struct jcur c;
    struct span e;
    if (!jcur_array(&c, v)) {
        return false;
    }
    while (jcur_element(&c, &e)) {
        if (jcur_type(e) != JCUR_STR) {
            return false;
        }
        it->unknown_crit = true;
    }
    return true;
}

static bool blob_ok(struct span v)
{
    struct jcur c;
    struct span name, value, s;
    uint8_t sha[HASH_LEN];
    int64_t len = -1;
    bool has_sha = false;
    if (!jcur_object(&c, v)) {
        return false;
    }
    while (jcur_member(&c, &name, &value)) {
        if (span_eqs(name, "sha256")) {
            has_sha =
                jcur_plain(value, &s) && b64u_get((const char *)s.p, s.n, sha, sizeof(sha)) == 0;
        } else if (!span_eqs(name, "len") || !jcur_int(value, &len)) {
            return false;
        }
    }
    return has_sha && len >= 0;
}

static bool get_bl(struct item *it, struct span v)
{
    struct jcur c;
    struct span e;
    if (!jcur_array(&c, v)) {
        return false;
    }
    while (jcur_element(&c, &e)) {
        if (!blob_ok(e)) {
            return false;
        }
    }
    it->bl = v;
    return true;
}

static bool get_d(struct item *it, struct span v)
{
    it->d = v;
    return jcur_type(v) == JCUR_OBJ;
}

/* In the order writers use. */
enum { M_ID, M_K, M_OP, M_R, M_Z, M_FOR, M_CRIT, M_BL, M_D, M_COUNT };

/* clang-format off */
static const struct item_member {
    const char *name;
    bool required;
    bool (*get)(struct item *it, struct span v);
    const char *want;
} members[M_COUNT] = {
    [M_ID]   = {"id",   true,  get_id,   "a record id"},
    [M_K]    = {"k",    true,  get_kind, "kind/major"},
    [M_OP]   = {"op",   true,  get_op,   "put, wd or ev"},
    [M_R]    = {"r",    true,  get_r,    "1 to 1000000000"},
    [M_Z]    = {"z",    true,  get_z,    "16 bytes in base64url"},
    [M_FOR]  = {"for",  false, get_for,  "a node id"},
    [M_CRIT] = {"crit", false, get_crit, "an array of texts"},
    [M_BL]   = {"bl",   false, get_bl,   "an array of blob references"},
    [M_D]    = {"d",    false, get_d,    "an object; absent for wd only"},
};
/* clang-format on */

static int member_fault(struct fault *f, int m)
{
    return fault_set(f, SANJI_E_SPEC, members[m].name, members[m].want);
}

int item_parse(struct span text, struct item *ret, struct fault *f)
{
    struct item it = {0};
    struct jcur c;
    struct span name, value, other = {0};
    unsigned seen = 0;
    if (!jcur_object(&c, text)) {
        return fault_set(f, SANJI_E_SPEC, "", "an object");
    }
    while (jcur_member(&c, &name, &value)) {
        int m = 0;
        while (m < M_COUNT && !span_eqs(name, members[m].name)) {
            m++;
        }
        if (m == M_COUNT) {
            other = name;
            continue;
        }
        if ((seen & 1U << m) != 0 || !members[m].get(&it, value)) {
            return member_fault(f, m);
        }
        seen |= 1U << m;
    }
    /* What a newer version added it announces with `crit`: parked until this one is upgraded. */
    if (other.n > 0 && !it.unknown_crit) {
        char shown[LIM_NAME_BYTES + 1] = {0};
        memcpy(shown, other.p, other.n < LIM_NAME_BYTES ? other.n : LIM_NAME_BYTES);
        return fault_set(f, SANJI_E_SPEC, shown, "no such member");
    }
    for (int m = 0; m < M_COUNT; m++) {
        if (members[m].required && (seen & 1U << m) == 0) {
            return member_fault(f, m);
        }
    }
    if ((it.op == OP_WITHDRAW) == ((seen & 1U << M_D) != 0)) {
        return member_fault(f, M_D);
    }
    *ret = it;
    return 0;
}

int item_write(const struct item *it, struct buf *out)
{
    struct jw w;
    struct item back;
    size_t start = out->len;
    if ((unsigned)it->op >= OP_COUNT) {
        return SANJI_E_SPEC;
    }
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_str(&w, "id", it->id);
    jw_str(&w, "k", it->k);
    jw_str(&w, "op", op_names[it->op]);
    jw_int(&w, "r", it->r);
    jw_b64(&w, "z", it->z, sizeof(it->z));
    if (!node_id_none(&it->on_behalf)) {
        jw_str(&w, "for", it->on_behalf.s);
    }
    if (it->bl.n > 0) {
        jw_raw(&w, "bl", it->bl.p, it->bl.n);
    }
    if (it->op != OP_WITHDRAW) {
        jw_raw(&w, "d", it->d.p, it->d.n);
    }
    jw_end_obj(&w);
    int r = jw_done(&w);
    if (r < 0) {
        return r;
    }
    /* The reader's own rules decide whether this may leave. */
    struct span text = span_of(out->data + start, out->len - start);
    return text.n > LIM_ITEM_BYTES ? SANJI_E_SIZE : item_parse(text, &back, NULL);
}
