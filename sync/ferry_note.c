/* SPDX-License-Identifier: Apache-2.0 */
/* What both directions of the ferry share: what this node remembers of a node reached by files, and
 * what it says it holds. */
#include "sync/ferry.h"

#include "protocol/ferry.h"
#include "sync/internal.h"

#include <stdio.h>
#include <string.h>

/* ---- notes ---- */

#define WIRE INT64_C(999999999999999)
/* clang-format off */
#define S struct sync_ferry_note
static const struct jspec note_spec[] = {
    JF_INT(S, in_no, 0, WIRE), JF_INT(S, in_ts, 0, WIRE), JF_INT(S, in_at, 0, WIRE),
    JF_INT(S, have_no, 0, WIRE), JF_INT(S, have_ts, 0, WIRE), JF_INT(S, have_at, 0, WIRE),
    JF_INT(S, receipt_no, 0, WIRE),
    JF_INT(S, out_no, 0, WIRE), JF_INT(S, out_at, 0, WIRE),
    JF_END_OPEN,
};
#undef S
/* clang-format on */
static const char note_prefix[] = "ferry/note/";

void sync__ferry_key(const char *what, const char *node, char out[static 32])
{
    (void)snprintf(out, 32, "ferry/%s/%s", what, node);
}

static int note_read(struct span text, struct sync_ferry_note *ret)
{
    memset(ret, 0, sizeof(*ret));
    return jspec_read(text.p, text.n, note_spec, ret, sizeof(*ret), NULL, NULL);
}

int sync_ferry_note_get(const struct sync *s, const char *node, struct sync_ferry_note *ret)
{
    char key[32];
    struct buf v;
    memset(ret, 0, sizeof(*ret));
    sync__ferry_key("note", node, key);
    buf_init(&v, 1024);
    int r = s->st->kv_get(s->st->ctx, key, &v);
    if (r == 0) {
        r = note_read(span_of(v.data, v.len), ret);
    }
    buf_done(&v);
    return r;
}

int sync__ferry_note_put(struct sync *s, const char *node, const struct sync_ferry_note *n)
{
    char key[32];
    struct buf v;
    struct jw w;
    sync__ferry_key("note", node, key);
    buf_init(&v, 1024);
    jw_init(&w, &v);
    jspec_write(&w, NULL, note_spec, n);
    int r = jw_done(&w);
    if (r == 0) {
        r = s->st->kv_put(s->st->ctx, key, span_of(v.data, v.len));
    }
    buf_done(&v);
    return r;
}

struct notes {
    sync_ferry_note_fn *fn;
    void *arg;
};

static int notes_one(const char *key, struct span value, void *arg)
{
    struct notes *x = arg;
    struct sync_ferry_note n;
    int r = note_read(value, &n);
    return r < 0 ? r : x->fn(key + sizeof(note_prefix) - 1, &n, x->arg);
}

int sync_ferry_notes(const struct sync *s, sync_ferry_note_fn *fn, void *arg)
{
    struct notes x = {fn, arg};
    return s->st->kv_each(s->st->ctx, note_prefix, notes_one, &x);
}

/* ---- what goes to whom ---- */

bool sync__ferry_may_have(const struct sync *s, const struct stream *st, const char *to)
{
    if (st->row.no == 0 || st->row.seq < 1) {
        return false;
    }
    return to != NULL ? roster_entitled(s->roster, st->row.key.by.s, &st->aud, to)
                      : st->aud.type == AUD_FED || st->aud.type == AUD_TRUST;
}

int sync__ferry_have(struct sync *s, const char *to, bool trust, struct buf *out,
                     int64_t *ret_lines)
{
    struct buf line;
    int r = 0;
    *ret_lines = 0;
    buf_init(&line, 256 * 1024);
    for (size_t i = 0; r == 0 && i < s->n_streams && out->len + 64 * 1024 < FERRY_HAVE_MAX;) {
        struct have_writer w;
        buf_reset(&line);
        have_begin(&w, &line);
        for (; i < s->n_streams && w.n < LIM_HAVE_PER_LINE; i++) {
            const struct sync_stream_row *row = &s->streams[i].row;
            struct have_epoch e = {.ep = row->key.ep, .seq = row->seq};
            if ((!trust || s->streams[i].aud.type == AUD_TRUST) &&
                sync__ferry_may_have(s, &s->streams[i], to)) {
                memcpy(e.en, row->key.en, sizeof(e.en));
                memcpy(e.id8, row->id, sizeof(e.id8));
                have_add(&w, row->key.by.s, row->key.aud, &e, 1);
            }
        }
        bool any = w.n > 0;
        r = have_end(&w);
        if (r == 0 && any) {
            r = frame_pack(s->fc, span_of(line.data, line.len), out);
            ++*ret_lines;
        }
    }
    buf_done(&line);
    return r;
}

/* ---- receipts ---- */

int sync_ferry_receipt(struct sync *s, const struct sync_tick *t, const char *to,
                       sync_ferry_sink *sink, void *arg)
{
    struct ferry_receipt rc = {.v = 1, .by = s->self.id.s, .to = to, .ts = t->now_ms};
    struct sync_ferry_note note = {0};
    const struct key_id *kid;
    struct buf have, line, first;
    buf_init(&have, FERRY_HAVE_MAX);
    buf_init(&line, 16384);
    buf_init(&first, 16384);
    int r = sync__fresh(s);
    if (r == 0) {
        r = sync_ferry_note_get(s, to, &note);
    }
    rc.no = note.in_no > 0 ? note.in_no : note.have_no;
    if (r == 0 && rc.no == 0) {
        r = SANJI_E_NOT_FOUND;
    }
    if (r == 0) {
        r = sync__ferry_have(s, to, false, &have, &rc.lines);
    }
    if (r == 0) {
        memcpy(rc.g, s->self.g, HASH_LEN);
        rc.has_sha = true;
        hash_bytes(have.len > 0 ? have.data : (const uint8_t *)"", have.len, rc.sha);
        r = ferry_receipt_write(&rc, sync__login_key(s, &kid), &line);
    }
    if (r == 0) {
        r = frame_pack(s->fc, span_of(line.data, line.len), &first);
    }
    if (r == 0) {
        r = sink(first.data, first.len, arg);
    }
    if (r == 0 && have.len > 0) {
        r = sink(have.data, have.len, arg);
    }
    buf_done(&have);
    buf_done(&line);
    buf_done(&first);
    return r;
}
