/* SPDX-License-Identifier: Apache-2.0 */
/* Is damage to a node's database found, and named? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/app_erase.h"
#include "node/app_refused.h"
#include "protocol/base/enc.h"
#include "tests/support/nodes.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

static void damage_is_found(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1], path[512];
    struct fault f = {0};
    struct app_verdict v;
    struct app *a = node_born(0, "damage");
    assert_int_equal(node_put(a, "listing",
                              "{\"id\":\"v1\",\"kind\":\"venue\",\"title\":\"AAAAAAAAAAAAAAAA\"}",
                              id, &f),
                     0);
    app_close(a);
    /* The view's copy of the content only: bundles are compressed. */
    snprintf(path, sizeof path, "%s/sanji.db", home_dirs[0]);
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
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
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

/* Two events under one name, in an audience of their own: the second is parked. */
static void put_parked(struct app *a)
{
    static const char form[] =
        "{\"id\":\"e\",\"k\":\"erase/"
        "1\",\"op\":\"ev\",\"r\":1,\"z\":\"AAAAAAAAAAAAAAAAAAAAA%c\",\"d\":"
        "{\"leaves\":[\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"],\"why\":\"mistake\"}}";
    struct sync_tick t;
    char aud[32], text[2][256];
    struct span it[2];
    for (int i = 0; i < 2; i++) {
        snprintf(text[i], sizeof text[i], form, "AQ"[i]);
        it[i] = lit(text[i]);
    }
    snprintf(aud, sizeof aud, "sub:%s", app_id(a));
    assert_int_equal(app_tick_make(&t), 0);
    assert_int_equal(sync_write(a->sync, &t, aud, it, 2, false, NULL), 0);
}

static int find_sub(const struct sync_stream_row *row, void *arg)
{
    if (strncmp(row->key.aud, "sub:", 4) == 0) {
        *(int64_t *)arg = row->no;
    }
    return 0;
}

static int on_parked(const struct store_parked *p, void *arg)
{
    int *n = arg;
    n[p->discarded]++;
    return 0;
}

/* A bit hides from staff what is parked; that they have put it away themselves is no damage. */
static void what_is_parked_is_not_hidden(void **state)
{
    (void)state;
    char path[512];
    struct app_healed h;
    struct app *a = node_born(0, "parked");
    int n[2] = {0};
    put_parked(a);
    node_sound(a);
    app_close(a);
    snprintf(path, sizeof path, "%s/sanji.db", home_dirs[0]);
    damage(path, "UPDATE parked SET discarded=1");
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    assert_int_equal(app_heal(a, &h), 0);
    node_sound(a);
    assert_int_equal(store_parked_list(a->store, on_parked, n), 0);
    assert_int_equal(n[0], 1);
    assert_int_equal(n[1], 0);
    int64_t no = 0;
    const struct sync_store *st = store_port(a->store);
    assert_int_equal(st->streams(st->ctx, find_sub, &no), 0);
    assert_int_equal(store_parked_discard(a->store, no, 1, 1), 0);
    node_sound(a);
    app_close(a);
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
        {"UPDATE parked SET discarded=1", "altered", "/1/1/1", "discarded"},
        {"UPDATE parked SET member='x'", "parked", "/1/1/1", "x"},
        {"DELETE FROM parked", "parked", "/1/1/1", "r"},
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
    struct app *a = node_born(0, "named");
    for (int i = 1; i <= 3; i++) {
        char json[128];
        snprintf(json, sizeof json, "{\"id\":\"v%d\",\"kind\":\"venue\",\"title\":\"t%d\"}", i, i);
        assert_int_equal(node_put(a, "listing", json, id, &f), 0);
    }
    put_parked(a);
    node_sound(a);
    app_close(a);
    snprintf(path, sizeof path, "%s/sanji.db", home_dirs[0]);
    snprintf(kept, sizeof kept, "%s/named.db", home);
    copy_file(path, kept);
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        struct found got = {0};
        damage(path, t[i].sql);
        assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
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
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    node_sound(a);
    app_close(a);
}

