/* SPDX-License-Identifier: Apache-2.0 */
/* When a report first came here. What it says of itself (`first`, `due`) is the word of whoever
 * wrote it; this is what the node that asked for it can prove. Forms that came before a keyframe
 * are gone, so the day is noted while it is known. */
#include "node/app_duty.h"
#include "node/app_internal.h"

#include "protocol/base/text.h"

#include <stdio.h>
#include <string.h>

enum { KEY_BYTES = 160, NOTE_MS = 60000, NOTE_PERIODS = 3 };

static void key_of(const char *node, const char *id, char out[static KEY_BYTES])
{
    snprintf(out, KEY_BYTES, "report/seen/%s/%s", node, id);
}

int app__duty_seen(struct app *a, const char *node, const char *id, int64_t no, int64_t got,
                   int *ret_day)
{
    const struct sync_store *st = store_port(a->store);
    char key[KEY_BYTES];
    struct buf v;
    buf_init(&v, 64);
    *ret_day = 0;
    key_of(node, id, key);
    int r = st->kv_get(st->ctx, key, &v);
    if (r == 0) {
        (void)date_parse(buf_str(&v), v.len, ret_day);
    } else if (r == SANJI_E_NOT_FOUND) {
        *ret_day = no <= 1 ? date_of_ms(got) : 0;
        r = 0;
    }
    buf_done(&v);
    return r;
}

static int on_cell(const struct app_duty_cell *c, void *arg)
{
    struct app *a = arg;
    const struct sync_store *st = store_port(a->store);
    char key[KEY_BYTES], day[11];
    struct buf v;
    if (c->seen == 0) {
        return 0;
    }
    buf_init(&v, 64);
    key_of(c->node, c->record, key);
    int r = st->kv_get(st->ctx, key, &v);
    if (r == SANJI_E_NOT_FOUND) {
        date_write(c->seen, day);
        r = st->kv_put(st->ctx, key, span_of(day, 10));
    }
    buf_done(&v);
    return r;
}

int app__duty_tick(struct app *a, int64_t mono_ms)
{
    if (a->duty_mono != 0 && mono_ms - a->duty_mono < NOTE_MS) {
        return 0;
    }
    a->duty_mono = mono_ms;
    return app_duty_grid(a, NOTE_PERIODS, on_cell, a);
}
