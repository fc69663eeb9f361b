/* SPDX-License-Identifier: Apache-2.0 */
/* An invite or a secret has to travel from one screen to another machine; a telephone's camera does
 * that. On a terminal the colours are set explicitly: a code in a dark terminal's own colours is
 * inverted, and many readers refuse that. The only file that includes libqrencode. */
#include "node/qr.h"

#include "protocol/base/err.h"

#include <qrencode.h>
#include <stdbool.h>

enum { QUIET = 2 };

static bool dark(const QRcode *q, int x, int y)
{
    return x >= 0 && y >= 0 && x < q->width && y < q->width && (q->data[y * q->width + x] & 1) != 0;
}

int qr_terminal(const char *text, struct buf *out)
{
    QRcode *q = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
    if (q == NULL) {
        return SANJI_E_SIZE;
    }
    for (int y = -QUIET; y < q->width + QUIET; y += 2) {
        buf_puts(out, "\x1b[30;107m");
        for (int x = -QUIET; x < q->width + QUIET; x++) {
            bool up = dark(q, x, y), low = dark(q, x, y + 1);
            buf_puts(out, up    ? (low ? "\xe2\x96\x88" : "\xe2\x96\x80")
                          : low ? "\xe2\x96\x84"
                                : " ");
        }
        buf_puts(out, "\x1b[0m\n");
    }
    QRcode_free(q);
    return out->err;
}

int qr_path(const char *text, int *ret_side, struct buf *out)
{
    QRcode *q = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
    if (q == NULL) {
        return SANJI_E_SIZE;
    }
    *ret_side = q->width + 2 * QR_QUIET;
    for (int y = 0; y < q->width; y++) {
        for (int x = 0, n; x<q->width; x += n> 0 ? n : 1) {
            for (n = 0; dark(q, x + n, y); n++) {
            }
            if (n > 0) {
                buf_printf(out, "M%d %dh%dv1h-%dz", x + QR_QUIET, y + QR_QUIET, n, n);
            }
        }
    }
    QRcode_free(q);
    return out->err;
}
