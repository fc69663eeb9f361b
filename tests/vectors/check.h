/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_TESTS_VECTORS_CHECK_H
#define SANJI_TESTS_VECTORS_CHECK_H

#include "protocol/base/buf.h"

/* One vector: an input and arguments, and either what follows from them or the error that refuses
 * it. `check` names the function that tells. The generator and the test use the same functions; the
 * committed files are what binds: other implementations read them too. */
enum { VC_PAIRS = 10 };
struct vpair {
    const char *name;
    char *value; /* malloc */
};
struct vcase {
    const char *check;
    struct span in;
    struct vpair arg[VC_PAIRS];
    size_t n_arg;
    struct vpair out[VC_PAIRS];
    size_t n_out;
};
/* 0 with v->out filled, or the error. SANJI_E_USAGE: no such check or a missing argument. */
int vcase_run(struct vcase *v);
void vcase_done(struct vcase *v); /* frees values */
void vcase_arg(struct vcase *v, const char *name, const char *value);
void vcase_arg_b64(struct vcase *v, const char *name, const void *p, size_t n);

#endif
