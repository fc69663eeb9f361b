/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what, compared with permissions.txt, which says it independently of the tables: every
 * route and every kind for every role, asked of a real node. Then record by record: what of an
 * archive a supervisor and the people of an organisation get to see. */
#include "node/app_internal.h"
#include "protocol/jcur.h"
#include "protocol/kinds/kind.h"
#include "tests/support/desk.h"
#include "tests/support/nodes.h"

enum { WHOS = 7, ROWS = 128, CELL = 8 };

static const char *const logins[WHOS] = {"admin",      "manager", "clerk",   "reviewer",
                                         "supervisor", "zu1",     "stranger"};
static const char *const roles[WHOS] = {"admin",      "manager", "clerk", "reviewer",
                                        "supervisor", "member",  "member"};

struct row {
    char method[8], name[64];
    char nobody;
    char cell[WHOS][CELL];
};
static struct {
    struct row kind[ROWS], route[ROWS];
    size_t kinds, routes;
} want;

static void read_row(char *line)
{
    char *word[16], *save = NULL;
    size_t n = 0;
    for (char *w = strtok_r(line, " \n", &save); w != NULL && n < 16;
         w = strtok_r(NULL, " \n", &save)) {
        word[n++] = w;
    }
    if (n == 0 || word[0][0] == '#') {
        return;
    }
    bool is_route = strcmp(word[0], "route") == 0;
    size_t at = is_route ? 4 : 2;
    assert_true(is_route || strcmp(word[0], "kind") == 0);
    assert_int_equal(n, at + WHOS);
    struct row *r = is_route ? &want.route[want.routes++] : &want.kind[want.kinds++];
    assert_true(want.routes < ROWS && want.kinds < ROWS);
    snprintf(r->method, sizeof r->method, "%s", is_route ? word[1] : "");
    snprintf(r->name, sizeof r->name, "%s", word[is_route ? 2 : 1]);
    r->nobody = is_route ? word[3][0] : '-';
    for (size_t i = 0; i < WHOS; i++) {
        snprintf(r->cell[i], CELL, "%s", word[at + i]);
    }
}

static void read_expectation(void)
{
    char line[256];
    FILE *f = fopen(SANJI_SOURCE_DIR "/tests/unit/permissions.txt", "r");
    assert_non_null(f);
    memset(&want, 0, sizeof want);
    while (fgets(line, sizeof line, f) != NULL) {
        read_row(line);
    }
    fclose(f);
}

static const struct row *row_of(const struct row *v, size_t n, const char *method, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(v[i].name, name) == 0 && strcmp(v[i].method, method) == 0) {
            return &v[i];
        }
    }
    fail_msg("%s %s has no line in permissions.txt", method, name);
    return NULL;
}

static void put_record(const char *kind, const char *json)
{
    struct fault f = {0};
    char id[LIM_ID_BYTES + 1];
    int r = app_put_one(d.app, kind_find(kind), NULL, NULL, span_of(json, strlen(json)), id, &f);
    if (r < 0) {
        fail_msg("%s: %s %s %s", kind, err_name(r), f.member, f.want);
    }
}

static void everybody(void)
{
    struct fault f = {0};
    read_expectation();
    put_record("org", "{\"id\":\"zu1\",\"name\":\"青禾社\",\"contact\":\"李小青\","
                      "\"mobile\":\"13800000001\",\"note\":\"内部\",\"short_name\":\"青禾\"}");
    put_record("org", "{\"id\":\"zu2\",\"name\":\"红旗社\",\"contact\":\"王小红\"}");
    for (size_t i = 0; i < WHOS; i++) {
        add_user(logins[i], roles[i], false);
    }
    assert_int_equal(app_user_org(d.app, "zu1", "zu1", &f), 0);
}

/* ---- routes ---- */

/* The path of a route with something in place of each ":". */
static void concrete(const char *route, char *out, size_t max)
{
    size_t n = 0;
    for (const char *p = route; *p != '\0' && n + 8 < max; p++) {
        if (*p == ':') {
            memcpy(out + n, "listing", 7);
            n += 7;
        } else {
            out[n++] = *p;
        }
    }
    out[n] = '\0';
}

