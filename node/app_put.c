/* SPDX-License-Identifier: Apache-2.0 */
/* Own records: from the JSON a person or program writes to a signed item. Checking is pure and has
 * a file of its own (app_put_check.c); storing collects items until a bundle's worth is there,
 * because one signature and one commit are worth hundreds of records. A record whose content did
 * not change gets no new revision: running an import twice changes nothing. */
#include "node/app_put.h"

#include "node/app_blob.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/jwrite.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void app__record_id(struct app *a, int64_t now_ms, char out[static 28])
{
    if (now_ms > a->id_ms || a->id_ms == 0) {
        a->id_ms = now_ms;
        (void)app_random(a->id_rnd, sizeof a->id_rnd);
        a->id_rnd[0] &= 0x7f; /* room to count upwards */
    } else {                  /* the same millisecond, or a clock set back: count */
        for (size_t i = sizeof a->id_rnd; i-- > 0 && ++a->id_rnd[i] == 0;) {
        }
    }
    record_id_make(a->id_ms, a->id_rnd, out);
}

int app__item(const struct app *a, const char *owner, const char *id, const struct kind *k,
              enum item_op op, int64_t r, struct span d, struct buf *out)
{
    int64_t upto = 0;
    int err = op == OP_PUT ? sync_erased_upto(a->sync, owner, id, &upto) : 0;
    if (err < 0) {
        return err;
    }
    r = r <= upto ? upto + 1 : r; /* a new record under the name of an erased one */
    struct item it = {.op = op, .r = r, .d = d};
    if (owner != NULL) {
        snprintf(it.on_behalf.s, sizeof it.on_behalf.s, "%s", owner);
    }
    snprintf(it.id, sizeof it.id, "%s", id);
    snprintf(it.k, sizeof it.k, "%s/%d", k->name, k->major);
    struct buf bl;
    buf_init(&bl, LIM_ITEM_BYTES);
    err = app_random(it.z, sizeof it.z);
    err = err < 0 || op != OP_PUT ? err : kind_files_bl(k, d, &bl);
    it.bl = span_of(bl.data, bl.len);
    err = err == 0 ? item_write(&it, out) : err;
    buf_done(&bl);
    return err;
}

/* The others take nothing more of this node: accepting a record would lose it without a word. A
 * node the roster does not hold yet is refused when it signs (unknown_key). */
int app__may_write(const struct app *a)
{
    const struct roster_node *me = app_self_node(a);
    const struct roster_key *k = roster_current_key(app_roster(a), app_id(a));
    int r = sync_self_error(a->sync);
    if (r < 0 || me == NULL || k == NULL) {
        return r;
    }
    if (me->state == NODE_CLOSED) {
        return SANJI_E_CLOSED;
    }
    return k->cut || me->state == NODE_CUT ? SANJI_E_REVOKED : 0;
}

static int put_new(struct app *a, const struct kind *k, const char *aud, bool dry, bool machine,
                   struct app_put **ret)
{
    if ((k->owner == KO_MACHINE && !machine) || (k->shape != KS_STATE && k->shape != KS_BOTH)) {
        return SANJI_E_FORBIDDEN;
    }
    if (k->owner == KO_TOP && !app_is_top(a)) {
        return SANJI_E_AUTHORITY;
    }
    const char *word = aud != NULL ? aud : k->audience;
    if (!app__word_in(k->audiences, word) || strlen(word) > 7) {
        return SANJI_E_AUDIENCE;
    }
    int r = dry ? 0 : app__may_write(a);
    if (r < 0) {
        return r;
    }
    if (!dry && app_disk_low(a)) {
        return SANJI_E_FULL;
    }
    struct app_put *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return SANJI_E_NOMEM;
    }
    p->a = a;
    p->k = k;
    p->dry = dry;
    snprintf(p->aud, sizeof p->aud, "%s", word);
    buf_init(&p->d, LIM_ITEM_BYTES * 2);
    buf_init(&p->item, LIM_ITEM_BYTES * 2);
    for (size_t i = 0; i < PUT_AUDS; i++) {
        buf_init(&p->lane[i].text, PUT_TEXT_BYTES);
    }
    *ret = p;
    return 0;
}

