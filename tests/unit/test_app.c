/* SPDX-License-Identifier: Apache-2.0 */
/* Does a node live: born, written to, exported, checked, rebuilt; and do two of them that exchange
 * their bundles by hand hold the same and agree about a referral? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/app.h"
#include "node/data/workdays.h"
#include "node/log.h"
#include "node/tidy.h"
#include "protocol/act.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "sync/enrol.h"

#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char base[256];

static struct span lit(const char *s)
{
    return span_of(s, strlen(s));
}

static int rm_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static int make_base(void **state)
{
    (void)state;
    const char *t = getenv("TMPDIR");
    snprintf(base, sizeof base, "%.200s/sanji-app-XXXXXX", t != NULL ? t : "/tmp");
    log_set_fd(-1);
    return mkdtemp(base) != NULL ? 0 : -1;
}

static int drop_base(void **state)
{
    (void)state;
    return nftw(base, rm_one, 16, FTW_DEPTH | FTW_PHYS);
}

static char dirs[4][320];
static const char *dir(int i, const char *name)
{
    snprintf(dirs[i], sizeof dirs[i], "%s/%s", base, name);
    return dirs[i];
}

static struct app *born(int i, const char *name)
{
    struct app_birth b = {.dir = dir(i, name),
                          .name = "测试市",
                          .area = "370100",
                          .lv = 20,
                          .url = "https://127.0.0.1:9"};
    struct app_born x;
    struct fault f = {0};
    struct app *a = NULL;
    assert_int_equal(app_init(&b, &x, &f), 0);
    assert_int_equal(app_open(b.dir, &a, NULL), 0);
    assert_string_equal(app_id(a), x.id.s);
    return a;
}

static int put(struct app *a, const char *kind, const char *json, char id[LIM_ID_BYTES + 1],
               struct fault *f)
{
    return app_put_one(a, kind_find(kind), NULL, span_of(json, strlen(json)), id, f);
}

static int gather(const void *p, size_t n, void *arg)
{
    return buf_put(arg, p, n);
}

static void export_of(struct app *a, const char *aud, struct buf *out)
{
    buf_init(out, 16 << 20);
    assert_int_equal(app_export(a, aud, NULL, gather, out), 0);
}

static void sound(struct app *a)
{
    struct app_verdict v;
    bool same = false;
    int64_t n = 0;
    assert_int_equal(app_verify(a, &v, NULL, NULL), 0);
    assert_int_equal(v.wrong, 0);
    assert_true(v.bundles > 0);
    assert_int_equal(app_rebuild(a, &n, &same), 0);
    assert_true(same);
    assert_int_equal(n, v.bundles);
}

static void a_node_is_born(void **state)
{
    (void)state;
    char path[512];
    struct stat st;
    struct app *a = born(0, "born"), *b = NULL;
    struct app_fault af = {0};
    assert_true(app_is_top(a));
    snprintf(path, sizeof path, "%s-root.key", dirs[0]);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    static const char *const secret[] = {"keys/sign.seed", "keys/seal.seed", "keys/tls.key"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", dirs[0], secret[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    assert_int_equal(app_open(dirs[0], &b, &af), SANJI_E_LOCKED);
    assert_int_equal(af.holder, getpid());
    sound(a);
    app_close(a);
    assert_int_equal(app_open(dir(1, "nothing"), &b, NULL), SANJI_E_NOT_FOUND);
}

static void a_birth_that_cannot_be_makes_nothing(void **state)
{
    (void)state;
    struct app_born x;
    struct fault f;
    char inside[400];
    struct app_birth b = {.dir = dir(0, "never"), .name = "x", .area = "37", .lv = 20};
    snprintf(inside, sizeof inside, "%s/root.key", b.dir);
    struct app_birth bad[] = {b, b, b, b, b};
    bad[0].name = "";
    bad[1].area = "37x";
    bad[2].root_key = inside;
    bad[3].staff = "nonsense";
    bad[4].url = "ftp://x";
    static const char *const member[] = {"name", "area", "root-key", "staff", "url"};
    for (size_t i = 0; i < 5; i++) {
        memset(&f, 0, sizeof f);
        assert_true(app_init(&bad[i], &x, &f) < 0);
        assert_string_equal(f.member, member[i]);
        assert_int_not_equal(access(b.dir, F_OK), 0);
    }
    struct app *a = born(1, "twice");
    app_close(a);
    b.dir = dirs[1];
    assert_int_equal(app_init(&b, &x, &f), SANJI_E_EXISTS);
    assert_int_equal(app_open(dirs[1], &a, NULL), 0); /* the first one is untouched */
    app_close(a);
}

