/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_TESTS_SUPPORT_NODES_H
#define SANJI_TESTS_SUPPORT_NODES_H

#include "node/app.h"

/* Real nodes in folders of their own, without sockets: their bundles are passed on by hand. Every
 * function here asserts that it succeeds. */

/* One folder for everything a test program writes: setup and teardown of its group. */
extern char home[256];
int home_make(void **state);
int home_drop(void **state);
/* home/name, kept in home_dirs[i]. */
extern char home_dirs[4][320];
const char *home_in(int i, const char *name);

/* A new federation's top (city), opened. */
struct app *node_born(int i, const char *name);
/* An enrolled child (district) of parent, opened. */
struct app *node_child(struct app *parent, int i, const char *name);
/* Automatic work and all bundles back and forth, until both are quiet. */
void nodes_settle(struct app *a, struct app *b);

struct span lit(const char *s);
/* As app_put_one(): its result. */
int node_put(struct app *a, const char *kind, const char *json, char id[LIM_ID_BYTES + 1],
             struct fault *f);
/* out is made here. */
void node_export(struct app *a, const char *aud, struct buf *out);
/* verify finds nothing, rebuild changes nothing. */
void node_sound(struct app *a);

#endif