int app_put_begin(struct app *a, const struct kind *k, const char *aud, bool dry,
                  struct app_put **ret)
{
    return put_new(a, k, aud, dry, false, ret);
}

int app__may_stand_for(const struct app *a, const char *owner)
{
    const struct roster_node *n = roster_node(app_roster(a), owner);
    if (n == NULL) {
        return SANJI_E_NOT_FOUND;
    }
    if (strcmp(n->steward.s, app_id(a)) != 0) {
        return SANJI_E_AUTHORITY;
    }
    return n->state == NODE_ACTIVE ? SANJI_E_STATE : 0;
}

int app_put_for(struct app_put *p, const char *owner)
{
    int r = app__may_stand_for(p->a, owner);
    if (r == 0) {
        snprintf(p->owner, sizeof p->owner, "%s", owner);
    }
    return r;
}

const char *app__put_owner(const struct app_put *p)
{
    return p->owner[0] != '\0' ? p->owner : app_id(p->a);
}

void app_put_free(struct app_put *p)
{
    if (p == NULL) {
        return;
    }
    for (size_t i = 0; i < PUT_AUDS; i++) {
        buf_done(&p->lane[i].text);
        free(p->lane[i].v);
    }
    app__dry_free(p);
    buf_done(&p->d);
    buf_done(&p->item);
    free(p);
}

size_t app_put_pending(const struct app_put *p)
{
    return p->n;
}

size_t app_put_pending_bytes(const struct app_put *p)
{
    size_t n = 0;
    for (size_t i = 0; i < PUT_AUDS; i++) {
        n += p->lane[i].text.len;
    }
    return n;
}

static int on_old(const struct store_rec *rec, void *arg)
{
    struct old_rec *o = arg;
    o->found = true;
    o->withdrawn = rec->withdrawn;
    o->r = rec->r;
    snprintf(o->aud, sizeof o->aud, "%s", rec->aud);
    snprintf(o->kind, sizeof o->kind, "%s", rec->kind);
    return buf_put(&o->d, rec->d.p, rec->d.n);
}

int app__put_old(struct app *a, const char *owner, const char *id, struct old_rec *o)
{
    memset(o, 0, sizeof *o);
    buf_init(&o->d, LIM_ITEM_BYTES * 2);
    int r = store_record_get(a->store, owner, NULL, id, on_old, o);
    return r == SANJI_E_NOT_FOUND ? sync_erased_upto(a->sync, owner, id, &o->r) : r;
}

/* Fills SINCE (kept from the old form, else today) and AREA (the node's own) where absent. */
static int fill(struct app_put *p, const struct old_rec *o, int64_t now_ms, struct fault *f)
{
    struct span d = span_of(p->d.data, p->d.len), v, keep;
    const struct kind_field *since = kind_field_with(p->k, KFF_SINCE),
                            *area = kind_field_with(p->k, KFF_AREA);
    const struct roster_node *me = roster_node(app_roster(p->a), app__put_owner(p));
    bool need_since = since != NULL && !jcur_get(d, since->name, &v);
    bool need_area =
        area != NULL && me != NULL && me->area[0] != '\0' && !jcur_get(d, area->name, &v);
    if (!need_since && !need_area) {
        return 0;
    }
    struct jw w;
    struct buf out;
    char today[11];
    buf_init(&out, LIM_ITEM_BYTES * 2);
    date_write(date_of_ms(now_ms), today);
    jw_init(&w, &out);
    jw_obj(&w, NULL);
    for (size_t i = 0; i < p->k->n_fields; i++) {
        const struct kind_field *fl = &p->k->fields[i];
        if (jcur_get(d, fl->name, &v)) {
            jw_raw(&w, fl->name, v.p, v.n);
        } else if (fl == since && need_since) {
            bool kept =
                o->found && o->d.len > 0 && jcur_get(span_of(o->d.data, o->d.len), fl->name, &keep);
            if (kept) {
                jw_raw(&w, fl->name, keep.p, keep.n);
            } else {
                jw_str(&w, fl->name, today);
            }
        } else if (fl == area && need_area) {
            jw_str(&w, fl->name, me->area);
        }
    }
    jw_end_obj(&w);
    int r = jw_done(&w);
    if (r == 0) {
        buf_reset(&p->d);
        r = buf_put(&p->d, out.data, out.len);
    }
    buf_done(&out);
    /* What was filled in may contradict what was written (done before since). */
    return r < 0 ? r : kind_check_content(p->k, span_of(p->d.data, p->d.len), f);
}

