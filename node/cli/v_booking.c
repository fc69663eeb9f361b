/* SPDX-License-Identifier: Apache-2.0 */
/* Booking from the command line: ask, give back, answer, look. */
#include "node/app_booking.h"
#include "node/cli/put.h"
#include "node/cli/table.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/jwrite.h"

#include <stdio.h>
#include <string.h>

static int done(struct verb *v, const char *id)
{
    int r = verb_has(v, "json") ? verb_out(v, "{\"id\":\"%s\"}\n", id) : verb_out(v, "%s\n", id);
    return r < 0 ? EXIT_NO : EXIT_OK;
}

int v_booking_ask(struct verb *v)
{
    struct fault f = {0};
    char id[LIM_ID_BYTES + 1];
    int r = app_booking_ask(v->app, put_input_text(v), id, &f);
    return r < 0 ? verb_fail_fault(v, r, &f, NULL) : done(v, id);
}

/* "[NODE/]ASK.NO" */
static bool read_name(struct verb *v, char node[static LIM_NODE_ID + 2],
                      char ask[static LIM_ID_BYTES + 1], int64_t *ret_no)
{
    const char *id;
    struct span a;
    verb_split_id(v->arg[0], node, &id);
    if (node[0] == '\0') {
        snprintf(node, LIM_NODE_ID + 2, "%s", app_id(v->app));
    }
    if (!bk_instead_read(span_of(id, strlen(id)), &a, ret_no)) {
        return false;
    }
    snprintf(ask, LIM_ID_BYTES + 1, "%.*s", (int)a.n, (const char *)a.p);
    return true;
}

int v_booking_withdraw(struct verb *v)
{
    struct fault f = {0};
    char node[LIM_NODE_ID + 2], ask[LIM_ID_BYTES + 1];
    const char *id = v->arg[0];
    int64_t no = 0;
    if (read_name(v, node, ask, &no)) { /* one occurrence; else the whole ask */
        id = ask;
    }
    int r = app_booking_withdraw(v->app, id, no, &f);
    return r < 0 ? verb_fail_fault(v, r, &f, v->arg[0]) : done(v, v->arg[0]);
}

int v_booking_answer(struct verb *v)
{
    struct app_booking_step s = {.reason = BKR_NONE};
    struct fault f = {0};
    struct buf hit;
    char node[LIM_NODE_ID + 2], ask[LIM_ID_BYTES + 1];
    const char *say = verb_flag(v, "say"), *why = verb_flag(v, "reason");
    if (bk_event_by_name(say, strlen(say), &s.ev) < 0) {
        return verb_bad_value(v, "say");
    }
    if (why != NULL && bk_reason_by_name(why, strlen(why), &s.reason) < 0) {
        return verb_bad_value(v, "reason");
    }
    if (!read_name(v, node, ask, &s.no)) {
        return verb_fail(v, SANJI_E_NOT_FOUND, v->arg[0]);
    }
    s.node = node;
    s.ask = ask;
    s.note = verb_flag(v, "note");
    s.yes = verb_has(v, "yes");
    buf_init(&hit, 1 << 20);
    int r = app_booking_step(v->app, &s, &hit, &f);
    if (r == SANJI_E_CONFLICT) {
        VERB_SAY(v, 0, "booking.hits", "list", buf_str(&hit));
        buf_done(&hit);
        return EXIT_NO;
    }
    buf_done(&hit);
    return r < 0 ? verb_fail_fault(v, r, &f, v->arg[0]) : done(v, v->arg[0]);
}

