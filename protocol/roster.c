/* SPDX-License-Identifier: Apache-2.0 */
/* The set of trust acts held, indexed so that a fold never searches: by place (each is kept once),
 * by (subject, after) (what may follow an act), by name. Nothing is decided here; acts that are
 * void today are kept, because an act that arrives later may change that. */
#include "protocol/roster_internal.h"

#include <stdlib.h>
#include <string.h>

enum {
    KEEP_BYTES = 512 << 20, /* acts with their texts: some 190,000 */
    PASS_BYTES = 256 << 20,
    PUB_BUCKETS = 4096,
    FIRST_CAP = 64,
};

uint32_t roster__mix(const void *p, size_t n, uint32_t seed)
{
    const uint8_t *b = p;
    uint32_t h = seed ^ 2166136261U;
    for (size_t i = 0; i < n; i++) {
        h = (h ^ b[i]) * 16777619U;
    }
    return h ^ h >> 15;
}

struct roster *roster_new(const uint8_t g[static HASH_LEN])
{
    struct roster *r = calloc(1, sizeof(*r));
    if (r == NULL) {
        return NULL;
    }
    memcpy(r->g, g, HASH_LEN);
    r->keep = arena_new(KEEP_BYTES);
    r->pass = arena_new(PASS_BYTES);
    r->pubs = calloc(PUB_BUCKETS, sizeof(struct rpub *));
    r->dirty = true;
    r->waiting = RNONE;
    if (r->keep == NULL || r->pass == NULL || r->pubs == NULL) {
        roster_free(r);
        return NULL;
    }
    return r;
}

void roster_free(struct roster *r)
{
    if (r == NULL) {
        return;
    }
    for (size_t i = 0; r->pubs != NULL && i < PUB_BUCKETS; i++) {
        for (struct rpub *p = r->pubs[i]; p != NULL; p = p->next) {
            sign_pub_free(p->key);
        }
    }
    free(r->pubs);
    free(r->entry);
    free(r->subj);
    free(r->pos.head);
    free(r->after.head);
    free(r->names.head);
    arena_free(r->keep);
    arena_free(r->pass);
    free(r);
}

/* Room for one more element; elements are relinked by the caller when the index grew. */
static int grow(void **v, size_t *cap, size_t n, size_t size)
{
    if (n < *cap) {
        return 0;
    }
    size_t want = *cap == 0 ? FIRST_CAP : *cap * 2;
    void *p = realloc(*v, want * size);
    if (p == NULL) {
        return SANJI_E_NOMEM;
    }
    *v = p;
    *cap = want;
    return 1;
}

static int index_resize(struct rindex *x, size_t cap)
{
    uint32_t *p = realloc(x->head, cap * sizeof(*p));
    if (p == NULL) {
        return SANJI_E_NOMEM;
    }
    memset(p, 0xff, cap * sizeof(*p));
    x->head = p;
    x->cap = cap;
    return 0;
}

/* ---- subjects ---- */

static uint32_t name_hash(const char *id)
{
    return roster__mix(id, strlen(id), 0);
}

uint32_t roster__subj(const struct roster *r, const char *id)
{
    if (r->names.cap == 0) {
        return RNONE;
    }
    uint32_t i = r->names.head[name_hash(id) & (r->names.cap - 1)];
    while (i != RNONE && strcmp(r->subj[i].id.s, id) != 0) {
        i = r->subj[i].hash_next;
    }
    return i;
}

static int subj_make(struct roster *r, const struct node_id *id, uint32_t *ret)
{
    *ret = RNONE;
    if (node_id_none(id)) {
        return 0;
    }
    *ret = roster__subj(r, id->s);
    if (*ret != RNONE) {
        return 0;
    }
    void *v = r->subj;
    int grown = grow(&v, &r->cap_subj, r->n_subj, sizeof(struct rsubj));
    if (grown < 0) {
        return grown;
    }
    r->subj = v;
    if (grown > 0) {
        if (index_resize(&r->names, r->cap_subj) < 0) {
            return SANJI_E_NOMEM;
        }
        for (uint32_t i = 0; i < r->n_subj; i++) {
            uint32_t *head = &r->names.head[r->subj[i].hash & (r->names.cap - 1)];
            r->subj[i].hash_next = *head;
            *head = i;
        }
    }
    uint32_t i = (uint32_t)r->n_subj++;
    struct rsubj *s = &r->subj[i];
    *s = (struct rsubj){.id = *id, .hash = name_hash(id->s), .wait = RNONE, .up = RNONE};
    uint32_t *head = &r->names.head[s->hash & (r->names.cap - 1)];
    s->hash_next = *head;
    *head = i;
    *ret = i;
    return 0;
}

/* ---- entries ---- */

static bool same_place(const struct rentry *a, const struct rentry *b)
{
    const struct roster_place *x = &a->at, *y = &b->at;
    return a->stream == b->stream && x->ep == y->ep && x->seq == y->seq && x->idx == y->idx &&
           memcmp(x->en, y->en, sizeof(x->en)) == 0 && memcmp(x->id, y->id, HASH_LEN) == 0;
}

static void hash_entry(struct rentry *e)
{
    int64_t place[3] = {e->at.ep, e->at.seq, e->at.idx};
    e->pos_hash =
        roster__mix(place, sizeof(place), roster__mix(e->at.en, sizeof(e->at.en), e->stream));
    e->after_hash = roster__mix(e->a->after, HASH_LEN, e->subj);
}

static void link_entry(struct roster *r, uint32_t i)
{
    struct rentry *e = r->entry[i];
    uint32_t *head = &r->pos.head[e->pos_hash & (r->pos.cap - 1)];
    e->pos_next = *head;
    *head = i;
    head = &r->after.head[e->after_hash & (r->after.cap - 1)];
    e->after_next = *head;
    *head = i;
}

