/* SPDX-License-Identifier: Apache-2.0 */
/* The asking side of booking: what a platform writes when it wants a time of a resource, its own or
 * another's. It needs no line to the owner; the answer comes when the ask has arrived there. */
#include "node/app_booking_book.h"
#include "node/app_put.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/jwrite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct resource {
    bool bookable;
};

static int on_event(const struct store_rec *rec, void *arg)
{
    struct resource *x = arg;
    x->bookable = !rec->withdrawn;
    return 0;
}

static int on_resource(const struct store_rec *rec, void *arg)
{
    struct resource *x = arg;
    char kind[16];
    struct span k = jcur_plain_of(rec->d, "kind");
    snprintf(kind, sizeof kind, "%.*s", (int)(k.n < 15 ? k.n : 15), (const char *)k.p);
    x->bookable = !rec->withdrawn && app__booking_kind(kind);
    return 0;
}

/* The owner of what is asked for, when it is known here and can be booked. */
static int owner_of(struct app *a, struct span d, char owner[static LIM_NODE_ID + 2],
                    struct fault *f)
{
    struct resource x = {0};
    char id[LIM_ID_BYTES + 1];
    struct span ref = jcur_plain_of(d, "listing");
    if (ref.n <= LIM_NODE_ID + 1 || ref.n - LIM_NODE_ID - 1 > LIM_ID_BYTES) {
        return fault_set(f, SANJI_E_SPEC, "listing", "owner/id");
    }
    snprintf(owner, LIM_NODE_ID + 2, "%.*s", LIM_NODE_ID, (const char *)ref.p);
    snprintf(id, sizeof id, "%.*s", (int)(ref.n - LIM_NODE_ID - 1),
             (const char *)ref.p + LIM_NODE_ID + 1);
    const struct roster_node *n = roster_node(app_roster(a), owner);
    int r = n == NULL ? SANJI_E_NOT_FOUND
                      : store_record_get(a->store, owner, "listing", id, on_resource, &x);
    if (r == SANJI_E_NOT_FOUND && n != NULL) {
        r = store_record_get(a->store, owner, "event", id, on_event, &x);
    }
    if (r == SANJI_E_NOT_FOUND || (r == 0 && !x.bookable)) {
        return fault_set(f, SANJI_E_NOT_FOUND, "listing", "venue mentor equipment space visit");
    }
    return r == 0 && n->state != NODE_ACTIVE ? fault_set(f, SANJI_E_CLOSED, "listing", NULL) : r;
}

static int check_ask(struct app *a, struct span d, struct fault *f)
{
    struct jcur c, p;
    struct span at, first, from, ask;
    int64_t m = 0, no = 0;
    struct old_rec o = {0};
    char id[LIM_ID_BYTES + 1];
    if (jcur_get(d, "at", &at) && jcur_array(&c, at) && jcur_element(&c, &first) &&
        jcur_array(&p, first) && jcur_element(&p, &from) && jcur_plain(from, &ask) &&
        minute_parse((const char *)ask.p, ask.n, &m) == 0 && m <= minute_of_ms(app_now_ms())) {
        return fault_set(f, SANJI_E_SPEC, "at", "a time to come");
    }
    if (!bk_instead_read(jcur_plain_of(d, "instead"), &ask, &no)) {
        return 0;
    }
    snprintf(id, sizeof id, "%.*s", (int)ask.n, (const char *)ask.p);
    int r = app__put_old(a, app_id(a), id, &o);
    bool there = o.found && !o.withdrawn && strcmp(o.kind, "booking_ask") == 0;
    buf_done(&o.d);
    return r < 0 || there ? r
                          : fault_set(f, SANJI_E_NOT_FOUND, "instead", "ID.NUMBER of an own ask");
}

/* Puts d as the next form of the record and signs it; n > 1: as so many records of ids of their
 * own beginning with this one, all of them or none. */
static int write_asks(struct app *a, const char *aud, const char *id, int64_t r, struct span d,
                      size_t n)
{
    struct sync_tick t;
    struct buf item[BOOKING_ASKS];
    struct span it[BOOKING_ASKS];
    char made[LIM_ID_BYTES + 1];
    int e = n > BOOKING_ASKS ? SANJI_E_BUG : app_tick_make(&t);
    (void)snprintf(made, sizeof made, "%s", id);
    for (size_t i = 0; i < BOOKING_ASKS; i++) {
        buf_init(&item[i], LIM_ITEM_BYTES * 2);
    }
    for (size_t i = 0; e == 0 && i < n; i++) {
        if (i > 0) {
            app__record_id(a, app_now_ms(), made);
        }
        e = app__item(a, NULL, made, kind_find("booking_ask"), OP_PUT, r, d, &item[i]);
        it[i] = span_of(item[i].data, item[i].len);
    }
    e = e < 0 ? e : sync_write(a->sync, &t, aud, it, n, false, NULL);
    if (e == 0) {
        app__wrote(a);
    }
    for (size_t i = 0; i < BOOKING_ASKS; i++) {
        buf_done(&item[i]);
    }
    return e;
}

