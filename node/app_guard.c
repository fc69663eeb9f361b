/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of own streams, remembered beside the database: a database put back from a backup is known
 * for one before anything is signed with it. DIR/keys/guard holds one line a stream:
 *
 *   sanji-guard 2 NODE INSTALLATION
 *   EPOCH NONCE SEQ ID AUDIENCE
 *   unconfirmed
 *
 * The last line stands there while nobody has confirmed how far the node had come. Then the heads
 * of the epochs opened since are added to what was remembered before, of which none is let go: the
 * database may go back once more, and a start that found no guard would open an epoch each time. It
 * may lag behind by a few seconds, which makes it weaker but never wrong. If it is gone, or of
 * another installation, the database has been carried here, and nobody knows how old it is. A
 * folder put back as a whole brings its old guard along; then only a neighbour can tell. */
#include "node/app_internal.h"
#include "protocol/base/enc.h"
#include "protocol/base/text.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GUARD_BYTES = 1 << 20, GUARD_MS = 2000, GUARD_WORDS = 5 };
static const char made_name[] = "barrier/guarded"; /* in the database: there is a guard file */
static const char unconfirmed[] = "unconfirmed";

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

struct mark {
    struct stream_key key;
    int64_t seq;
    uint8_t id8[8];
};
/* What a guard file names; v is ended by free(). */
struct marks {
    struct mark *v;
    size_t n;
    bool unconfirmed, other; /* other: of another node or installation */
};

/* A damaged line guards nothing, and must not keep a sound node from starting. */
static bool read_line(const struct app *a, char *line, struct mark *ret)
{
    char *word[GUARD_WORDS], *at = line;
    int64_t ep = 0;
    memset(ret, 0, sizeof *ret);
    for (int i = 0; i < GUARD_WORDS; i++) {
        word[i] = at;
        at += strcspn(at, " ");
        if (*at == ' ') {
            *at++ = '\0';
        }
    }
    size_t n = strlen(word[4]);
    if (text_i64(word[0], strlen(word[0]), 1, LIM_EPOCH, &ep) < 0 ||
        text_i64(word[2], strlen(word[2]), 1, LIM_SEQ, &ret->seq) < 0 ||
        b64u_get(word[1], strlen(word[1]), ret->key.en, sizeof ret->key.en) < 0 ||
        b64u_get(word[3], strlen(word[3]), ret->id8, sizeof ret->id8) < 0 || n == 0 ||
        n > LIM_AUD_BYTES) {
        return false;
    }
    snprintf(ret->key.by.s, sizeof ret->key.by.s, "%s", app_id(a));
    ret->key.ep = (uint32_t)ep;
    memcpy(ret->key.aud, word[4], n + 1);
    return true;
}

static void head_of(const struct app *a, char ret[static 96])
{
    char inst[B64U_LEN(16) + 1] = {0};
    b64u_put(sync_self_of(a->sync)->inst, 16, inst);
    snprintf(ret, 96, "sanji-guard 2 %s %s", app_id(a), inst);
}

static int read_lines(const struct app *a, char *at, struct marks *ret)
{
    char head[96], before[64];
    size_t max = 1;
    head_of(a, head);
    snprintf(before, sizeof before, "sanji-guard 1 %s", app_id(a)); /* before installations */
    for (const char *p = at; (p = strchr(p, '\n')) != NULL; p++) {
        max++;
    }
    ret->v = calloc(max, sizeof *ret->v);
    if (ret->v == NULL) {
        return SANJI_E_NOMEM;
    }
    for (bool first = true; *at != '\0'; first = false) {
        char *line = at;
        at += strcspn(at, "\n");
        if (*at == '\n') {
            *at++ = '\0';
        }
        if (first && strcmp(line, head) != 0 && strcmp(line, before) != 0) {
            ret->other = true;
            return 0;
        }
        ret->unconfirmed = ret->unconfirmed || strcmp(line, unconfirmed) == 0;
        ret->n += !first && read_line(a, line, &ret->v[ret->n]);
    }
    return 0;
}

/* SANJI_E_NOT_FOUND: there is none, or it is empty or cannot be read. */
static int read_guard(const struct app *a, struct marks *ret)
{
    char path[APP_PATH_BYTES];
    struct buf b;
    memset(ret, 0, sizeof *ret);
    buf_init(&b, GUARD_BYTES + 1);
    int r = app_path(a->dir, "keys/guard", path);
    if (r == 0) {
        r = app__read_file(path, GUARD_BYTES, &b);
    }
    r = r == 0 && b.len > 0 && buf_putc(&b, '\0') == 0 ? read_lines(a, (char *)b.data, ret)
                                                       : SANJI_E_NOT_FOUND;
    buf_done(&b);
    return r;
}