static void try_route(const struct api_route *r, bool let_in, const char *role)
{
    char path[128];
    concrete(r->path, path, sizeof path);
    if (r->who == WHO_ANYONE && r->spec != NULL) { /* no token, but never from another site */
        defaults();
        d.rq.origin = "http://evil.example";
        assert_status(send_request(r->method, path, "{}"), 403);
    } else if (r->spec != NULL) { /* without the page's own token nothing gets further */
        defaults();
        d.rq.csrf = NULL;
        assert_status(send_request(r->method, path, "{}"), 403);
        d.rq.csrf = "0000000000000000000000000000000000000000000";
        assert_status(send_request(r->method, path, "{}"), 403);
    }
    int s = ask(r->method, path, r->spec == NULL ? NULL : "{}");
    bool refused = s == 403;
    if (refused == let_in || s == 401 || s >= 500) {
        fail_msg("%s %s as %s: %d %s", r->method, path, role, s, text());
    }
    if (refused) {
        assert_said("\"err\":\"forbidden\"");
    }
    if (strncmp(r->path, "/metrics", 8) != 0) {
        assert_json();
    }
}

static void every_route_for_everybody(void **state)
{
    (void)state;
    char path[128];
    everybody();
    for (size_t i = 0; i < api_routes_n; i++) {
        const struct api_route *r = &api_routes[i];
        const struct row *w = row_of(want.route, want.routes, r->method, r->path);
        concrete(r->path, path, sizeof path);
        d.cookie[0] = '\0';
        int s = ask(r->method, path, r->spec == NULL ? NULL : "{}");
        if (w->nobody == '-') {
            assert_status(s, 401);
            assert_said("\"err\":\"unauthorised\"");
        } else {
            assert_true(s != 401 && s != 403);
        }
        for (size_t k = 0; k < WHOS && strcmp(r->path, "/api/login") != 0; k++) {
            log_in(logins[k]); /* each time: log-out is among the routes */
            try_route(r, w->cell[k][0] == '+', logins[k]);
        }
    }
    assert_int_equal(want.routes, api_routes_n); /* and no line for what is gone */
}

/* Programs: a token of a role opens what the role does, but for what only people do. */
static void every_route_for_tokens(void **state)
{
    (void)state;
    static const char *const people[] = {
        "/api/logout",     "/api/password", "/api/second/new",   "/api/second",
        "/api/second/off", "/api/drafts/:", "/api/drafts/:/drop"};
    char path[128], text_[APP_TOKEN_TEXT], bearer[APP_TOKEN_TEXT + 8];
    everybody();
    d.app->cfg.token_per_minute = 100000;
    for (size_t k = 0; k < WHOS; k++) {
        struct app_token t = {.name = logins[k],
                              .role = roles[k],
                              .about = strcmp(logins[k], "zu1") == 0 ? "zu1" : "",
                              .maker = "cli",
                              .days = 1};
        struct fault f = {0};
        int64_t n;
        assert_int_equal(app_token_add(d.app, &t, text_, &n, &f), 0);
        snprintf(bearer, sizeof bearer, "Bearer %s", text_);
        for (size_t i = 0; i < api_routes_n; i++) {
            const struct api_route *r = &api_routes[i];
            const struct row *w = row_of(want.route, want.routes, r->method, r->path);
            bool may = w->nobody == '+' || w->cell[k][0] == '+';
            for (size_t j = 0; j < sizeof people / sizeof people[0]; j++) {
                bool reads = strcmp(r->method, "GET") == 0 && strncmp(people[j], "/api/d", 6) == 0;
                may = may && (reads || strcmp(r->path, people[j]) != 0);
            }
            may = may && strncmp(r->path, "/api/tokens", 11) != 0 &&
                  strncmp(r->path, "/api/feeds", 10) != 0 &&
                  strncmp(r->path, "/api/hooks", 10) != 0;
            concrete(r->path, path, sizeof path);
            defaults();
            d.rq.cookie = d.rq.csrf = NULL;
            d.rq.authorization = bearer;
            int s = send_request(r->method, path, r->spec == NULL ? NULL : "{}");
            if ((s == 403) == may || s == 401 || s >= 500) {
                fail_msg("%s %s by token of %s: %d %s", r->method, r->path, logins[k], s, text());
            }
        }
    }
}

/* ---- kinds ---- */

static void try_status(const char *method, const char *path, const char *body, bool let_in,
                       const char *login)
{
    int s = ask(method, path, body);
    if ((s != 403) != let_in || s == 401 || s >= 500) {
        fail_msg("%s %s as %s: %d %s", method, path, login, s, text());
    }
}

