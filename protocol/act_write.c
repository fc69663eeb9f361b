/* SPDX-License-Identifier: Apache-2.0 */
/* Trust acts from struct to bytes, and their signatures. What is written is read back by the reader
 * before it leaves: a writer can never publish what others refuse. */
#include "protocol/act_table.h"
#include "protocol/jwrite.h"

#include <string.h>

static bool is_present(const struct act *a, const struct act__member *m)
{
    const uint8_t *p = (const uint8_t *)a + m->off;
    if (!m->opt) {
        return true;
    }
    if (m->has != 0) {
        return *(const bool *)((const uint8_t *)a + m->has);
    }
    if (m->type == M_NODE) {
        return !node_id_none((const void *)p);
    }
    if (m->type == M_TRUE) {
        return *(const bool *)p;
    }
    if (m->type == M_BYTES) {
        return a->ver > 1; /* the root's prev is the only one without a flag */
    }
    return *(const char *const *)(const void *)p != NULL;
}

static void put_heads(struct jw *w, const struct act *a, bool with_by)
{
    jw_arr(w, "heads");
    for (size_t i = 0; i < a->n_heads; i++) {
        const struct act_head *h = &a->heads[i];
        jw_obj(w, NULL);
        if (with_by && h->by != NULL) {
            jw_str(w, "by", h->by);
        }
        if (h->aud != NULL) {
            jw_str(w, "aud", h->aud);
            jw_int(w, "ep", h->ep);
            jw_b64(w, "en", h->en, sizeof(h->en));
            jw_int(w, "seq", h->seq);
        }
        jw_b64(w, "id", h->id, HASH_LEN);
        jw_end_obj(w);
    }
    jw_end_arr(w);
}

static void put_keys(struct jw *w, const struct act *a)
{
    jw_arr(w, "keys");
    for (size_t i = 0; i < a->n_keys && i < LIM_ROOT_KEYS; i++) {
        jw_b64(w, NULL, a->keys[i], SIGN_PUB_LEN);
    }
    jw_end_arr(w);
}

static void put_text(struct jw *w, const char *name, const void *p)
{
    const char *s = *(const char *const *)p;
    jw_str(w, name, s != NULL ? s : "");
}

static void put_member(struct jw *w, const struct act *a, const struct act__member *m)
{
    const void *p = (const uint8_t *)a + m->off;
    switch (m->type) {
    case M_AUTHOR:
        jw_str(w, m->name, node_id_none(p) ? "root" : ((const struct node_id *)p)->s);
        break;
    case M_NODE:
        jw_str(w, m->name, ((const struct node_id *)p)->s);
        break;
    case M_KID:
        jw_str(w, m->name, ((const struct key_id *)p)->s);
        break;
    case M_BYTES:
    case M_SIGNKEY:
        jw_b64(w, m->name, p, (size_t)m->max);
        break;
    case M_INT:
        jw_int(w, m->name, *(const int64_t *)p);
        break;
    case M_BOOL:
    case M_TRUE:
        jw_bool(w, m->name, *(const bool *)p);
        break;
    case M_HIST:
        jw_str(w, m->name, *(const bool *)p ? "all" : "now");
        break;
    case M_TEXT:
    case M_TOKEN:
    case M_DIGITS:
    case M_DATE:
    case M_WHY:
        put_text(w, m->name, p);
        break;
    case M_KEYS:
        put_keys(w, a);
        break;
    case M_HEADS:
    case M_HEADS_BY:
        put_heads(w, a, m->type == M_HEADS_BY);
        break;
    }
}

static int self_check(struct span text)
{
    struct act *a = NULL;
    struct arena *ar = arena_new(4 * LIM_ITEM_BYTES + ACT_MAX_HEADS * sizeof(struct act_head));
    if (ar == NULL || (a = arena_alloc(ar, sizeof(*a))) == NULL) {
        arena_free(ar);
        return SANJI_E_NOMEM;
    }
    int err = act__read(text, ar, a, NULL);
    arena_free(ar);
    return err;
}

int act_write(const struct act *a, struct buf *out)
{
    struct buf b;
    struct jw w;
    if ((unsigned)a->type >= ACT_TYPE_COUNT) {
        return SANJI_E_SPEC;
    }
    buf_init(&b, ACT_MAX_BYTES);
    jw_init(&w, &b);
    jw_obj(&w, NULL);
    jw_str(&w, "t", act_type_name(a->type));
    const struct act__member *const rows[] = {act__common, act__tables[a->type]};
    for (size_t i = 0; i < 2; i++) {
        for (const struct act__member *m = rows[i]; m->name != NULL; m++) {
            if (is_present(a, m)) {
                put_member(&w, a, m);
            }
        }
    }
    jw_end_obj(&w);
    int err = jw_done(&w);
    if (err == 0) {
        /* A writer can never publish what a reader refuses. */
        err = self_check(span_of(b.data, b.len));
    }
    if (err == 0) {
        err = buf_put(out, b.data, b.len);
    }
    buf_done(&b);
    return err;
}

int act_body_write(struct span text, const struct act_co *co, size_t n_co, struct buf *out)
{
    struct jw w;
    if (n_co == 0 || n_co > LIM_CO_SIGNATURES) {
        return SANJI_E_SPEC;
    }
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_strn(&w, "a", (const char *)text.p, text.n);
    jw_arr(&w, "co");
    for (size_t i = 0; i < n_co; i++) {
        jw_obj(&w, NULL);
        jw_str(&w, "kid", co[i].kid.s);
        jw_b64(&w, "s", co[i].s, SIG_LEN);
        jw_end_obj(&w);
    }
    jw_end_arr(&w);
    jw_end_obj(&w);
    return jw_done(&w);
}

int act_sign(struct span text, const struct sign_key *k, struct act_co *ret)
{
    struct buf b;
    buf_init(&b, LIM_ITEM_BYTES + sizeof(ACT_PREFIX));
    (void)buf_puts(&b, ACT_PREFIX);
    int err = buf_put(&b, text.p, text.n);
    if (err == 0) {
        err = sign_raw(k, b.data, b.len, ret->s);
        key_id_of(sign_key_pub(k), &ret->kid);
    }
    buf_done(&b);
    return err;
}

bool act__verify(struct span text, const struct sign_pub *pub, const uint8_t sig[static SIG_LEN])
{
    /* On the stack: the answer is remembered, and must not be that there was no memory. */
    uint8_t said[sizeof(ACT_PREFIX) - 1 + LIM_ITEM_BYTES];
    const size_t n = sizeof(ACT_PREFIX) - 1;
    if (text.n > LIM_ITEM_BYTES) {
        return false;
    }
    memcpy(said, ACT_PREFIX, n);
    memcpy(said + n, text.p, text.n);
    return verify_raw(pub, said, n + text.n, sig) == 0;
}

bool act_signed_by(const struct act *a, const uint8_t pub[static SIGN_PUB_LEN])
{
    struct key_id kid;
    struct sign_pub *k = NULL;
    bool ok = false;
    key_id_of(pub, &kid);
    for (size_t i = 0; i < a->n_co && !ok; i++) {
        if (strcmp(a->co[i].kid.s, kid.s) != 0) {
            continue;
        }
        if (k == NULL && sign_pub_new(pub, &k) < 0) {
            return false;
        }
        ok = act__verify(a->text, k, a->co[i].s);
    }
    sign_pub_free(k);
    return ok;
}
