/* SPDX-License-Identifier: Apache-2.0 */
/* From stored bundles to views. Apply is total: whatever a validly signed item says, it is either
 * projected or parked alone with its reason, and the items behind it go on. Only failures of the
 * store itself stop it. */
#include "sync/internal.h"

#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/json_gate.h"
#include "protocol/seal.h"

#include <string.h>

struct applying {
    struct sync *s;
    const struct bundle *b;
    const struct sync_bundle_row *row;
    const struct stream_key *key;
    enum aud_type aud;
    bool top;
    bool blocked; /* by an act this version does not understand */
};

bool sync_is_store_failure(int err)
{
    return err == SANJI_E_IO || err == SANJI_E_FULL || err == SANJI_E_NOMEM ||
           err == SANJI_E_BUSY || err == SANJI_E_CORRUPT || err == SANJI_E_BUG;
}

/* "for": only under a steward act in force. */
static int owner_of(const struct applying *ap, const struct item *it, const char **ret)
{
    *ret = ap->key->by.s;
    if (node_id_none(&it->on_behalf)) {
        return 0;
    }
    const struct roster_node *n = roster_node(ap->s->roster, it->on_behalf.s);
    if (n == NULL || node_id_cmp(&n->steward, &ap->key->by) != 0) {
        return SANJI_E_AUTHORITY;
    }
    *ret = it->on_behalf.s;
    return 0;
}

struct inner { /* the opened text of a sealed item */
    struct span kind, who, ev, on, d;
    int64_t seen;
};

static int inner_read(struct span text, struct inner *in)
{
    static const char *const names[] = {"k", "who", "ev", "on"};
    struct span *out[] = {&in->kind, &in->who, &in->ev, &in->on}, v;
    if (json_gate(text.p, text.n, JSON_PROTOCOL, NULL) < 0) {
        return SANJI_E_SYNTAX;
    }
    for (size_t i = 0; i < 4; i++) {
        if (!jcur_get(text, names[i], &v) || !jcur_plain(v, out[i])) {
            return SANJI_E_SPEC;
        }
    }
    if (!jcur_get(text, "seen", &v) || !jcur_int(v, &in->seen) || in->seen < 0) {
        return SANJI_E_SPEC;
    }
    return jcur_get(text, "d", &in->d) && jcur_type(in->d) == JCUR_OBJ ? 0 : SANJI_E_SPEC;
}

/* When a record was made, for lists and pages. A writer's clock that runs ahead would keep his
 * records above everybody's for years, one that has stopped would hide them below: what cannot be
 * true gives way to the time of receipt. Order never rests on it (PROTOCOL.md section 5). */
static int64_t shown_time(const struct sync_bundle_row *row)
{
    return row->ts > row->got || row->ts < SYNC_TS_EARLIEST ? row->got : row->ts;
}

static int sealed_referral(struct applying *ap, const struct item *it, const struct inner *in,
                           const uint8_t *leaf, const uint8_t cek[32], int idx)
{
    struct audience to;
    char on[11] = "";
    int day;
    struct sync_sealed ev = {.no = ap->row->no,
                             .ep = ap->key->ep,
                             .seq = ap->row->seq,
                             .idx = idx,
                             .key = ap->b->hdr.t == BUNDLE_KEY};
    if (!span_eqs(in->kind, "referral/1")) {
        return SANJI_E_VERSION;
    }
    if (ap->aud != AUD_TO || audience_parse(ap->key->aud, strlen(ap->key->aud), &to) < 0 ||
        to.n != 1) {
        return SANJI_E_AUDIENCE;
    }
    if (ref_event_by_name((const char *)in->ev.p, in->ev.n, &ev.ev) < 0) {
        return SANJI_E_VERSION;
    }
    if (date_parse((const char *)in->on.p, in->on.n, &day) < 0 ||
        (!span_eqs(in->who, "i") && !span_eqs(in->who, "r"))) {
        return SANJI_E_SPEC;
    }
    memcpy(on, in->on.p, 10);
    int r = ref_check_content(ev.ev, in->d, NULL);
    if (r < 0) {
        return r;
    }
    if (ev.ev == RE_ERASE) { /* it has a key of its own, which opens nothing else */
        cek = NULL;
    }
    bool mine = strcmp(ap->key->by.s, ap->s->self.id.s) == 0;
    const char *other = to.node[0].s;
    ev.who = span_eqs(in->who, "i") ? REF_I : REF_R;
    ev.by = ap->key->by.s;
    ev.id = it->id;
    ev.initiator = ev.who == REF_I ? ev.by : other;
    ev.peer = mine ? other : ev.by;
    ev.step = it->r;
    ev.seen = in->seen;
    ev.d = in->d;
    ev.on = on;
    ev.leaf = leaf;
    ev.cek = ev.ev == RE_RESEAL ? NULL : cek; /* its writer does not have the thread's key */
    ev.ts = shown_time(ap->row);
    ev.got = ap->row->got;
    return ap->s->st->sealed_put(ap->s->st->ctx, &ev);
}

