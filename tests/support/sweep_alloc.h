/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_TESTS_SWEEP_ALLOC_H
#define SANJI_TESTS_SWEEP_ALLOC_H

#include <stdbool.h>
#include <stdint.h>

/* Allocations made inside the engine count from here on; the fail_at-th returns NULL (0: none).
 * on_call may be NULL. */
void sweep_alloc_begin(int64_t fail_at, void (*on_call)(int64_t n, void *arg), void *arg);
void sweep_alloc_inside(bool in); /* the engine of the node under test is entered, left */
int64_t sweep_alloc_failures(void);
int64_t sweep_alloc_calls(void);

#endif