/* What came from the child is two days old: its parent shows that it has no news. */
static void silence_is_shown(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1], path[512], want[128];
    struct fault f = {0};
    struct app_news n;
    struct buf b;
    struct app *top = node_born(0, "top"), *child = node_child(top, 1, "child");
    nodes_settle(top, child);
    assert_int_equal(node_put(child, "listing", "{\"kind\":\"venue\",\"title\":\"t\"}", id, &f), 0);
    nodes_settle(top, child);
    assert_int_equal(app_news(top, &n, NULL, NULL), 0);
    assert_true(n.lanes[SYNC_NEWS_FRESH] > 0);
    assert_int_equal(n.lanes[SYNC_NEWS_SILENT], 0);
    snprintf(want, sizeof want, "\"by\":\"%s\",\"aud\":\"fed\",\"state\":\"silent\"",
             app_id(child));
    app_close(top);
    snprintf(path, sizeof path, "%s/sanji.db", home_dirs[0]);
    damage(path, "UPDATE bundle SET got=got-172800000");
    assert_int_equal(app_open(home_dirs[0], &top, NULL), 0);
    buf_init(&b, APP_JSON_BYTES);
    assert_int_equal(app_status(top, &b), 0);
    assert_non_null(strstr(buf_str(&b), want));
    buf_done(&b);
    app_close(child);
    app_close(top);
}

/* What is kept beside the streams, whatever became of it: the node opens, and it is named. */
static void what_is_kept_is_looked_at(void **state)
{
    static const char *const name[] = {"custody/1/1/no", "custndy/1/2/no", "unsent/again/d/1/1/no"};
    (void)state;
    struct app *a = node_born(0, "kept");
    const struct sync_store *st = store_port(a->store);
    struct app_verdict v;
    struct found f = {0};
    assert_int_equal(app_verify(a, &v, on_found, &f), 0);
    assert_int_equal(v.wrong, 0);
    assert_int_equal(st->begin(st->ctx), 0);
    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
        assert_int_equal(st->kv_put(st->ctx, name[i], lit("no bundle")), 0);
    }
    assert_int_equal(st->commit(st->ctx), 0);
    app_close(a);
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    assert_int_equal(app_verify(a, &v, on_found, &f), 0);
    assert_int_equal(v.wrong, 3);
    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) {
        assert_non_null(strstr(f.all, name[i]));
    }
    assert_int_equal(app_unsent_count(a), 1);
    assert_int_equal(sync_unsent_drop(a->sync, "d/1/1/no"), 0);
    assert_int_equal(app_unsent_count(a), 0);
    app_close(a);
}

struct frame {
    int64_t no;
    uint8_t id[HASH_LEN], p[4096];
    size_t n;
};

static int on_frame(const struct sync_stream_row *st, const struct sync_bundle_row *row, void *arg)
{
    struct frame *f = arg;
    if (strcmp(st->key.aud, "fed") == 0 && row->seq == 1) {
        assert_true(row->frame.n <= sizeof f->p);
        f->no = row->no;
        memcpy(f->id, row->id, HASH_LEN);
        memcpy(f->p, row->frame.p, row->frame.n);
        f->n = row->frame.n;
    }
    return 0;
}

static int on_hit(const char *what, const char *owner, const char *id, void *arg)
{
    assert_string_equal(owner, "");
    struct found *f = arg;
    size_t n = strlen(f->all);
    f->n++;
    snprintf(f->all + n, sizeof f->all - n, "%s %s\n", what, id);
    return 0;
}

static struct found hits(struct app *a)
{
    struct found f = {0};
    assert_int_equal(app_erase_find(a, lit("张某某"), on_hit, &f), 0);
    return f;
}

