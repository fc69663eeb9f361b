/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/nodes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/log.h"
#include "sync/enrol.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char home[256];

struct span lit(const char *s)
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

int home_make(void **state)
{
    (void)state;
    const char *t = getenv("TMPDIR");
    snprintf(home, sizeof home, "%.200s/sanji-test-XXXXXX", t != NULL ? t : "/tmp");
    log_set_fd(-1);
    return mkdtemp(home) != NULL ? 0 : -1;
}

int home_drop(void **state)
{
    (void)state;
    return nftw(home, rm_one, 16, FTW_DEPTH | FTW_PHYS);
}

char home_dirs[4][320];
const char *home_in(int i, const char *name)
{
    snprintf(home_dirs[i], sizeof home_dirs[i], "%s/%s", home, name);
    return home_dirs[i];
}

struct app *node_born(int i, const char *name)
{
    struct app_birth b = {.dir = home_in(i, name),
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

int node_put(struct app *a, const char *kind, const char *json, char id[LIM_ID_BYTES + 1],
             struct fault *f)
{
    return app_put_one(a, kind_find(kind), NULL, NULL, span_of(json, strlen(json)), id, f);
}

static int gather(const void *p, size_t n, void *arg)
{
    return buf_put(arg, p, n);
}

void node_export(struct app *a, const char *aud, struct buf *out)
{
    buf_init(out, 16 << 20);
    assert_int_equal(app_export(a, aud, NULL, gather, out), 0);
}

void node_sound(struct app *a)
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

void nodes_settle(struct app *a, struct app *b)
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

struct app *node_child(struct app *parent, int i, const char *name)
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
    struct app_birth b = {.dir = home_in(i, name)};
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
    char code[RECOVERY_TEXT];
    assert_int_equal(app_join_finish(b.dir, &j, NULL, code), 0);
    assert_int_equal(app_open(b.dir, &a, NULL), 0);
    assert_string_equal(app_id(a), nid.s);
    arena_free(ar);
    buf_done(&line);
    buf_done(&body);
    return a;
}
