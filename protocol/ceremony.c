/* SPDX-License-Identifier: Apache-2.0 */
/* A quorum signs one text on machines that never meet: the file goes from hand to hand. It is read
 * as strictly as what comes from the network, because a stick is nobody's friend. */
#include "protocol/ceremony.h"

#include "protocol/base/enc.h"
#include "protocol/jspec.h"

#include <string.h>

struct need_row {
    int64_t k;
    struct jarr keys;
};
struct co_row {
    const char *kid;
    uint8_t s[SIG_LEN];
};
struct file {
    const char *sanji, *a, *name;
    struct jarr need, co;
    int64_t lv, below;
};
static const struct jspec s_need[] = {JF_INT(struct need_row, k, 1, LIM_ROOT_KEYS),
                                      JF_TEXTS_OPT(struct need_row, keys, 1, LIM_ROOT_KEYS),
                                      JF_END};
static const struct jspec s_co[] = {JF_TOKEN(struct co_row, kid, LIM_KID, LIM_KID),
                                    JF_BYTES(struct co_row, s), JF_END};
static const struct jspec s_file[] = {
    JF_TEXT(struct file, sanji, 1, 40),
    JF_TEXT(struct file, a, 2, LIM_ITEM_BYTES),
    JF_ARR(struct file, need, 1, CEREMONY_NEED, s_need, struct need_row),
    JF_TEXT_OPT(struct file, name, 1, 80),
    JF_INT_OPT(struct file, lv, 1, 99),
    JF_INT_OPT(struct file, below, 1, 99),
    JF_ARR_OPT(struct file, co, 1, LIM_CO_SIGNATURES, s_co, struct co_row),
    JF_END};
static const char magic[] = "root-ceremony/1";

static int take_need(const struct need_row *row, struct ceremony_need *ret, struct fault *f)
{
    const char *const *key = row->keys.v;
    ret->k = row->k;
    ret->n = row->keys.n;
    if (row->k > (int64_t)row->keys.n) {
        return fault_set(f, SANJI_E_SPEC, "need", "no more than there are keys");
    }
    for (size_t i = 0; i < row->keys.n; i++) {
        if (b64u_get(key[i], strlen(key[i]), ret->key[i], SIGN_PUB_LEN) < 0) {
            return fault_set(f, SANJI_E_ENCODING, "keys", "base64url of 32 bytes");
        }
    }
    return 0;
}

static int take_act(const char *text, struct arena *a, struct ceremony *ret, struct fault *f)
{
    struct buf again;
    struct span t = span_of(text, strlen(text));
    int r = act_parse(t, a, &ret->act, f);
    if (r < 0) {
        return r;
    }
    buf_init(&again, LIM_ITEM_BYTES);
    r = act_write(&ret->act, &again);
    if (r == 0 && !span_eq(t, span_of(again.data, again.len))) {
        r = fault_set(f, SANJI_E_SPEC, "a", "members in their order");
    }
    buf_done(&again);
    return r == 0 && !node_id_none(&ret->act.by) ? fault_set(f, SANJI_E_SPEC, "by", "root") : r;
}

int ceremony_read(struct span text, struct arena *a, struct ceremony *ret, struct fault *f)
{
    struct file x;
    memset(ret, 0, sizeof *ret);
    while (text.n > 0 && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r')) {
        text.n--;
    }
    if (text.n > LIM_CEREMONY_BYTES) {
        return fault_set(f, SANJI_E_SIZE, "", "128 KiB");
    }
    int r = jspec_read(text.p, text.n, s_file, &x, sizeof x, a, f);
    if (r < 0) {
        return r;
    }
    if (strcmp(x.sanji, magic) != 0) {
        return fault_set(f, SANJI_E_VERSION, "sanji", magic);
    }
    r = take_act(x.a, a, ret, f);
    const struct need_row *need = x.need.v;
    for (size_t i = 0; r == 0 && i < x.need.n; i++) {
        r = take_need(&need[i], &ret->need[ret->n_need++], f);
    }
    const struct co_row *co = x.co.v;
    for (size_t i = 0; r == 0 && i < x.co.n; i++) {
        struct act_co *c = &ret->act.co[ret->act.n_co++];
        if (!key_id_valid(co[i].kid, strlen(co[i].kid))) {
            return fault_set(f, SANJI_E_SPEC, "kid", NULL);
        }
        memcpy(c->kid.s, co[i].kid, strlen(co[i].kid) + 1);
        memcpy(c->s, co[i].s, SIG_LEN);
    }
    ret->name = x.name;
    ret->lv = x.lv;
    ret->below = x.below;
    return r;
}