int app__put_lane(struct app_put *p, const struct kind *k, const char *aud, const char *id,
                  enum item_op op, int64_t r, struct span d)
{
    struct lane_batch *l = NULL;
    for (size_t i = 0; i < PUT_AUDS && l == NULL; i++) {
        if (p->lane[i].aud[0] == '\0' || strcmp(p->lane[i].aud, aud) == 0) {
            l = &p->lane[i];
        }
    }
    if (l == NULL) {
        return SANJI_E_AUDIENCE;
    }
    if (l->n == l->cap) {
        size_t cap = l->cap != 0 ? l->cap * 2 : 64;
        struct pending *v = realloc(l->v, cap * sizeof *v);
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        l->v = v;
        l->cap = cap;
    }
    snprintf(l->aud, sizeof l->aud, "%s", aud);
    buf_reset(&p->item);
    int e = app__item(p->a, p->owner[0] != '\0' ? p->owner : NULL, id, k, op, r,
                      op == OP_PUT ? d : span_of(NULL, 0), &p->item);
    if (e == 0 && p->item.len > LIM_ITEM_BYTES) {
        e = SANJI_E_SIZE;
    }
    if (e < 0) {
        return e;
    }
    struct pending *x = &l->v[l->n];
    x->off = l->text.len;
    x->len = p->item.len;
    snprintf(x->id, sizeof x->id, "%s", id);
    e = buf_put(&l->text, p->item.data, p->item.len);
    if (e == 0) {
        l->n++;
        p->n++;
    }
    return e;
}

/* The place that holds this id, or where it would be. */
static uint64_t *seen_slot(struct app_put *p, const char *id, uint64_t *ret_hash)
{
    uint64_t h = 14695981039346656037u;
    for (; *id != '\0'; id++) {
        h = (h ^ (uint8_t)*id) * 1099511628211u;
    }
    h |= 1; /* never the sign of a free place */
    size_t at = (size_t)(h >> 32) & (PUT_SEEN - 1);
    while (p->seen[at] != 0 && p->seen[at] != h) {
        at = (at + 1) & (PUT_SEEN - 1);
    }
    *ret_hash = h;
    return &p->seen[at];
}

/* Was it there? It is now. */
static bool seen_add(struct app_put *p, const char *id)
{
    uint64_t h = 0, *at = seen_slot(p, id, &h);
    bool was = *at != 0;
    *at = h;
    p->n_seen += was ? 0 : 1;
    return was;
}

bool app__put_has(struct app_put *p, const char *id)
{
    uint64_t h = 0;
    return *seen_slot(p, id, &h) != 0;
}

/* Is a form of this record pending already? Remembers it. A full table says yes: one flush more. */
bool app__put_pending(struct app_put *p, const char *id)
{
    return p->n_seen >= PUT_SEEN / 2 || seen_add(p, id);
}

static void seen_clear(struct app_put *p)
{
    if (p->n_seen > 0) {
        memset(p->seen, 0, sizeof p->seen);
        p->n_seen = 0;
    }
}

/* What a steward writes stands beside the owner's streams, which end: so it stays in the audience
 * where the record is, and there must be a record. aud empty: none was asked for. */