/* By the wraps, else by the thread's key where another item has brought it: a node that came back
 * with new keys reads what was sealed to the old ones (PROTOCOL.md 18.6). */
static int open_item(struct applying *ap, const struct item *it, const char *other,
                     uint8_t cek[static 32], struct buf *plain, bool *ret_wrapped)
{
    struct sync *s = ap->s;
    const char *init[] = {ap->key->by.s, other};
    struct seal_ctx c;
    memset(&c, 0, sizeof(c));
    c.by = ap->key->by;
    memcpy(c.id, it->id, sizeof(c.id));
    c.step = it->r;
    const uint8_t *g = ap->b->hdr.g;
    int r = SANJI_E_OPEN;
    /* An item keeps its bytes when it is restated after a succession: its own federation may be an
     * older one than that of its bundle, or a newer. */
    for (size_t i = 0; g != NULL && r == SANJI_E_OPEN; i++) {
        memcpy(c.g, g, HASH_LEN);
        buf_reset(plain);
        r = seal_read(it->d, &c, &s->self.id, s->self.seal_seeds, s->self.n_seal_seeds, s->arena,
                      cek, plain, NULL);
        *ret_wrapped = r == 0;
        for (size_t k = 0; r == SANJI_E_OPEN && k < 2; k++) {
            int e = s->st->sealed_key(s->st->ctx, init[k], it->id, cek);
            if (e < 0 && e != SANJI_E_NOT_FOUND) {
                return e;
            }
            buf_reset(plain);
            r = e == 0 ? seal_read_with(it->d, &c, cek, s->arena, plain) : r;
        }
        g = roster_lineage(s->roster, 1) == NULL ? NULL : roster_lineage(s->roster, i);
    }
    return r;
}

/* Opens what is addressed to this node; for everybody else a sealed item is just its leaf. */
static int sealed_open(struct applying *ap, const struct item *it, const uint8_t *leaf, int idx)
{
    struct sync *s = ap->s;
    struct audience to;
    if (audience_parse(ap->key->aud, strlen(ap->key->aud), &to) < 0 || to.n == 0) {
        return 0;
    }
    bool own = strcmp(ap->key->by.s, s->self.id.s) == 0, mine = own;
    for (size_t i = 0; !mine && i < to.n; i++) {
        mine = node_id_cmp(&to.node[i], &s->self.id) == 0;
    }
    if (!mine) {
        return 0;
    }
    uint8_t cek[32];
    struct buf plain;
    buf_init(&plain, 64 * 1024);
    struct inner in;
    memset(&in, 0, sizeof(in));
    const char *other = own ? to.node[0].s : s->self.id.s;
    bool wrapped = false;
    int r = open_item(ap, it, other, cek, &plain, &wrapped);
    if (r == 0) {
        r = inner_read(span_of(plain.data, plain.len), &in);
    }
    if (r == 0) {
        r = sealed_referral(ap, it, &in, leaf, cek, idx);
    }
    mem_wipe(cek, sizeof(cek));
    buf_wipe_done(&plain);
    if (r == 0 && wrapped && !own) { /* it may have brought the key of what does not open yet */
        r = sync__reopen(s, ap->key->by.s, it->id);
        r = r < 0 ? r : sync__reopen(s, s->self.id.s, it->id);
    }
    return r;
}

