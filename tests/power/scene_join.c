/* SPDX-License-Identifier: Apache-2.0 */
/* A street that joins the city by file (PROTOCOL.md 13.3), both machines on disks that fail: the
 * same is said again, with the same invite, and ends in one node whatever was lost. The stick
 * itself is memory here: it holds a file whole or not at all (cli/v_ferry.c). */
#include "sync/enrol.h"
#include "sync/ferry.h"
#include "tests/power/scene_internal.h"
#include "tests/power/town.h"

#include <stdio.h>
#include <string.h>

enum { STICK = 4 << 20 };

/* The new machine: its keys and its request. */
static int ask(const char *root, const struct msg_invite *inv, struct app_join *j,
               struct buf *stick)
{
    char dir[TOWN_PATH], digits[7];
    struct fault f = {0};
    town_path(root, "street", dir);
    struct app_birth b = {.dir = dir};
    int r = app_join_prepare(&b, inv, j, &f);
    return r < 0 || j->done ? r : app_join_letter(j, NULL, stick, digits);
}

static int take(struct app *a, const struct buf *file, struct sync_ferry_report *ret)
{
    struct sync_tick t;
    struct sync_ferry_in *in = NULL;
    int r = sync_ferry_in_new(a->sync, NULL, NULL, &in);
    r = r < 0 ? r : sync_ferry_in_give(in, span_of(file->data, file->len));
    r = r < 0 ? r : sync_ferry_in_give(in, span_of(file->data, 0));
    do {
        r = r < 0 ? r : app_tick_make(&t);
        r = r < 0 ? r : sync_ferry_in_run(in, &t, 1 << 20);
    } while (r > 0);
    if (in != NULL) {
        *ret = *sync_ferry_in_report(in);
    }
    sync_ferry_in_free(in);
    return r < 0 ? r : ret->err;
}

static int put(const void *p, size_t n, void *arg)
{
    return buf_put(arg, p, n);
}

static int give(struct app *a, const char *to, struct buf *stick)
{
    struct sync_tick t;
    struct sync_ferry_out *o = NULL;
    const struct sync_ferry_order order = {.to = to, .part_bytes = STICK};
    int r = app_tick_make(&t);
    r = r < 0 ? r : sync_ferry_out_new(a->sync, &t, &order, &o);
    while (r >= 0 && (r = sync_ferry_out_plan(o, 1 << 20)) > 0) {
    }
    while (r >= 0 && (r = sync_ferry_out_part(o, &t, 1, 1 << 20, put, stick)) > 0) {
    }
    r = r < 0 ? r : sync_ferry_out_done(o, &t);
    sync_ferry_out_free(o);
    return r;
}

/* The parent: import, approval, export. */
static int answer(const char *root, const char *node, const struct buf *request, struct buf *stick)
{
    char dir[TOWN_PATH];
    struct app *city = NULL;
    struct fault f = {0};
    struct sync_ferry_report rep = {0};
    town_path(root, "city", dir);
    int r = app_open(dir, &city, NULL);
    r = r < 0 ? r : take(city, request, &rep);
    r = r < 0 ? r : app_approve(city, node, (struct span){0}, &f);
    r = r < 0 ? r : give(city, node, stick);
    app_close(city);
    return r;
}

/* The new machine again. */
static int become(const char *root, const struct app_join *j, const struct buf *file)
{
    char dir[TOWN_PATH], code[RECOVERY_TEXT];
    struct app *a = NULL;
    struct sync_ferry_report rep = {0};
    town_path(root, "street", dir);
    int r = app_join_open(dir, j, code, &a);
    if (r < 0) {
        return r;
    }
    r = take(a, file, &rep);
    int e = app_join_settle(a);
    return r < 0 ? r : e;
}

static int join(const char *root)
{
    struct msg_invite inv;
    struct app_join j = {0};
    struct buf there, back;
    struct arena *ar = arena_new(1 << 20);
    buf_init(&there, STICK);
    buf_init(&back, STICK);
    int r = ar == NULL ? SANJI_E_NOMEM
                       : invite_read(buf_str(&town.invite), town.invite.len, ar, &inv, NULL);
    r = r < 0 ? r : ask(root, &inv, &j, &there);
    if (r == 0 && !j.done) {
        r = answer(root, inv.node, &there, &back);
        r = r < 0 ? r : become(root, &j, &back);
    }
    buf_done(&there);
    buf_done(&back);
    arena_free(ar);
    return r;
}

void scene__join(const char *root, struct tally *t)
{
    int r = join(root);
    t->is_born = r == 0;
    if (r < 0 && t->must_work) {
        (void)scene__wrong(t, "a join by file is refused", r);
    }
}

int scene__check_join(const char *root, struct tally *t)
{
    char dir[TOWN_PATH];
    struct app *a = NULL;
    town_path(root, "street", dir);
    int r = app_open(dir, &a, NULL);
    app_close(a);
    if (r < 0 && t->is_born) {
        return scene__wrong(t, "a street that has joined does not open", r);
    }
    r = join(root); /* the same is said again, done or not */
    if (r < 0) {
        return scene__wrong(t, "a join by file does not go on", r);
    }
    r = app_open(dir, &a, NULL);
    if (r < 0 || app_self_node(a) == NULL) {
        app_close(a);
        return scene__wrong(t, "a street that has joined is none", r);
    }
    app_close(a);
    return scene__check_node(root, t);
}
