/* SPDX-License-Identifier: Apache-2.0 */
/* join --ferry: a machine without any line to its parent (PROTOCOL.md 13.3). The same command is
 * said twice: it takes the answer when one lies on the stick, and writes the request as long as
 * none does. So it does not matter where it was interrupted. */
#include "node/cli/ferry_wire.h"
#include "node/cli/join.h"

#include <stdio.h>
#include <string.h>

/* EXIT_LATER: there is none among the files. */
static int answer(struct joining *x, const char *where)
{
    struct verb *v = x->v;
    struct app *a = NULL;
    if (!ferry_lies(where, ".sjf")) {
        return EXIT_LATER;
    }
    int r = app_join_open(v->dir, &x->j, x->recovery, &a);
    if (r < 0) {
        return verb_place_failed(v, r, NULL, v->dir);
    }
    v->app = a;
    int code = ferry_import(
        v, 1, &where, !verb_has(v, "json")); /* what is refused is named; the roster decides */
    v->app = NULL;
    r = app_join_settle(a);
    if (r == SANJI_E_PENDING) {
        VERB_SAY(v, 0, "join.no_answer", "node", x->inv.node, "where", where);
        return code == EXIT_OK || code == EXIT_NO ? EXIT_LATER : code;
    }
    return r < 0 ? verb_place_failed(v, r, NULL, v->dir) : EXIT_OK;
}

static int request(struct joining *x, const char *where)
{
    struct verb *v = x->v;
    char name[64];
    struct buf file, path;
    buf_init(&file, LIM_ITEM_BYTES);
    buf_init(&path, 2 * APP_PATH_BYTES);
    int r = app_join_letter(&x->j, x->url, &file, x->digits);
    (void)snprintf(name, sizeof name, "sanji-join-%.14s.sjj", x->inv.node);
    int code = r < 0 ? verb_fail(v, r, "INVITE")
                     : ferry_save(v, where, ".sjj", name, span_of(file.data, file.len), &path);
    if (code == EXIT_OK) {
        if (verb_has(v, "json")) {
            (void)verb_out(v, "{\"node\":\"%s\",\"parent\":\"%s\",\"digits\":\"%s\"}\n",
                           x->inv.node, x->inv.up, x->digits);
        }
        if (!x->inv.auto_ok) {
            VERB_SAY(v, 0, "join.digits", "digits", x->digits, "node", x->inv.node);
        }
        VERB_SAY(v, 0, "join.carry", "file", buf_str(&path), "node", x->inv.node, "up", x->inv.up);
        code = EXIT_LATER;
    }
    buf_done(&file);
    buf_done(&path);
    return code;
}

int join_by_ferry(struct joining *x, const char *where)
{
    int code = x->j.done ? EXIT_OK : answer(x, where);
    if (code == EXIT_OK) {
        return join_told(x);
    }
    return code == EXIT_LATER ? request(x, where) : code;
}