static int was_made(const struct app *a, bool *ret)
{
    const struct sync_store *st = store_port(a->store);
    struct buf v;
    buf_init(&v, 64);
    int r = st->kv_get(st->ctx, made_name, &v);
    buf_done(&v);
    *ret = r == 0;
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

int app__guard_load(struct app *a)
{
    struct marks h;
    int r = read_guard(a, &h);
    bool suspect = r == 0 && h.other;
    r = r == SANJI_E_NOT_FOUND ? was_made(a, &suspect) : r;
    for (size_t i = 0; r == 0 && !h.other && i < h.n; i++) {
        r = sync_expect(a->sync, &h.v[i].key, h.v[i].seq, h.v[i].id8);
    }
    /* The database that knew of the doubt is not this one. */
    suspect = suspect || (h.unconfirmed && sync_self_state(a->sync) == SYNC_SELF_OK);
    free(h.v);
    return r == 0 && suspect ? sync_suspect(a->sync) : r;
}

/* ---- writing ---- */

static void put_head(struct buf *out, const struct stream_key *k, int64_t seq,
                     const uint8_t id8[static 8])
{
    char en[B64U_LEN(8) + 1] = {0}, id[B64U_LEN(8) + 1] = {0};
    b64u_put(k->en, 8, en);
    b64u_put(id8, 8, id);
    buf_printf(out, "%lu %s %lld %s %s\n", (unsigned long)k->ep, en, (long long)seq, id, k->aud);
}

struct listing {
    const struct app *a;
    struct buf *out;
    struct marks *was; /* NULL: what is held is all there is */
};

static void on_stream(const struct sync_stream_row *r, void *arg)
{
    struct listing *l = arg;
    if (strcmp(r->key.by.s, app_id(l->a)) != 0 || r->seq < 1) {
        return;
    }
    for (size_t i = 0; l->was != NULL && i < l->was->n; i++) {
        struct mark *h = &l->was->v[i];
        if (stream_key_cmp(&h->key, &r->key) == 0 && h->seq > r->seq) {
            return; /* it had come further */
        }
        if (stream_key_cmp(&h->key, &r->key) == 0) {
            h->seq = 0; /* said now */
        }
    }
    put_head(l->out, &r->key, r->seq, r->id);
}

/* The heads held; with `was` (may be NULL) those of it that are not reached, too. */
static void write_heads(struct app *a, struct marks *was, struct buf *out)
{
    struct listing l = {.a = a, .out = out, .was = was};
    sync_each_stream(a->sync, on_stream, &l);
    for (size_t i = 0; was != NULL && i < was->n; i++) {
        if (was->v[i].seq > 0) {
            put_head(out, &was->v[i].key, was->v[i].seq, was->v[i].id8);
        }
    }
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

static int save(struct app *a, bool doubt, const struct buf *held)
{
    struct marks was = {0};
    struct buf b;
    char head[96];
    int r = doubt ? read_guard(a, &was) : 0;
    r = r == SANJI_E_NOT_FOUND ? 0 : r;
    if (r < 0) {
        return r;
    }
    was.n = was.other ? 0 : was.n;
    head_of(a, head);
    buf_init(&b, GUARD_BYTES);
    buf_printf(&b, "%s\n", head);
    if (doubt) {
        write_heads(a, &was, &b);
        buf_printf(&b, "%s\n", unconfirmed);
    } else {
        buf_put(&b, held->data, held->len);
    }
    r = b.err < 0 ? b.err : replace(a, &b);
    buf_done(&b);
    free(was.v);
    return r;
}

void app__guard_save(struct app *a, bool now)
{
    int64_t mono = app_mono_ms();
    if (a->sync == NULL || (!now && a->guard_at != 0 && mono - a->guard_at < GUARD_MS)) {
        return;
    }
    enum sync_self_state state = sync_self_state(a->sync);
    bool doubt = state == SYNC_SELF_UNCONFIRMED;
    if (!doubt && state != SYNC_SELF_OK && state != SYNC_SELF_FORKED) {
        return; /* nothing is signed */
    }
    uint8_t sum[HASH_LEN];
    struct buf b;
    buf_init(&b, GUARD_BYTES);
    write_heads(a, NULL, &b);
    size_t n = b.len;
    buf_printf(&b, "%s", doubt ? unconfirmed : ""); /* and what is said about them */
    hash_bytes(b.data, b.len, sum);
    b.len = b.err == 0 ? n : 0;
    if (b.len > 0 && memcmp(sum, a->guard_sum, HASH_LEN) != 0 && save(a, doubt, &b) == 0) {
        memcpy(a->guard_sum, sum, HASH_LEN);
        const struct sync_store *st = store_port(a->store);
        bool made;
        if (was_made(a, &made) == 0 && !made) {
            (void)st->kv_put(st->ctx, made_name, span_of("1", 1));
        }
    }
    a->guard_at = mono;
    buf_done(&b);
}
