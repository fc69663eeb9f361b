/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_ROOT_H
#define SANJI_NODE_APP_ROOT_H

#include "node/app.h"
#include "protocol/ceremony.h"

/* What only the root may say (PROTOCOL.md 9.1, 9.4). Its keys never meet a running node: the top
 * drafts a text, whoever has a key signs the file elsewhere, the top publishes it. */

/* Why a draft or a published file is refused: a sentence root.no.WORD, with the values it names. */
struct app_root_no {
    const char *why; /* NULL: no word for it, the error says it */
    char a[80], b[80];
};
struct app_root_ask {
    enum act_type type; /* ACT_ROOT, ACT_KEY, ACT_HANDOVER, ACT_ADOPT, ACT_CUT */
    size_t n_keys;      /* root */
    uint8_t keys[LIM_ROOT_KEYS][SIGN_PUB_LEN];
    int64_t k;
    uint8_t to[HASH_LEN];      /* handover */
    struct span handed;        /* adopt: the file of the handover, signed or not yet */
    const char *under;         /* NULL: the top */
    int64_t lv;                /* 0: as it was */
    const char *kid, *why_cut; /* cut */
};
/* The file to be signed is appended to out. SANJI_E_AUTHORITY below the top, and others; `no` says
 * why. */
int app_root_draft(struct app *a, const struct app_root_ask *ask, struct buf *out,
                   struct app_root_no *no);
/* Checks quorum, place and time of the act, then writes it. 0 with no->why "already": it holds
 * already; "waits": written, it holds when the acts it names have come. */
int app_root_publish(struct app *a, const struct ceremony *c, struct app_root_no *no);

#endif