static void records_are_kept_updated_and_withdrawn(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1], id2[LIM_ID_BYTES + 1];
    struct fault f = {0};
    struct buf e1, e2;
    struct app *a = born(0, "put");
    assert_int_equal(
        put(a, "listing", "{\"kind\":\"venue\",\"title\":\"社区议事厅\",\"capacity\":40}", id, &f),
        0);
    assert_int_equal(strlen(id), 27);
    assert_int_equal(
        put(a, "listing",
            " { \"capacity\" : 40 , \"id\":\"v1\",\"title\":\"\\u5385\",\n\"kind\":\"venue\"} ",
            id2, &f),
        0);
    assert_string_equal(id2, "v1");
    export_of(a, NULL, &e1);
    assert_non_null(strstr(buf_str(&e1), "\"id\":\"v1\",\"revision\":1,\"audience\":\"fed\","
                                         "\"content\":{\"kind\":\"venue\",\"title\":\"厅\""));
    assert_non_null(strstr(buf_str(&e1), "\"area\":\"370100\""));
    assert_non_null(strstr(buf_str(&e1), "\"since\":\"20"));
    /* The same again: nothing new, in whatever order it is written. */
    assert_int_equal(put(a, "listing",
                         "{\"id\":\"v1\",\"kind\":\"venue\",\"title\":\"厅\",\"capacity\":40}", id2,
                         &f),
                     0);
    export_of(a, NULL, &e2);
    assert_string_equal(buf_str(&e1), buf_str(&e2));
    buf_done(&e2);
    assert_int_equal(
        put(a, "listing", "{\"id\":\"v1\",\"kind\":\"venue\",\"title\":\"大厅\"}", id2, &f), 0);
    export_of(a, "fed", &e2);
    assert_non_null(strstr(buf_str(&e2), "\"id\":\"v1\",\"revision\":2"));
    assert_null(strstr(buf_str(&e2), "\"title\":\"厅\""));
    buf_done(&e2);
    /* Another audience: gone from the old one. */
    assert_int_equal(
        put(a, "listing",
            "{\"id\":\"v1\",\"audience\":\"sub\",\"kind\":\"venue\",\"title\":\"大厅\"}", id2, &f),
        0);
    export_of(a, "fed", &e2);
    assert_null(strstr(buf_str(&e2), "\"id\":\"v1\""));
    buf_done(&e2);
    assert_int_equal(app_withdraw(a, "v1"), 0);
    assert_int_equal(app_withdraw(a, "v1"), 0);
    assert_int_equal(app_withdraw(a, "nobody"), SANJI_E_NOT_FOUND);
    export_of(a, NULL, &e2);
    assert_null(strstr(buf_str(&e2), "\"id\":\"v1\""));
    buf_done(&e2);
    assert_int_equal(put(a, "need", "{\"id\":\"v1\",\"kind\":\"venue\",\"title\":\"x\"}", id2, &f),
                     0);
    assert_int_equal(
        put(a, "listing", "{\"id\":\"v1\",\"kind\":\"venue\",\"title\":\"x\"}", id2, &f),
        SANJI_E_EXISTS);
    buf_done(&e1);
    sound(a);
    app_close(a);
}

