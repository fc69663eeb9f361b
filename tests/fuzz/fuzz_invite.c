/* SPDX-License-Identifier: Apache-2.0 */
/* Text that people paste: an invite, or anything else. The sum is put right first, since no fuzzer
 * guesses one, so that the text inside is reached; enrolment bodies and have lines come along. */
#include "protocol/msg.h"

#include "protocol/base/enc.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static int see(const char *by, const char *aud, const struct have_epoch *e, size_t n, void *arg)
{
    for (size_t i = 0; i < n; i++) {
        have_digest_add(arg, by, aud, &e[i]);
    }
    return 0;
}

static void as_json(const uint8_t *p, size_t n, struct arena *a)
{
    struct msg_invite in;
    struct fault f;
    struct buf line;
    uint8_t h[HASH_LEN];
    char sum[8];
    buf_init(&line, 1 << 16);
    (void)buf_puts(&line, "sanji1-");
    if (n < 8192 && buf_reserve(&line, B64U_LEN(n)) == 0) {
        line.len += b64u_put(p, n, (char *)line.data + line.len);
        hash_bytes(p, n, h);
        (void)b32_put(h, 5, sum);
        (void)buf_putc(&line, '-');
        (void)buf_put(&line, sum, 8);
        (void)invite_read(buf_str(&line), line.len, a, &in, &f);
    }
    buf_done(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct msg_invite in;
    struct msg_enrol e;
    struct fault f;
    struct span q;
    uint8_t mac[HASH_LEN], sum[HASH_LEN] = {0};
    struct arena *a = arena_new((size_t)4 << 20);
    if (a == NULL) {
        return 0;
    }
    if (invite_read((const char *)p, n, a, &in, &f) == 0 && strlen(in.node) != LIM_NODE_ID) {
        abort();
    }
    as_json(p, n, a);
    if (enrol_read(span_of(p, n), a, &e, &q, mac, &f) == 0 && strlen(e.node) != LIM_NODE_ID) {
        abort();
    }
    (void)have_line_read(span_of(p, n), see, sum, &f);
    arena_free(a);
    return 0;
}
