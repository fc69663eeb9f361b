/* SPDX-License-Identifier: Apache-2.0 */
/* A city and its district, made by the product's own means: see the header. */
#include "tests/power/town.h"

#include "node/app_backup.h"
#include "node/app_internal.h"
#include "node/app_self.h"
#include "node/http/tls.h"
#include "sync/enrol.h"
#include "sync/ferry.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct town town;

void town_path(const char *root, const char *name, char out[static TOWN_PATH])
{
    int n = snprintf(out, TOWN_PATH, "%s/%s", root, name);
    assert(n > 0 && n < TOWN_PATH);
}

static struct app *opened(const char *root, const char *name)
{
    char dir[TOWN_PATH];
    struct app *a = NULL;
    town_path(root, name, dir);
    int r = app_open(dir, &a, NULL);
    assert(r == 0);
    return a;
}

int town_put(struct app *a, const char *id, uint64_t n, size_t size, char ret_id[LIM_ID_BYTES + 1])
{
    struct fault f = {0};
    struct buf json;
    buf_init(&json, 65536);
    buf_puts(&json, "{");
    if (id != NULL) {
        buf_printf(&json, "\"id\":\"%s\",", id);
    }
    buf_printf(&json, "\"kind\":\"venue\",\"title\":\"厅 %llu\",\"detail\":\"",
               (unsigned long long)n);
    for (size_t i = 0; i < size; i++) {
        buf_putc(&json, (char)('a' + (char)((n + i * 7) % 26)));
    }
    buf_puts(&json, "\"}");
    int r =
        app_put_one(a, kind_find("listing"), NULL, NULL, span_of(json.data, json.len), ret_id, &f);
    buf_done(&json);
    return r;
}

struct passing {
    struct app *to;
    struct sync_tick t;
    int64_t stored;
};

static int pass_one(const struct sync_stream_row *st, const struct sync_bundle_row *row, void *arg)
{
    struct passing *p = arg;
    struct sync_accept acc;
    (void)st;
    memset(&acc, 0, sizeof(acc));
    sync_accept_frame(p->to->sync, &p->t, row->frame, &acc);
    p->stored += acc.err == 0;
    return 0;
}

static int64_t pass(struct app *from, struct app *to)
{
    struct passing p = {.to = to};
    int r = app_tick_make(&p.t);
    r = r < 0 ? r : store_begin(to->store);
    r = r < 0 ? r : store_bundle_walk(from->store, 0, pass_one, &p);
    r = r < 0 ? r : store_commit(to->store);
    assert(r == 0);
    app_changed(to);
    return p.stored;
}

static void enrol_step(struct app *parent, const struct app_join *j, char act[8192], bool second)
{
    struct sync_tick t;
    struct buf body, reply;
    char digits[7];
    int status = 0;
    struct arena *ar = arena_new(1 << 20);
    struct msg_enrol_reply m;
    buf_init(&body, 65536);
    buf_init(&reply, 1 << 20);
    int r = app_join_request(j, NULL, span_of(act, second ? strlen(act) : 0), &body, digits);
    r = r < 0 ? r : app_tick_make(&t);
    r = r < 0 ? r : enrol_handle(parent->sync, &t, span_of(body.data, body.len), &reply, &status);
    r = r < 0 ? r
              : jspec_read(reply.data, reply.len, msg_enrol_reply_spec, &m, sizeof(m), ar, NULL);
    assert(r == 0);
    if (m.act != NULL) {
        (void)snprintf(act, 8192, "%s", m.act);
    }
    buf_done(&body);
    buf_done(&reply);
    arena_free(ar);
}

static void enrol(struct app *city, const char *dir)
{
    static char act[8192];
    char code[RECOVERY_TEXT];
    struct sync_tick t;
    struct msg_invite inv;
    struct app_join j;
    struct node_id nid;
    struct fault f = {0};
    struct app_birth b = {.dir = dir};
    struct buf line;
    struct arena *ar = arena_new(1 << 20);
    buf_init(&line, 8192);
    int r = app_tick_make(&t);
    r = r < 0 ? r
              : enrol_invite(city->sync, &t, "测试区", 30, "370102", "https://127.0.0.1:9", 60000,
                             true, &line, &nid);
    r = r < 0 ? r : invite_read(buf_str(&line), line.len, ar, &inv, &f);
    r = r < 0 ? r : app_join_prepare(&b, &inv, &j, &f);
    assert(r == 0);
    enrol_step(city, &j, act, false);
    enrol_step(city, &j, act, true);
    int group = 0;
    r = app_join_finish(dir, &j, NULL, code);
    r = r < 0 ? r : recovery_read(code, town.code_secret, &group);
    assert(r == 0);
    buf_done(&line);
    arena_free(ar);
}

