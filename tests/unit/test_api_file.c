/* SPDX-License-Identifier: Apache-2.0 */
/* Attachments at one node: brought in pieces that a crash does not lose, taken for what they are,
 * named by records, read by whoever reads the record, and gone when nobody names them. */
#include "node/app_blob.h"
#include "node/app_erase.h"
#include "node/blob.h"
#include "node/store/internal.h"
#include "protocol/base/enc.h"
#include "protocol/suite.h"
#include "tests/support/desk.h"
#include "tests/support/nodes.h"

#include <sys/stat.h>

static char id[64], sha[64];

static int step(const char *what, const char *body)
{
    char path[128];
    (void)snprintf(path, sizeof path, "/api/uploads/%s%s%s", id, what[0] != '\0' ? "/" : "", what);
    return ask(body == NULL ? "GET" : "POST", path, body);
}

static int begin(const char *name, int64_t len)
{
    char body[2048];
    (void)snprintf(body, sizeof body, "{\"name\":\"%s\",\"len\":%lld}", name, (long long)len);
    int status = ask("POST", "/api/uploads", body);
    if (status == 200) {
        member("id", id, sizeof id);
    }
    return status;
}

static int piece(int64_t at, const char *p, size_t n)
{
    static char body[LIM_BLOB_PART * 2];
    int m = snprintf(body, sizeof body, "{\"at\":%lld,\"data\":\"", (long long)at);
    size_t len = (size_t)m + b64u_put(p, n, body + m);
    memcpy(body + len, "\"}", 3);
    return step("part", body);
}

static void bring(const char *name, const char *p, size_t n)
{
    assert_status(begin(name, (int64_t)n), 200);
    assert_status(piece(0, p, n), 200);
    assert_status(step("finish", "{}"), 200);
    member("sha256", sha, sizeof sha);
}

static int notice(const char *rec, int64_t seen, const char *name, const char *type, int64_t len)
{
    char body[1024];
    (void)snprintf(body, sizeof body,
                   "{\"id\":\"%s\",\"seen_r\":%lld,\"d\":{\"kind\":\"document\",\"title\":\"办法\","
                   "\"files\":[{\"name\":\"%s\",\"type\":\"%s\",\"len\":%lld,\"sha256\":\"%s\"}]}}",
                   rec, (long long)seen, name, type, (long long)len, sha);
    return ask("POST", "/api/records/notice", body);
}

/* A new id is chosen by the node: returned in rec. */
static void new_notice(char rec[static 65], const char *type, int64_t len)
{
    char body[1024];
    (void)snprintf(
        body, sizeof body,
        "{\"d\":{\"kind\":\"document\",\"title\":\"办法\",\"files\":[{\"name\":\"办法.pdf\","
        "\"type\":\"%s\",\"len\":%lld,\"sha256\":\"%s\"}]}}",
        type, (long long)len, sha);
    assert_status(ask("POST", "/api/records/notice", body), 200);
    member("id", rec, 65);
}

static int fetch(const char *kind, const char *rec)
{
    char path[256];
    (void)snprintf(path, sizeof path, "/api/files/me/%s/%s/%s", kind, rec, sha);
    return ask("GET", path, NULL);
}

static void path_of(const char *hash, char out[static 256])
{
    uint8_t h[HASH_LEN];
    char hex[65];
    assert_int_equal(b64u_get(hash, strlen(hash), h, sizeof h), 0);
    hex[hex_put(h, sizeof h, hex)] = '\0';
    (void)snprintf(out, 256, "%s/blobs/%.2s/%s", d.dir, hex, hex);
}

static bool stands(const char *hash)
{
    char path[256];
    path_of(hash, path);
    return access(path, F_OK) == 0;
}

static void restart(void)
{
    char dir[sizeof d.dir];
    memcpy(dir, d.dir, sizeof dir);
    api_free(d.api);
    app_close(d.app);
    assert_int_equal(app_open(dir, &d.app, NULL), 0);
    assert_int_equal(api_new(d.app, &d.api), 0);
}