static bool is_held(const struct roster *r, const struct rentry *e)
{
    if (r->pos.cap == 0) {
        return false;
    }
    uint32_t i = r->pos.head[e->pos_hash & (r->pos.cap - 1)];
    while (i != RNONE && !same_place(r->entry[i], e)) {
        i = r->entry[i]->pos_next;
    }
    return i != RNONE;
}

static int entry_keep(struct roster *r, const struct rentry *e)
{
    void *v = r->entry;
    int grown = grow(&v, &r->cap_entry, r->n_entry, sizeof(struct rentry *));
    if (grown < 0) {
        return grown;
    }
    r->entry = v;
    if (grown > 0) {
        if (index_resize(&r->pos, r->cap_entry) < 0 || index_resize(&r->after, r->cap_entry) < 0) {
            return SANJI_E_NOMEM;
        }
        for (uint32_t i = 0; i < r->n_entry; i++) {
            link_entry(r, i);
        }
    }
    struct rentry *copy = arena_dup(r->keep, e, sizeof(*e));
    if (copy == NULL) {
        return SANJI_E_NOMEM;
    }
    r->entry[r->n_entry] = copy;
    link_entry(r, (uint32_t)r->n_entry++);
    r->dirty = true;
    return 0;
}

/* The act with everything it points to, for the roster's life: reading it again copies it. */
static int copy_act(struct roster *r, struct rentry *e, const struct act *a)
{
    struct act *copy = arena_alloc(r->keep, sizeof(*copy));
    e->proof = arena_alloc(r->keep, a->n_co * sizeof(*e->proof));
    if (copy == NULL || e->proof == NULL) {
        return SANJI_E_NOMEM;
    }
    int err = act_parse(a->text, r->keep, copy, NULL);
    if (err < 0) {
        return err;
    }
    copy->n_co = a->n_co;
    memcpy(copy->co, a->co, sizeof(copy->co));
    e->a = copy;
    if (copy->has_sig) {
        key_id_of(copy->sig, &e->sig_kid);
    }
    return 0;
}

/* The share of one trust stream. A writer that talks without end silences only itself, and what is
 * left out is the same everywhere, because a stream arrives in its own order. */
static struct rshare *share_of(struct roster *r, uint32_t stream, const struct roster_place *at)
{
    struct rshare **p = &r->subj[stream].said;
    while (*p != NULL && ((*p)->ep != at->ep || memcmp((*p)->en, at->en, sizeof(at->en)) != 0)) {
        p = &(*p)->next;
    }
    struct rshare *s = *p;
    if (s != NULL) {
        *p = s->next;
    } else {
        s = arena_alloc(r->keep, sizeof(*s));
        if (s == NULL) {
            return NULL;
        }
        s->ep = at->ep;
        memcpy(s->en, at->en, sizeof(s->en));
    }
    s->next = r->subj[stream].said; /* the next act is most likely of the same stream */
    r->subj[stream].said = s;
    return s;
}

static int make_subjects(struct roster *r, struct rentry *e)
{
    int err = subj_make(r, &e->at.by, &e->stream);
    if (err == 0) {
        err = subj_make(r, &e->a->n, &e->subj);
    }
    if (err == 0) {
        err = subj_make(r, &e->a->up, &e->up);
    }
    return err < 0 ? err : subj_make(r, &e->a->st, &e->st);
}

int roster_add(struct roster *r, const struct act *a, const struct roster_place *at)
{
    struct rentry e = {.at = *at, .a = a};
    if (!node_id_none(&a->by) && node_id_cmp(&a->by, &at->by) != 0) {
        return SANJI_E_SPEC; /* P9: an act travels in its author's stream */
    }
    if (a->n_co > LIM_CO_SIGNATURES) {
        return SANJI_E_SPEC;
    }
    int err = make_subjects(r, &e);
    if (err < 0) {
        return err;
    }
    e.author = node_id_none(&a->by) ? RNONE : e.stream;
    hash_entry(&e);
    if (is_held(r, &e)) {
        return 0;
    }
    struct rshare *share = share_of(r, e.stream, at);
    if (share == NULL) {
        return SANJI_E_NOMEM;
    }
    if (share->acts >= LIM_ACTS || share->bytes + a->text.n > LIM_ACTS_BYTES) {
        share->acts = LIM_ACTS; /* a shorter one behind it is left out too */
        return SANJI_E_SIZE;
    }
    err = copy_act(r, &e, a);
    if (err == 0) {
        err = entry_keep(r, &e);
    }
    if (err == 0) {
        share->acts++;
        share->bytes += a->text.n;
    }
    return err;
}

/* ---- library objects ---- */

struct sign_pub *roster__pub(struct roster *r, const uint8_t pub[static SIGN_PUB_LEN])
{
    struct rpub **head = &r->pubs[roster__mix(pub, SIGN_PUB_LEN, 0) % PUB_BUCKETS];
    for (struct rpub *p = *head; p != NULL; p = p->next) {
        if (memcmp(p->pub, pub, SIGN_PUB_LEN) == 0) {
            return p->key;
        }
    }
    struct rpub *p = arena_alloc(r->keep, sizeof(*p));
    int err = p == NULL ? SANJI_E_NOMEM : sign_pub_new(pub, &p->key);
    if (err < 0) {
        r->no_memory = r->no_memory || err == SANJI_E_NOMEM;
        return NULL;
    }
    memcpy(p->pub, pub, SIGN_PUB_LEN);
    p->next = *head;
    *head = p;
    return p->key;
}
