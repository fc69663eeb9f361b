/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of own streams, remembered beside the database: a database put back from a backup is known
 * for one before anything is signed with it. DIR/keys/guard holds one line a stream:
 *
 *   sanji-guard 2 NODE INSTALLATION
 *   EPOCH NONCE SEQ ID AUDIENCE
 *
 * It may lag behind by a few seconds, which makes it weaker but never wrong. If it is gone, or of
 * another installation, the database has been carried here, and nobody knows how old it is. A
 * folder put back as a whole brings its old guard along; then only a neighbour can tell. */
#include "node/app_internal.h"
#include "protocol/base/enc.h"
#include "protocol/base/text.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { GUARD_BYTES = 1 << 20, GUARD_MS = 2000, GUARD_WORDS = 5 };
static const char made_name[] = "barrier/guarded"; /* in the database: there is a guard file */

const char *app_self_word(const struct app *a)
{
    switch (sync_self_state(a->sync)) {
    case SYNC_SELF_BEHIND:
        return "behind";
    case SYNC_SELF_FORKED:
        return "forked";
    case SYNC_SELF_UNCONFIRMED:
        return "unconfirmed";
    case SYNC_SELF_CLONE:
        return "clone";
    case SYNC_SELF_OK:
        break;
    }
    return "ok";
}

struct listing {
    const struct app *a;
    struct buf *out;
};

static void on_stream(const struct sync_stream_row *r, void *arg)
{
    struct listing *l = arg;
    char en[B64U_LEN(8) + 1] = {0}, id[B64U_LEN(8) + 1] = {0};
    if (strcmp(r->key.by.s, app_id(l->a)) != 0 || r->seq < 1) {
        return;
    }
    b64u_put(r->key.en, 8, en);
    b64u_put(r->id, 8, id);
    buf_printf(l->out, "%lu %s %lld %s %s\n", (unsigned long)r->key.ep, en, (long long)r->seq, id,
               r->key.aud);
}

static int expect_line(struct app *a, char *line)
{
    char *word[GUARD_WORDS], *at = line;
    struct stream_key k = {0};
    int64_t ep = 0, seq = 0;
    uint8_t id8[8];
    for (int i = 0; i < GUARD_WORDS; i++) {
        word[i] = at;
        at += strcspn(at, " ");
        if (*at == ' ') {
            *at++ = '\0';
        }
    }
    size_t n = strlen(word[4]);
    if (text_i64(word[0], strlen(word[0]), 1, LIM_EPOCH, &ep) < 0 ||
        text_i64(word[2], strlen(word[2]), 1, LIM_SEQ, &seq) < 0 ||
        b64u_get(word[1], strlen(word[1]), k.en, sizeof k.en) < 0 ||
        b64u_get(word[3], strlen(word[3]), id8, sizeof id8) < 0 || n == 0 || n > LIM_AUD_BYTES) {
        return 0; /* a damaged line guards nothing, and must not keep a sound node from starting */
    }
    snprintf(k.by.s, sizeof k.by.s, "%s", app_id(a));
    k.ep = (uint32_t)ep;
    memcpy(k.aud, word[4], n + 1);
    return sync_expect(a->sync, &k, seq, id8);
}

static void head_of(const struct app *a, char ret[static 96])
{
    char inst[B64U_LEN(16) + 1] = {0};
    b64u_put(sync_self_of(a->sync)->inst, 16, inst);
    snprintf(ret, 96, "sanji-guard 2 %s %s", app_id(a), inst);
}

static int expect_lines(struct app *a, char *at)
{
    char head[96], before[64];
    int r = 0;
    head_of(a, head);
    snprintf(before, sizeof before, "sanji-guard 1 %s", app_id(a)); /* before installations */
    for (bool first = true; r == 0 && *at != '\0'; first = false) {
        char *line = at;
        at += strcspn(at, "\n");
        if (*at == '\n') {
            *at++ = '\0';
        }
        if (first && strcmp(line, head) != 0 && strcmp(line, before) != 0) {
            return sync_suspect(a->sync);
        }
        r = first ? 0 : expect_line(a, line);
    }
    return r;
}

static bool was_made(const struct app *a)
{
    const struct sync_store *st = store_port(a->store);
    struct buf v;
    buf_init(&v, 64);
    int r = st->kv_get(st->ctx, made_name, &v);
    buf_done(&v);
    return r == 0;
}

int app__guard_load(struct app *a)
{
    char path[APP_PATH_BYTES];
    struct buf b;
    buf_init(&b, GUARD_BYTES + 1);
    int r = app_path(a->dir, "keys/guard", path);
    if (r == 0) {
        r = app__read_file(path, GUARD_BYTES, &b);
    }
    if (r == 0 && b.len > 0 && buf_putc(&b, '\0') == 0) {
        r = expect_lines(a, (char *)b.data);
    } else {
        r = was_made(a) ? sync_suspect(a->sync) : 0;
    }
    buf_done(&b);
    return r;
}

static int replace(const struct app *a, const struct buf *text)
{
    char path[APP_PATH_BYTES], next[APP_PATH_BYTES];
    int r = app_path(a->dir, "keys/guard", path);
    if (r == 0) {
        r = app_path(a->dir, "keys/guard.new", next);
    }
    if (r < 0) {
        return r;
    }
    (void)unlink(next); /* of an attempt that was cut short */
    r = app__write_file(next, text->data, text->len, true);
    return r == 0 && rename(next, path) != 0 ? SANJI_E_IO : r;
}

void app__guard_save(struct app *a, bool now)
{
    int64_t mono = app_mono_ms();
    if (a->sync == NULL || (!now && a->guard_at != 0 && mono - a->guard_at < GUARD_MS) ||
        (sync_self_state(a->sync) != SYNC_SELF_OK &&
         sync_self_state(a->sync) != SYNC_SELF_FORKED)) {
        return; /* what was remembered stays as long as nobody has confirmed how far it went */
    }
    char head[96];
    uint8_t sum[HASH_LEN];
    struct buf b;
    struct listing l = {.a = a, .out = &b};
    buf_init(&b, GUARD_BYTES);
    head_of(a, head);
    buf_printf(&b, "%s\n", head);
    size_t empty = b.len;
    sync_each_stream(a->sync, on_stream, &l);
    hash_bytes(b.data, b.len, sum);
    if (b.err == 0 && b.len > empty && memcmp(sum, a->guard_sum, HASH_LEN) != 0 &&
        replace(a, &b) == 0) {
        memcpy(a->guard_sum, sum, HASH_LEN);
        const struct sync_store *st = store_port(a->store);
        if (!was_made(a)) {
            (void)st->kv_put(st->ctx, made_name, span_of("1", 1));
        }
    }
    a->guard_at = mono;
    buf_done(&b);
}
