/* SPDX-License-Identifier: Apache-2.0 */
/* The head an invite names (PROTOCOL.md 13): whoever gave it in person vouches for this history of
 * the top's trust acts, and a line that brings another one to it brings a lie. "parent/head" in the
 * store is "BY EP SEQ ID", written when the node joins. */
#include "sync/internal.h"

#include "protocol/base/enc.h"
#include "protocol/base/text.h"
#include "sync/enrol.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES = 128 };
static const char pin_name[] = "parent/head";

int enrol_pin(const struct sync_store *st, const struct msg_invite *in)
{
    char text[TEXT_BYTES], id[B64U_LEN(HASH_LEN) + 1] = {0};
    b64u_put(in->head_id, HASH_LEN, id);
    int n = snprintf(text, sizeof(text), "%.14s %lld %lld %s", in->head_by, (long long)in->head_ep,
                     (long long)in->head_seq, id);
    return st->kv_put(st->ctx, pin_name, span_of(text, (size_t)n));
}

static int number(const char **p, int64_t max, int64_t *ret)
{
    const char *sp = strchr(*p, ' ');
    int r = sp == NULL ? SANJI_E_CORRUPT : text_i64(*p, (size_t)(sp - *p), 1, max, ret);
    *p = sp == NULL ? *p : sp + 1;
    return r;
}

int sync__pin_load(struct sync *s)
{
    struct buf v;
    buf_init(&v, TEXT_BYTES);
    memset(&s->pin, 0, sizeof(s->pin));
    int r = s->st->kv_get(s->st->ctx, pin_name, &v);
    const char *p = r == 0 ? buf_str(&v) : "";
    if (r == 0 && (v.len <= LIM_NODE_ID || p[LIM_NODE_ID] != ' ' ||
                   node_id_parse(p, LIM_NODE_ID, &s->pin.by) < 0)) {
        r = SANJI_E_CORRUPT;
    }
    p += r == 0 ? LIM_NODE_ID + 1 : 0;
    r = r < 0 ? r : number(&p, LIM_EPOCH, &s->pin.ep);
    r = r < 0 ? r : number(&p, LIM_SEQ, &s->pin.seq);
    r = r < 0 ? r : b64u_get(p, strlen(p), s->pin.id, HASH_LEN);
    s->pin.seq = r == 0 ? s->pin.seq : 0;
    buf_done(&v);
    return r == SANJI_E_NOT_FOUND || r == SANJI_E_CORRUPT || r == SANJI_E_SPEC ? 0 : r;
}

bool sync__pin_wrong(const struct sync *s, const struct bundle *b)
{
    return s->pin.seq != 0 && b->hdr.seq == s->pin.seq && b->hdr.ep == s->pin.ep &&
           node_id_cmp(&b->hdr.by, &s->pin.by) == 0 && memcmp(b->id, s->pin.id, HASH_LEN) != 0;
}