/* What a person has a right to: what lies beside the streams is found as well, and erased. */
static void what_is_kept_is_found(void **state)
{
    (void)state;
    static struct frame fr;
    char path[512], name[128], b64[B64U_LEN(HASH_LEN) + 1] = "";
    char id[LIM_ID_BYTES + 1];
    struct fault f = {0};
    struct app_erase e;
    int64_t n = 0;
    struct app *a = node_born(0, "beside");
    const struct sync_store *st = store_port(a->store);
    assert_int_equal(
        node_put(a, "listing", "{\"id\":\"v1\",\"kind\":\"venue\",\"title\":\"张某某\"}", id, &f),
        0);
    assert_int_equal(
        node_put(a, "listing", "{\"id\":\"v2\",\"kind\":\"venue\",\"title\":\"乙\"}", id, &f), 0);
    assert_int_equal(store_bundle_walk(a->store, 0, on_frame, &fr), 0);
    b64[b64u_put(fr.id, HASH_LEN, b64)] = '\0';
    snprintf(name, sizeof name, "unsent/again/d/%lld/1/%s", (long long)fr.no, b64);
    assert_int_equal(st->begin(st->ctx), 0);
    assert_int_equal(st->kv_put(st->ctx, name, span_of(fr.p, fr.n)), 0);
    assert_int_equal(st->kv_put(st->ctx, "refused/1.1", lit("fed\n{\"id\":\"张某某\"")), 0);
    assert_int_equal(st->commit(st->ctx), 0);
    app_close(a);
    snprintf(path, sizeof path, "%s/sanji.db", home_dirs[0]);
    damage(path, "DELETE FROM bundle WHERE (pos&4294967295)=1 AND pos>>32=" OF_FED);
    damage(path,
           "UPDATE stream SET first=2 WHERE no=" OF_FED); /* it was let go of, and is not gone */
    damage(path, "DELETE FROM record WHERE id='v1'");
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    st = store_port(a->store);
    assert_string_equal(hits(a).all, "record v1\nunsent refused/1.1\n");
    assert_int_equal(app_erase_request(a, "wang", "v9", "person", &n, &f), SANJI_E_NOT_FOUND);
    assert_int_equal(app_erase_request(a, "wang", "v1", "person", &n, &f), 0);
    assert_int_equal(app_erase_confirm(a, "chen", n, &e, &f), 0);
    assert_int_equal(e.items, 1);
    assert_string_equal(hits(a).all, "unsent refused/1.1\n");
    assert_int_equal(app_refused_drop(a, "refused/1.1"), 0);
    assert_int_equal(hits(a).n, 0);
    app_close(a);
}

/* ---- what stays at home, and is damaged ---- */

static int on_rec(const struct store_rec *rec, void *arg)
{
    char *out = arg;
    snprintf(out, 512, "r%d %s %.*s", (int)rec->r, rec->withdrawn ? "gone" : "here", (int)rec->d.n,
             rec->d.n > 0 ? (const char *)rec->d.p : "");
    return 0;
}

static bool has_record(struct app *a, const char *id, char out[static 512])
{
    out[0] = '\0';
    return store_record_get(a->store, app_id(a), NULL, id, on_rec, out) == 0;
}

static void note(struct app *a, const char *id, const char *text)
{
    char json[256], got[LIM_ID_BYTES + 1];
    struct fault f = {0};
    snprintf(json, sizeof json, "{\"id\":\"%s\",\"name\":\"%s\"}", id, text);
    assert_int_equal(node_put(a, "org", json, got, &f), 0);
}

static void steps(struct app *a)
{
    for (int i = 1; i < 50; i++) {
        struct sync_event ev = {.type = i == 1 ? SEV_START : SEV_TICK};
        struct sync_out out = {0};
        struct sync_tick t;
        assert_int_equal(app_tick_make(&t), 0);
        t.mono_ms += (int64_t)i * 100;
        assert_int_equal(sync_step(a->sync, &t, &ev, &out), 0);
        sync_out_done(&out);
    }
}

/* Nobody else has it. What the views still show is written again, what they hide stays hidden, and
 * the stream goes on without the damaged bundle; everything else is mended as ever. */
