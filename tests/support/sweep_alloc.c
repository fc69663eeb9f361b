/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that runs out inside the engine, and nowhere else. Linked in with --wrap: what libcrypto
 * and zstd allocate by themselves is not counted. */
#include "tests/support/sweep_alloc.h"

#include "tests/support/mem_internal.h"

#include <stdlib.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static struct {
    int depth; /* of engine calls */
    int64_t calls, fail_at, failures;
    void (*on_call)(int64_t n, void *arg);
    void *arg;
} g;

void sweep_alloc_begin(int64_t fail_at, void (*on_call)(int64_t n, void *arg), void *arg)
{
    g.calls = g.failures = 0;
    g.fail_at = fail_at;
    g.on_call = on_call;
    g.arg = arg;
}

void sweep_alloc_inside(bool in)
{
    g.depth += in ? 1 : -1;
}

int64_t sweep_alloc_failures(void)
{
    return g.failures;
}

int64_t sweep_alloc_calls(void)
{
    return g.calls;
}

static bool fails(void)
{
    if (g.depth == 0 || mem__allocating) {
        return false;
    }
    g.calls++;
    if (g.on_call != NULL) {
        int depth = g.depth;
        g.depth = 0; /* it may allocate */
        g.on_call(g.calls, g.arg);
        g.depth = depth;
    }
    bool yes = g.calls == g.fail_at;
    g.failures += yes;
    return yes;
}

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}
