/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log is a chain of hashes, so that a changed row shows; but whoever may write the file
 * may compute the chain anew. So what it came to at the end of each day goes up the tree, signed,
 * and `verify` holds the log to it. A log that went back (a restored backup) or was changed is said
 * openly: from there on another line is counted. */
#include "node/app_internal.h"
#include "node/store/staff.h"
#include "protocol/base/enc.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/jwrite.h"

#include <stdio.h>
#include <string.h>

enum { LINES_MAX = 4096 };
#define DAY_MS   INT64_C(86400000)
#define CHINA_MS (INT64_C(8) * 3600000)

int app__audit_add(struct app *a, const char *who, const char *what, const char *target, int err)
{
    struct staff_audit row = {.ts = app_now_ms(),
                              .who = who,
                              .what = what,
                              .target = target,
                              .result = err == 0 ? "ok" : err_name(err),
                              .detail = ""};
    return staff_audit_add(a->store, &row);
}

int app__audit_end(struct app *a, const char *what, int64_t n, int r)
{
    char target[24];
    snprintf(target, sizeof target, "%lld", (long long)n);
    r = r == 0 ? app__audit_add(a, "cli", what, target, 0) : r;
    r = r == 0 ? store_commit(a->store) : r;
    if (r < 0) {
        store_rollback(a->store);
    }
    return r;
}

struct said { /* the newest of the own records */
    bool found;
    char id[LIM_ID_BYTES + 1], aud[LIM_AUD_BYTES + 1];
    int64_t r, line, rows;
    uint8_t chain[HASH_LEN];
};

static int on_said(const struct store_rec *rec, void *arg)
{
    struct said *x = arg;
    struct span line, rows, chain, plain;
    struct said one = {.found = true, .r = rec->r};
    if (!jcur_get(rec->d, "line", &line) || !jcur_int(line, &one.line) ||
        !jcur_get(rec->d, "rows", &rows) || !jcur_int(rows, &one.rows) ||
        !jcur_get(rec->d, "chain", &chain) || !jcur_plain(chain, &plain) ||
        b64u_get((const char *)plain.p, plain.n, one.chain, HASH_LEN) < 0) {
        return 0; /* checked when it was written */
    }
    snprintf(one.id, sizeof one.id, "%s", rec->id);
    snprintf(one.aud, sizeof one.aud, "%s", rec->aud);
    if (!x->found || one.line > x->line || (one.line == x->line && one.rows >= x->rows)) {
        *x = one;
    }
    return 0;
}

static int newest(struct app *a, struct said *ret)
{
    const struct store_filter own = {.kind = "audit", .owner = app_id(a), .limit = LINES_MAX};
    return store_record_list(a->store, &own, on_said, ret);
}

/* Does the log still say at that row what was said of it? */
static int agrees(struct app *a, const struct said *x, bool *ret)
{
    uint8_t chain[HASH_LEN] = {0};
    int r = x->rows == 0 ? 0 : staff_audit_at(a->store, x->rows, chain);
    *ret = r == 0 && memcmp(chain, x->chain, HASH_LEN) == 0;
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

static int content(const char day[static 11], const struct said *x, struct buf *out)
{
    char text[B64U_LEN(HASH_LEN) + 1] = {0};
    struct jw w;
    b64u_put(x->chain, HASH_LEN, text);
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_str(&w, "day", day);
    jw_int(&w, "line", x->line);
    jw_int(&w, "rows", x->rows);
    jw_str(&w, "chain", text);
    jw_end_obj(&w);
    return jw_done(&w);
}

/* One record a month and line, so that ten years are 120 of them. */
static int publish(struct app *a, const char day[static 11], const struct said *was,
                   const struct said *x)
{
    struct sync_tick t;
    struct buf d, item;
    char id[LIM_ID_BYTES + 1], aud[LIM_AUD_BYTES + 1];
    snprintf(id, sizeof id, "audit.%lld.%.7s", (long long)x->line, day);
    bool again = was->found && strcmp(was->id, id) == 0;
    buf_init(&d, 4096);
    buf_init(&item, LIM_ITEM_BYTES);
    int r = content(day, x, &d);
    r = r < 0 ? r : app_audience(a, "up", aud);
    if (r == 0 && again && strcmp(was->aud, aud) != 0) {
        again = false; /* another top node now: said to it under a name of its own */
        snprintf(id, sizeof id, "audit.%lld.%.10s", (long long)x->line, day);
    }
    r = r < 0 ? r
              : app__item(a, NULL, id, kind_find("audit"), OP_PUT, again ? was->r + 1 : 1,
                          span_of(d.data, d.len), &item);
    r = r < 0 ? r : app_tick_make(&t);
    if (r == 0) {
        struct span it = span_of(item.data, item.len);
        r = sync_write(a->sync, &t, aud, &it, 1, false, NULL);
    }
    if (r == 0) {
        app__wrote(a);
    }
    buf_done(&d);
    buf_done(&item);
    return r;
}

/* The last row of the days that have ended; none is row 0. */
static int ended(struct app *a, int today, struct said *x)
{
    int r = staff_audit_before(a->store, today * DAY_MS - CHINA_MS, &x->rows, x->chain);
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

int app__audit_tick(struct app *a)
{
    int today = date_of_ms(app_now_ms());
    struct said was = {0}, now = {.found = true, .line = 1};
    char day[11];
    bool same = true;
    if (sync_asking(a->sync)) { /* a restored node learns what it had said */
        a->audit_day = 0;
        return 0;
    }
    if (a->audit_day == today || app_self_node(a) == NULL || roster_top(app_roster(a)) == NULL ||
        app__may_write(a) < 0 || app_disk_low(a)) {
        return 0;
    }
    int r = ended(a, today, &now);
    r = r < 0 ? r : newest(a, &was);
    if (r == 0 && was.found) {
        r = agrees(a, &was, &same);
        now.line = same ? was.line : was.line + 1;
    }
    if (r == 0 && (!same || now.rows > was.rows)) {
        date_write(today - 1, day);
        r = publish(a, day, &was, &now);
    }
    if (r == 0) {
        a->audit_day = today;
    }
    return r;
}

int app__audit_check(struct app *a, app_wrong_fn *fn, void *arg, int64_t *ret_wrong)
{
    struct said was = {0};
    char where[96];
    int64_t row = 0;
    bool same = true;
    int r = staff_audit_verify(a->store, &row);
    *ret_wrong = 0;
    if (r == SANJI_E_CORRUPT) {
        snprintf(where, sizeof where, "%lld", (long long)row);
        *ret_wrong = 1;
        if (fn != NULL) {
            fn("audit", where, SANJI_E_CORRUPT, "row", arg);
        }
        return 0;
    }
    r = r < 0 ? r : newest(a, &was);
    r = r < 0 || !was.found ? r : agrees(a, &was, &same);
    if (r == SANJI_E_CORRUPT) { /* a damaged page, which the check of the file itself names */
        return 0;
    }
    if (r == 0 && !same) {
        snprintf(where, sizeof where, "%lld", (long long)was.rows);
        *ret_wrong = 1;
        if (fn != NULL) {
            fn("audit", where, SANJI_E_CORRUPT, was.id, arg);
        }
    }
    return r;
}
