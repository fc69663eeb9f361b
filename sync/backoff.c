/* SPDX-License-Identifier: Apache-2.0 */
/* Retry times: exponential with full jitter, so that three hundred stations that lost one parent do
 * not all come back in the same second. */
#include "sync/internal.h"

int64_t sync__backoff(int attempt, int64_t min_ms, int64_t max_ms, uint32_t rnd)
{
    int64_t top = min_ms;
    for (int i = 0; i < attempt && top < max_ms; i++) {
        top *= 2;
    }
    if (top > max_ms) {
        top = max_ms;
    }
    /* Never less than half the first step: "at once" would be a busy loop against a refusing peer.
     */
    int64_t low = min_ms / 2;
    return low + (int64_t)((uint64_t)rnd % (uint64_t)(top - low + 1));
}
