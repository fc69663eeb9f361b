/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_SELF_H
#define SANJI_NODE_APP_SELF_H

#include "node/app.h"

/* What a node needs to be itself again and what stands in none of its published streams: staff,
 * settings, the server key its children know it by, the open referrals by name, the end of the
 * audit. Sealed to the recovery code and kept by the parent in this node's `self` stream
 * (PROTOCOL.md 15.7). It never holds a signing key, a sealing key or a content key: those would
 * open what others have sealed to a machine that is lost.
 *
 * The text is files, each "NAME SIZE\n" and its bytes, packed as one zstd frame and cut into
 * pieces. */
enum {
    SELF_PIECE = 33000,   /* bytes of the packed text in one item */
    SELF_PIECES = 64,     /* items of one backup */
    SELF_FILES = 4 << 20, /* bytes of the text */
    SELF_AUDIT = 400,     /* rows of the audit */
    SELF_THREADS = 20000,
};

struct self_staff { /* one line of the file "staff" */
    const char *login, *name, *role, *pass;
    struct span totp;
    bool one_time, disabled;
    int64_t created, changed;
    const char *org; /* NULL: none */
};
extern const struct jspec self_staff_spec[];

struct self_piece { /* plaintext of one item */
    const char *k;  /* "self/1" */
    int64_t no;     /* time of the backup, ms: pieces of one backup agree in it */
    int64_t i, n;
    uint8_t sha[HASH_LEN]; /* of the whole packed text */
    struct span z;
};
extern const struct jspec self_piece_spec[];
void self_piece_id(int64_t i, char out[static 16]);

/* Writes a new backup when one is due: soon after staff or settings changed, ten minutes after
 * anything else did. */
int app_self_tick(struct app *a, int64_t mono_ms);

struct app_recovered {
    bool found;          /* the parent held a backup of this node */
    bool tls;            /* the server key of before is in place: open the folder again */
    int64_t made_ms;     /* of that backup */
    int64_t staff, open; /* accounts put back, open referrals named */
    int64_t bundles;     /* held */
};
/* The folder is a node that comes back and has not been told its own part yet. */
bool app_recovering(struct app *a);
/* In step with the parent: opens the backup and puts its contents in place; the settings given in b
 * go before those of the backup. Can be repeated. SANJI_E_OPEN: another code. */
int app_recover_self(struct app *a, const struct app_birth *b,
                     const uint8_t secret[static RECOVERY_SECRET], struct app_recovered *ret);
int app_recover_done(struct app *a);
/* Which side of a thread this node was, as the backup said: 'i', 'r', 0 unknown. *ret_ms (may be
 * NULL): when the backup was made, 0: there was none. */
char app_recover_side(struct app *a, const char *peer, const char *id, int64_t *ret_ms);

#endif
