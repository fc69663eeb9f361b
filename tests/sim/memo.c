/* SPDX-License-Identifier: Apache-2.0 */
/* Two thirds of a run went into verifying the same signatures at every hop, start and rebuild. Here
 * each is verified once a run, by the real suite, and remembered under the hash of key, signature
 * and text. Nothing is taken on trust: what was never verified has no entry. Linked in with
 * --wrap, so that the product knows nothing of it. */
#include "protocol/base/err.h"
#include "protocol/suite.h"
#include "tests/sim/sim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int __real_sign_pub_new(const uint8_t pub[static SIGN_PUB_LEN], struct sign_pub **ret);
void __real_sign_pub_free(struct sign_pub *k);
int __real_verify_raw(const struct sign_pub *k, const void *p, size_t n,
                      const uint8_t sig[static SIG_LEN]);
int __wrap_sign_pub_new(const uint8_t pub[static SIGN_PUB_LEN], struct sign_pub **ret);
void __wrap_sign_pub_free(struct sign_pub *k);
int __wrap_verify_raw(const struct sign_pub *k, const void *p, size_t n,
                      const uint8_t sig[static SIG_LEN]);

/* What callers hold as a struct sign_pub: kept until the run is over, however often it is freed. */
struct held {
    uint8_t pub[SIGN_PUB_LEN];
    struct sign_pub *real;
    struct held *next;
};
struct verdict {
    uint8_t of[HASH_LEN];
    int err;
    bool is_used;
};

enum { HELD_BUCKETS = 256, VERDICTS_FIRST = 4096, VERDICTS_MOST = 1 << 21 };
static struct held *held[HELD_BUCKETS];
static struct verdict *verdict;
static size_t n_verdicts, cap_verdicts;

int __wrap_sign_pub_new(const uint8_t pub[static SIGN_PUB_LEN], struct sign_pub **ret)
{
    struct held **at = &held[pub[0] % HELD_BUCKETS];
    for (struct held *h = *at; h != NULL; h = h->next) {
        if (memcmp(h->pub, pub, SIGN_PUB_LEN) == 0) {
            *ret = (struct sign_pub *)h;
            return 0;
        }
    }
    struct sign_pub *real = NULL;
    int r = __real_sign_pub_new(pub, &real);
    if (r == 0) {
        struct held *h = calloc(1, sizeof(*h));
        if (h == NULL) {
            __real_sign_pub_free(real);
            return SANJI_E_NOMEM;
        }
        memcpy(h->pub, pub, SIGN_PUB_LEN);
        h->real = real;
        h->next = *at;
        *at = h;
        *ret = (struct sign_pub *)h;
    }
    return r;
}

void __wrap_sign_pub_free(struct sign_pub *k)
{
    (void)k;
}

static struct verdict *slot(const uint8_t of[HASH_LEN])
{
    uint64_t h;
    memcpy(&h, of, sizeof(h));
    size_t i = h % cap_verdicts;
    while (verdict[i].is_used && memcmp(verdict[i].of, of, HASH_LEN) != 0) {
        i = (i + 1) % cap_verdicts;
    }
    return &verdict[i];
}

static void grow(void)
{
    struct verdict *old = verdict;
    size_t n = cap_verdicts;
    cap_verdicts = n == 0 ? VERDICTS_FIRST : n * 2;
    verdict = calloc(cap_verdicts, sizeof(*verdict));
    assert(verdict != NULL);
    for (size_t i = 0; i < n; i++) {
        if (old[i].is_used) {
            *slot(old[i].of) = old[i];
        }
    }
    free(old);
}

int __wrap_verify_raw(const struct sign_pub *k, const void *p, size_t n,
                      const uint8_t sig[static SIG_LEN])
{
    const struct held *h = (const struct held *)k;
    uint8_t head[SIGN_PUB_LEN + SIG_LEN], of[HASH_LEN];
    memcpy(head, h->pub, SIGN_PUB_LEN);
    memcpy(head + SIGN_PUB_LEN, sig, SIG_LEN);
    hash_two(head, sizeof(head), p, n, of);
    if (cap_verdicts == VERDICTS_MOST && n_verdicts * 2 >= cap_verdicts) {
        memset(verdict, 0, cap_verdicts * sizeof(*verdict)); /* a fuzzer goes on for hours */
        n_verdicts = 0;
    }
    if (n_verdicts * 2 >= cap_verdicts) {
        grow();
    }
    struct verdict *v = slot(of);
    if (!v->is_used) {
        memcpy(v->of, of, HASH_LEN);
        v->err = __real_verify_raw(h->real, p, n, sig);
        v->is_used = true;
        n_verdicts++;
    }
    return v->err;
}

void memo_forget(void)
{
    for (size_t i = 0; i < HELD_BUCKETS; i++) {
        while (held[i] != NULL) {
            struct held *h = held[i];
            held[i] = h->next;
            __real_sign_pub_free(h->real);
            free(h);
        }
    }
    free(verdict);
    verdict = NULL;
    n_verdicts = cap_verdicts = 0;
}