static void own_filing_is_written_again(void **state)
{
    (void)state;
    char path[512], was[4][512], is[512];
    static const char *const id[] = {"o1", "o2", "o3", "o4"};
    struct app_verdict v;
    struct app_healed h;
    struct found f = {0};
    struct app *a = node_born(0, "filing");
    for (int i = 0; i < 4; i++) {
        note(a, id[i], "机构");
    }
    note(a, "o2", "新名称");
    assert_int_equal(app_withdraw(a, NULL, "o3", NULL), 0);
    for (int i = 0; i < 4; i++) {
        assert_true(has_record(a, id[i], was[i]));
    }
    app_close(a);
    snprintf(path, sizeof path, "%s/sanji.db", home_dirs[0]);
    /* The second form of o2, the withdrawal of o3, and o4. */
    damage(path, "UPDATE bundle SET frame=CAST(substr(frame,1,length(frame)-9)||x'00'||"
                 "substr(frame,length(frame)-7) AS BLOB) WHERE pos>>32=(SELECT no FROM stream "
                 "WHERE aud='own') AND (pos&4294967295)>=4");
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    assert_int_equal(app_verify(a, &v, on_found, &f), 0);
    assert_true(v.wrong > 0);
    assert_int_equal(app_heal(a, &h), 0);
    assert_int_equal(h.said, 3);
    assert_int_equal(h.lost, 0);
    steps(a);
    int64_t n = 0;
    assert_int_equal(app_rebuild(a, &n, NULL), 0);
    assert_false(has_record(a, "o3", is)); /* a keyframe lets withdrawals go */
    for (int i = 0; i < 4; i += i == 1 ? 2 : 1) {
        assert_true(has_record(a, id[i], is));
        assert_string_equal(strchr(is, ' '), strchr(was[i], ' '));
    }
    f = (struct found){0};
    assert_int_equal(app_verify(a, &v, on_found, &f), 0);
    assert_string_equal(f.all, "");
    assert_int_equal(v.wrong, 0);
    app_close(a);
}

/* Where the views are damaged as well, what is lost is named, and nothing else is. */
static void what_is_lost_is_named(void **state)
{
    (void)state;
    char path[512], is[512];
    struct app_verdict v;
    struct app_healed h;
    struct app *a = node_born(0, "lost");
    note(a, "o1", "机构");
    note(a, "o2", "机构");
    note(a, "o3", "机构");
    app_close(a);
    snprintf(path, sizeof path, "%s/sanji.db", home_dirs[0]);
    damage(path, "UPDATE bundle SET frame=CAST('no frame' AS BLOB) WHERE pos>>32=(SELECT no FROM "
                 "stream WHERE aud='own') AND (pos&4294967295)>=2");
    damage(path, "UPDATE record SET d='{' WHERE id='o3'");
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    assert_int_equal(app_heal(a, &h), 0);
    assert_int_equal(h.said, 1);
    assert_int_equal(h.lost, 1);
    assert_string_equal(h.name[0], "org/o3");
    steps(a);
    assert_int_equal(app_verify(a, &v, NULL, NULL), 0);
    assert_int_equal(v.wrong, 0);
    assert_true(has_record(a, "o1", is) && has_record(a, "o2", is));
    assert_false(has_record(a, "o3", is));
    app_close(a);
}

/* Where the views say what no rule allows, that one is lost alone, at every later start as well. */
static void what_is_refused_holds_nothing_up(void **state)
{
    (void)state;
    char path[512], is[512];
    struct app_verdict v;
    struct app_healed h;
    struct app *a = node_born(0, "refused");
    for (int i = 1; i <= 4; i++) {
        char id[8];
        snprintf(id, sizeof id, "o%d", i);
        note(a, id, "机构");
    }
    app_close(a);
    snprintf(path, sizeof path, "%s/sanji.db", home_dirs[0]);
    damage(path, "UPDATE bundle SET frame=CAST('no frame' AS BLOB) WHERE pos>>32=(SELECT no FROM "
                 "stream WHERE aud='own') AND (pos&4294967295)>=2");
    damage(path, "UPDATE record SET d=replace(d,'\"机构\"','7') WHERE id='o2'");
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    assert_int_equal(app_heal(a, &h), 0);
    assert_int_equal(h.said, 2);
    assert_int_equal(h.lost, 1);
    assert_string_equal(h.name[0], "org/o2");
    steps(a);
    assert_int_equal(app_verify(a, &v, NULL, NULL), 0);
    assert_int_equal(v.wrong, 0);
    assert_true(has_record(a, "o1", is) && has_record(a, "o3", is) && has_record(a, "o4", is));
    assert_false(has_record(a, "o2", is));
    app_close(a);
}