static void wrong_input_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int err;
        const char *member;
    } t[] = {
        {"{\"kind\":\"venue\"}", SANJI_E_SPEC, "title"},
        {"{\"kind\":\"castle\",\"title\":\"x\"}", SANJI_E_SPEC, "kind"},
        {"{\"kind\":\"venue\",\"title\":\"x\",\"capacity\":1.5}", SANJI_E_SPEC, "capacity"},
        {"{\"kind\":\"venue\",\"title\":\"x\",\"capacity\":null}", SANJI_E_SPEC, "capacity"},
        {"{\"kind\":\"venue\",\"title\":\"x\",\"capacity\":-0}", SANJI_E_SPEC, "capacity"},
        {"{\"kind\":\"venue\",\"title\":\"x\",\"colour\":1}", SANJI_E_SPEC, "colour"},
        {"{\"kind\":\"venue\",\"title\":\"x\",\"id\":\"-\"}", SANJI_E_SPEC, "id"},
        {"{\"kind\":\"venue\",\"title\":\"x\",\"id\":7}", SANJI_E_SPEC, "id"},
        {"{\"kind\":\"venue\",\"title\":\"x\",\"audience\":\"trust\"}", SANJI_E_AUDIENCE,
         "audience"},
        {"{\"kind\":\"venue\",\"title\":\"x\",\"title\":\"y\"}", SANJI_E_SYNTAX, ""},
        {"[1]", SANJI_E_SYNTAX, ""},
        {"", SANJI_E_SYNTAX, ""},
        {"{\"kind\":\"venue\",\"title\":\"a\\u0000b\"}", SANJI_E_ENCODING, "title"},
        {"{\"kind\":\"venue\",\"title\":\"\xff\"}", SANJI_E_ENCODING, ""},
    };
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        char id[LIM_ID_BYTES + 1], aud[8];
        struct fault f = {0};
        int r = app_put_check(kind_find("listing"), span_of(t[i].json, strlen(t[i].json)), NULL, id,
                              aud, &f);
        if (r != t[i].err) {
            fail_msg("%s: %s", t[i].json, err_name(r));
        }
        if (t[i].member[0] != '\0') {
            assert_string_equal(f.member, t[i].member);
        }
    }
}

/* The built-in years hold until the city publishes a year of its own. */
static void a_year_of_the_city_replaces_the_built_in(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1];
    struct fault f = {0};
    struct calendar cal;
    struct app *a = born(0, "calendar");
    int monday, day;
    assert_int_equal(date_parse("2024-05-13", 10, &monday), 0);
    assert_int_equal(date_parse("2024-10-01", 10, &day), 0);
    size_t years = 0;
    calendar_init(&cal);
    assert_int_equal(workdays_builtin(&cal, &years), 0);
    assert_int_equal(app_calendar(a, &cal), 0);
    assert_true(calendar_is_workday(&cal, monday, NULL));
    if (years > 0) { /* a build without the packages counts weekends alone */
        assert_false(calendar_is_workday(&cal, day, NULL));
    } else {
        (void)printf("skipped: built-in years (1 case): a build without the npm packages\n");
    }
    assert_int_equal(put(a, "workday",
                         "{\"year\":2024,\"name\":\"2024\",\"holidays\":[\"2024-05-13\"]}", id, &f),
                     0);
    assert_int_equal(app_calendar(a, &cal), 0);
    assert_false(calendar_is_workday(&cal, monday, NULL));
    assert_true(calendar_is_workday(&cal, day, NULL));
    app_close(a);
}