static int may_for(struct app_put *p, const struct old_rec *o, const char *aud, struct fault *f)
{
    struct audience au;
    if (!o->found) {
        return fault_set(f, SANJI_E_NOT_FOUND, "id", "a record of the node stood in for");
    }
    if (aud[0] != '\0' && strcmp(aud, o->aud) != 0) {
        return fault_set(f, SANJI_E_AUDIENCE, "audience", "the record's own");
    }
    int r = audience_parse(o->aud, strlen(o->aud), &au);
    if (r == 0) {
        r = roster_may_write(app_roster(p->a), app_id(p->a), &au);
    }
    return r < 0 ? fault_set(f, r, "audience", "one this node may write to") : 0;
}

static int add_for(struct app_put *p, const char *id, const struct old_rec *o)
{
    struct span d = span_of(p->d.data, p->d.len);
    bool same = !o->withdrawn && span_eq(span_of(o->d.data, o->d.len), d);
    return p->dry || same ? 0 : app__put_lane(p, p->k, o->aud, id, OP_PUT, o->r + 1, d);
}

static int add_mine(struct app_put *p, const char *id, const char *aud, const struct old_rec *o,
                    struct fault *f)
{
    struct span d = span_of(p->d.data, p->d.len);
    bool moved = o->found && strcmp(o->aud, aud) != 0;
    bool same = o->found && !o->withdrawn && !moved && span_eq(span_of(o->d.data, o->d.len), d);
    size_t n = strlen(id), tail = sizeof CARD_TAIL - 1;
    int r = 0;
    if (p->k->card != NULL && n + tail > LIM_ID_BYTES) {
        return fault_set(f, SANJI_E_SPEC, "id", "at most 59 characters");
    }
    if (n > tail && strcmp(id + n - tail, CARD_TAIL) == 0) {
        return fault_set(f, SANJI_E_SPEC, "id", "not ending in " CARD_TAIL);
    }
    if (p->dry) {
        r = app__put_effect(p, id, o);
        r = r < 0 ? r : app__put_card(p, p->k, id, d);
        r = r < 0 ? r : app__dry_keep(p, id, aud);
        return r == SANJI_E_EXISTS ? fault_set(f, r, "id", "ID" CARD_TAIL " is another record") : r;
    }
    if (same) { /* a card that a restored database has forgotten follows all the same */
        return app__put_card(p, p->k, id, d);
    }
    r = app__put_effect(p, id, o);
    r = r < 0 ? r : app__put_lane(p, p->k, aud, id, OP_PUT, o->r + 1, d);
    if (r == 0 && moved && !o->withdrawn) { /* P5: put in the new stream, wd in the old one */
        r = app__put_lane(p, p->k, o->aud, id, OP_WITHDRAW, o->r + 1, d);
    }
    r = r < 0 ? r : app__put_card(p, p->k, id, d);
    return r == SANJI_E_EXISTS ? fault_set(f, r, "id", "ID" CARD_TAIL " is another record") : r;
}

static int add_checked(struct app_put *p, const char *id, bool given, const char *word,
                       struct fault *f)
{
    char aud[LIM_AUD_BYTES + 1];
    struct old_rec o = {0};
    int64_t now = app_now_ms();
    bool stands_in = p->owner[0] != '\0';
    struct span none = span_of(NULL, 0);
    int r = 0;
    if (given) {
        p->has_given = true;
        r = app_outbox_flush(p->a); /* the older form may be among them */
    }
    if (r == 0 && given) {
        r = app__put_old(p->a, app__put_owner(p), id, &o);
        r = r < 0 || stands_in ? r : app__dry_old(p, id, &o);
    }
    if (r == 0 && o.found && !o.withdrawn && strcmp(o.kind, p->k->name) != 0) {
        r = fault_set(f, SANJI_E_EXISTS, "id", o.kind);
    }
    r = r < 0 ? r : fill(p, &o, now, f);
    r = r < 0 ? r : app__put_autos(p, &o, now, f);
    r = r < 0 ? r
              : app_blob_may(p->a, p->k, o.withdrawn ? none : span_of(o.d.data, o.d.len),
                             span_of(p->d.data, p->d.len), p->login, f);
    r = r < 0 ? r : app__put_audience(p, word, aud);
    if (r == 0 && stands_in) {
        r = may_for(p, &o, word[0] != '\0' ? aud : "", f);
    }
    r = r < 0 ? r : app__put_may(p, id, &o, f); /* the same rules for owner and steward */
    r = r < 0 ? r : app__pair_may(p, id, &o, f);
    r = r < 0 ? r : app__consult_may(p, id, f);
    if (r == 0) {
        r = stands_in ? add_for(p, id, &o) : add_mine(p, id, aud, &o, f);
    }
    buf_done(&o.d);
    return r;
}