static void try_kind(const struct kind *k, const char *cell, const char *login)
{
    char path[128], may[256];
    bool reads = cell[0] != '-', writes = strchr(cell, 'w') != NULL;
    snprintf(path, sizeof path, "/api/records?kind=%s", k->name);
    try_status("GET", path, NULL, reads, login);
    snprintf(path, sizeof path, "/api/records?kind=%s&q=x", k->name);
    try_status("GET", path, NULL, reads, login);
    snprintf(path, sizeof path, "/api/records/export?kind=%s", k->name);
    try_status("GET", path, NULL, reads, login);
    snprintf(path, sizeof path, "/api/records/me/%s/nope", k->name);
    try_status("GET", path, NULL, reads, login);
    snprintf(path, sizeof path, "/api/records/me/%s%%2F%d/nope", k->name, k->major);
    try_status("GET", path, NULL, reads, login);
    snprintf(path, sizeof path, "/api/records/%s", k->name);
    /* Referrals have routes of their own. */
    try_status("POST", path, "{\"d\":{\"no\":1}}", writes && k->shape == KS_STATE, login);
    snprintf(path, sizeof path, "/api/records/%s/nope/withdraw", k->name);
    try_status("POST", path, "{\"seen_r\":1}", writes, login);
    snprintf(path, sizeof path, "/api/drafts/%s.new", k->name);
    try_status("GET", path, NULL, writes, login);
    try_status("POST", path, "{\"seen\":0,\"draft\":{}}", writes, login);
    snprintf(path, sizeof path, "/api/drafts/%s.new/drop", k->name);
    try_status("POST", path, "{}", writes, login);

    assert_status(ask("GET", "/api/me", NULL), 200);
    snprintf(may, sizeof may, "\"%s\":\"r%s\"", k->name, reads ? cell + 1 : "");
    snprintf(path, sizeof path, "\"%s\":\"", k->name);
    if (reads) {
        assert_said(may);
    } else {
        assert_false(said(path));
    }
}

static void every_kind_for_everybody(void **state)
{
    (void)state;
    everybody();
    for (size_t who = 0; who < WHOS; who++) {
        log_in(logins[who]);
        for (size_t i = 0; i < kinds_n; i++) {
            const struct row *w = row_of(want.kind, want.kinds, "", kinds[i]->name);
            try_kind(kinds[i], w->cell[who], logins[who]);
        }
    }
    assert_int_equal(want.kinds, kinds_n);
}

/* Lists, titles, filters and states are shown to everybody who reads the kind. */
static void tables_hold_together(void **state)
{
    (void)state;
    for (size_t i = 0; i < kinds_n; i++) {
        const struct kind *k = kinds[i];
        assert_non_null(k->access);
        for (size_t f = 0; f < k->n_fields; f++) {
            unsigned shown = KFF_FILTER | KFF_STATE | KFF_AREA | KFF_CARD;
            shown |= strcmp(k->name, "referral") == 0 ? 0 : KFF_TITLE | KFF_LIST;
            bool personal = (k->fields[f].flags & KFF_P1) != 0;
            assert_true(!personal || (k->fields[f].flags & shown) == 0);
        }
        for (size_t r = 0; r < WHOS; r++) { /* who writes a record must not lose half of it */
            bool writes = kind_may(k, roles[r], KACT_WRITE);
            assert_true(!writes || kind_may(k, roles[r], KACT_READ));
            assert_true(!writes || !kind_has_personal(k) || kind_may(k, roles[r], KACT_PERSONAL));
        }
    }
}

/* ---- record by record ---- */

static void of_organisations(void)
{
    everybody();
    put_record("service", "{\"id\":\"s1\",\"title\":\"走访一\",\"date\":\"2026-11-02\",\"method\":"
                          "\"consult\",\"org\":\"zu1\"}");
    put_record("service", "{\"id\":\"s2\",\"title\":\"走访二\",\"date\":\"2026-11-02\",\"method\":"
                          "\"consult\",\"org\":\"zu2\"}");
    put_record("service",
               "{\"id\":\"s3\",\"title\":\"社区日\",\"date\":\"2026-11-03\",\"method\":\"group\"}");
    put_record("assessment", "{\"id\":\"a1\",\"org\":\"zu1\",\"title\":\"评估\",\"year\":2026,"
                             "\"state\":\"submitted\",\"governance\":300}");
}

