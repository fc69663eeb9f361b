/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_TESTS_MEM_STORE_H
#define SANJI_TESTS_MEM_STORE_H

#include "sync/port.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* sync/port.h in memory, for simulations of whole federations: quick to make, to crash and to set
 * back. It computes everything the plain way (visible forms and live digests anew at each
 * question), so that it is also an independent witness of what node/store keeps up to date step by
 * step. */
struct mem_store;

struct mem_store *mem_store_new(void); /* never NULL: tests stop without memory */
void mem_store_free(struct mem_store *m);
const struct sync_store *mem_store_port(struct mem_store *m);

/* Power cut: what was not committed is gone. */
void mem_store_crash(struct mem_store *m);
/* A backup of the committed state, and going back to it. The snapshot is a store of its own (it may
 * even be used: a cloned machine). No transaction may be open. */
struct mem_store *mem_store_snapshot(const struct mem_store *m);
void mem_store_restore(struct mem_store *m, const struct mem_store *snap);
/* The n-th port call from now (1 = next) fails with err and does nothing; 0 switches it off. Every
 * call but rollback counts; a failing commit rolls back. */
void mem_store_fail_at(struct mem_store *m, int64_t n, int err);
bool mem_store_failed(const struct mem_store *m); /* that failure has happened */
/* From that call on `times` of them fail, one after the other. */
void mem_store_fail_run(struct mem_store *m, int64_t n, int64_t times, int err);
int64_t mem_store_failures(const struct mem_store *m); /* ever */
/* Between true and false no call counts or fails: somebody else looks. */
void mem_store_look(struct mem_store *m, bool on);
/* Called with each call's number before it is carried out. */
void mem_store_on_call(struct mem_store *m, void (*fn)(int64_t n, void *arg), void *arg);
/* What stands for good, apart from views: streams, bundles, proofs, values. */
void mem_store_truth(const struct mem_store *m, uint8_t ret[static HASH_LEN]);
/* Streams that do not begin at 1; bundles that were taken beyond a gap. */
int64_t mem_store_compacted(const struct mem_store *m);
int64_t mem_store_jumps(const struct mem_store *m);
int64_t mem_store_calls(const struct mem_store *m);
/* Forgets all views, as `rebuild` does; truth stays. */
void mem_store_drop_views(struct mem_store *m);

struct mem_seen {
    char kind[40];
    int64_t r;
    bool withdrawn;
    char by[LIM_NODE_ID + 2], aud[LIM_AUD_BYTES + 1];
    uint8_t leaf[HASH_LEN];
    struct span d; /* valid as long as the store */
};
/* The state of (owner, id). SANJI_E_NOT_FOUND. */
int mem_store_record(const struct mem_store *m, const char *owner, const char *id,
                     struct mem_seen *ret);
size_t mem_store_records(const struct mem_store *m); /* visible, not withdrawn */
size_t mem_store_events(const struct mem_store *m);
size_t mem_store_bundles(const struct mem_store *m);
size_t mem_store_parked(const struct mem_store *m);
/* Head of a stream; 0: not held. */
int64_t mem_store_head(const struct mem_store *m, const struct stream_key *key);
size_t mem_store_forks(const struct mem_store *m);
/* Fold of a thread. SANJI_E_NOT_FOUND. */
int mem_store_thread(const struct mem_store *m, const char *init, const char *id,
                     struct ref_fold *ret);
/* The highest step of either party that is known here. */
void mem_store_steps(const struct mem_store *m, const char *init, const char *id,
                     int64_t ret[static REF_PARTIES]);
/* Content key of a thread. SANJI_E_NOT_FOUND. */
int mem_store_cek(const struct mem_store *m, const char *init, const char *id, uint8_t ret[32]);
/* Canonical text of all views: equal texts mean equal states, at any two nodes or stores that hold
 * the same bundles. Lines `rec`, `ev`, `ref`, `live`; sorted. */
void mem_store_dump(const struct mem_store *m, struct buf *out);

#endif
