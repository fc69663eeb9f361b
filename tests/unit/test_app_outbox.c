/* SPDX-License-Identifier: Apache-2.0 */
/* Records that follow each other closely share a signature: each is durable before it is named, and
 * nobody sees one missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/app_erase.h"
#include "node/app_internal.h"
#include "node/app_put.h"
#include "node/app_refused.h"
#include "tests/support/nodes.h"

#include <stdio.h>
#include <string.h>

static int put(struct app *a, const char *json, char id[static LIM_ID_BYTES + 1])
{
    struct fault f = {0};
    return node_put(a, "listing", json, id, &f);
}

static int on_rec(const struct store_rec *rec, void *arg)
{
    *(int64_t *)arg = rec->seq;
    return 0;
}

/* Number of the bundle a record stands in; 0: it is not shown. */
static int64_t bundle_of(struct app *a, const char *id)
{
    int64_t seq = 0;
    (void)store_record_get(a->store, app_id(a), "listing", id, on_rec, &seq);
    return seq;
}

static void few_share_a_bundle(void **state)
{
    (void)state;
    char id[5][LIM_ID_BYTES + 1];
    struct app *a = node_born(0, "few");
    a->may_defer = true;
    assert_int_equal(put(a, "{\"kind\":\"venue\",\"title\":\"one\"}", id[0]), 0);
    assert_int_equal(a->outbox_n, 0); /* the first goes at once */
    assert_int_equal(app_outbox_wait(a), 0);
    int64_t first = bundle_of(a, id[0]);
    assert_true(first > 0);
    a->signed_at = app_mono_ms() + 60000; /* however slow this machine is */
    for (int i = 1; i < 5; i++) {
        assert_int_equal(put(a, "{\"kind\":\"venue\",\"title\":\"more\"}", id[i]), 0);
    }
    assert_int_equal(a->outbox_n, 4);
    assert_true(app_outbox_wait(a) > 0);
    assert_int_equal(bundle_of(a, id[4]), 0);
    assert_int_equal(app_outbox_flush(a), 0);
    assert_int_equal(a->outbox_n, 0);
    for (int i = 1; i < 5; i++) {
        assert_int_equal(bundle_of(a, id[i]), first + 1);
        assert_true(i == 1 || strcmp(id[i - 1], id[i]) < 0);
    }
    struct app_verdict v;
    assert_int_equal(app_verify(a, &v, NULL, NULL), 0);
    assert_int_equal(v.wrong, 0);
    app_close(a);
}

/* What a put fills in may contradict what was written: said at once, and nothing is left to sign.
 */
static void filled_in_is_judged_too(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1];
    struct fault f = {0};
    struct app *a = node_born(0, "filled");
    a->may_defer = true;
    a->signed_at = app_mono_ms() + 60000;
    int r = node_put(a, "need", "{\"kind\":\"course\",\"title\":\"x\",\"done\":\"2020-01-02\"}", id,
                     &f);
    assert_int_equal(r, SANJI_E_SPEC);
    assert_string_equal(f.member, "done");
    assert_int_equal(a->outbox_n, 0);
    r = node_put(a, "need",
                 "{\"kind\":\"course\",\"title\":\"x\",\"since\":\"2020-01-01\","
                 "\"done\":\"2020-01-02\"}",
                 id, &f);
    assert_int_equal(r, 0);
    assert_int_equal(app_outbox_flush(a), 0);
    app_close(a);
}

