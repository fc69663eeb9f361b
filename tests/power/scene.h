/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_TESTS_POWER_SCENE_H
#define SANJI_TESTS_POWER_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a node does while its disk fails, and what must hold afterwards. A scene's work runs in a
 * process of its own that may end anywhere; the check runs in another, on an ordinary disk. */

enum { TALLY_RECORDS = 512, TALLY_THREADS = 128, TALLY_CODES = 8, TALLY_WHY = 240 };

/* What was acknowledged, in memory both processes see. */
struct tally {
    struct {
        char id[80];
        int64_t r, kept; /* kept: what the newest backup has to know of it, 0: nothing */
    } rec[TALLY_RECORDS];
    int n_rec;
    char thread[TALLY_THREADS][80];
    int n_threads;
    int frames;      /* of another node's bundles, in order */
    int64_t rows;    /* of the database that is migrated */
    char backup[80]; /* name of the newest file */
    uint32_t parts;  /* of a ferry file, a bit each */
    struct {
        int64_t n; /* number of the request, 0: none */
        bool done;
    } erase[2];                 /* of the record and of the referral */
    char code[TALLY_CODES][64]; /* recovery codes, as they were shown */
    int n_codes, n_keys;        /* root keys, too */
    bool is_trying;             /* one more that was not shown */
    bool is_born, is_done;      /* init or migration has said so */
    bool must_work;             /* no fault is due that would excuse a refusal */
    int64_t calls, syncs;       /* of the disk, when the work came to its end */
    bool last_refused;          /* the last one was */
    uint64_t rng;
    char why[TALLY_WHY]; /* first thing wrong */
};

struct scene {
    const char *name;
    void (*work)(const char *root, struct tally *t);
    int (*check)(const char *root, struct tally *t); /* 0, or -1 and t->why */
    bool is_empty;  /* begins with an empty folder, else with a copy of the town */
    bool says_late; /* acknowledges at its end alone: a lying disk is seldom found out */
    int chain;      /* so often in a row on what is left of the time before */
};
extern const struct scene scenes[];
extern const size_t scenes_n;

uint64_t scene_draw(struct tally *t, uint64_t n); /* 0 .. n-1 */

#endif