int ceremony_write(const struct ceremony *c, struct buf *out)
{
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_str(&w, "sanji", magic);
    jw_strn(&w, "a", (const char *)c->act.text.p, c->act.text.n);
    jw_arr(&w, "need");
    for (size_t i = 0; i < c->n_need; i++) {
        jw_obj(&w, NULL);
        jw_int(&w, "k", c->need[i].k);
        jw_arr(&w, "keys");
        for (size_t k = 0; k < c->need[i].n; k++) {
            jw_b64(&w, NULL, c->need[i].key[k], SIGN_PUB_LEN);
        }
        jw_end_arr(&w);
        jw_end_obj(&w);
    }
    jw_end_arr(&w);
    if (c->name != NULL) {
        jw_str(&w, "name", c->name);
    }
    if (c->lv > 0) {
        jw_int(&w, "lv", c->lv);
    }
    if (c->below > 0) {
        jw_int(&w, "below", c->below);
    }
    if (c->act.n_co > 0) {
        jw_arr(&w, "co");
        for (size_t i = 0; i < c->act.n_co; i++) {
            jw_obj(&w, NULL);
            jw_str(&w, "kid", c->act.co[i].kid.s);
            jw_b64(&w, "s", c->act.co[i].s, SIG_LEN);
            jw_end_obj(&w);
        }
        jw_end_arr(&w);
    }
    jw_end_obj(&w);
    int r = jw_done(&w);
    return r == 0 ? buf_putc(out, '\n') : r;
}

int64_t ceremony_signed(const struct ceremony *c, const struct ceremony_need *need)
{
    int64_t n = 0;
    for (size_t i = 0; i < need->n; i++) {
        bool twice = false;
        for (size_t k = 0; k < i; k++) {
            twice = twice || memcmp(need->key[k], need->key[i], SIGN_PUB_LEN) == 0;
        }
        n += !twice && act_signed_by(&c->act, need->key[i]) ? 1 : 0;
    }
    return n;
}

void ceremony_code(const struct ceremony *c, char ret[static CEREMONY_CODE])
{
    char s[B32_LEN(10)];
    b32_put(c->act.hash, 10, s);
    for (size_t i = 0, at = 0; i < 12; i++) {
        if (i > 0 && i % 4 == 0) {
            ret[at++] = '-';
        }
        ret[at++] = s[i];
    }
    ret[CEREMONY_CODE - 1] = '\0';
}

int ceremony_sign(struct ceremony *c, const struct sign_key *k)
{
    bool wanted = false;
    for (size_t i = 0; i < c->n_need; i++) {
        for (size_t j = 0; j < c->need[i].n; j++) {
            wanted = wanted || memcmp(c->need[i].key[j], sign_key_pub(k), SIGN_PUB_LEN) == 0;
        }
    }
    if (!wanted) {
        return SANJI_E_AUTHORITY;
    }
    if (act_signed_by(&c->act, sign_key_pub(k))) {
        return SANJI_E_OLD;
    }
    if (c->act.n_co == LIM_CO_SIGNATURES) {
        return SANJI_E_SIZE;
    }
    int r = act_sign(c->act.text, k, &c->act.co[c->act.n_co]);
    c->act.n_co += r == 0;
    return r;
}
