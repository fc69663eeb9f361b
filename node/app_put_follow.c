/* SPDX-License-Identifier: Apache-2.0 */
/* What a record brings with it, in the same transaction: the step its state takes must be one of
 * its kind, what it names must be there, its public card follows it, and some change another
 * record (an assessment the stage of an organisation, a change that was agreed its archive). */
#include "node/app_codes.h"
#include "node/app_put.h"
#include "protocol/flow_pair.h"
#include "protocol/jcur.h"
#include "protocol/jwrite.h"

#include <stdio.h>
#include <string.h>

/* A record that another one of the same owner names. */
static int named(struct app_put *p, const struct kind_field *fld, struct span was, struct fault *f)
{
    struct span v, id, before;
    struct old_rec o = {0};
    char text[LIM_ID_BYTES + 1];
    if (fld->type != KF_REF || fld->choices == NULL ||
        !jcur_get(span_of(p->d.data, p->d.len), fld->name, &v)) {
        return 0;
    }
    if (p->owner[0] != '\0' && was.n > 0 && jcur_get(was, fld->name, &before) &&
        span_eq(v, before)) { /* what the owner named may never have come here */
        return 0;
    }
    if (!jcur_plain(v, &id) || id.n == 0 || id.n >= sizeof text) {
        return fault_set(f, SANJI_E_NOT_FOUND, fld->name, fld->choices);
    }
    memcpy(text, id.p, id.n);
    text[id.n] = '\0';
    int r = app__put_old(p->a, app__put_owner(p), text, &o);
    bool there = o.found && !o.withdrawn && strcmp(o.kind, fld->choices) == 0;
    buf_done(&o.d);
    /* an earlier line of the same input */
    there = there || (strcmp(p->k->name, fld->choices) == 0 &&
                      (app__put_has(p, text) || app__dry_holds(p, text)));
    return r < 0 || there ? r : fault_set(f, SANJI_E_NOT_FOUND, fld->name, fld->choices);
}

int app__put_may(struct app_put *p, const char *id, const struct old_rec *o, struct fault *f)
{
    bool stood = o->found && !o->withdrawn;
    struct span was = stood ? span_of(o->d.data, o->d.len) : span_of(NULL, 0),
                d = span_of(p->d.data, p->d.len);
    bool member = p->role != NULL && strcmp(p->role, KIND_MEMBER) == 0;
    int r = !member ? 0 : kind_org_may(p->k, p->org == NULL ? "" : p->org, id, was, d, f);
    r = r < 0 ? r : kind_step_check(p->k, was, d, p->role, f);
    r = r < 0 ? r : app_codes_check(p->a, p->k, was, d, f);
    bool names = false;
    for (size_t i = 0; i < p->k->n_fields; i++) {
        names = names || (p->k->fields[i].type == KF_REF && p->k->fields[i].choices != NULL);
    }
    if (r < 0 || !names) {
        return r;
    }
    r = app_outbox_flush(p->a); /* what is named may be among them */
    for (size_t i = 0; r == 0 && i < p->k->n_fields; i++) {
        r = named(p, &p->k->fields[i], was, f);
    }
    return r;
}

/* The card says what the record says, or is gone. `d` is the record's new content; empty: it is
 * withdrawn. */
int app__put_card(struct app_put *p, const struct kind *k, const char *id, struct span d)
{
    char card[LIM_ID_BYTES + 8];
    struct old_rec o = {0};
    struct buf c;
    if (k->card == NULL) {
        return 0;
    }
    buf_init(&c, LIM_ITEM_BYTES);
    snprintf(card, sizeof card, "%s" CARD_TAIL, id);
    bool wants = d.n > 0 && kind_wants_card(k, d);
    int r = app__put_old(p->a, app_id(p->a), card, &o);
    bool stands = o.found && !o.withdrawn, other = stands && strcmp(o.kind, k->card->name) != 0;
    r = r == 0 && other && wants ? SANJI_E_EXISTS : r; /* made before cards took this name */
    r = r == 0 && wants ? kind_card_write(k, d, &c) : r;
    stands = stands && !other;
    struct span now = span_of(c.data, c.len);
    if (p->dry) {
        /* nothing is stored, and it could be */
    } else if (r == 0 && wants && !(stands && span_eq(now, span_of(o.d.data, o.d.len)))) {
        r = app__put_lane(p, k->card, k->card->audience, card, OP_PUT, o.r + 1, now);
        p->has_given = p->has_given || o.found;
    } else if (r == 0 && !wants && stands) {
        r = app__put_lane(p, k->card, o.aud, card, OP_WITHDRAW, o.r + 1, now);
        p->has_given = true;
    }
    buf_done(&o.d);
    buf_done(&c);
    return r;
}