static int apply_item(struct applying *ap, int idx, struct fault *f)
{
    const struct item_ref *ref = &ap->b->item[idx];
    struct item it;
    if (sync__erased(ap->s, ap->key, ref)) {
        return 0;
    }
    if (ref->stub) {
        sync__withheld_note(ap->s, ap->row->no, ap->row->seq, idx);
        return fault_set(f, SANJI_E_WITHHELD, "x", "an erase act");
    }
    int r = item_parse(ref->text, &it, f);
    if (r < 0) {
        return r;
    }
    if (ap->blocked) {
        return fault_set(f, SANJI_E_VERSION, "act", "a newer version");
    }
    if (it.unknown_crit || ap->b->hdr.n_crit > 0) {
        return fault_set(f, SANJI_E_VERSION, "crit", "a newer version");
    }
    const char *owner;
    r = owner_of(ap, &it, &owner);
    if (r < 0) {
        return fault_set(f, r, "for", "a steward act");
    }
    r = kind_check_item(&it, ap->aud, ap->top, f);
    if (r == 0 && strcmp(it.k, "act/1") == 0 && act_body_type(it.d, f) == SANJI_E_VERSION) {
        r = SANJI_E_VERSION; /* anything else that is wrong with an act rosters find */
    }
    if (r < 0) {
        return r;
    }
    struct sync_record rec = {
        .no = ap->row->no,
        .seq = ap->row->seq,
        .idx = idx,
        .key = ap->b->hdr.t == BUNDLE_KEY,
        .stream = ap->key,
        .aud = ap->aud,
        .owner = owner,
        .item = &it,
        .kind = kind_find(it.k),
        .leaf = ref->leaf,
        .ts = shown_time(ap->row),
        .got = ap->row->got,
    };
    const struct sync_store *st = ap->s->st;
    if (it.op != OP_EVENT) {
        r = st->record_put(st->ctx, &rec);
        return r < 0 ? r : sync__heads_seen(ap->s, &rec);
    }
    r = st->event_put(st->ctx, &rec);
    if (r == 0 && strcmp(it.k, "sealed/1") == 0) {
        r = sealed_open(ap, &it, ref->leaf, idx);
    }
    if (r == 0 && strcmp(it.k, "erase/1") == 0) {
        r = sync__erase_act(ap->s, &it, owner, ap->key);
    }
    return r;
}

typedef bool wants_fn(const struct bundle *b, int i, void *arg);

static int apply_items(struct applying *ap, wants_fn *wants, void *arg)
{
    const struct sync_store *st = ap->s->st;
    for (int i = 0; ap->b->item != NULL && i < (int)ap->b->hdr.n; i++) {
        struct fault f = {0};
        int r = wants == NULL || wants(ap->b, i, arg) ? apply_item(ap, i, &f) : 0;
        if (r < 0 && sync_is_store_failure(r)) {
            return r;
        }
        if (r < 0) {
            r = st->park(st->ctx, ap->row->no, ap->row->seq, i, r, f.member);
        }
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static void applying_init(struct applying *ap, struct sync *s, const struct bundle *b,
                          const struct sync_bundle_row *row, const struct stream_key *key,
                          enum aud_type aud)
{
    const struct roster_node *top = roster_top(s->roster);
    *ap = (struct applying){
        .s = s,
        .b = b,
        .row = row,
        .key = key,
        .aud = aud,
        .blocked = aud != AUD_TRUST && sync__is_blocked(s, key->by.s),
        .top = top != NULL && node_id_cmp(&top->id, &key->by) == 0,
    };
}

int sync__apply_some(struct sync *s, const struct bundle *b, const struct sync_bundle_row *row,
                     const struct stream_key *key, enum aud_type aud, wants_fn *wants, void *arg)
{
    struct applying ap;
    bool below = false;
    applying_init(&ap, s, b, row, key, aud);
    int r = sync__key_below(s, key, row->no, row->seq, &below);
    return r < 0 || below ? r : apply_items(&ap, wants, arg);
}

int sync__apply(struct sync *s, const struct bundle *b, const struct sync_bundle_row *row,
                const struct stream_key *key, enum aud_type aud)
{
    struct applying ap;
    bool below = false;
    applying_init(&ap, s, b, row, key, aud);
    int e = sync__key_below(s, key, row->no, row->seq, &below);
    if (e == 0 && !below) {
        e = apply_items(&ap, NULL, NULL);
    }
    if (e < 0) {
        return e;
    }
    if (!below && (e = sync__key_apply(s, b, row, key)) < 0) {
        return e;
    }
    return s->st->bundle_applied(s->st->ctx, row->no, row->seq);
}

bool sync_is_void(const struct sync *s, const struct stream_key *key, int64_t seq)
{
    int idx = sync__stream_find(s, key);
    return idx >= 0 && s->streams[idx].doubt == 0 && seq > s->streams[idx].row.seq &&
           seq <= s->streams[idx].kept;
}

int sync_apply_frame(struct sync *s, const struct sync_bundle_row *row,
                     const struct stream_key *key)
{
    struct bundle b;
    struct audience aud;
    if (sync_is_void(s, key, row->seq) || sync__wanted(s, row->no, row->seq)) {
        return 0;
    }
    int r = sync__stored(s, row, READ_ALL, &s->line, s->arena, &b);
    if (r != 0) {
        return r < 0 ? r : 0; /* it will be applied when it has come again */
    }
    r = audience_parse(key->aud, strlen(key->aud), &aud);
    return r < 0 ? SANJI_E_CORRUPT : sync__apply(s, &b, row, key, aud.type);
}
