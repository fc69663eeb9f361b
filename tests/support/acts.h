/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_TESTS_SUPPORT_ACTS_H
#define SANJI_TESTS_SUPPORT_ACTS_H

#include "protocol/roster.h"

/* Federations in a few lines: keys and node ids follow from names, acts are signed by named keys
 * and remember their place, so that a history can be folded in any order. Everything is repeatable.
 */

struct tkey {
    char name[32];
    uint8_t seed[SIGN_SEED_LEN]; /* SHA-256("sanji test key " name) */
    struct sign_key *k;
    const uint8_t *pub;
    struct key_id kid;
    uint8_t seal_seed[SEAL_SEED_LEN]; /* SHA-256("sanji test seal " name) */
    uint8_t seal[SEAL_PUB_LEN];
    uint8_t tls[HASH_LEN]; /* SHA-256("sanji test tls " name) */
};
const struct tkey *tkey(const char *name); /* lives until tkey_done */
void tkey_done(void);
struct node_id tnode(const char *name);

struct hact {
    struct act a;
    struct roster_place at; /* no kid for acts of the root: their bundle stands in any case */
};
struct hist {
    struct arena *ar;
    uint8_t g[HASH_LEN];
    struct hact *v;
    size_t n, cap;
    int64_t ep; /* epoch of further acts; 1 */
};
void hist_init(struct hist *h);
void hist_done(struct hist *h);
/* Signs and keeps an act: subject's `after`, g and ts are filled in, `by` is the stream's node or,
 * when by_root, the root (carried by `stream`). `signers`: key names separated by spaces. */
struct hact *hist_say(struct hist *h, struct act *a, const char *stream, bool by_root,
                      const char *signers);
/* The same with a given `after`. */
struct hact *hist_say_after(struct hist *h, struct act *a, const char *stream, bool by_root,
                            const char *signers, const uint8_t *after);
/* Acts as structs, ready to be said. */
struct act t_root(const char *top, int64_t ver, int64_t k, const char *keys);
struct act t_node(const char *n, const char *up, int64_t lv, bool reg, const char *key);
struct act t_key(const char *n, const char *key, bool lost);
struct act t_cut(const char *n, const char *key);
struct act t_move(const char *n, const char *up);
struct act t_info(const char *n, const char *name);
struct act t_close(const char *n);
/* Lists the present trust head of a node's stream in an act (cut, key, close: by NULL; move,
 * handover: by set). upto 0: the newest. */
void hist_head(struct hist *h, struct act *a, const char *stream, int64_t upto, bool with_by);
/* Folds everything, in the order of perm (NULL: as said). */
struct roster *hist_fold(const struct hist *h, const size_t *perm);
/* Everything a roster says, as text: equal rosters give equal text. */
void roster_dump(const struct roster *r, struct buf *out);
/* Root (key "root"), top "city" lv 20 reg key "city", districts "d1" "d2" lv 30 reg, streets "s1"
 * "s2" under d1, "s3" under d2, lv 40. Keys are named as nodes. */
void hist_basic(struct hist *h);

#endif
