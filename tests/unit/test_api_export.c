/* SPDX-License-Identifier: Apache-2.0 */
/* Lists as files: what stands in them, for whom, and that it is written down who took them. */
#include "protocol/base/csv.h"
#include "protocol/jcur.h"
#include "tests/support/desk.h"

enum { ROWS = 8 };
static char table[ROWS][CSV_CELLS][64];
static size_t rows, cols;

static int on_row(const struct span *cell, size_t n, long row, void *arg)
{
    (void)row, (void)arg;
    assert_true(rows < ROWS);
    cols = rows == 0 ? n : cols;
    assert_int_equal(n, cols);
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(table[rows][i], sizeof table[rows][i], "%.*s", (int)cell[i].n,
                       (const char *)cell[i].p);
    }
    rows++;
    return 0;
}

static void read_table(void)
{
    struct fault f = {0};
    struct span t = span_of(d.rep.body.data, d.rep.body.len);
    rows = 0;
    memset(table, 0, sizeof table);
    assert_int_equal(memcmp(t.p, CSV_BOM, 3), 0);
    assert_int_equal(memcmp(t.p + t.n - 2, "\r\n", 2), 0);
    assert_int_equal(csv_separator(&t), ',');
    assert_int_equal(csv_read(t, ',', 1000, on_row, NULL, &f), 0);
}

/* A cell by its heading. */
static const char *at(size_t row, const char *head)
{
    for (size_t i = 0; i < cols; i++) {
        if (strcmp(table[0][i], head) == 0) {
            return table[row][i];
        }
    }
    fail_msg("no column %s in %s", head, text());
    return NULL;
}

static void a_list_as_a_table(void **state)
{
    (void)state;
    user_in("wang", "clerk");
    assert_status(
        ask("POST", "/api/records/listing",
            "{\"d\":{\"kind\":\"venue\",\"title\":\"=1+1\",\"price\":12345,\"fee\":\"paid\","
            "\"lat\":366512345,\"lng\":1170000001,\"approval\":true,\"as_of\":\"2026-11-01\","
            "\"field\":[\"elderly\",\"youth\"],\"tags\":[\"甲、乙\"],\"detail\":\"一\\n二\","
            "\"equipment\":[\"投影\",\"音响\"]}}"),
        200);
    assert_status(ask("POST", "/api/records/listing",
                      "{\"d\":{\"kind\":\"mentor\",\"title\":\"李老师\",\"price\":5}}"),
                  200);
    assert_status(ask("GET", "/api/records/export?kind=listing&f.kind=venue", NULL), 200);
    assert_string_equal(header("Content-Type"), "text/csv; charset=utf-8");
    assert_int_equal(
        strncmp(header("Content-Disposition"), "attachment; filename=\"listing-20", 32), 0);
    read_table();
    assert_int_equal(rows, 2);
    assert_string_equal(at(1, "Title"), "'=1+1");
    assert_string_equal(at(1, "Kind"), "Venue");
    assert_string_equal(at(1, "Price (yuan)"), "123.45");
    assert_string_equal(at(1, "Latitude"), "36.6512345");
    assert_string_equal(at(1, "Longitude"), "117.0000001");
    assert_string_equal(at(1, "Fields"), "Elderly people; Youth");
    assert_string_equal(at(1, "Tags"), "甲、乙\n");
    assert_string_equal(at(1, "Equipment there"), "投影; 音响");
    assert_string_equal(at(1, "Platform"), "济南市");
    assert_string_equal(at(1, "Visible to"), "The whole federation");
    defaults();
    d.rq.accept_language = "zh-CN";
    assert_status(send_request("GET", "/api/records/export?kind=listing", NULL), 200);
    read_table();
    assert_int_equal(rows, 3);
    assert_string_equal(at(1, "名称"), "李老师");
    assert_string_equal(at(2, "类别"), "场地");
    assert_status(ask("GET", "/api/records/export?kind=listing&head=names&q=李老师", NULL), 200);
    read_table();
    assert_int_equal(rows, 2);
    assert_string_equal(at(1, "kind"), "mentor");
    assert_string_equal(at(1, "price"), "0.05");
    assert_string_equal(at(1, "_owner"), app_id(d.app));
    assert_status(ask("GET", "/api/records/export?kind=listing&format=xlsx", NULL), 200);
    assert_int_equal(memcmp(d.rep.body.data, "PK\3\4", 4), 0);
    assert_status(ask("GET", "/api/records/export?kind=listing&format=pdf", NULL), 422);
    assert_said("\"member\":\"format\"");
    assert_status(ask("GET", "/api/records/export?kind=nothing", NULL), 422);
    assert_said("\"err\":\"unknown_kind\"");
}