static void many_records_make_few_bundles(void **state)
{
    (void)state;
    enum { N = 1500 };
    struct app *a = born(0, "many");
    struct app_put *p = NULL;
    struct store_totals t;
    char id[LIM_ID_BYTES + 1], last[LIM_ID_BYTES + 1] = "";
    struct fault f = {0};
    assert_int_equal(app_put_begin(a, kind_find("listing"), NULL, false, &p), 0);
    for (int i = 0; i < N; i++) {
        char json[200];
        snprintf(json, sizeof json, "{\"kind\":\"venue\",\"title\":\"会议室 %d\",\"capacity\":%d}",
                 i, i);
        assert_int_equal(app_put_line(p, span_of(json, strlen(json)), id, &f), 0);
        assert_true(strcmp(id, last) > 0); /* ids sort in the order of making */
        memcpy(last, id, sizeof id);
    }
    assert_int_equal(app_put_pending(p), N);
    assert_int_equal(app_put_flush(p), 0);
    assert_int_equal(app_put_pending(p), 0);
    app_put_free(p);
    assert_int_equal(store_totals(a->store, &t), 0);
    assert_int_equal(t.records, N);
    assert_true(t.bundles <= 1 + N / LIM_WRITE_ITEMS + 1);
    /* One id twice in one run: the later form wins, both lines count. */
    assert_int_equal(app_put_begin(a, kind_find("listing"), NULL, false, &p), 0);
    for (int i = 0; i < 2; i++) {
        char json[200];
        snprintf(json, sizeof json, "{\"id\":\"one\",\"kind\":\"venue\",\"title\":\"form %d\"}", i);
        assert_int_equal(app_put_line(p, span_of(json, strlen(json)), id, &f), 0);
    }
    assert_int_equal(app_put_flush(p), 0);
    app_put_free(p);
    struct buf e;
    export_of(a, NULL, &e);
    assert_non_null(strstr(buf_str(&e), "\"title\":\"form 1\""));
    assert_null(strstr(buf_str(&e), "\"title\":\"form 0\""));
    buf_done(&e);
    sound(a);
    app_close(a);
}

/* ---- two nodes ---- */

struct passing {
    struct app *from, *to;
    struct sync_tick t;
    int64_t stored;
};

static int pass_one(const struct sync_stream_row *st, const struct sync_bundle_row *row, void *arg)
{
    struct passing *p = arg;
    struct sync_accept acc;
    struct audience au;
    memset(&acc, 0, sizeof acc);
    assert_int_equal(audience_parse(st->key.aud, strlen(st->key.aud), &au), 0);
    /* As a sender does: by the newest roster, what the other may hold. */
    if (roster_node(app_roster(p->from), app_id(p->to)) != NULL &&
        !roster_entitled(app_roster(p->from), st->key.by.s, &au, app_id(p->to))) {
        return 0;
    }
    sync_accept_frame(p->to->sync, &p->t, row->frame, &acc);
    if (acc.err == 0) {
        p->stored++;
    } else if (acc.err != SANJI_E_OLD) {
        fail_msg("%s/%s/%lld: %s %s", st->key.by.s, st->key.aud, (long long)row->seq,
                 err_name(acc.err), acc.f.member);
    }
    return 0;
}

static int64_t pass(struct app *from, struct app *to)
{
    struct passing p = {.from = from, .to = to};
    assert_int_equal(app_tick_make(&p.t), 0);
    assert_int_equal(store_begin(to->store), 0);
    assert_int_equal(store_bundle_walk(from->store, 0, pass_one, &p), 0);
    assert_int_equal(store_commit(to->store), 0);
    app_changed(to);
    return p.stored;
}

static void settle(struct app *a, struct app *b)
{
    for (int i = 0; i < 10; i++) {
        assert_int_equal(app_tick(a, app_mono_ms() + 10000000), 0);
        assert_int_equal(app_tick(b, app_mono_ms() + 10000000), 0);
        if (pass(a, b) + pass(b, a) == 0) {
            return;
        }
    }
    fail_msg("never quiet");
}