static void invite(struct app *city)
{
    struct sync_tick t;
    struct node_id id;
    buf_init(&town.invite, 8192);
    int r = app_tick_make(&t);
    r = r < 0 ? r
              : enrol_invite(city->sync, &t, "测试街道", 40, "370102001", INVITE_NO_URL,
                             INT64_C(86400000), false, &town.invite, &id);
    assert(r == 0);
}

static int keep_frame(const struct sync_stream_row *st, const struct sync_bundle_row *row,
                      void *arg)
{
    (void)arg;
    if (strcmp(st->key.by.s, town.district) == 0 && town.n_frames < TOWN_FRAMES &&
        strncmp(st->key.aud, "self", 4) != 0) {
        struct buf *b = &town.frame[town.n_frames++];
        buf_init(b, LIM_BUNDLE_BYTES);
        (void)buf_put(b, row->frame.p, row->frame.n);
    }
    return 0;
}

int town_birth(const char *root, const char *name)
{
    char dir[TOWN_PATH];
    struct app_born x;
    struct fault f = {0};
    town_path(root, name, dir);
    struct app_birth b = {
        .dir = dir, .name = "测试市", .area = "370100", .lv = 20, .url = "https://127.0.0.1:9"};
    int r = app_init(&b, &x, &f), group;
    if (r == 0) {
        r = recovery_read(x.recovery, town.secret, &group);
    }
    return r;
}

/* ---- what a stick brings ---- */

static int keep_part(const void *p, size_t n, void *arg)
{
    return buf_put(arg, p, n);
}

static void make_parts(struct app *from, const struct app *to)
{
    struct sync_tick t;
    struct sync_ferry_out *o = NULL;
    const struct sync_ferry_order order = {.to = app_id(to), .full = true, .part_bytes = 24 << 10};
    int r = app_tick_make(&t);
    r = r < 0 ? r : sync_ferry_out_new(from->sync, &t, &order, &o);
    assert(r == 0);
    while ((r = sync_ferry_out_plan(o, 1 << 20)) > 0) {
    }
    town.n_parts = (int)sync_ferry_out_about(o)->parts;
    assert(r == 0 && town.n_parts > 3 && town.n_parts <= TOWN_PARTS);
    for (int i = 0; i < town.n_parts; i++) {
        buf_init(&town.part[i], 1 << 20);
        while ((r = sync_ferry_out_part(o, &t, i + 1, 1 << 20, keep_part, &town.part[i])) > 0) {
        }
        assert(r == 0);
    }
    sync_ferry_out_free(o);
}

/* ---- what shall be forgotten ---- */

static void step(struct app *a, enum ref_event ev, const char *d)
{
    struct fault f = {0};
    int r = app_referral_event(a, town.referral, ev, span_of(d, strlen(d)), &f);
    assert(r == 0);
}

static void plant(struct app *city, struct app *district)
{
    static const char send[] =
        "{\"subject_kind\":\"person\",\"reason\":\"relief\",\"title\":\"探访" TOWN_NAME
        "\",\"name\":\"" TOWN_NAME "\",\"contact\":\"" TOWN_PHONE
        "\",\"consent\":{\"by\":\"self\",\"how\":\"written\",\"on\":\"2026-11-01\","
        "\"text_version\":\"v1\",\"scope\":[\"name\",\"contact\",\"situation\"],"
        "\"purpose\":\"转介\"}}";
    struct fault f = {0};
    struct buf json;
    buf_init(&json, 4096);
    int r = 0;
    for (int i = 1; r == 0 && i <= 3; i++) {
        buf_reset(&json);
        (void)buf_puts(&json, "{\"id\":\"listing-1\",\"kind\":\"venue\",\"title\":\"" TOWN_NAME);
        (void)buf_printf(&json, " %d\",\"detail\":\"%s\"}", i, TOWN_PHONE);
        r = app_put_one(city, kind_find("listing"), NULL, NULL, span_of(json.data, json.len),
                        town.record, &f);
    }
    buf_done(&json);
    r = r < 0 ? r
              : app_referral_send(city, app_id(district), span_of(send, sizeof(send) - 1),
                                  town.referral, &f);
    assert(r == 0);
    (void)pass(city, district);
    r = app_referral_auto(district); /* delivered */
    assert(r == 0);
    step(district, RE_OPEN, "{}");
    step(district, RE_ACCEPT, "{\"note\":\"" TOWN_NAME "\"}");
    step(district, RE_OUTCOME, "{\"result\":\"success\",\"summary\":\"" TOWN_PHONE "\"}");
    (void)pass(district, city);
    step(city, RE_CLOSE, "{\"told\":true}");
}