static void the_named_stands_in_the_line(void **state)
{
    (void)state;
    char id[LIM_ID_BYTES + 1], body[512], want[128];
    user_in("wang", "clerk");
    assert_status(ask("POST", "/api/records/org", "{\"d\":{\"name\":\"晨光\"}}"), 200);
    member("id", id, sizeof id);
    (void)snprintf(body, sizeof body,
                   "{\"d\":{\"org\":\"%s\",\"kind\":\"honour\",\"title\":\"奖\",\"date\":"
                   "\"2026-11-01\",\"money\":100}}",
                   id);
    assert_status(ask("POST", "/api/records/org_event", body), 200);
    assert_status(ask("GET", "/api/records/export?kind=org_event", NULL), 200);
    read_table();
    (void)snprintf(want, sizeof want, "晨光 (%s)", id);
    assert_string_equal(at(1, "Organisation"), want);
}

static int64_t taken;
static int on_audit(const struct staff_audit *a, void *arg)
{
    (void)arg;
    if (strcmp(a->what, "GET /api/records/export") == 0 && strcmp(a->result, "ok") == 0) {
        taken += strcmp(a->target, "org") == 0;
    }
    return 0;
}

static void for_whom(void **state)
{
    (void)state;
    user_in("wang", "clerk");
    assert_status(ask("POST", "/api/records/org",
                      "{\"d\":{\"name\":\"晨光\",\"mobile\":\"13900000000\",\"public\":true}}"),
                  200);
    assert_status(ask("GET", "/api/records/export?kind=org", NULL), 200);
    assert_said("13900000000");
    assert_status(ask("GET", "/api/records/export?kind=card", NULL), 200);
    assert_false(said("13900000000"));
    taken = 0;
    assert_int_equal(staff_audit_list(d.app->store, NULL, 0, 100, on_audit, NULL), 0);
    assert_int_equal(taken, 1);
    user_in("du", "supervisor");
    assert_status(ask("GET", "/api/records/export?kind=org&format=xlsx", NULL), 200);
    user_in("zu", "member");
    assert_status(ask("GET", "/api/records/export?kind=org", NULL), 403);
    assert_false(said("13900000000"));
    assert_status(ask("GET", "/api/records/export?kind=card", NULL), 200);
}

static void every_kind_has_a_table(void **state)
{
    (void)state;
    char path[128];
    user_in("wang", "admin");
    for (size_t i = 0; i < kinds_n; i++) {
        (void)snprintf(path, sizeof path, "/api/records/export?kind=%s", kinds[i]->name);
        bool reads = kind_may(kinds[i], "admin", KACT_READ);
        assert_status(ask("GET", path, NULL), reads ? 200 : 403);
        if (!reads) { /* shown by a page of its own alone */
            continue;
        }
        read_table();
        assert_int_equal(rows, 1);
        for (size_t a = 0; a < cols; a++) { /* a column is known by its heading */
            for (size_t b = 0; b < a; b++) {
                if (strcmp(table[0][a], table[0][b]) == 0) {
                    fail_msg("%s: two columns %s", kinds[i]->name, table[0][a]);
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {ON_A_NODE(a_list_as_a_table),
                                       ON_A_NODE(the_named_stands_in_the_line), ON_A_NODE(for_whom),
                                       ON_A_NODE(every_kind_has_a_table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
