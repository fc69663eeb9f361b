/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_TESTS_POWER_TOWN_H
#define SANJI_TESTS_POWER_TOWN_H

#include "node/app.h"

/* Two nodes on disk, made as people make them, and what the scenes need of them. */
enum { TOWN_FRAMES = 120, TOWN_PATH = 512, TOWN_PARTS = 16, TOWN_RECORDS = 6 };
/* What a record and a closed referral of the city say about somebody. */
#define TOWN_NAME  "欧阳慕容雪"
#define TOWN_PHONE "13987650123"

struct town {
    struct buf frame[TOWN_FRAMES]; /* of the district, in order; the city has not seen them */
    int n_frames;
    char district[LIM_NODE_ID + 1];
    struct buf root_key;                  /* text of the city's root key file */
    uint8_t secret[RECOVERY_SECRET];      /* of the code that opens the city's backups */
    uint8_t code_secret[RECOVERY_SECRET]; /* of the district */
    struct buf invite;                    /* of the city for a street */
    struct buf part[TOWN_PARTS]; /* a file of the district for the city, with the same bundles */
    int n_parts;
    char put[TOWN_RECORDS][LIM_ID_BYTES + 1]; /* of the city */
    char backup[128];                         /* name of a file of the city in ROOT that has them */
    char record[LIM_ID_BYTES + 1], referral[LIM_ID_BYTES + 1]; /* of the person */
};
extern struct town town;

/* Makes ROOT/city and ROOT/district, and ROOT/lost: the district as it is when it comes back on
 * another machine and has fetched its own streams, with a server key nobody knows. */
void town_make(const char *root);
/* app_init() of ROOT/NAME. */
int town_birth(const char *root, const char *name);
/* A listing, or its next revision (id not NULL), with so many bytes of detail. */
int town_put(struct app *a, const char *id, uint64_t n, size_t size, char ret_id[LIM_ID_BYTES + 1]);
void town_path(const char *root, const char *name, char out[static TOWN_PATH]);

#endif