/* One that cannot be signed (rules of a newer program, say) holds up no other. */
static void one_that_cannot_be_signed(void **state)
{
    (void)state;
    char id[3][LIM_ID_BYTES + 1];
    static const char bad[] = "{\"id\":\"bad1\",\"k\":\"need/1\",\"op\":\"put\",\"r\":1,"
                              "\"d\":{\"kind\":\"no_such\",\"title\":\"x\"}}";
    struct app *a = node_born(0, "bad");
    a->may_defer = true;
    a->signed_at = app_mono_ms() + 60000;
    assert_int_equal(put(a, "{\"kind\":\"venue\",\"title\":\"one\"}", id[0]), 0);
    assert_int_equal(store_begin(a->store), 0);
    assert_int_equal(app__outbox_add(a, "fed", span_of(bad, sizeof bad - 1)), 0);
    assert_int_equal(store_commit(a->store), 0);
    app__outbox_added(a, 1);
    assert_int_equal(put(a, "{\"kind\":\"venue\",\"title\":\"two\"}", id[1]), 0);
    assert_int_equal(app_outbox_flush(a), 0);
    assert_int_equal(a->outbox_n, 0);
    assert_true(bundle_of(a, id[0]) > 0);
    assert_true(bundle_of(a, id[1]) > 0);
    assert_int_equal(app_refused_count(a), 1); /* and it is not thrown away */
    assert_int_equal(put(a, "{\"kind\":\"venue\",\"title\":\"three\"}", id[2]), 0);
    assert_int_equal(app_outbox_flush(a), 0);
    assert_true(bundle_of(a, id[2]) > 0);
    node_sound(a);
    app_close(a);
}

static void add_like(struct app *a, const char *id, const char *z)
{
    char bad[200];
    (void)snprintf(bad, sizeof bad,
                   "{\"id\":\"%s\",\"k\":\"listing/1\",\"op\":\"put\",\"r\":9,%s"
                   "\"d\":{\"kind\":\"no_such\",\"title\":\"x\"}}",
                   id, z);
    assert_int_equal(store_begin(a->store), 0);
    assert_int_equal(app__outbox_add(a, "fed", span_of(bad, strlen(bad))), 0);
    assert_int_equal(store_commit(a->store), 0);
    app__outbox_added(a, 1);
}

static void add_bad(struct app *a, const char *id)
{
    add_like(a, id, "");
}

/* A later form that could not be signed is of the person, too, and so is what others were to see.
 */
static void erased_with_what_could_not_be_signed(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1], card[LIM_ID_BYTES + sizeof CARD_TAIL];
    int64_t n = 0;
    struct app_erase e;
    struct fault f = {0};
    struct app *a = node_born(0, "gone");
    assert_int_equal(put(a, "{\"kind\":\"venue\",\"title\":\"one\"}", id), 0);
    assert_int_equal(app_outbox_flush(a), 0);
    a->may_defer = true;
    a->signed_at = app_mono_ms() + 60000;
    add_bad(a, id);
    (void)snprintf(card, sizeof card, "%s" CARD_TAIL, id);
    add_like(a, card, "\"z\":\"AAAAAAAAAAAAAAAAAAAAAA\",");
    add_bad(a, "another");
    assert_int_equal(app_outbox_flush(a), 0);
    assert_int_equal(app_refused_count(a), 3);
    assert_int_equal(app_erase_request(a, "wang", id, "person", &n, &f), 0);
    assert_int_equal(app_refused_count(a), 3);
    assert_int_equal(app_erase_confirm(a, "chen", n, &e, &f), 0);
    assert_int_equal(bundle_of(a, id), 0);
    assert_int_equal(app_refused_count(a), 1);
    app_close(a);
}

static void on_head(const struct sync_stream_row *row, void *arg)
{
    if (strcmp(row->key.aud, "fed") == 0 && row->seq > *(int64_t *)arg) {
        *(int64_t *)arg = row->seq;
    }
}

static int64_t fed_head(const struct app *a)
{
    int64_t seq = 0;
    sync_each_stream(a->sync, on_head, &seq);
    return seq;
}

struct waits {
    int n;
    char name[64], what[256]; /* of the last */
};

static int on_refused(const struct app_refused *x, void *arg)
{
    struct waits *w = arg;
    w->n++;
    snprintf(w->name, sizeof w->name, "%s", x->name);
    snprintf(w->what, sizeof w->what, "%s %s %s %s", x->kind, x->id, err_name(x->err), x->member);
    return 0;
}

/* What could not be signed is listed with its reason; it can be signed when that is gone, unless
 * the record has been changed since, or put away. */