static bool was_sent(const struct kind *k, const struct old_rec *o)
{
    struct buf state;
    if (k->filing == NULL) {
        return false;
    }
    buf_init(&state, 256);
    bool sent = kind_field_text(k, span_of(o->d.data, o->d.len), KFF_STATE, &state) == 0 &&
                state.len > 0 && strcmp(buf_str(&state), k->filing->sent) == 0;
    buf_done(&state);
    return sent;
}

int app__put_may_go(const struct kind *k, const struct old_rec *o, struct fault *f)
{
    enum pair_side side = PAIR_OWNER;
    if (k->fixed != NULL && !kind_is_fresh(k, span_of(o->d.data, o->d.len))) {
        return fault_set(f, SANJI_E_STATE, "", "published: others build on it, end it instead");
    }
    if (was_sent(k, o)) { /* it is put right, not taken back */
        return fault_set(f, SANJI_E_STATE, "", "sent: correct it and send it again");
    }
    if (pair_flow_of(k, &side) != NULL && side == PAIR_OTHER) { /* with it a lock would go */
        return fault_set(f, SANJI_E_STATE, "", "an answer: it stays, change it to reopened");
    }
    return 0;
}

int app__put_withdraw(struct app_put *p, const char *id, const struct old_rec *o)
{
    const struct kind *k = kind_find(o->kind);
    struct span none = span_of(NULL, 0);
    p->has_given = true;
    int r = k == NULL ? SANJI_E_FORBIDDEN
                      : app__put_lane(p, k, o->aud, id, OP_WITHDRAW, o->r + 1, none);
    return r < 0 || p->owner[0] != '\0' ? r : app__put_card(p, k, id, none);
}

/* Until it takes effect that is what stands there, then what stood there. */
int app__effect_auto(struct app_put *p, const struct old_rec *was, struct jw *w)
{
    const struct kind_effect *e = p->k->effect;
    const struct kind_field *state = kind_field_with(p->k, KFF_STATE);
    struct span old = was->found && !was->withdrawn ? span_of(was->d.data, was->d.len)
                                                    : span_of(NULL, 0),
                d = span_of(p->d.data, p->d.len), v;
    struct old_rec o = {0};
    char id[LIM_ID_BYTES + 1];
    if (e == NULL || e->was == NULL) {
        return 0;
    }
    if (old.n > 0 && span_eqs(jcur_plain_of(old, state->name), e->state)) {
        if (jcur_get(old, e->was, &v)) {
            jw_raw(w, e->was, v.p, v.n);
        }
        return 0;
    }
    struct span ref = jcur_plain_of(d, e->ref);
    (void)snprintf(id, sizeof id, "%.*s", ref.n < sizeof id ? (int)ref.n : 0,
                   ref.n == 0 ? "" : (const char *)ref.p);
    int r = app_outbox_flush(p->a);
    r = r < 0 || id[0] == '\0' ? r : app__put_old(p->a, app_id(p->a), id, &o);
    const struct kind *k = o.found && !o.withdrawn ? kind_find(o.kind) : NULL;
    if (r == 0 && k != NULL) {
        kind_effect_was(p->k, d, k, span_of(o.d.data, o.d.len), w);
    }
    buf_done(&o.d);
    return r;
}

int app__put_effect(struct app_put *p, const char *by, const struct old_rec *was)
{
    struct span ref, d = span_of(p->d.data, p->d.len);
    struct old_rec o = {0};
    struct buf c;
    char id[LIM_ID_BYTES + 1];
    bool stood = was->found && !was->withdrawn;
    if (!kind_effect_due(p->k, stood ? span_of(was->d.data, was->d.len) : span_of(NULL, 0), d,
                         &ref) ||
        ref.n >= sizeof id) {
        return 0;
    }
    memcpy(id, ref.p, ref.n);
    id[ref.n] = '\0';
    buf_init(&c, LIM_ITEM_BYTES);
    int r = 0;
    if (!p->dry &&
        app__put_pending(p, id)) { /* two effects on one record: the second sees the first */
        r = app_put_flush(p);
        (void)app__put_pending(p, id);
        (void)app__put_pending(p, by);
    }
    r = r < 0 ? r : app__put_old(p->a, app_id(p->a), id, &o);
    const struct kind *k = r == 0 && o.found && !o.withdrawn ? kind_find(o.kind) : NULL;
    if (k != NULL) {
        r = kind_effect_write(p->k, d, k, span_of(o.d.data, o.d.len), &c);
        r = r < 0 ? r : kind_check_content(k, span_of(c.data, c.len), NULL);
    }
    if (r == 0 && k != NULL && !p->dry &&
        !span_eq(span_of(c.data, c.len), span_of(o.d.data, o.d.len))) {
        r = app__put_lane(p, k, o.aud, id, OP_PUT, o.r + 1, span_of(c.data, c.len));
        r = r < 0 ? r : app__put_card(p, k, id, span_of(c.data, c.len));
        p->has_given = true;
    }
    buf_done(&o.d);
    buf_done(&c);
    return r;
}