/* One line per occurrence. */
static int rows(struct table *t, struct span ask)
{
    struct span v, s, at, e;
    struct jcur c;
    char cell[7][200] = {""};
    static const char *const member[] = {"id", "node", "node_name", "listing_title"};
    int r = 0;
    for (size_t i = 0; i < 4; i++) {
        struct buf b;
        buf_init(&b, 4096);
        if (jcur_get(ask, member[i], &v) && jcur_text(v, &b) == 0) {
            snprintf(cell[i], sizeof cell[i], "%s", buf_str(&b));
        }
        buf_done(&b);
    }
    for (bool ok = jcur_get(ask, "at", &at) && jcur_array(&c, at);
         ok && r == 0 && jcur_element(&c, &e);) {
        int64_t no = 0;
        char id[LIM_NODE_ID + LIM_ID_BYTES + 24], state[32];
        static const char *const part[] = {"from", "to", "state"};
        (void)(jcur_get(e, "no", &v) && jcur_int(v, &no));
        for (size_t i = 0; i < 3; i++) {
            cell[4 + i][0] = '\0';
            if (jcur_get(e, part[i], &v) && jcur_plain(v, &s)) {
                snprintf(cell[4 + i], sizeof cell[0], "%.*s", (int)s.n, (const char *)s.p);
            }
        }
        snprintf(id, sizeof id, "%.20s/%.70s.%d", cell[1], cell[0], (int)no);
        snprintf(state, sizeof state, "booking.%.20s", cell[6]);
        const char *out[] = {id, cell[4], cell[5], text_get(t->v->lang, state), cell[2], cell[3]};
        r = table_row(t, out);
    }
    return r;
}

int v_booking_allot(struct verb *v)
{
    struct fault f = {0};
    char id[LIM_ID_BYTES + 1];
    int r = app_booking_allot(v->app, put_input_text(v), id, &f);
    return r < 0 ? verb_fail_fault(v, r, &f, NULL) : done(v, id);
}

int v_booking_recall(struct verb *v)
{
    struct fault f = {0};
    int r = app_booking_recall(v->app, v->arg[0], &f);
    return r < 0 ? verb_fail_fault(v, r, &f, v->arg[0]) : done(v, v->arg[0]);
}

int v_booking_return(struct verb *v)
{
    struct fault f = {0};
    char owner[LIM_NODE_ID + 2];
    const char *id;
    verb_split_id(v->arg[0], owner, &id);
    int r = app_booking_return(v->app, owner, id, &f);
    return r < 0 ? verb_fail_fault(v, r, &f, v->arg[0]) : done(v, id);
}

int v_booking_list(struct verb *v)
{
    static const struct column cols[] = {{"col.id", 46},    {"col.from", 16},     {"col.until", 16},
                                         {"col.state", 12}, {"col.platform", 20}, {"col.title", 0}};
    struct table t = {.v = v, .cols = cols, .n = sizeof cols / sizeof cols[0]};
    struct buf b;
    struct jw w;
    struct jcur c;
    struct span e;
    buf_init(&b, 64 << 20);
    jw_init(&w, &b);
    int r =
        app_booking_list(v->app, NULL, !verb_has(v, "here"), !verb_has(v, "all"), 1000, NULL, &w);
    r = r < 0 ? r : jw_done(&w);
    bool ok = r == 0 && jcur_array(&c, span_of(b.data, b.len));
    while (ok && r == 0 && jcur_element(&c, &e)) {
        r = verb_has(v, "json") ? verb_put(v, e.p, e.n) : rows(&t, e);
        r = r == 0 && verb_has(v, "json") ? verb_put(v, "\n", 1) : r;
    }
    buf_done(&b);
    if (r == 0 && !verb_has(v, "json")) {
        table_end(&t, "booking.none");
    }
    return r < 0 ? verb_fail(v, r, NULL) : EXIT_OK;
}

int v_booking_calendar(struct verb *v)
{
    char owner[LIM_NODE_ID + 2];
    const char *id, *from = verb_flag(v, "from"), *days = verb_flag(v, "days");
    int first = date_of_ms(app_now_ms());
    int64_t n = 7;
    struct buf b;
    struct jw w;
    verb_split_id(v->arg[0], owner, &id);
    if (from != NULL && date_parse(from, strlen(from), &first) < 0) {
        return verb_bad_value(v, "from");
    }
    if (days != NULL && text_i64(days, strlen(days), 1, 62, &n) < 0) {
        return verb_bad_value(v, "days");
    }
    buf_init(&b, 16 << 20);
    jw_init(&w, &b);
    int r = app_booking_calendar(v->app, owner[0] != '\0' ? owner : app_id(v->app), id, first,
                                 first + (int)n - 1, true, &w);
    r = r < 0 ? r : jw_done(&w);
    if (r == 0) {
        (void)verb_text(v, &b);
    }
    buf_done(&b);
    return r < 0 ? verb_fail(v, r, v->arg[0]) : EXIT_OK;
}