/* What the cursors of a list say, page by page, one record each. */
static void cursors(const char *query, char *out, size_t max)
{
    char path[256], next[64] = "";
    size_t n = 0;
    out[0] = '\0';
    for (int i = 0; i < 20; i++) {
        snprintf(path, sizeof path, "/api/records?kind=service&limit=1%s%s%s", query,
                 next[0] == '\0' ? "" : "&after=", next);
        assert_status(ask("GET", path, NULL), 200);
        if (said("\"next\":null")) {
            return;
        }
        member("next", next, sizeof next);
        n += (size_t)snprintf(out + n, max - n, "%s ", next);
    }
    fail_msg("no end: %s", out);
}

/* Records that are hidden from a person move no cursor: it would tell how many match his words. */
static void cursors_tell_nothing(void **state)
{
    (void)state;
    char found[512], listed[512], now[512], json[160];
    of_organisations();
    for (int i = 0; i < 2; i++) {
        snprintf(json, sizeof json,
                 "{\"id\":\"m%d\",\"title\":\"走访\",\"date\":\"2026-11-04\",\"method\":"
                 "\"consult\",\"org\":\"zu1\"}",
                 i);
        put_record("service", json);
    }
    log_in("zu1");
    cursors("&q=%E8%B5%B0%E8%AE%BF", found, sizeof found);
    cursors("", listed, sizeof listed);
    assert_string_equal(found, "o0.1 o0.2 ");
    for (int i = 0; i < 7; i++) {
        snprintf(json, sizeof json,
                 "{\"id\":\"h%d\",\"title\":\"走访\",\"date\":\"2026-11-0%d\",\"method\":"
                 "\"consult\",\"org\":\"zu2\"}",
                 i, 1 + i);
        put_record("service", json);
        cursors("&q=%E8%B5%B0%E8%AE%BF", now, sizeof now);
        assert_string_equal(now, found);
        cursors("", now, sizeof now);
        assert_string_equal(now, listed);
    }
    log_in("clerk"); /* who sees them all turns more pages */
    cursors("&q=%E8%B5%B0%E8%AE%BF", now, sizeof now);
    assert_string_equal(now, "o0.1 o0.2 o0.3 o0.4 o0.5 o0.6 o0.7 o0.8 o0.9 o0.10 ");
}

static void people_of_an_organisation(void **state)
{
    (void)state;
    of_organisations();
    log_in("zu1");
    assert_status(ask("GET", "/api/records?kind=org", NULL), 200);
    assert_said("\"id\":\"zu1\"");
    assert_false(said("\"zu2\"")); /* a node's id may hold these letters by chance */
    assert_false(said("红旗"));
    assert_int_equal(member_int("total"), 1);
    assert_status(ask("GET", "/api/records?kind=org&q=%E7%BA%A2%E6%97%97", NULL), 200);
    assert_int_equal(member_int("total"), 0);
    assert_status(ask("GET", "/api/records?kind=service", NULL), 200);
    assert_said("\"refs\":{\"org\":\"青禾社\"}");
    assert_int_equal(member_int("total"), 1);
    assert_status(ask("GET", "/api/records/export?kind=org", NULL), 200);
    assert_said("青禾社");
    assert_false(said("红旗") || said("13800000001"));
    assert_status(ask("GET", "/api/records?kind=service&f.org=zu2", NULL), 200);
    assert_int_equal(member_int("total"), 0);
    static const struct {
        const char *path;
        int status;
    } one[] = {
        {"/api/records/me/org/zu1", 200},       {"/api/records/me/org/zu2", 404},
        {"/api/records/me/service/s1", 200},    {"/api/records/me/service/s2", 404},
        {"/api/records/me/service/s3", 404},    {"/api/records/me/org/zu3", 404},
        {"/api/records/me/assessment/a1", 404}, {"/api/records/me/listing/zu2", 404},
    };
    for (size_t i = 0; i < sizeof one / sizeof one[0]; i++) {
        assert_status(ask("GET", one[i].path, NULL), one[i].status);
        assert_false(said("红旗"));
    }
    /* Told of the assessment once it is decided, and his own telephone is still the staff's. */
    put_record("assessment", "{\"id\":\"a1\",\"org\":\"zu1\",\"title\":\"评估\",\"year\":2026,"
                             "\"state\":\"agreed\",\"to_stage\":\"hub\",\"effective\":"
                             "\"2026-12-01\"}");
    assert_status(ask("GET", "/api/records/me/assessment/a1", NULL), 200);
    assert_status(ask("GET", "/api/records/me/org/zu1", NULL), 200);
    assert_said("\"stage\":\"hub\"");
    assert_false(said("13800000001"));
    assert_false(said("内部"));
    assert_status(ask("GET", "/api/status", NULL), 200);
    assert_said("\"listing\":0");
    assert_false(said("referral_in"));
    /* Taken off the organisation, he is anybody again. */
    struct fault f = {0};
    assert_int_equal(app_user_org(d.app, "zu1", "", &f), 0);
    log_in("zu1");
    assert_status(ask("GET", "/api/records/me/org/zu1", NULL), 403);
}