static void sweep(void)
{
    d.app->blobs_due = 1; /* not the first look, and due */
    for (int i = 0; i < 100 && app__blob_tick(d.app, app_mono_ms() + 1) == 1; i++) {
    }
}

static const char pdf[] = "%PDF-1.7\nhello\n%%EOF\n";
enum { PDF = sizeof pdf - 1 };

static void in_pieces(void **state)
{
    (void)state;
    char path[256], other[64];
    struct stat st;
    user_in("wang", "clerk");
    assert_status(begin("..\\\\机密/通知\u202e.pdf", PDF), 200);
    assert_said("\"name\":\"通知.pdf\"");
    assert_said("\"at\":0,\"whole\":false");
    assert_status(piece(5, pdf + 5, 3), 409); /* a hole */
    assert_int_equal(member_int("at"), 0);
    assert_status(piece(0, pdf, 9), 200);
    assert_int_equal(member_int("at"), 9);
    assert_status(step("finish", "{}"), 409);
    assert_said("file_part");
    assert_status(piece(0, pdf, 9), 200); /* its answer was lost */
    assert_int_equal(member_int("at"), 9);
    assert_status(piece(4, pdf + 4, 10),
                  409); /* over the end of what is there: would write twice */
    assert_int_equal(member_int("at"), 9);
    assert_status(piece(9, pdf, PDF), 413);
    /* The program ends between the file and its row: the tail nobody was told of is written over.
     */
    (void)snprintf(path, sizeof path, "%s/blobs/part/%s", d.dir, id);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    assert_int_equal(fwrite("garbage", 7, 1, f), 1);
    assert_int_equal(fclose(f), 0);
    restart();
    assert_int_equal(app__blob_tick(d.app, app_mono_ms() + 1),
                     0); /* takes no part away that has a row */
    assert_status(step("", NULL), 200);
    assert_int_equal(member_int("at"), 9);
    assert_status(piece(9, pdf + 9, PDF - 9), 200);
    assert_status(step("finish", "{}"), 200);
    assert_said("\"type\":\"pdf\"");
    member("sha256", sha, sizeof sha);
    assert_status(step("finish", "{}"), 200); /* and once more, its answer was lost */
    member("sha256", other, sizeof other);
    assert_string_equal(sha, other);
    assert_int_not_equal(access(path, F_OK), 0);
    path_of(sha, path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    user_in("chen", "clerk"); /* somebody else's */
    assert_status(step("", NULL), 404);
    assert_status(piece(0, pdf, 9), 404);
    assert_status(step("finish", "{}"), 404);
    assert_status(step("drop", "{}"), 404);
}

static void what_is_not_taken(void **state)
{
    (void)state;
    static const char exe[] = "MZ\x90\0\3 not a document";
    char body[256], path[256];
    user_in("wang", "clerk");
    assert_status(begin("a.pdf", 0), 422);
    assert_status(begin("a.pdf", LIM_BLOB_BYTES + 1), 413);
    assert_said("file_size");
    assert_status(begin("a.pdf", sizeof exe), 200);
    assert_status(piece(0, exe, sizeof exe), 200);
    assert_status(step("finish", "{}"), 409);
    assert_said("file_type");
    assert_status(step("", NULL), 404); /* nothing of it stays */
    (void)snprintf(path, sizeof path, "%s/blobs/part/%s", d.dir, id);
    assert_int_not_equal(access(path, F_OK), 0);
    /* Something else than was announced. */
    (void)snprintf(body, sizeof body,
                   "{\"name\":\"a.pdf\",\"len\":%d,\"sha256\":"
                   "\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
                   PDF);
    assert_status(ask("POST", "/api/uploads", body), 200);
    member("id", id, sizeof id);
    assert_status(piece(0, pdf, PDF), 200);
    assert_status(step("finish", "{}"), 400);
    assert_said("file_hash");
    /* The platform's space, what is announced counted; then one person's unfinished ones. */
    d.app->cfg.files_quota = 100;
    assert_status(begin("a.pdf", 60), 200);
    assert_status(begin("b.pdf", 60), 429);
    assert_said("file_quota");
    assert_status(step("drop", "{}"), 200);
    assert_status(begin("b.pdf", 60), 200);
    d.app->cfg.files_quota = 1 << 20;
    for (int i = 1; i < APP_UPLOADS; i++) {
        assert_status(begin("c.pdf", 60), 200);
    }
    assert_status(begin("d.pdf", 60), 429);
    assert_said("file_open");
    d.app->cfg.disk_reserve = INT64_MAX / 4;
    user_in("chen", "clerk");
    assert_status(begin("d.pdf", 60), 507);
    assert_said("file_disk");
}

/* What lies there without a record is a share of each person, so that one alone (an organisation's
 * own people may bring files, too) does not take everybody's room. */
static void a_share_each(void **state)
{
    (void)state;
    char one[64], rec[65];
    user_in("wang", "clerk");
    for (int i = 0; i < APP_UPLOADS; i++) {
        int n = snprintf(one, sizeof one, "%%PDF-1.7\n%d\n%%%%EOF\n", i);
        bring("a.pdf", one, (size_t)n);
    }
    assert_status(begin("b.pdf", PDF), 429);
    assert_said("file_open");
    new_notice(rec, "pdf", (int64_t)strlen(one));
    assert_status(begin("b.pdf", PDF), 200);
    assert_status(begin("c.pdf", PDF), 429);
    user_in("chen", "clerk");
    assert_status(begin("b.pdf", PDF), 200);
}

static void in_records(void **state)
{
    (void)state;
    char rec[65], path[256];
    user_in("wang", "clerk");
    bring("run.exe", pdf, PDF);
    assert_said("\"name\":\"run.exe.pdf\"");
    new_notice(rec, "pdf", PDF);
    assert_status(ask("GET", "/api/records/export?kind=notice&format=xlsx", NULL), 200);
    assert_string_equal(blob_type(span_of(d.rep.body.data, d.rep.body.len)), "xlsx");
    assert_status(fetch("notice", rec), 200);
    assert_int_equal(d.rep.body.len, PDF);
    assert_memory_equal(d.rep.body.data, pdf, PDF);
    assert_string_equal(header("Content-Type"), "application/pdf");
    assert_string_equal(header("X-Content-Type-Options"), "nosniff");
    assert_string_equal(header("Content-Security-Policy"), "default-src 'none'; sandbox");
    assert_string_equal(
        header("Content-Disposition"),
        "attachment; filename=\"attachment\"; filename*=UTF-8''%E5%8A%9E%E6%B3%95.pdf");
    /* Another's claims about it, and files that are none of his. */
    assert_status(notice(rec, 1, "x", "png", PDF), 422);
    assert_said("bad_reference");
    assert_status(notice(rec, 1, "x", "pdf", PDF + 1), 422);
    user_in("chen", "clerk");
    assert_status(notice(rec, 1, "改名.pdf", "pdf", PDF), 200); /* the record has it already */
    assert_status(
        ask("POST", "/api/records/notice", "{\"d\":{\"kind\":\"notice\",\"title\":\"x\"}}"), 200);
    char mine[65], body[512];
    member("id", mine, sizeof mine);
    (void)snprintf(body, sizeof body,
                   "{\"id\":\"%s\",\"seen_r\":1,\"d\":{\"kind\":\"notice\",\"title\":\"x\","
                   "\"files\":[{\"name\":"
                   "\"x\",\"type\":\"pdf\",\"len\":%d,\"sha256\":\"%s\"}]}}",
                   mine, PDF, sha);
    assert_status(ask("POST", "/api/records/notice", body), 422); /* he has not brought it */
    assert_said("bad_reference");
    assert_status(fetch("notice", mine), 404);
    assert_status(fetch("listing", rec), 404);
    user_in("look", "supervisor");
    assert_status(fetch("notice", rec), 200);
    /* Damaged on the disk: said, not served. */
    path_of(sha, path);
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    assert_int_equal(fwrite("X", 1, 1, f), 1);
    assert_int_equal(fclose(f), 0);
    assert_status(fetch("notice", rec), 500);
    assert_said("file_broken");
    struct app_verdict v = {0};
    assert_int_equal(app_verify(d.app, &v, NULL, NULL), 0);
    assert_int_equal(v.wrong, 1);
    assert_int_equal(unlink(path), 0);
    assert_status(fetch("notice", rec), 404);
    assert_said("file_lost");
    (void)snprintf(path, sizeof path, "/api/files/me/notice/%s", rec);
    assert_status(ask("GET", path, NULL), 200);
    assert_said("\"state\":\"lost\"");
    assert_int_equal(app_verify(d.app, &v, NULL, NULL), 0);
    assert_int_equal(v.wrong, 1);
}

static void whose_record_it_is(void **state)
{
    (void)state;
    char rec[65], body[512];
    user_in("wang", "clerk");
    assert_status(
        ask("POST", "/api/records/org", "{\"d\":{\"name\":\"青禾社\",\"state\":\"incubating\"}}"),
        200);
    char org[65];
    member("id", org, sizeof org);
    bring("奖状.pdf", pdf, PDF);
    (void)snprintf(
        body, sizeof body,
        "{\"d\":{\"org\":\"%s\",\"kind\":\"honour\",\"title\":\"奖\",\"date\":\"2026-11-01\","
        "\"files\":[{\"name\":\"奖状.pdf\",\"type\":\"pdf\",\"len\":%d,\"sha256\":\"%s\"}]}}",
        org, PDF, sha);
    assert_status(ask("POST", "/api/records/org_event", body), 200);
    member("id", rec, sizeof rec);
    assert_status(fetch("org_event", rec), 200);
    user_in("other", "member"); /* of no organisation */
    int status = fetch("org_event", rec);
    assert_true(status == 403 || status == 404);
    assert_status(begin("x.pdf", 9), 403);
    d.rq.cookie = NULL;
    d.cookie[0] = '\0';
    assert_status(fetch("org_event", rec), 401);
}

/* The sweep by the views alone: nobody counts by hand. */
static void nobody_names_it(void **state)
{
    (void)state;
    char rec[65], body[256], kept[64];
    int64_t old = app_now_ms() - APP_BLOB_GRACE_MS - 60000;
    user_in("wang", "clerk");
    bring("a.pdf", "%PDF-1.1\na\n%%EOF", 16);
    new_notice(rec, "pdf", 16);
    memcpy(kept, sha, sizeof kept);
    bring("b.pdf", "%PDF-1.1\nb\n%%EOF", 16); /* of a draft */
    char drafted[64];
    memcpy(drafted, sha, sizeof drafted);
    (void)snprintf(body, sizeof body, "{\"seen\":0,\"draft\":{\"values\":{\"files\":[\"%s\"]}}}",
                   sha);
    assert_status(ask("POST", "/api/drafts/notice.new", body), 200);
    bring("c.pdf", "%PDF-1.1\nc\n%%EOF", 16); /* of nothing */
    sweep();
    assert_true(stands(kept) && stands(drafted) && stands(sha)); /* in its grace */
    assert_int_equal(store_begin(d.app->store), 0);
    struct blob_row row = {.sha = sha, .len = 16, .type = "pdf", .since = old};
    assert_int_equal(blob_row_add(d.app->store, &row), 0);
    row.sha = drafted;
    assert_int_equal(blob_row_add(d.app->store, &row), 0);
    assert_int_equal(store_commit(d.app->store), 0);
    sweep();
    assert_true(stands(kept) && stands(drafted));
    assert_false(stands(sha));
    /* The record goes, and the file a week later. */
    (void)snprintf(body, sizeof body, "/api/records/notice/%s/withdraw", rec);
    assert_status(ask("POST", body, "{\"seen_r\":1}"), 200);
    sweep();
    assert_true(stands(kept));
    assert_int_equal(store_begin(d.app->store), 0);
    assert_int_equal(blob_row_drop(d.app->store, kept), 0);
    row.sha = kept;
    assert_int_equal(blob_row_add(d.app->store, &row), 0);
    assert_int_equal(store_commit(d.app->store), 0);
    sweep();
    assert_false(stands(kept));
    /* What a crash left without a row goes at the next start. */
    char path[256];
    path_of(drafted, path);
    path[strlen(path) - 1] = path[strlen(path) - 1] == '0' ? '1' : '0';
    assert_int_equal(symlink("/nowhere", path), 0);
    restart();
    assert_int_equal(app__blob_tick(d.app, app_mono_ms() + 1), 0);
    struct stat st;
    assert_int_not_equal(lstat(path, &st), 0);
    assert_true(stands(drafted));
}

/* A database put back knows nothing of a file that came since; its record comes back from the
 * parent, and has to find it. */
static void put_back(void **state)
{
    (void)state;
    char rec[65], path[256], body[256];
    user_in("wang", "clerk");
    bring("a.pdf", "%PDF-1.1\na\n%%EOF", 16);
    assert_int_equal(store_begin(d.app->store), 0); /* as the one before the upload */
    assert_int_equal(blob_row_drop(d.app->store, sha), 0);
    assert_int_equal(store_commit(d.app->store), 0);
    restart();
    d.app->blobs_due = 0;
    assert_int_equal(app__blob_tick(d.app, app_mono_ms() + 1), 0);
    assert_true(stands(sha));
    new_notice(rec, "pdf", 16);
    sweep();
    (void)snprintf(body, sizeof body, "/api/files/me/notice/%s/%s", rec, sha);
    assert_status(ask("GET", body, NULL), 200);
    /* Something else under such a name stays nobody's. */
    path_of(sha, path);
    assert_int_equal(store_begin(d.app->store), 0);
    assert_int_equal(blob_row_drop(d.app->store, sha), 0);
    assert_int_equal(store_commit(d.app->store), 0);
    assert_int_equal(truncate(path, 7), 0);
    restart();
    d.app->blobs_due = 0;
    assert_int_equal(app__blob_tick(d.app, app_mono_ms() + 1), 0);
    assert_false(stands(sha));
}

static void erased(void **state)
{
    (void)state;
    char one[65], two[65], first[64];
    int64_t n = 0;
    struct fault f = {0};
    struct app_erase e;
    add_user("asks", "admin", false);
    add_user("agrees", "admin", false);
    user_in("wang", "clerk");
    bring("a.pdf", "%PDF-1.1\na\n%%EOF", 16);
    memcpy(first, sha, sizeof first);
    new_notice(one, "pdf", 16);
    bring("b.pdf", "%PDF-1.1\nb\n%%EOF", 16);
    assert_status(notice(one, 1, "b.pdf", "pdf", 16),
                  200);         /* replaces it: the old form named the first */
    new_notice(two, "pdf", 16); /* names the second, too */
    sweep();
    assert_true(stands(first) && stands(sha));
    assert_int_equal(app_erase_request(d.app, "asks", one, "person", &n, &f), 0);
    assert_int_equal(app_erase_confirm(d.app, "agrees", n, &e, &f), 0);
    /* Not due for an hour, and yet at once. */
    assert_true(d.app->blobs_due > app_mono_ms());
    for (int i = 0; i < 100 && app__blob_tick(d.app, app_mono_ms()) == 1; i++) {
    }
    assert_false(stands(first));
    assert_true(stands(sha)); /* of another record */
    assert_int_equal(app_erase_request(d.app, "asks", two, "person", &n, &f), 0);
    assert_int_equal(app_erase_confirm(d.app, "agrees", n, &e, &f), 0);
    for (int i = 0; i < 100 && app__blob_tick(d.app, app_mono_ms()) == 1; i++) {
    }
    assert_false(stands(sha));
}

/* What names the file is shown, and cannot be read any more. */
static void erased_where_it_cannot_be_read(void **state)
{
    (void)state;
    char rec[65];
    int64_t n = 0;
    struct fault f = {0};
    struct app_erase e;
    add_user("asks", "admin", false);
    add_user("agrees", "admin", false);
    user_in("wang", "clerk");
    bring("a.pdf", "%PDF-1.1\na\n%%EOF", 16);
    new_notice(rec, "pdf", 16);
    sweep();
    assert_int_equal(db_exec(&d.app->store->db,
                             "UPDATE bundle SET frame=CAST('no frame' AS BLOB) WHERE pos IN"
                             "(SELECT (no<<32)+seq FROM record WHERE kind='notice')"),
                     0);
    assert_int_equal(app_erase_request(d.app, "asks", rec, "person", &n, &f), 0);
    assert_int_equal(app_erase_confirm(d.app, "agrees", n, &e, &f), 0);
    for (int i = 0; i < 100 && app__blob_tick(d.app, app_mono_ms()) == 1; i++) {
    }
    assert_false(stands(sha));
}

/* The disk is full, or the program ends, just after the file has got its name: asked again it is
 * finished, and nothing has to be sent once more. */
static void named_and_no_row(void **state)
{
    (void)state;
    char path[256];
    user_in("wang", "clerk");
    assert_status(begin("a.pdf", PDF), 200);
    assert_status(piece(0, pdf, PDF), 200);
    assert_int_equal(db_exec(&d.app->store->db,
                             "CREATE TEMP TRIGGER no_row BEFORE INSERT ON main.blob BEGIN SELECT "
                             "RAISE(ABORT,'full'); END"),
                     0);
    assert_true(step("finish", "{}") >= 500);
    restart(); /* the trigger was of that connection */
    assert_status(step("", NULL), 200);
    assert_said("\"whole\":false");
    assert_int_equal(app__blob_tick(d.app, app_mono_ms() + 1), 0);
    assert_status(step("finish", "{}"), 200);
    member("sha256", sha, sizeof sha);
    assert_true(stands(sha));
    (void)snprintf(path, sizeof path, "%s/blobs/part/%s", d.dir, id);
    assert_int_not_equal(access(path, F_OK), 0);
    /* And when it ended before it took the piece away. */
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
    restart();
    assert_int_equal(app__blob_tick(d.app, app_mono_ms() + 1), 0);
    assert_int_not_equal(access(path, F_OK), 0);
}

static bool is_known(const char *upload)
{
    int r = upload_get(d.app->store, upload, NULL, NULL);
    assert_true(r == 0 || r == SANJI_E_NOT_FOUND);
    return r == 0;
}

/* What an upload was called goes with what was erased, with a file nobody names, and with who
 * brought it. */
static void names_go_too(void **state)
{
    (void)state;
    char rec[65], loose[64];
    int64_t n = 0, open = 0;
    struct fault f = {0};
    struct app_erase e;
    add_user("asks", "admin", false);
    add_user("agrees", "admin", false);
    user_in("wang", "clerk");
    bring("张三的体检报告.pdf", pdf, PDF);
    new_notice(rec, "pdf", PDF);
    assert_true(is_known(id));
    assert_int_equal(app_erase_request(d.app, "asks", rec, "person", &n, &f), 0);
    assert_int_equal(app_erase_confirm(d.app, "agrees", n, &e, &f), 0);
    assert_false(is_known(id));
    bring("李四.pdf", "%PDF-1.1\nc\n%%EOF", 16);
    memcpy(loose, sha, sizeof loose);
    assert_int_equal(store_begin(d.app->store), 0);
    struct blob_row row = {
        .sha = loose, .len = 16, .type = "pdf", .since = app_now_ms() - 8 * INT64_C(86400000)};
    assert_int_equal(blob_row_drop(d.app->store, loose), 0);
    assert_int_equal(blob_row_add(d.app->store, &row), 0);
    assert_int_equal(store_commit(d.app->store), 0);
    sweep();
    assert_false(stands(loose));
    assert_false(is_known(id));
    assert_status(begin("王五.pdf", PDF), 200);
    assert_int_equal(store_begin(d.app->store), 0);
    assert_int_equal(staff_user_del(d.app->store, "wang"), 0);
    assert_int_equal(store_commit(d.app->store), 0);
    assert_false(is_known(id));
    assert_int_equal(upload_open(d.app->store, "wang", &open), 0);
    assert_int_equal(open, 0);
}

/* Brings a PDF at another node and names it there in a notice for the whole federation. */
static void publish(struct app *a, char rec[static LIM_ID_BYTES + 1])
{
    struct fault f = {0};
    struct app_upload u;
    char body[512];
    assert_int_equal(app_upload_begin(a, "li", lit("a.pdf"), PDF, "", &u, &f), 0);
    assert_int_equal(app_upload_part(a, "li", u.id, 0, span_of(pdf, PDF), &u, &f), 0);
    assert_int_equal(app_upload_finish(a, "li", u.id, &u, &f), 0);
    (void)snprintf(body, sizeof body,
                   "{\"kind\":\"document\",\"title\":\"x\",\"files\":[{\"name\":\"a.pdf\","
                   "\"type\":\"pdf\",\"len\":%d,\"sha256\":\"%s\"}]}",
                   PDF, u.sha);
    assert_int_equal(node_put(a, "notice", body, rec, &f), 0);
}

/* A neighbour that names a hash gets nobody the bytes, and holds back no erasure. */
static void named_by_another(void **state)
{
    (void)state;
    char rec[65], theirs[LIM_ID_BYTES + 1], path[256];
    int64_t n = 0;
    struct fault f = {0};
    struct app_erase e;
    assert_int_equal(home_make(NULL), 0);
    struct app *child = node_child(d.app, 0, "child");
    add_user("asks", "admin", false);
    add_user("agrees", "admin", false);
    user_in("wang", "clerk");
    bring("a.pdf", pdf, PDF);
    new_notice(rec, "pdf", PDF);
    nodes_settle(d.app, child);
    publish(child, theirs);
    nodes_settle(d.app, child);
    (void)snprintf(path, sizeof path, "/api/records/%s/notice/%s", app_id(child), theirs);
    assert_status(ask("GET", path, NULL), 200);
    assert_said(sha);
    (void)snprintf(path, sizeof path, "/api/files/%s/notice/%s/%s", app_id(child), theirs, sha);
    assert_status(ask("GET", path, NULL), 404);
    assert_said("file_away");
    (void)snprintf(path, sizeof path, "/api/files/%s/notice/%s", app_id(child), theirs);
    assert_status(ask("GET", path, NULL), 200);
    assert_said("\"state\":\"away\"");
    (void)snprintf(path, sizeof path, "/api/files/%s/notice/%s/%s/fetch", app_id(child), theirs,
                   sha);
    assert_status(ask("POST", path, "{}"), 200);
    assert_true(app_take_wrote(d.app)); /* neighbours are to be told */
    (void)snprintf(path, sizeof path, "/api/files/%s/notice/%s", app_id(child), theirs);
    assert_status(ask("GET", path, NULL), 200);
    assert_said("\"state\":\"coming\",\"here\":0");
    assert_said("\"why\":\"unreachable\""); /* nothing runs between the two */
    (void)snprintf(path, sizeof path, "/api/files/%s/notice/%s/%.42sA/fetch", app_id(child), theirs,
                   sha);
    assert_status(ask("POST", path, "{}"), 404);
    assert_status(fetch("notice", rec), 200);
    node_sound(d.app); /* what refers to what is derived again, too */
    sweep();
    assert_true(stands(sha));
    assert_int_equal(app_erase_request(d.app, "asks", rec, "person", &n, &f), 0);
    assert_int_equal(app_erase_confirm(d.app, "agrees", n, &e, &f), 0);
    for (int i = 0; i < 100 && app__blob_tick(d.app, app_mono_ms()) == 1; i++) {
    }
    assert_false(stands(sha));
    app_close(child);
    assert_int_equal(home_drop(NULL), 0);
}

/* The records came back from a neighbour and the folder of files did not: `verify` says which. */
static void folder_is_lost(void **state)
{
    (void)state;
    char rec[65];
    struct app_verdict v = {0};
    user_in("wang", "clerk");
    bring("a.pdf", pdf, PDF);
    new_notice(rec, "pdf", PDF);
    assert_int_equal(app_verify(d.app, &v, NULL, NULL), 0);
    assert_int_equal(v.wrong, 0);
    assert_int_equal(blob_drop(d.dir, sha), 0);
    assert_int_equal(store_begin(d.app->store), 0);
    assert_int_equal(blob_row_drop(d.app->store, sha), 0);
    assert_int_equal(store_commit(d.app->store), 0);
    assert_int_equal(app_verify(d.app, &v, NULL, NULL), 0);
    assert_int_equal(v.wrong, 1);
    bring("a.pdf", pdf, PDF); /* brought again it is there again */
    assert_int_equal(app_verify(d.app, &v, NULL, NULL), 0);
    assert_int_equal(v.wrong, 0);
    assert_status(fetch("notice", rec), 200);
}

/* An item whose `bl` is not what its content says is refused, from whomever it comes. */
static void both_say_the_same(void **state)
{
    (void)state;
    static const char x[] =
        "{\"sha256\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"len\":7}";
    static const char other[] =
        "{\"sha256\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"len\":8}";
    static const char d_with[] = "{\"kind\":\"document\",\"title\":\"t\",\"files\":[{\"name\":"
                                 "\"a\",\"type\":\"pdf\",\"len\":7,"
                                 "\"sha256\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}";
    static const char d_without[] = "{\"kind\":\"document\",\"title\":\"t\"}";
    static const struct {
        const char *d, *one, *two;
        bool ok;
    } t[] = {{d_with, x, NULL, true}, {d_with, NULL, NULL, false}, {d_with, other, NULL, false},
             {d_with, x, x, false},   {d_without, x, NULL, false}, {d_without, NULL, NULL, true}};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        char bl[512];
        struct fault f = {0};
        struct item it = {.op = OP_PUT, .r = 1, .d = span_of(t[i].d, strlen(t[i].d))};
        (void)snprintf(it.id, sizeof it.id, "n1");
        (void)snprintf(it.k, sizeof it.k, "notice/1");
        int n = snprintf(bl, sizeof bl, "[%s%s%s]", t[i].one, t[i].two == NULL ? "" : ",",
                         t[i].two == NULL ? "" : t[i].two);
        it.bl = t[i].one == NULL ? span_of(NULL, 0) : span_of(bl, (size_t)n);
        int r = kind_check_item(&it, AUD_FED, false, &f);
        assert_int_equal(r, t[i].ok ? 0 : SANJI_E_SPEC);
        assert_string_equal(f.member, t[i].ok ? "" : "bl");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {ON_A_NODE(in_pieces),
                                       ON_A_NODE(what_is_not_taken),
                                       ON_A_NODE(a_share_each),
                                       ON_A_NODE(in_records),
                                       ON_A_NODE(whose_record_it_is),
                                       ON_A_NODE(nobody_names_it),
                                       ON_A_NODE(erased),
                                       ON_A_NODE(erased_where_it_cannot_be_read),
                                       ON_A_NODE(put_back),
                                       ON_A_NODE(named_and_no_row),
                                       ON_A_NODE(names_go_too),
                                       ON_A_NODE(named_by_another),
                                       ON_A_NODE(folder_is_lost),
                                       cmocka_unit_test(both_say_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
