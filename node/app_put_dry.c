/* SPDX-License-Identifier: Apache-2.0 */
/* What a dry run would have stored: later lines of the same input are checked against it, as they
 * will be against the records themselves. */
#include "node/app_put.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct dry_slot {
    uint64_t id; /* hash; 0: free */
    size_t off, len;
    char aud[LIM_AUD_BYTES + 1];
};
struct put_dry {
    struct buf text;
    struct dry_slot *v; /* open addressing, a power of two */
    size_t cap, n;
};

static uint64_t hash(const char *id)
{
    uint64_t h = 14695981039346656037u;
    for (; *id != '\0'; id++) {
        h = (h ^ (uint8_t)*id) * 1099511628211u;
    }
    return h | 1;
}

static struct dry_slot *slot_of(const struct put_dry *x, uint64_t id)
{
    size_t at = (size_t)(id >> 20) & (x->cap - 1);
    while (x->v[at].id != 0 && x->v[at].id != id) {
        at = (at + 1) & (x->cap - 1);
    }
    return &x->v[at];
}

static int grow(struct put_dry *x)
{
    struct put_dry next = *x;
    next.cap = x->cap == 0 ? 256 : x->cap * 2;
    next.v = calloc(next.cap, sizeof *next.v);
    if (next.v == NULL) {
        return SANJI_E_NOMEM;
    }
    for (size_t i = 0; i < x->cap; i++) {
        if (x->v[i].id != 0) {
            *slot_of(&next, x->v[i].id) = x->v[i];
        }
    }
    free(x->v);
    *x = next;
    return 0;
}

int app__dry_keep(struct app_put *p, const char *id, const char *aud)
{
    struct put_dry *x = p->held;
    if (x == NULL) {
        x = p->held = calloc(1, sizeof *x);
        if (x == NULL) {
            return SANJI_E_NOMEM;
        }
        buf_init(&x->text, PUT_TEXT_BYTES);
    }
    int r = x->n * 2 >= x->cap ? grow(x) : 0;
    if (r < 0) {
        return r;
    }
    struct dry_slot *s = slot_of(x, hash(id));
    x->n += s->id == 0 ? 1 : 0;
    s->id = hash(id);
    s->off = x->text.len;
    s->len = p->d.len;
    (void)snprintf(s->aud, sizeof s->aud, "%s", aud);
    return buf_put(&x->text, p->d.data, p->d.len);
}

bool app__dry_holds(const struct app_put *p, const char *id)
{
    return p->held != NULL && p->held->cap > 0 && slot_of(p->held, hash(id))->id != 0;
}

int app__dry_old(const struct app_put *p, const char *id, struct old_rec *o)
{
    if (!app__dry_holds(p, id)) {
        return 0;
    }
    const struct dry_slot *s = slot_of(p->held, hash(id));
    o->found = true;
    o->withdrawn = false;
    (void)snprintf(o->aud, sizeof o->aud, "%s", s->aud);
    (void)snprintf(o->kind, sizeof o->kind, "%s", p->k->name);
    buf_reset(&o->d);
    return buf_put(&o->d, p->held->text.data + s->off, s->len);
}

void app__dry_free(struct app_put *p)
{
    if (p->held != NULL) {
        buf_done(&p->held->text);
        free(p->held->v);
        free(p->held);
    }
}
