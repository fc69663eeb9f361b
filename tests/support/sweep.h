/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_TESTS_SWEEP_H
#define SANJI_TESTS_SWEEP_H

#include "tests/support/world.h"

/* Every call of the store fails once. A scene is told in a process of its own for each place in the
 * engine that calls the store (told apart by the whole way that leads there), and that call fails:
 * alone, and together with the two that follow, so that what reads everything anew after a rollback
 * fails as well. Then
 *   - the engine says so: the step or the call returns an error, a child is refused, a lane starts
 *     over, or an alarm is raised;
 *   - its memory is what a fresh engine reads from the store;
 *   - what a person asked for and was refused has changed nothing, and the same again succeeds;
 *   - nobody states what it does not hold (world_net.c looks at every message);
 *   - in the end every node shows what it shows in the undisturbed run, and every promise of
 *     world_check.h holds. */

struct sweep;
typedef int sweep_act(struct sweep *x);

struct sweep_scene {
    const char *name;
    const char *who; /* nodes whose store fails, one after the other; spaces between */
    void (*begin)(struct world *w); /* once, undisturbed */
    void (*tell)(struct sweep *x);
    bool unlike; /* the model of the tree does not follow: world_check.h is not asked */
};

struct sweep {
    struct world w;
    const struct sweep_scene *scene;
    int who;
    char bad[400]; /* first thing that is wrong; empty: nothing */
    bool said;     /* a failure was reported since the last look */
    int64_t failures;
    bool alloc; /* it is memory that runs out, not the store that fails */
};

/* What a person does, until it succeeds. whole: refused, it has changed nothing in the store. */
void sweep_do(struct sweep *x, const char *say, sweep_act *act, bool whole);
void sweep_pass(struct sweep *x, int64_t ms);
void sweep_wrong(struct sweep *x, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define SCENE(n, w, b, t)                                                                          \
    {                                                                                              \
        .name = (n), .who = (w), .begin = (b), .tell = (t)                                         \
    }

#define UNLIKE(n, w, b, t)                                                                         \
    {                                                                                              \
        .name = (n), .who = (w), .begin = (b), .tell = (t), .unlike = true                         \
    }

/* main(): each scene is a cmocka test. [--alloc] [SCENE] */
int sweep_all(const char *group, const struct sweep_scene *v, size_t n, int argc, char **argv);

/* ---- the town most scenes are told in: a city, a district, two streets ---- */
enum { CITY, D1, S1, S2, S3 };
enum { MINUTE = 60000 };
void sweep_town(struct world *w, uint64_t seed, int64_t key_items, int64_t beat_ms);
int sweep_put(struct sweep *x, int i, const char *aud, const char *id, int64_t r);
void sweep_agreed(struct world *w);

#endif
