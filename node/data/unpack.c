/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded tables are gzip, because node's own zlib writes it and every system can read it. */
/* zlib reads through pointers to const only when asked to. */
#define ZLIB_CONST
#include "node/data/unpack.h"

#include "protocol/base/err.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>

enum { STEP = 256 * 1024, GZIP_WINDOW = 16 + MAX_WBITS };

static int inflate_all(z_stream *z, struct buf *out)
{
    for (;;) {
        int r = buf_reserve(out, STEP);
        if (r < 0) {
            return r;
        }
        z->next_out = out->data + out->len;
        z->avail_out = STEP;
        int s = inflate(z, Z_NO_FLUSH);
        out->len += STEP - z->avail_out;
        if (s == Z_STREAM_END) {
            return buf_put(out, "", 0);
        }
        if (s != Z_OK || (z->avail_in == 0 && z->avail_out != 0)) {
            return s == Z_MEM_ERROR ? SANJI_E_NOMEM : SANJI_E_CORRUPT;
        }
    }
}

int unpack(const void *p, size_t n, struct buf *out)
{
    z_stream z;
    memset(&z, 0, sizeof(z));
    buf_reset(out);
    if (n == 0) {
        return 0;
    }
    if (n > UINT_MAX) {
        return SANJI_E_SIZE;
    }
    z.next_in = (const Bytef *)p;
    z.avail_in = (uInt)n;
    if (inflateInit2(&z, GZIP_WINDOW) != Z_OK) {
        return SANJI_E_NOMEM;
    }
    int r = inflate_all(&z, out);
    (void)inflateEnd(&z);
    return r;
}