/* One own bundle that cannot be read does not hide the others: it is named, and what was found can
 * be erased. */
static void what_can_be_read_is_found(void **state)
{
    (void)state;
    char path[512], id[LIM_ID_BYTES + 1];
    struct fault f = {0};
    struct app_erase e;
    int64_t n = 0;
    struct app *a = node_born(0, "unread");
    static const char *const v[] = {"v1", "v2", "v3", "v4"};
    for (size_t i = 0; i < 4; i++) {
        char json[96];
        snprintf(json, sizeof json, "{\"id\":\"%s\",\"kind\":\"venue\",\"title\":\"张某某\"}",
                 v[i]);
        assert_int_equal(node_put(a, "listing", json, id, &f), 0);
    }
    app_close(a);
    snprintf(path, sizeof path, "%s/sanji.db", home_dirs[0]);
    damage(path, "UPDATE bundle SET frame=CAST('no frame' AS BLOB) WHERE (pos&4294967295)=1 AND "
                 "pos>>32=" OF_FED);
    damage(path, "DELETE FROM bundle WHERE (pos&4294967295)=3 AND pos>>32=" OF_FED);
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    struct found is = hits(a);
    assert_string_equal(is.all, "unread fed/1/1\nrecord v2\nunread fed/1/3\nrecord v4\n");
    assert_int_equal(app_erase_request(a, "wang", "v2", "person", &n, &f), 0);
    assert_int_equal(app_erase_confirm(a, "chen", n, &e, &f), 0);
    assert_int_equal(e.items, 1);
    is = hits(a);
    assert_string_equal(is.all, "unread fed/1/1\nunread fed/1/3\nrecord v4\n");
    /* Also what stands where it cannot be read, as far as it is shown. */
    assert_int_equal(app_erase_request(a, "wang", "v1", "person", &n, &f), 0);
    assert_int_equal(app_erase_confirm(a, "chen", n, &e, &f), 0);
    assert_int_equal(e.items, 1);
    app_close(a);
}

/* Put back, with a keyframe behind a gap of which not all has come: what stands in the gap is said
 * again, and nobody misses it. */
static void a_gap_is_not_unread(void **state)
{
    (void)state;
    char path[512], id[LIM_ID_BYTES + 1];
    struct fault f = {0};
    struct app *a = node_born(0, "gap");
    static const char *const v[] = {"v1", "v2", "v3", "v4"};
    for (size_t i = 0; i < 4; i++) {
        char json[96];
        snprintf(json, sizeof json, "{\"id\":\"%s\",\"kind\":\"venue\",\"title\":\"张某某\"}",
                 v[i]);
        assert_int_equal(node_put(a, "listing", json, id, &f), 0);
    }
    app_close(a);
    snprintf(path, sizeof path, "%s/sanji.db", home_dirs[0]);
    damage(path, "DELETE FROM bundle WHERE (pos&4294967295) IN (2,3) AND pos>>32=" OF_FED);
    damage(path, "INSERT INTO kv(key,value) SELECT 'jump/'||no,CAST(x'0400000000000000"
                 "0100000000000000'||zeroblob(32) AS BLOB) FROM stream WHERE aud='fed'");
    assert_int_equal(app_open(home_dirs[0], &a, NULL), 0);
    struct found is = hits(a);
    assert_string_equal(is.all, "record v1\nrecord v4\n");
    app_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(damage_is_named),
        cmocka_unit_test(what_is_parked_is_not_hidden),
        cmocka_unit_test(silence_is_shown),
        cmocka_unit_test(what_is_kept_is_looked_at),
        cmocka_unit_test(what_is_kept_is_found),
        cmocka_unit_test(what_can_be_read_is_found),
        cmocka_unit_test(a_gap_is_not_unread),
        cmocka_unit_test(own_filing_is_written_again),
        cmocka_unit_test(what_is_lost_is_named),
        cmocka_unit_test(what_is_refused_holds_nothing_up),
    };
    return cmocka_run_group_tests(tests, home_make, home_drop);
}
