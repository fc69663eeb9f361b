/* SPDX-License-Identifier: Apache-2.0 */
/* One request or one bundle makes hundreds of small pieces that all die together. Handing them out
 * from a few blocks makes freeing one call, and the cap keeps a hostile message from taking the
 * memory of everybody else. */
#include "protocol/base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_ALIGN = _Alignof(max_align_t), ARENA_FIRST = 4096, ARENA_BLOCK_MAX = 256 * 1024 };

struct block {
    struct block *next; /* older block */
    size_t cap;
    size_t used;
    max_align_t mem[];
};

struct arena {
    struct block *top; /* newest block; the oldest ends the list and survives a reset */
    size_t used;
    size_t max;
};

static struct block *block_new(size_t cap, struct block *next)
{
    struct block *b = malloc(sizeof(*b) + cap);
    if (b != NULL) {
        b->next = next;
        b->cap = cap;
        b->used = 0;
    }
    return b;
}

struct arena *arena_new(size_t max_bytes)
{
    struct arena *a = calloc(1, sizeof(*a));
    if (a != NULL) {
        a->max = max_bytes;
    }
    return a;
}

void arena_free(struct arena *a)
{
    if (a == NULL) {
        return;
    }
    while (a->top != NULL) {
        struct block *next = a->top->next;
        free(a->top);
        a->top = next;
    }
    free(a);
}

void arena_reset(struct arena *a)
{
    while (a->top != NULL && a->top->next != NULL) {
        struct block *next = a->top->next;
        free(a->top);
        a->top = next;
    }
    if (a->top != NULL) {
        a->top->used = 0;
    }
    a->used = 0;
}

/* Blocks double, so that a large message does not cost thousands of small blocks. */
static struct block *arena_grow(struct arena *a, size_t need)
{
    size_t cap = ARENA_FIRST;
    if (a->top != NULL && a->top->cap >= ARENA_FIRST) {
        cap = a->top->cap < ARENA_BLOCK_MAX / 2 ? a->top->cap * 2 : (size_t)ARENA_BLOCK_MAX;
    }
    if (cap < need) {
        cap = need;
    }
    struct block *b = block_new(cap, a->top);
    if (b != NULL) {
        a->top = b;
    }
    return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (n > SIZE_MAX - ARENA_ALIGN) {
        return NULL;
    }
    /* Nothing is still something: a distinct address, so that NULL always means failure. */
    size_t need = n == 0 ? ARENA_ALIGN : (n + ARENA_ALIGN - 1) / ARENA_ALIGN * ARENA_ALIGN;
    if (need > a->max || a->used > a->max - need) {
        return NULL;
    }
    struct block *b = a->top;
    if ((b == NULL || b->cap - b->used < need) && (b = arena_grow(a, need)) == NULL) {
        return NULL;
    }
    uint8_t *p = (uint8_t *)b->mem + b->used;
    b->used += need;
    a->used += need;
    memset(p, 0, need);
    return p;
}

void *arena_dup(struct arena *a, const void *p, size_t n)
{
    if (n == SIZE_MAX) {
        return NULL;
    }
    void *q = arena_alloc(a, n + 1);
    if (q != NULL && n > 0) {
        memcpy(q, p, n);
    }
    return q;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return arena_dup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) {
        return NULL;
    }
    char *s = arena_alloc(a, (size_t)n + 1);
    if (s != NULL) {
        va_start(ap, fmt);
        (void)vsnprintf(s, (size_t)n + 1, fmt, ap);
        va_end(ap);
    }
    return s;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}
