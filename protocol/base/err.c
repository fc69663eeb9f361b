/* SPDX-License-Identifier: Apache-2.0 */
/* Error numbers are ours, wire names are everybody's: the table here is the only translation. */
#include "protocol/base/err.h"

#include <stddef.h>
#include <string.h>

struct err_row {
    const char *wire;
    int http;
};

/* clang-format off */
static const struct err_row rows[SANJI_ERR_COUNT] = {
    [SANJI_OK] = {"ok", 200},
#define X(sym, wire, http) [SANJI_ERR_NO_##sym] = {wire, http},
    SANJI_ERRORS(X)
#undef X
};
/* clang-format on */

static const struct err_row *err_row(int err)
{
    if (err > 0 || err <= -SANJI_ERR_COUNT) {
        return &rows[SANJI_ERR_NO_BUG];
    }
    return &rows[-err];
}

const char *err_name(int err)
{
    return err_row(err)->wire;
}

int err_http(int err)
{
    return err_row(err)->http;
}

int err_by_name(const char *name)
{
    for (int i = 0; i < SANJI_ERR_COUNT; i++) {
        if (strcmp(rows[i].wire, name) == 0) {
            return -i;
        }
    }
    return SANJI_E_REFUSED;
}

/* Cuts at a character's start, so that a long name from outside stays printable text. */
static void copy_cut(char *dst, size_t size, const char *src)
{
    size_t n = src == NULL ? 0 : strnlen(src, size);
    if (n == size) {
        n--;
        while (n > 0 && ((unsigned char)src[n] & 0xc0) == 0x80) {
            n--;
        }
    }
    if (n > 0) {
        memcpy(dst, src, n);
    }
    dst[n] = 0;
}

int fault_set(struct fault *f, int err, const char *member, const char *want)
{
    if (f != NULL) {
        f->err = err;
        f->off = 0;
        f->line = 0;
        copy_cut(f->member, sizeof(f->member), member);
        copy_cut(f->want, sizeof(f->want), want);
    }
    return err;
}
