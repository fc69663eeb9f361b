/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_TESTS_POWER_SCENE_INTERNAL_H
#define SANJI_TESTS_POWER_SCENE_INTERNAL_H

#include "node/app.h"
#include "tests/power/scene.h"

/* Between the scenes' own files. */
int scene__wrong(struct tally *t, const char *what, int err); /* -1; the first one counts */
/* The city; after a refusal that the fault excuses, again, as a supervisor does. NULL: not. */
struct app *scene__open(const char *root, struct tally *t);
/* Closes and opens again when the store says that it is broken. */
struct app *scene__keep_open(struct app *a, const char *root, struct tally *t);
int scene__write(struct app *a, struct tally *t); /* one thing of those a desk does */
bool scene__due(const struct tally *t, int i);    /* shall the work go on after i steps? */
int scene__rev_of(struct app *a, const char *id, int64_t *ret);
int scene__check_node(const char *root, struct tally *t);

/* scene_files.c */
void scene__backup(const char *root, struct tally *t);
int scene__check_backup(const char *root, struct tally *t);
void scene__ferry(const char *root, struct tally *t);
int scene__check_ferry(const char *root, struct tally *t);
/* Opens every file of the city's backup folder that bears a backup's name; each has to become a
 * node. see is shown each (newest: the last one). How many there were, or -1 and t->why. */
typedef int scene_backup_fn(const char *dir, const char *name, bool newest, struct tally *t);
int scene__each_backup(const char *root, struct tally *t, scene_backup_fn *see);

/* scene_restore.c */
void scene__restore(const char *root, struct tally *t);
int scene__check_restore(const char *root, struct tally *t);
void scene__paper(const char *root, struct tally *t);
int scene__check_paper(const char *root, struct tally *t);
void scene__recover(const char *root, struct tally *t);
int scene__check_recover(const char *root, struct tally *t);

/* scene_join.c */
void scene__join(const char *root, struct tally *t);
int scene__check_join(const char *root, struct tally *t);

/* scene_erase.c */
void scene__erase(const char *root, struct tally *t);
int scene__check_erase(const char *root, struct tally *t);

#endif
