/* SPDX-License-Identifier: Apache-2.0 */
/* Tables with rollback: just enough of a database for the store in memory. */
#include "tests/support/mem_internal.h"

#include "protocol/base/err.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

volatile bool mem__allocating; /* the compiler knows that malloc() reads no flag */

static void *must(void *p)
{
    mem__allocating = false;
    if (p == NULL) {
        abort();
    }
    return p;
}

/* What the store itself needs is no part of a test in which memory runs out. */
#define MUST(alloc) must((mem__allocating = true, (alloc)))

uint32_t mem__hash2(const char *a, const char *b)
{
    uint32_t h = 2166136261u;
    for (; *a != '\0'; a++) {
        h = (h ^ (uint8_t)*a) * 16777619u;
    }
    h = (h ^ 0xffu) * 16777619u;
    for (; *b != '\0'; b++) {
        h = (h ^ (uint8_t)*b) * 16777619u;
    }
    return h;
}

void *mem__at(const struct mem_store *m, enum tab_id t, size_t i)
{
    return m->tab[t].rows + i * m->tab[t].esize;
}

static void link_row(struct tab *t, size_t i)
{
    struct row *r = (void *)(t->rows + i * t->esize);
    uint32_t *head = &t->bucket[r->hash % t->n_buckets];
    r->next = *head;
    *head = (uint32_t)i + 1;
}

static void grow(struct tab *t)
{
    t->cap = t->cap == 0 ? 16 : t->cap * 2;
    t->rows = MUST(realloc(t->rows, t->cap * t->esize));
    free(t->bucket);
    t->n_buckets = t->cap;
    t->bucket = MUST(calloc(t->n_buckets, sizeof *t->bucket));
    /* In order, so that the newest row stays the first of its bucket: undo relies on it. */
    for (size_t i = 0; i < t->n; i++) {
        link_row(t, i);
    }
}

static void log_undo(struct mem_store *m, enum tab_id t, size_t i, void *old)
{
    if (m->n_undo == m->cap_undo) {
        m->cap_undo = m->cap_undo == 0 ? 64 : m->cap_undo * 2;
        m->undo = MUST(realloc(m->undo, m->cap_undo * sizeof *m->undo));
    }
    m->undo[m->n_undo++] = (struct undo){.tab = t, .i = i, .old = old};
}

void mem__add(struct mem_store *m, enum tab_id id, const void *row, uint32_t hash)
{
    struct tab *t = &m->tab[id];
    if (t->n == t->cap) {
        grow(t);
    }
    memcpy(t->rows + t->n * t->esize, row, t->esize);
    ((struct row *)mem__at(m, id, t->n))->hash = hash;
    link_row(t, t->n);
    if (m->in_tx) {
        log_undo(m, id, t->n, NULL);
    }
    t->n++;
}

void *mem__edit(struct mem_store *m, enum tab_id id, size_t i)
{
    void *row = mem__at(m, id, i);
    if (m->in_tx) {
        void *old = MUST(malloc(m->tab[id].esize));
        memcpy(old, row, m->tab[id].esize);
        log_undo(m, id, i, old);
    }
    return row;
}

bool mem__next(const struct mem_store *m, enum tab_id id, uint32_t hash, size_t *i, void **ret)
{
    const struct tab *t = &m->tab[id];
    if (t->n == 0) {
        return false;
    }
    uint32_t at =
        *i == 0 ? t->bucket[hash % t->n_buckets] : ((struct row *)mem__at(m, id, *i - 1))->next;
    for (; at != 0; at = ((struct row *)mem__at(m, id, at - 1))->next) {
        struct row *r = mem__at(m, id, at - 1);
        if (r->hash == hash && !r->is_dead) {
            *i = at;
            *ret = r;
            return true;
        }
    }
    return false;
}

size_t mem__count(const struct mem_store *m, enum tab_id id)
{
    size_t n = 0;
    for (size_t i = 0; i < m->tab[id].n; i++) {
        n += !((struct row *)mem__at(m, id, i))->is_dead;
    }
    return n;
}

void mem__clear(struct mem_store *m, enum tab_id id)
{
    for (size_t i = 0; i < m->tab[id].n; i++) {
        if (!((struct row *)mem__at(m, id, i))->is_dead) {
            ((struct row *)mem__edit(m, id, i))->is_dead = true;
        }
    }
}

void mem__undo_all(struct mem_store *m)
{
    while (m->n_undo > 0) {
        struct undo *u = &m->undo[--m->n_undo];
        struct tab *t = &m->tab[u->tab];
        struct row *r = mem__at(m, u->tab, u->i);
        if (u->old == NULL) {
            assert(u->i == t->n - 1 && t->bucket[r->hash % t->n_buckets] == u->i + 1);
            t->bucket[r->hash % t->n_buckets] = r->next;
            t->n--;
        } else {
            uint32_t next = r->next; /* the table may have grown since */
            memcpy(r, u->old, t->esize);
            r->next = next;
            free(u->old);
        }
    }
}

void mem__undo_forget(struct mem_store *m)
{
    for (size_t i = 0; i < m->n_undo; i++) {
        free(m->undo[i].old);
    }
    m->n_undo = 0;
}

/* ---- bytes ---- */

struct piece {
    struct piece *next;
    size_t n;
    uint8_t data[];
};
struct pool {
    size_t refs;
    struct pool *base; /* rows may point into this one as well */
    struct piece *first;
};

struct pool *mem__pool_new(struct pool *base)
{
    struct pool *p = MUST(calloc(1, sizeof *p));
    p->refs = 1;
    p->base = base;
    if (base != NULL) {
        base->refs++;
    }
    return p;
}

void mem__pool_unref(struct pool *p)
{
    while (p != NULL && --p->refs == 0) {
        struct pool *base = p->base;
        while (p->first != NULL) {
            struct piece *next = p->first->next;
            free(p->first);
            p->first = next;
        }
        free(p);
        p = base;
    }
}

struct span mem__bytes(struct mem_store *m, struct span s)
{
    struct piece *x = MUST(malloc(sizeof *x + s.n + 1));
    x->next = m->pool->first;
    x->n = s.n;
    if (s.n > 0) {
        memcpy(x->data, s.p, s.n);
    }
    x->data[s.n] = '\0';
    m->pool->first = x;
    return span_of(x->data, s.n);
}

const char *mem__text(struct mem_store *m, const char *s)
{
    return (const char *)mem__bytes(m, span_of(s, strlen(s))).p;
}