static int enrol_reply(struct app *parent, struct span body, char *act, size_t size)
{
    struct sync_tick t;
    struct buf reply;
    int status = 0;
    buf_init(&reply, 1 << 20);
    assert_int_equal(app_tick_make(&t), 0);
    assert_int_equal(enrol_handle(parent->sync, &t, body, &reply, &status), 0);
    struct arena *ar = arena_new(1 << 20);
    struct msg_enrol_reply m;
    struct fault f = {0};
    if (status != 200 && status != 202) {
        fail_msg("status %d %s", status, buf_str(&reply));
    }
    assert_int_equal(jspec_read(reply.data, reply.len, msg_enrol_reply_spec, &m, sizeof m, ar, &f),
                     0);
    int r = strcmp(m.state, "done") == 0 ? 2 : strcmp(m.state, "act") == 0 ? 1 : 0;
    if (r == 1) {
        snprintf(act, size, "%s", m.act);
    }
    arena_free(ar);
    buf_done(&reply);
    return r;
}

static struct app *child_of(struct app *parent, int i, const char *name)
{
    struct sync_tick t;
    struct buf line, body;
    struct node_id nid;
    struct msg_invite inv;
    struct app_join j;
    struct fault f = {0};
    char digits[7], act[8192];
    struct app *a = NULL;
    struct arena *ar = arena_new(1 << 20);
    buf_init(&line, 8192);
    buf_init(&body, 65536);
    assert_int_equal(app_tick_make(&t), 0);
    assert_int_equal(enrol_invite(parent->sync, &t, "测试区", 30, "370102", "https://127.0.0.1:9",
                                  60000, true, &line, &nid),
                     0);
    assert_int_equal(invite_read(buf_str(&line), line.len, ar, &inv, &f), 0);
    struct app_birth b = {.dir = dir(i, name)};
    assert_int_equal(app_join_prepare(&b, &inv, &j, &f), 0);
    assert_int_equal(app_join_request(&j, NULL, span_of(NULL, 0), &body, digits), 0);
    assert_int_equal(strlen(digits), 6);
    int st = enrol_reply(parent, span_of(body.data, body.len), act, sizeof act);
    assert_int_equal(st, 1);
    assert_int_equal(app_join_check_act(&j, span_of(act, strlen(act)), &f), 0);
    buf_reset(&body);
    assert_int_equal(app_join_request(&j, NULL, span_of(act, strlen(act)), &body, digits), 0);
    assert_int_equal(enrol_reply(parent, span_of(body.data, body.len), act, sizeof act), 2);
    /* An interrupted join finds its keys again. */
    struct app_join j2;
    assert_int_equal(app_join_prepare(&b, &inv, &j2, &f), 0);
    assert_memory_equal(j.sign_seed, j2.sign_seed, SIGN_SEED_LEN);
    assert_int_equal(app_join_finish(b.dir, &j), 0);
    assert_int_equal(app_open(b.dir, &a, NULL), 0);
    assert_string_equal(app_id(a), nid.s);
    arena_free(ar);
    buf_done(&line);
    buf_done(&body);
    return a;
}

static const char *const referral = "{\"subject_kind\":\"org\",\"reason\":\"venue\",\"title\":"
                                    "\"需要场地\",\"detail\":\"周末活动\"}";

struct seen_state {
    char state[32];
    struct ref_fold fold;
};
static int on_state(const struct store_thread *t, void *arg)
{
    struct seen_state *s = arg;
    snprintf(s->state, sizeof s->state, "%s", ref_state_name(t->fold.state));
    s->fold = t->fold;
    return 0;
}
static void state_is(struct app *a, const char *id, enum ref_state want)
{
    struct seen_state s = {0};
    assert_int_equal(store_thread_by_id(a->store, id, on_state, &s), 0);
    assert_string_equal(s.state, ref_state_name(want));
}