/* Kinds with a key: their id follows from the content. */
static int by_key(struct app_put *p, char id[static LIM_ID_BYTES + 1], struct fault *f)
{
    char key[LIM_ID_BYTES + 1];
    if (p->k->key == NULL) {
        return 0;
    }
    if (kind_key_id(p->k, span_of(p->d.data, p->d.len), key) < 0 ||
        (id[0] != '\0' && strcmp(id, key) != 0)) {
        return fault_set(f, SANJI_E_SPEC, "id", p->k->key);
    }
    memcpy(id, key, sizeof key);
    /* Each goes to a node of its own: no batch has room for all their audiences. */
    return strcmp(p->k->audience, "to") == 0 && p->n > 0 ? app_put_flush(p) : 0;
}

int app_put_line(struct app_put *p, struct span json, char ret_id[static LIM_ID_BYTES + 1],
                 struct fault *f)
{
    char word[8], made[28];
    buf_reset(&p->d);
    int r = app_put_check(p->k, json, &p->d, ret_id, word, f);
    if (r < 0) {
        return r;
    }
    r = by_key(p, ret_id, f);
    if (r < 0) {
        return r;
    }
    bool given = ret_id[0] != '\0';
    if (!given) {
        app__record_id(p->a, app_now_ms(), made);
        memcpy(ret_id, made, strlen(made) + 1);
    } else if (!p->dry && app__put_pending(p, ret_id)) {
        r = app_put_flush(p); /* the second form needs to see the first */
        (void)seen_add(p, ret_id);
    }
    return r == 0 ? add_checked(p, ret_id, given, word, f) : r;
}

static int sign_pending(struct app_put *p)
{
    struct sync_tick t;
    int r = app_tick_make(&t);
    for (size_t i = 0; r == 0 && i < PUT_AUDS && p->lane[i].n > 0; i++) {
        struct lane_batch *l = &p->lane[i];
        struct span *items = calloc(l->n, sizeof *items);
        if (items == NULL) {
            r = SANJI_E_NOMEM;
            break;
        }
        for (size_t j = 0; j < l->n; j++) {
            items[j] = span_of(l->text.data + l->v[j].off, l->v[j].len);
        }
        r = sync_write(p->a->sync, &t, l->aud, items, l->n, true, NULL);
        free(items);
        if (r == 0) {
            r = app_random(t.rnd, sizeof t.rnd);
        }
    }
    return r;
}

static int defer_pending(struct app_put *p)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < PUT_AUDS && p->lane[i].n > 0; i++) {
        const struct lane_batch *l = &p->lane[i];
        for (size_t j = 0; r == 0 && j < l->n; j++) {
            r = app__outbox_add(p->a, l->aud, span_of(l->text.data + l->v[j].off, l->v[j].len));
        }
    }
    return r;
}