static int may_write(struct app *a)
{
    int r = app_disk_low(a) ? SANJI_E_FULL : app__may_write(a);
    return r < 0 ? r : app_outbox_flush(a);
}

int app_booking_asks(struct app *a, struct span json, size_t n,
                     char ret_id[static LIM_ID_BYTES + 1], struct fault *f)
{
    const struct kind *k = kind_find("booking_ask");
    char word[8], owner[LIM_NODE_ID + 2], aud[LIM_NODE_ID + 8], made[28], today[11];
    struct buf d, full;
    buf_init(&d, LIM_ITEM_BYTES * 5);
    buf_init(&full, LIM_ITEM_BYTES * 5);
    int r = may_write(a);
    r = r < 0 ? r : app_put_check(k, json, &d, ret_id, word, f);
    if (r == 0 && (ret_id[0] != '\0' || word[0] != '\0')) {
        r = fault_set(f, SANJI_E_SPEC, ret_id[0] != '\0' ? "id" : "audience", "left out");
    }
    r = r < 0 ? r : owner_of(a, span_of(d.data, d.len), owner, f);
    r = r < 0 ? r : check_ask(a, span_of(d.data, d.len), f);
    if (r == 0 && jcur_plain_of(span_of(d.data, d.len), "allot").n > 0) {
        r = app__booking_use(a, owner, span_of(d.data, d.len), f);
    }
    if (r == 0) {
        char quoted[16];
        date_write(date_of_ms(app_now_ms()), today);
        snprintf(quoted, sizeof quoted, "\"%s\"", today);
        r = kind_member_set(k, span_of(d.data, d.len), "since", span_of(quoted, strlen(quoted)),
                            &full);
    }
    if (r == 0) {
        bool own = strcmp(owner, app_id(a)) == 0;
        snprintf(aud, sizeof aud, own ? "own" : "to:%s", owner);
        app__record_id(a, app_now_ms(), made);
        memcpy(ret_id, made, strlen(made) + 1);
        r = write_asks(a, aud, made, 1, span_of(full.data, full.len), n);
    }
    buf_done(&d);
    buf_done(&full);
    return r < 0 ? r : app_booking_auto(a, minute_of_ms(app_now_ms()), NULL);
}

int app_booking_ask(struct app *a, struct span json, char ret_id[static LIM_ID_BYTES + 1],
                    struct fault *f)
{
    return app_booking_asks(a, json, 1, ret_id, f);
}

/* "off" with one more number; NULL in ret when it is there already. */
static int with_off(struct span d, int64_t no, struct buf *ret, bool *ret_new)
{
    struct span v, e;
    struct jcur c;
    struct jw w;
    bool put = false;
    int64_t x = 0;
    *ret_new = true;
    jw_init(&w, ret);
    jw_arr(&w, NULL);
    for (bool ok = jcur_get(d, "off", &v) && jcur_array(&c, v); ok && jcur_element(&c, &e);) {
        (void)jcur_int(e, &x);
        *ret_new = *ret_new && x != no;
        if (x > no && !put) {
            jw_int(&w, NULL, no);
            put = true;
        }
        jw_int(&w, NULL, x);
    }
    if (!put && *ret_new) {
        jw_int(&w, NULL, no);
    }
    jw_end_arr(&w);
    return jw_done(&w);
}

static int take_back(struct app *a, const char *id, const struct old_rec *o, int64_t no,
                     struct fault *f)
{
    static const char withdrawn[] = "\"withdrawn\"";
    const struct kind *k = kind_find("booking_ask");
    struct span was = span_of(o->d.data, o->d.len);
    struct buf off, d;
    bool is_new = !span_eqs(jcur_plain_of(was, "state"), "withdrawn");
    buf_init(&off, 1024);
    buf_init(&d, LIM_ITEM_BYTES);
    int r = 0;
    if (no > 0 && is_new) {
        r = with_off(was, no, &off, &is_new);
    }
    if (r == 0 && !is_new) {
        r = fault_set(f, SANJI_E_STATE, "withdraw", "withdrawn");
    }
    if (r == 0) {
        r = no > 0 ? kind_member_set(k, was, "off", span_of(off.data, off.len), &d)
                   : kind_member_set(k, was, "state", span_of(withdrawn, sizeof withdrawn - 1), &d);
    }
    r = r < 0 ? r : kind_check_content(k, span_of(d.data, d.len), f);
    r = r < 0 ? r : write_asks(a, o->aud, id, o->r + 1, span_of(d.data, d.len), 1);
    buf_done(&off);
    buf_done(&d);
    return r;
}

int app_booking_withdraw(struct app *a, const char *id, int64_t no, struct fault *f)
{
    struct old_rec o = {0};
    int r = may_write(a);
    r = r < 0 ? r : app__put_old(a, app_id(a), id, &o);
    if (r == 0 && (!o.found || o.withdrawn || strcmp(o.kind, "booking_ask") != 0)) {
        r = fault_set(f, SANJI_E_NOT_FOUND, "ask", NULL);
    }
    r = r < 0 ? r : take_back(a, id, &o, no, f);
    buf_done(&o.d);
    return r < 0 ? r : app_booking_auto(a, minute_of_ms(app_now_ms()), NULL);
}
