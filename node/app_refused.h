/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_REFUSED_H
#define SANJI_NODE_APP_REFUSED_H

#include "node/app.h"

/* Records that were taken and could not be signed. */
#define APP_REFUSED "refused/"

struct app_refused {
    const char *name;            /* under which it is kept */
    const char *aud, *kind, *id; /* kind "listing/1"; both empty: it is no item */
    int err; /* why it could not be signed today; SANJI_E_OLD: changed since; 0: it could */
    const char *member; /* the field concerned, may be empty */
    struct span text;   /* as it was taken */
};
typedef int app_refused_fn(const struct app_refused *x, void *arg);
int app_refused_each(struct app *a, app_refused_fn *fn, void *arg);
int64_t app_refused_count(struct app *a);
bool app_is_refused(const char *name);
/* Signs it after all. SANJI_E_NOT_FOUND, SANJI_E_OLD, or what is wrong with it; then it stays. */
int app_refused_again(struct app *a, const char *name, struct fault *f);
int app_refused_drop(struct app *a, const char *name); /* SANJI_E_NOT_FOUND */

#endif