static void what_was_refused_has_two_ways_out(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1];
    struct waits w = {0};
    const char *name = w.name;
    struct fault f = {0};
    struct buf was;
    struct app *a = node_born(0, "ways");
    const struct sync_store *st = store_port(a->store);
    buf_init(&was, 1 << 17);
    assert_int_equal(put(a, "{\"kind\":\"venue\",\"title\":\"one\"}", id), 0);
    assert_int_equal(app_outbox_flush(a), 0);
    add_like(a, id, "\"z\":\"AAAAAAAAAAAAAAAAAAAAAA\",");
    assert_int_equal(app_outbox_flush(a), 0);
    assert_int_equal(app_refused_each(a, on_refused, &w), 0);
    assert_true(w.n == 1 && app_is_refused(name));
    assert_non_null(strstr(w.what, id));
    assert_non_null(strstr(w.what, "kind"));
    assert_int_equal(app_refused_again(a, name, &f), SANJI_E_SPEC);
    assert_string_equal(f.member, "kind");
    assert_int_equal(app_refused_count(a), 1);
    /* Rules of a newer program take it. */
    assert_int_equal(st->kv_get(st->ctx, name, &was), 0);
    char *word = strstr((char *)was.data, "no_such");
    assert_non_null(word);
    struct buf good;
    buf_init(&good, 1 << 17);
    buf_put(&good, was.data, (size_t)(word - (char *)was.data));
    buf_puts(&good, "course");
    buf_puts(&good, word + strlen("no_such"));
    assert_int_equal(store_begin(a->store), 0);
    assert_int_equal(st->kv_put(st->ctx, name, span_of(good.data, good.len)), 0);
    assert_int_equal(st->kv_put(st->ctx, "refused/2.older", span_of(good.data, good.len)), 0);
    assert_int_equal(store_commit(a->store), 0);
    assert_int_equal(app_refused_again(a, name, &f), 0);
    assert_int_equal(bundle_of(a, id), fed_head(a));
    assert_int_equal(app_refused_again(a, name, &f), SANJI_E_NOT_FOUND);
    assert_int_equal(app_refused_again(a, "refused/2.older", &f), SANJI_E_OLD);
    assert_int_equal(app_refused_again(a, "self/g", &f), SANJI_E_NOT_FOUND);
    assert_int_equal(app_refused_drop(a, "self/g"), SANJI_E_NOT_FOUND);
    assert_int_equal(app_refused_count(a), 1);
    assert_int_equal(app_refused_drop(a, "refused/2.older"), 0);
    assert_int_equal(app_refused_drop(a, "refused/2.older"), SANJI_E_NOT_FOUND);
    assert_int_equal(app_refused_count(a), 0);
    node_sound(a);
    buf_done(&good);
    buf_done(&was);
    app_close(a);
}

static void a_later_form_sees_the_first(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1], again[LIM_ID_BYTES + 1], json[160];
    struct app *a = node_born(0, "form");
    a->may_defer = true;
    a->signed_at = app_mono_ms() + 60000;
    assert_int_equal(put(a, "{\"kind\":\"venue\",\"title\":\"one\"}", id), 0);
    assert_int_equal(a->outbox_n, 1);
    snprintf(json, sizeof json, "{\"id\":\"%s\",\"kind\":\"venue\",\"title\":\"two\"}", id);
    assert_int_equal(put(a, json, again), 0);
    assert_int_equal(a->outbox_n, 0);
    int64_t seq = bundle_of(a, id);
    assert_true(seq > 1);
    assert_int_equal(put(a, json, again), 0); /* the same again: nothing new */
    assert_int_equal(bundle_of(a, id), seq);
    app_close(a);
}

