/* SPDX-License-Identifier: Apache-2.0 */
/* Own heads beside the database, while nobody has confirmed how far the node had come: does a
 * start after a start go on where it stood, and does a database that goes back once more sign no
 * number twice? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/app_internal.h"
#include "tests/support/nodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct app *again(void)
{
    struct app *a = NULL;
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    return a;
}

static struct app *put_and_again(struct app *a, int n)
{
    char id[LIM_ID_BYTES + 1];
    for (int i = 0; i < n; i++) {
        assert_int_equal(node_put(a, "listing", "{\"kind\":\"venue\",\"title\":\"x\"}", id, NULL),
                         0);
    }
    app_close(a);
    return again();
}

struct heads {
    struct app *a;
    int64_t ep, seq; /* of `fed` */
};

static void on_stream(const struct sync_stream_row *r, void *arg)
{
    struct heads *h = arg;
    if (strcmp(r->key.by.s, app_id(h->a)) == 0 && strcmp(r->key.aud, "fed") == 0 &&
        (int64_t)r->key.ep >= h->ep && r->seq > 0) {
        h->ep = r->key.ep;
        h->seq = r->seq;
    }
}

static struct heads heads(struct app *a)
{
    struct heads h = {.a = a};
    sync_each_stream(a->sync, on_stream, &h);
    return h;
}

static void file(const char *name, bool back)
{
    char here[400], kept[420];
    struct buf b;
    snprintf(here, sizeof here, "%s/%s", home_dirs[0], name);
    snprintf(kept, sizeof kept, "%s.kept", here);
    buf_init(&b, 64 << 20);
    assert_int_equal(app__read_file(back ? kept : here, 64 << 20, &b), 0);
    (void)unlink(back ? here : kept);
    assert_int_equal(app__write_file(back ? here : kept, b.data, b.len, true), 0);
    buf_done(&b);
}

static void drop(const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", home_dirs[0], name);
    (void)unlink(path);
}

/* As after `sanji restore`: no guard, and nobody in reach. */
static struct app *put_back(const char *name)
{
    struct app *a = put_and_again(node_born(0, name), 3);
    app_close(a);
    file("sanji.db", false);
    drop("keys/guard");
    a = again();
    assert_int_equal(sync_self_state(a->sync), SYNC_SELF_UNCONFIRMED);
    return a;
}

static void one_epoch_however_often_it_starts(void **state)
{
    (void)state;
    struct app *a = put_back("often");
    for (int i = 0; i < 4; i++) {
        a = put_and_again(a, 1);
        assert_int_equal(sync_self_state(a->sync), SYNC_SELF_UNCONFIRMED);
    }
    assert_int_equal(heads(a).ep, 2);
    app_close(a);
}

static void a_second_time_back_is_noticed(void **state)
{
    (void)state;
    struct app *a = put_and_again(put_back("twice"), 2);
    app_close(a);
    file("sanji.db", false); /* in the middle of the new epoch */
    a = put_and_again(again(), 5);
    struct heads was = heads(a);
    assert_int_equal(was.ep, 2);
    app_close(a);
    file("sanji.db", true);
    a = put_and_again(again(), 1);
    assert_int_equal(heads(a).ep, 3);
    a = put_and_again(a, 1);
    assert_int_equal(heads(a).ep, 3);
    app_close(a);
}

/* The guard of a node that was put back names what that had; the database that is put in its place
 * has never heard of the doubt. */
static void the_doubt_outlives_the_database(void **state)
{
    (void)state;
    struct app *a = put_back("doubt");
    app_close(a); /* nothing was written: its heads are those of before */
    file("sanji.db", true);
    a = again();
    assert_int_equal(sync_self_state(a->sync), SYNC_SELF_UNCONFIRMED);
    a = put_and_again(a, 1);
    assert_int_equal(heads(a).ep, 2);
    app_close(a);
}

/* A line of the guard about `fed`. */
static bool remembers(int64_t ep, int64_t seq)
{
    char path[400], text[1 << 14], en[32], id[32], aud[300];
    bool yes = false;
    snprintf(path, sizeof path, "%s/keys/guard", home_dirs[0]);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(text, sizeof text, f) != NULL) {
        long long e = 0, s = 0;
        yes = yes || (sscanf(text, "%lld %31s %lld %31s %299s", &e, en, &s, id, aud) == 5 &&
                      e == ep && s == seq && strcmp(aud, "fed") == 0);
    }
    (void)fclose(f);
    return yes;
}

/* What the database lacks is remembered beside what it has, until somebody has confirmed. */
static void what_is_lacking_is_not_forgotten(void **state)
{
    (void)state;
    struct app *a = put_and_again(node_born(0, "lacks"), 2);
    app_close(a);
    file("sanji.db", false);
    a = put_and_again(again(), 4);
    struct heads was = heads(a);
    app_close(a);
    file("sanji.db", true); /* with its guard: it is known what is lacking */
    for (int i = 1; i <= 3; i++) {
        a = put_and_again(again(), 1);
        struct heads is = heads(a);
        assert_int_equal(is.ep, 2);
        app_close(a);
        assert_true(remembers(1, was.seq));
        assert_true(remembers(2, is.seq));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_epoch_however_often_it_starts),
        cmocka_unit_test(a_second_time_back_is_noticed),
        cmocka_unit_test(the_doubt_outlives_the_database),
        cmocka_unit_test(what_is_lacking_is_not_forgotten),
    };
    return cmocka_run_group_tests(tests, home_make, home_drop);
}
