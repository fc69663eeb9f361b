/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_TESTS_STORY_H
#define SANJI_TESTS_STORY_H

#include "tests/support/world_check.h"

/* Stories: tables of steps, told in virtual time to a small federation. A step that does not come
 * true fails the cmocka test with its sentence. Include cmocka.h first. */

/* Steps leave out the columns they do not use. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

enum op {
    END,
    TOP,    /* a begins the federation; n: level */
    ENROL,  /* a enrols b at level n, at once */
    ASK,    /* the same, a person compares digits */
    CUT,    /* cable of a to its parent is pulled */
    MEND,   /* and put back */
    STOP,   /* a is shut down */
    START,  /* a is started */
    CRASH,  /* power cut at a */
    RUN,    /* n ms pass */
    PUT,    /* a writes listing c to audience b */
    EDIT,   /* a writes the next revision of c to audience b; n: revision */
    WD,     /* a withdraws c from audience b; n: revision */
    SEES,   /* a sees "owner/id" of b within n ms */
    ABSENT, /* a does not hold b */
    GONE,   /* b is withdrawn at a within n ms */
    TITLE,  /* record b at a has title c */
    AGREE,  /* all hold the same within n ms, and every check passes */
    NOW,    /* a asks for an exchange now; it ends with state n within 200 s */
    STILL,  /* for n ms at most c (a number) requests leave a */
    STILLS, /* as STILL, but log-ins */
    HOLDS,  /* a holds stream "writer aud" of b, c: how many bundles */
    ALARMS, /* a has raised alarm c (name of error) n times or more */
};

struct step {
    const char *say;
    enum op op;
    const char *a, *b, *c;
    int64_t n;
};

struct teller {
    struct world w;
    const struct step *at;
};

/* Goes on with the federation as it stands. */
void story_go(struct teller *t, const struct step *st);
/* Begins a federation, tells, ends it. */
void story_tell(const struct step *st);
/* All hold the same within ms, and every check of world_check.h passes. */
void story_agree(struct teller *t, int64_t ms);

#define THREE_TIERS                                                                                \
    {"the city begins", TOP, "city", 0, 0, 20}, {"city enrols d1", ENROL, "city", "d1", 0, 30},    \
        {"city enrols d2", ENROL, "city", "d2", 0, 30},                                            \
        {"all three agree", AGREE, 0, 0, 0, 60000}, {"d1 enrols s1", ENROL, "d1", "s1", 0, 40},    \
        {"d1 enrols s2", ENROL, "d1", "s2", 0, 40},                                                \
        {"d2 enrols s3 with a person", ASK, "d2", "s3", 0, 40},                                    \
    {                                                                                              \
        "all six agree", AGREE, 0, 0, 0, 60000                                                     \
    }

/* clang-format off */

#endif