static void read_root_key(const char *root)
{
    char path[TOWN_PATH], chunk[512];
    town_path(root, "city-root.key", path);
    FILE *f = fopen(path, "r");
    assert(f != NULL);
    buf_init(&town.root_key, 4096);
    (void)buf_put(&town.root_key, chunk, fread(chunk, 1, sizeof(chunk), f));
    (void)fclose(f);
}

static int copy_file(const char *from, const char *to, const char *name)
{
    char path[TOWN_PATH];
    struct buf b;
    buf_init(&b, 64 << 20);
    town_path(from, name, path);
    int r = app__read_file(path, 64 << 20, &b);
    town_path(to, name, path);
    r = r < 0 ? r : app__write_file(path, b.data, b.len, true);
    buf_done(&b);
    return r;
}

static void make_lost(const char *root)
{
    static const char *const name[] = {"keys/sign.seed",    "keys/seal.seed", "keys/inst",
                                       "keys/recovery.pub", "sanji.db",       "keys.db"};
    char from[TOWN_PATH], to[TOWN_PATH], keys[TOWN_PATH], key[TOWN_PATH], crt[TOWN_PATH];
    uint8_t pin[HASH_LEN];
    struct config c;
    struct buf conf;
    struct app *a = opened(root, "district");
    int r = app_self_tick(a, app_mono_ms() + 10000000);
    assert(r == 0);
    app_close(a);
    town_path(root, "district", from);
    town_path(root, "lost", to);
    town_path(to, "keys", keys);
    town_path(keys, "tls.key", key);
    town_path(keys, "tls.crt", crt);
    r = mkdir(to, 0700) + mkdir(keys, 0700);
    for (size_t i = 0; r == 0 && i < sizeof(name) / sizeof(name[0]); i++) {
        r = copy_file(from, to, name[i]);
    }
    r = r < 0 ? r : tls_identity_create(key, crt, town.district, NULL, 0, pin);
    config_defaults(&c);
    c.log_json = !c.log_json;
    buf_init(&conf, CONFIG_FILE_BYTES);
    r = r < 0 ? r : config_print(&c, false, &conf);
    town_path(to, "sanji.conf", key);
    r = r < 0 ? r : app__write_file(key, conf.data, conf.len, false);
    buf_done(&conf);
    assert(r == 0);
    a = opened(root, "lost");
    r = app__recover_mark(a->store);
    assert(r == 0);
    app_close(a);
}

void town_make(const char *root)
{
    char dir[TOWN_PATH], id[LIM_ID_BYTES + 1];
    struct app_backup b;
    int r = town_birth(root, "city");
    assert(r == 0);
    struct app *city = opened(root, "city");
    town_path(root, "district", dir);
    enrol(city, dir);
    struct app *district = opened(root, "district");
    (void)snprintf(town.district, sizeof(town.district), "%s", app_id(district));
    while (pass(city, district) + pass(district, city) > 0) {
    }
    for (uint64_t i = 0; i < TOWN_RECORDS; i++) {
        r = town_put(city, NULL, i, 40, town.put[i]);
        assert(r == 0);
    }
    plant(city, district);
    for (uint64_t i = 0; i < TOWN_FRAMES - 8; i++) { /* what the city does not have yet */
        r = town_put(district, NULL, i, (size_t)(i * 131 % 3000), id);
        assert(r == 0);
    }
    r = store_bundle_walk(district->store, 0, keep_frame, NULL);
    assert(r == 0);
    make_parts(district, city);
    r = app_backup(city, root, &b);
    assert(r == 0);
    (void)snprintf(town.backup, sizeof(town.backup), "%s", strrchr(b.path, '/') + 1);
    invite(city);
    app_close(city);
    app_close(district);
    make_lost(root);
    read_root_key(root);
}