static void two_nodes_agree(void **state)
{
    (void)state;
    struct app *city = born(0, "city"), *street = child_of(city, 1, "street");
    char id[LIM_ID_BYTES + 1];
    struct fault f = {0};
    struct buf e1, e2;
    settle(city, street);
    assert_non_null(app_self_node(street));
    assert_int_equal(
        put(street, "listing", "{\"kind\":\"venue\",\"title\":\"议事厅\",\"capacity\":40}", id, &f),
        0);
    assert_int_equal(put(city, "need", "{\"kind\":\"venue\",\"title\":\"活动场地\"}", id, &f), 0);
    settle(city, street);
    export_of(city, "fed", &e1);
    export_of(street, "fed", &e2);
    assert_string_equal(buf_str(&e1), buf_str(&e2));
    assert_non_null(strstr(buf_str(&e1), "议事厅"));
    buf_done(&e1);
    buf_done(&e2);

    /* A person without consent is not sent. */
    static const char person[] =
        "{\"subject_kind\":\"person\",\"reason\":\"relief\",\"title\":\"求助\"}";
    assert_int_equal(
        app_referral_send(street, app_id(city), span_of(person, strlen(person)), id, &f),
        SANJI_E_CONSENT);
    assert_int_equal(
        app_referral_send(street, app_id(street), span_of(referral, strlen(referral)), id, &f),
        SANJI_E_REFERENCE);
    assert_int_equal(
        app_referral_send(street, app_id(city), span_of(referral, strlen(referral)), id, &f), 0);
    state_is(street, id, RS_SENT);
    settle(city, street); /* the receiver's daemon confirms by itself */
    state_is(street, id, RS_DELIVERED);
    state_is(city, id, RS_DELIVERED);
    assert_int_equal(app_referral_event(street, id, RE_OPEN, span_of(NULL, 0), &f), SANJI_E_STATE);
    assert_int_equal(app_referral_event(city, id, RE_OPEN, span_of(NULL, 0), &f), 0);
    assert_int_equal(app_referral_event(city, id, RE_ACCEPT, lit("{\"desk\":\"一窗\"}"), &f), 0);
    assert_int_equal(app_referral_event(city, id, RE_OUTCOME, lit("{\"result\":\"maybe\"}"), &f),
                     SANJI_E_SPEC);
    assert_string_equal(f.member, "result");
    assert_int_equal(app_referral_event(city, id, RE_OUTCOME, lit("{\"result\":\"success\"}"), &f),
                     0);
    settle(city, street);
    state_is(street, id, RS_COMPLETED);
    assert_int_equal(app_referral_event(street, id, RE_CLOSE, lit("{\"told\":true}"), &f), 0);
    settle(city, street);
    state_is(city, id, RS_CLOSED);

    /* A cancellation before anybody accepted is confirmed by itself. */
    assert_int_equal(
        app_referral_send(city, app_id(street), span_of(referral, strlen(referral)), id, &f), 0);
    settle(city, street);
    static const char why[] = "{\"reason\":\"mistake\"}";
    assert_int_equal(app_referral_event(city, id, RE_CANCEL_REQUEST, span_of(why, strlen(why)), &f),
                     0);
    settle(city, street);
    state_is(city, id, RS_CANCELLED);
    state_is(street, id, RS_CANCELLED);

    /* Numbers: both parties' cells meet at the city, and a recount gives the same. */
    bool wrong = true;
    struct buf rep;
    char day[11];
    date_write(date_of_ms(app_now_ms()), day);
    day[7] = '\0';
    buf_init(&rep, 1 << 20);
    assert_int_equal(app_stats_report(city, day, true, &rep, &wrong), 0);
    assert_non_null(strstr(buf_str(&rep), "\"ind\":\"ref.completed\""));
    assert_non_null(strstr(buf_str(&rep), "\"mismatch\":[]"));
    if (wrong) {
        fail_msg("%s", buf_str(&rep));
    }
    buf_reset(&rep);
    assert_int_equal(app_stats_report(city, "yesterday", false, &rep, NULL), SANJI_E_SPEC);
    buf_done(&rep);

    sound(city);
    sound(street);
    app_close(street);
    assert_int_equal(app_open(dirs[1], &street, NULL), 0);
    sound(street);
    app_close(city);
    app_close(street);
}