/* Another audience in between: each keeps its order, none gets into the other's stream. */
static void audiences_stay_apart(void **state)
{
    (void)state;
    static const char *const aud[] = {"fed", "sub", "fed", "sub", "sub"};
    char id[5][LIM_ID_BYTES + 1];
    struct app *a = node_born(0, "aud");
    a->may_defer = true;
    a->signed_at = app_mono_ms() + 60000;
    for (int i = 0; i < 5; i++) {
        struct fault f = {0};
        const char *d = "{\"kind\":\"venue\",\"title\":\"x\"}";
        assert_int_equal(
            app_put_one(a, kind_find("listing"), aud[i], NULL, span_of(d, strlen(d)), id[i], &f),
            0);
    }
    assert_int_equal(a->outbox_n, 5);
    assert_int_equal(app_outbox_flush(a), 0);
    assert_int_equal(bundle_of(a, id[2]), bundle_of(a, id[0]) + 1);
    assert_int_equal(bundle_of(a, id[3]), bundle_of(a, id[4]));
    struct app_verdict v;
    assert_int_equal(app_verify(a, &v, NULL, NULL), 0);
    assert_int_equal(v.wrong, 0);
    app_close(a);
}

/* The process ends without a word: what was named is there at the next start, once. */
static void the_next_start_signs(void **state)
{
    (void)state;
    char id[3][LIM_ID_BYTES + 1];
    struct app *a = node_born(0, "next");
    a->may_defer = true;
    a->signed_at = app_mono_ms() + 60000;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(put(a, "{\"kind\":\"venue\",\"title\":\"kept\"}", id[i]), 0);
    }
    a->outbox_n = 0; /* closing would sign: it is made to forget, as a killed process does */
    app_close(a);
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    assert_int_equal(a->outbox_n, 2);
    a->may_defer = true;
    a->signed_at = app_mono_ms() + 60000;
    assert_int_equal(put(a, "{\"kind\":\"venue\",\"title\":\"after\"}", id[2]), 0);
    assert_int_equal(a->outbox_n, 3); /* its number does not meet theirs */
    app_close(a);
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    assert_int_equal(a->outbox_n, 0);
    for (int i = 0; i < 3; i++) {
        assert_true(bundle_of(a, id[i]) > 0);
    }
    app_close(a);
}

/* A folder put back to a moment when a record waited: signed since, it is not signed again. */
static void what_is_signed_already_is_let_go(void **state)
{
    (void)state;
    static const char key[] = "outbox/1000000000000000";
    char id[LIM_ID_BYTES + 1];
    struct buf was;
    buf_init(&was, 1 << 17);
    struct app *a = node_born(0, "again");
    const struct sync_store *st = store_port(a->store);
    a->may_defer = true;
    a->signed_at = app_mono_ms() + 60000;
    assert_int_equal(put(a, "{\"kind\":\"venue\",\"title\":\"once\"}", id), 0);
    assert_int_equal(st->kv_get(st->ctx, key, &was), 0);
    assert_int_equal(app_outbox_flush(a), 0);
    int64_t seq = bundle_of(a, id);
    assert_int_equal(store_begin(a->store), 0);
    assert_int_equal(st->kv_put(st->ctx, key, span_of(was.data, was.len)), 0);
    assert_int_equal(store_commit(a->store), 0);
    app_close(a);
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    assert_int_equal(a->outbox_n, 1);
    assert_int_equal(app_outbox_flush(a), 0);
    assert_int_equal(a->outbox_n, 0);
    assert_int_equal(bundle_of(a, id), seq);
    st = store_port(a->store);
    buf_reset(&was);
    assert_int_equal(st->kv_get(st->ctx, key, &was), SANJI_E_NOT_FOUND);
    assert_int_equal(fed_head(a), seq);
    app_close(a);
    buf_done(&was);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, home_make, home_drop)
    const struct CMUnitTest tests[] = {
        T(filled_in_is_judged_too),
        T(one_that_cannot_be_signed),
        T(few_share_a_bundle),
        T(a_later_form_sees_the_first),
        T(audiences_stay_apart),
        T(the_next_start_signs),
        T(what_is_signed_already_is_let_go),
        T(erased_with_what_could_not_be_signed),
        T(what_was_refused_has_two_ways_out),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