static int store_pending(struct app_put *p)
{
    struct app *a = p->a;
    bool defer = !p->has_given && app__outbox_takes(a, p->n);
    int r = defer ? 0 : app_outbox_flush(a); /* first come, first signed */
    if (r == 0) {
        r = store_begin(a->store);
    }
    if (r < 0) {
        return r;
    }
    r = defer ? defer_pending(p) : sign_pending(p);
    r = r < 0 || p->also == NULL ? r : p->also(p->also_arg);
    if (r == 0) {
        r = store_commit(a->store);
    } else {
        store_rollback(a->store);
    }
    if (r < 0) {
        (void)sync_reload(a->sync);
    } else if (defer) {
        app__outbox_added(a, p->n);
    } else {
        a->signed_at = app_mono_ms();
        app__wrote(a);
    }
    return r;
}

int app_put_flush(struct app_put *p)
{
    int r = p->n > 0 ? store_pending(p) : 0;
    for (size_t i = 0; i < PUT_AUDS; i++) {
        p->lane[i].n = 0;
        p->lane[i].aud[0] = '\0';
        buf_reset(&p->lane[i].text);
    }
    seen_clear(p);
    p->n = 0;
    p->has_given = false;
    return r;
}

int app_put_one(struct app *a, const struct kind *k, const char *aud, const struct app_person *by,
                struct span json, char ret_id[static LIM_ID_BYTES + 1], struct fault *f)
{
    struct app_put *p = NULL;
    int r = app_put_begin(a, k, aud, false, &p);
    if (r == 0) {
        p->role = by == NULL ? NULL : by->role;
        p->login = by == NULL ? NULL : by->login;
        p->org = by == NULL ? NULL : by->org;
        r = app_put_line(p, json, ret_id, f);
    }
    if (r == 0) {
        r = app_put_flush(p);
    }
    app_put_free(p);
    return r;
}

/* A card whose record is not there, since an older database was put back or the record was erased.
 */
static int is_orphan(struct app *a, const char *id, bool *ret)
{
    char base[LIM_ID_BYTES + 1];
    struct old_rec o = {0};
    size_t n = strlen(id), tail = sizeof CARD_TAIL - 1;
    *ret = false;
    if (n <= tail || n - tail > LIM_ID_BYTES || strcmp(id + n - tail, CARD_TAIL) != 0) {
        return 0;
    }
    memcpy(base, id, n - tail);
    base[n - tail] = '\0';
    int r = app__put_old(a, app_id(a), base, &o);
    const struct kind *k = r == 0 && o.found && !o.withdrawn ? kind_find(o.kind) : NULL;
    *ret = r == 0 && (k == NULL || k->card == NULL);
    buf_done(&o.d);
    return r;
}

int app_withdraw(struct app *a, const char *owner, const char *id, struct fault *f)
{
    struct old_rec o = {0};
    struct app_put *p = NULL;
    int r = app_outbox_flush(a); /* it may be there */
    r = r < 0 ? r : app__put_old(a, owner != NULL ? owner : app_id(a), id, &o);
    const struct kind *k = r == 0 && o.found ? kind_find(o.kind) : NULL;
    if (r == 0 && !o.found) {
        r = SANJI_E_NOT_FOUND;
    }
    if (r == 0 && owner != NULL) {
        r = app__may_stand_for(a, owner);
    }
    if (r == 0 && !o.withdrawn && k != NULL) {
        r = app__put_may_go(k, &o, f);
    }
    if (r < 0 || o.withdrawn) {
        r = r < 0 ? r : app__may_write(a);
    } else if (k == NULL) {
        r = SANJI_E_FORBIDDEN;
    } else {
        bool orphan = false;
        r = owner == NULL && k->owner == KO_MACHINE ? is_orphan(a, id, &orphan) : 0;
        r = r < 0 ? r : put_new(a, k, NULL, false, orphan, &p);
    }
    if (r == 0 && p != NULL) {
        snprintf(p->owner, sizeof p->owner, "%s", owner == NULL ? "" : owner);
        r = app__put_withdraw(p, id, &o);
        r = r < 0 ? r : app_put_flush(p);
    }
    app_put_free(p);
    buf_done(&o.d);
    return r;
}