static void damage_is_found(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1], path[512];
    struct fault f = {0};
    struct app_verdict v;
    struct app *a = born(0, "damage");
    assert_int_equal(put(a, "listing",
                         "{\"id\":\"v1\",\"kind\":\"venue\",\"title\":\"AAAAAAAAAAAAAAAA\"}", id,
                         &f),
                     0);
    app_close(a);
    /* The view's copy of the content only: bundles are compressed. */
    snprintf(path, sizeof path, "%s/sanji.db", dirs[0]);
    FILE *fp = fopen(path, "r+b");
    assert_non_null(fp);
    static char all[8 << 20];
    size_t n = fread(all, 1, sizeof all, fp);
    int hits = 0;
    for (size_t i = 0; i + 16 < n; i++) {
        if (memcmp(all + i, "AAAAAAAAAAAAAAAA", 16) == 0) {
            assert_int_equal(fseek(fp, (long)i, SEEK_SET), 0);
            assert_int_equal(fwrite("B", 1, 1, fp), 1);
            hits++;
        }
    }
    fclose(fp);
    assert_true(hits > 0);
    assert_int_equal(app_open(dirs[0], &a, NULL), 0);
    assert_int_equal(app_verify(a, &v, NULL, NULL), 0);
    assert_true(v.wrong > 0);
    app_close(a);
}

/* ---- damage to the tables themselves: found, and named ---- */

struct found {
    int n;
    char all[8192]; /* "what where member" a line */
};

static void on_found(const char *what, const char *where, int err, const char *member, void *arg)
{
    struct found *f = arg;
    size_t n = strlen(f->all);
    assert_true(err < 0);
    f->n++;
    snprintf(f->all + n, sizeof f->all - n, "%s %s %s\n", what, where, member);
}

static void copy_file(const char *from, const char *to)
{
    static char all[8 << 20];
    FILE *a = fopen(from, "rb"), *b = fopen(to, "wb");
    assert_non_null(a);
    assert_non_null(b);
    size_t n = fread(all, 1, sizeof all, a);
    assert_true(n > 0 && n < sizeof all);
    assert_int_equal(fwrite(all, 1, n, b), n);
    fclose(a);
    fclose(b);
}

static void damage(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    assert_true(sqlite3_changes(db) > 0);
    sqlite3_close(db);
}