static void personal_members(void **state)
{
    (void)state;
    of_organisations();
    static const char *const asks[] = {"/api/records/me/org/zu1", "/api/records?kind=org",
                                       "/api/records?kind=org&q=%E9%9D%92%E7%A6%BE"};
    for (size_t who = 0; who < 5; who++) {
        bool sees = strcmp(roles[who], "supervisor") != 0;
        log_in(logins[who]);
        for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
            assert_status(ask("GET", asks[i], NULL), 200);
            assert_said("\"short_name\":\"青禾\"");
            assert_int_equal(said("13800000001"), sees);
            assert_int_equal(said("李小青"), sees);
            assert_int_equal(said("内部"), sees);
        }
        assert_status(ask("GET", "/api/records/export?kind=org", NULL), 200);
        assert_said("青禾");
        assert_int_equal(said("13800000001"), sees);
        /* A search must not answer what the page does not show. */
        assert_status(ask("GET", "/api/records?kind=org&q=%E6%9D%8E%E5%B0%8F%E9%9D%92", NULL), 200);
        assert_int_equal(member_int("total"), sees ? 1 : 0);
        assert_int_equal(said("青禾社"), sees);
    }
}

/* The id of a record of another kind is no way to its content. */
static void other_kinds(void **state)
{
    (void)state;
    of_organisations();
    log_in("clerk");
    static const char *const bodies[] = {
        "{\"id\":\"zu1\",\"seen_r\":99,\"d\":{\"kind\":\"venue\",\"title\":\"x\"}}",
        "{\"id\":\"zu1\",\"seen_r\":1,\"d\":{\"kind\":\"venue\",\"title\":\"x\"}}",
        "{\"id\":\"zu1\",\"d\":{\"kind\":\"venue\",\"title\":\"x\"}}",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        assert_status(ask("POST", "/api/records/listing", bodies[i]), 409);
        assert_said("\"err\":\"exists\"");
        assert_false(said("青禾"));
    }
    assert_status(ask("POST", "/api/records/listing/zu1/withdraw", "{\"seen_r\":1}"), 404);
    assert_false(said("青禾"));
}

static void belonging(void **state)
{
    (void)state;
    struct fault f = {0};
    char once[20];
    everybody();
    assert_int_equal(app_user_org(d.app, "clerk", "zu1", &f), SANJI_E_SPEC);
    assert_string_equal(f.member, "org");
    assert_int_equal(app_user_org(d.app, "zu1", "zu9", &f), SANJI_E_NOT_FOUND);
    assert_int_equal(app_user_org(d.app, "nobody", "zu1", &f), SANJI_E_NOT_FOUND);
    assert_int_equal(app_user_add(d.app, "new", "", "member", "zu9", once, &f), SANJI_E_NOT_FOUND);
    assert_int_equal(app_user_add(d.app, "new", "", "clerk", "zu2", once, &f), SANJI_E_SPEC);
    assert_int_equal(app_user_add(d.app, "new", "", "member", "zu2", once, &f), 0);
    log_in("zu1"); /* what was refused changed nothing */
    assert_status(ask("GET", "/api/me", NULL), 200);
    assert_said("\"org\":\"zu1\"");
}

/* ---- between others ---- */

static void say(struct app *a, const char *kind, const char *id, const char *to, const char *json)
{
    struct sync_tick t;
    struct buf item;
    char aud[LIM_AUD_BYTES + 1];
    buf_init(&item, LIM_ITEM_BYTES * 2);
    assert_int_equal(
        app__item(a, NULL, id, kind_find(kind), OP_PUT, 1, span_of(json, strlen(json)), &item), 0);
    struct span text = span_of(item.data, item.len);
    snprintf(aud, sizeof aud, "to:%s", to);
    assert_int_equal(app_tick_make(&t), 0);
    assert_int_equal(store_begin(a->store), 0);
    int r = sync_write(a->sync, &t, aud, &text, 1, true, NULL);
    if (r < 0) {
        fail_msg("%s: %s", kind, err_name(r));
    }
    assert_int_equal(store_commit(a->store), 0);
    buf_done(&item);
}