#define OF_FED "(SELECT no FROM stream WHERE aud='fed')"
static void damage_is_named(void **state)
{
    (void)state;
    /* clang-format off */
    static const struct {
        const char *sql, *what, *where, *member;
    } t[] = {
        {"UPDATE bundle SET id=zeroblob(32) WHERE pos>>32=" OF_FED " AND (pos&4294967295)=2", "stored", "/fed/1/2", "id"},
        {"UPDATE bundle SET ts=0 WHERE pos>>32=" OF_FED " AND (pos&4294967295)=1", "stored", "/fed/1/1", "ts"},
        {"UPDATE bundle SET items=items+1 WHERE pos>>32=" OF_FED, "stored", "/fed/1/3", "items"},
        {"UPDATE bundle SET raw_bytes=raw_bytes+1 WHERE pos>>32=" OF_FED, "stored", "/fed/1/3", "raw_bytes"},
        {"UPDATE bundle SET type=2 WHERE pos>>32=" OF_FED, "stored", "/fed/1/3", "type"},
        {"DELETE FROM bundle WHERE pos>>32=" OF_FED " AND (pos&4294967295)=1", "missing", "/fed/1/1", ""},
        {"DELETE FROM bundle WHERE pos>>32=" OF_FED " AND (pos&4294967295)=2", "missing", "/fed/1/2", ""},
        {"DELETE FROM bundle WHERE pos>>32=" OF_FED " AND (pos&4294967295)=3", "missing", "/fed/1/3", ""},
        {"UPDATE stream SET id=zeroblob(32) WHERE aud='fed'", "stream", "/fed/1", "id"},
        {"UPDATE stream SET seq=seq+1 WHERE aud='fed'", "missing", "/fed/1/4", ""},
        {"UPDATE stream SET seq=seq-1 WHERE aud='fed'", "stream", "/fed/1", "seq"},
        {"UPDATE stream SET first=2 WHERE aud='fed'", "stream", "/fed/1", "first"},
        {"UPDATE stream SET frozen=1 WHERE aud='fed'", "stream", "/fed/1", "frozen"},
        {"UPDATE stream SET ep=7 WHERE aud='fed'", "bundle", "/fed/7/2", "stream"},
        {"INSERT INTO parked(pos,idx,reason,member) SELECT (no<<32)+1,0,-7,'r' FROM stream WHERE aud='fed'", "parked", "/fed/1/1/0", "r"},
        {"INSERT INTO parked(pos,idx,reason,member) VALUES(4294967296*99+1,0,-7,'r')", "parked", "-", ""},
        {"INSERT INTO fork_proof SELECT no,id,x'0102' FROM stream WHERE aud='fed'", "bundle", "/fed/1/0", "fork"},
        {"UPDATE record SET ts=ts-999999999 WHERE id='v1'", "altered", "/listing/v1", "ts"},
        {"UPDATE record SET title='x' WHERE id='v1'", "altered", "/listing/v1", "title"},
        {"UPDATE record SET vis=0 WHERE id='v1'", "altered", "/listing/v1", "vis"},
        {"DELETE FROM record WHERE id='v1'", "absent", "/listing/v1", ""},
        {"UPDATE record SET id='v0' WHERE id='v1'", "extra", "/listing/v0", ""},
        {"UPDATE record SET id='zz' WHERE id='v1'", "absent", "/listing/v1", ""},
        {"UPDATE lane SET s=zeroblob(32) WHERE aud='fed'", "altered", "/fed", "s"},
    };
    /* clang-format on */
    char id[LIM_ID_BYTES + 1], path[512], kept[512], want[256];
    struct fault f = {0};
    struct app_verdict v;
    struct app *a = born(0, "named");
    for (int i = 1; i <= 3; i++) {
        char json[128];
        snprintf(json, sizeof json, "{\"id\":\"v%d\",\"kind\":\"venue\",\"title\":\"t%d\"}", i, i);
        assert_int_equal(put(a, "listing", json, id, &f), 0);
    }
    sound(a);
    app_close(a);
    snprintf(path, sizeof path, "%s/sanji.db", dirs[0]);
    snprintf(kept, sizeof kept, "%s/named.db", base);
    copy_file(path, kept);
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct found got = {0};
        damage(path, t[i].sql);
        assert_int_equal(app_open(dirs[0], &a, NULL), 0);
        int r = app_verify(a, &v, on_found, &got);
        snprintf(want, sizeof want, "%s %s\n", t[i].where, t[i].member);
        const char *at = strstr(got.all, want);
        if (r < 0 || v.wrong == 0 || got.n == 0 || at == NULL ||
            strstr(got.all, t[i].what) == NULL) {
            print_message("%s: %d, %d wrong:\n%s", t[i].sql, r, (int)v.wrong, got.all);
            fail();
        }
        app_close(a);
        copy_file(kept, path);
    }
    assert_int_equal(app_open(dirs[0], &a, NULL), 0);
    sound(a);
    app_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_node_is_born),
        cmocka_unit_test(a_birth_that_cannot_be_makes_nothing),
        cmocka_unit_test(wrong_input_is_named),
        cmocka_unit_test(records_are_kept_updated_and_withdrawn),
        cmocka_unit_test(a_year_of_the_city_replaces_the_built_in),
        cmocka_unit_test(many_records_make_few_bundles),
        cmocka_unit_test(two_nodes_agree),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(damage_is_named),
    };
    return cmocka_run_group_tests(tests, make_base, drop_base);
}