/* Of kinds that go to a named node (NODE), told apart by a word. */
static const struct {
    const char *kind, *json;
} to_one[] = {
    {"booking_ask", "{\"listing\":\"NODE/l1\",\"org\":\"WORD\",\"purpose\":\"meeting\",\"at\":"
                    "[[\"2026-12-01T08:00\",\"2026-12-01T09:00\"]],\"state\":\"asked\"}"},
};

static void say_all(struct app *a, const char *to, const char *word)
{
    for (size_t i = 0; i < sizeof to_one / sizeof to_one[0]; i++) {
        char json[512], id[64];
        size_t n = 0;
        for (const char *p = to_one[i].json; *p != '\0';) {
            const char *v = strncmp(p, "NODE", 4) == 0   ? to
                            : strncmp(p, "WORD", 4) == 0 ? word
                                                         : NULL;
            if (v == NULL) {
                json[n++] = *p++;
                continue;
            }
            n += (size_t)snprintf(json + n, sizeof json - n, "%s", v);
            p += 4;
        }
        json[n] = '\0';
        snprintf(id, sizeof id, "%s.%s", word, to_one[i].kind);
        say(a, to_one[i].kind, id, to, json);
    }
}

static int on_held(const struct store_rec *rec, void *arg)
{
    (void)rec;
    (void)arg;
    return 0;
}

/* What passes through this node on the way between two others nobody here reads, counts or finds;
 * behind much of it what is for this node is still found. */
static void what_is_between_others(void **state)
{
    (void)state;
    char path[160];
    everybody();
    assert_int_equal(home_make(NULL), 0);
    struct app *b = node_child(d.app, 1, "b"), *c = node_child(d.app, 2, "c");
    nodes_settle(d.app, b);
    nodes_settle(d.app, c);
    nodes_settle(d.app, b);
    say_all(b, app_id(d.app), "mineone");
    nodes_settle(d.app, b);
    say_all(b, app_id(c), "theirone");
    say_all(b, app_id(c), "theirtwo");
    nodes_settle(d.app, b);
    nodes_settle(d.app, c);
    for (size_t who = 0; who < 5; who++) {
        log_in(logins[who]);
        for (size_t i = 0; i < sizeof to_one / sizeof to_one[0]; i++) {
            const char *k = to_one[i].kind;
            snprintf(path, sizeof path, "/api/records/%s/%s/theirone.%s", app_id(b), k, k);
            assert_int_equal(
                store_record_get(d.app->store, app_id(b), k, strrchr(path, '/') + 1, on_held, NULL),
                0);
            assert_status(ask("GET", path, NULL), 404);
            snprintf(path, sizeof path, "/api/records/%s/%s/mineone.%s", app_id(b), k, k);
            assert_status(ask("GET", path, NULL), 200);
            snprintf(path, sizeof path, "/api/records?kind=%s&limit=1", k);
            assert_status(ask("GET", path, NULL), 200);
            assert_said("mineone");
            assert_false(said("theirone") || said("theirtwo"));
            assert_int_equal(member_int("total"), 1);
            snprintf(path, sizeof path, "/api/records?kind=%s&q=theirone", k);
            assert_status(ask("GET", path, NULL), 200);
            assert_int_equal(member_int("total"), 0);
            snprintf(path, sizeof path, "/api/records/export?kind=%s", k);
            assert_status(ask("GET", path, NULL), 200);
            assert_said("mineone");
            assert_false(said("theirone") || said("theirtwo"));
        }
    }
    app_close(c);
    app_close(b);
    assert_int_equal(home_drop(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_hold_together),
        ON_A_NODE(every_route_for_everybody),
        ON_A_NODE(every_route_for_tokens),
        ON_A_NODE(every_kind_for_everybody),
        ON_A_NODE(people_of_an_organisation),
        ON_A_NODE(cursors_tell_nothing),
        ON_A_NODE(personal_members),
        ON_A_NODE(other_kinds),
        ON_A_NODE(belonging),
        ON_A_NODE(what_is_between_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
