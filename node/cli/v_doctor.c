/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: everything that can be found wrong without being told where to look, one line each, and
 * for what is wrong the remedy. The outside (files, rights, disk) is looked at in the
 * command's own process, so that it answers when the node cannot be opened at all; the rest is
 * asked of the opened node, in the daemon when one runs. */
#include "node/app_backup.h"
#include "node/app_hook.h"
#include "node/app_refused.h"
#include "node/cli/ferry_wire.h"
#include "node/cli/table.h"

#include "node/serve.h"
#include "protocol/base/text.h"
#include "protocol/calendar.h"
#include "protocol/jwrite.h"
#include "sync/enrol.h"
#include "sync/ferry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PARENT_WAIT_MS = 5000, CARRIED_DAYS = 31 };

/* name: of the sentences doctor.NAME and, with the remedy, doctor.NAME.fix. */
int say_check(struct verb *v, enum check_level l, const char *name, const char *what)
{
    static const char *const words[] = {"ok    ", "note  ", "WRONG "};
    char key[64];
    struct buf b;
    buf_init(&b, 16384);
    snprintf(key, sizeof key, "doctor.%s%s", name, l == CHECK_FINE ? "" : ".fix");
    if (verb_has(v, "json")) {
        struct buf text;
        struct jw w;
        buf_init(&text, 8192);
        text_put(&text, v->lang, key, "what", what, NULL);
        jw_init(&w, &b);
        jw_obj(&w, NULL);
        jw_str(&w, "check", name);
        jw_bool(&w, "ok", l != CHECK_WRONG);
        jw_str(&w, "level", l == CHECK_FINE ? "ok" : l == CHECK_NOTE ? "note" : "wrong");
        jw_str(&w, "what", what);
        jw_str(&w, "text", buf_str(&text));
        jw_end_obj(&w);
        (void)jw_done(&w);
        buf_done(&text);
    } else {
        buf_puts(&b, words[l]);
        text_put(&b, v->lang, key, "what", what, NULL);
    }
    (void)verb_text(v, &b);
    buf_done(&b);
    return l == CHECK_WRONG ? EXIT_NO : EXIT_OK;
}

/* ---- from outside ---- */

static bool secret(const char *dir, const char *name)
{
    char path[APP_PATH_BYTES];
    struct stat st;
    return app_path(dir, name, path) == 0 && stat(path, &st) == 0 && (st.st_mode & 077) == 0 &&
           st.st_uid == geteuid();
}

static int look_outside(struct verb *v, bool *ret_there)
{
    static const char *const keys[] = {"keys/sign.seed", "keys/seal.seed", "keys/tls.key"};
    char path[APP_PATH_BYTES];
    struct config c;
    struct app_fault f = {.report = verb_config_problem, .arg = v};
    struct app a = {.lock_fd = -1};
    *ret_there = app_path(v->dir, "sanji.db", path) == 0 && access(path, F_OK) == 0;
    int bad = say_check(v, *ret_there ? CHECK_FINE : CHECK_WRONG, "node", v->dir);
    if (!*ret_there) {
        return bad;
    }
    int r = app_config_read(v->dir, &c, &f);
    bad |= say_check(v, r == 0 ? CHECK_FINE : CHECK_WRONG, "config", "sanji.conf");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        bad |= say_check(v, secret(v->dir, keys[i]) ? CHECK_FINE : CHECK_WRONG, "secret", keys[i]);
    }
    bad |= say_check(v, access(v->dir, W_OK) == 0 ? CHECK_FINE : CHECK_WRONG, "writable", v->dir);
    if (r == 0) {
        a.cfg = c;
        snprintf(a.dir, sizeof a.dir, "%s", v->dir);
        bad |= say_check(v, app_disk_low(&a) ? CHECK_WRONG : CHECK_FINE, "disk", v->dir);
    }
    return bad;
}

int v_doctor(struct verb *v)
{
    bool there = false;
    int bad = look_outside(v, &there);
    const char *words[] = {"doctor", "node", "--data", v->dir, "--json"};
    int n = verb_has(v, "json") ? 5 : 4;
    if (!there) {
        return bad;
    }
    struct verb x = {.lang = v->lang, .io = v->io, .out = v->out, .err = v->err};
    struct buf say;
    bool help = false;
    buf_init(&say, 65536);
    int code = verb_parse(&x, n, words, &say, &help);
    code = code == EXIT_OK ? verb_dispatch(&x, n, words, -1) : EXIT_NO;
    verb_done(&x);
    buf_done(&say);
    return bad != EXIT_OK || code != EXIT_OK ? EXIT_NO : EXIT_OK;
}

/* ---- the opened node ---- */

/* Brought by a file not long ago: a line is then no necessity. */
static bool carried(const struct verb *v, const char *node)
{
    int64_t in, out;
    app_ferry_days(v->app, node, &in, &out);
    return in >= 0 && in <= CARRIED_DAYS;
}

static int look_parent(struct verb *v)
{
    struct sync_peer_status p = {0};
    struct node_id id;
    uint8_t tls[HASH_LEN];
    struct buf url;
    char text[400];
    if (app_is_top(v->app) || app_by_files(v->app)) { /* how long ago: look_ferry() */
        return EXIT_OK;
    }
    if (!v->in_daemon) { /* nobody keeps a connection: try once */
        (void)serve_sync_once(v->app, PARENT_WAIT_MS);
    }
    buf_init(&url, 4096);
    bool known = sync_parent(v->app->sync, &id, tls, &url) == 0;
    app_parent_status(v->app, &p);
    snprintf(text, sizeof text, "%.300s", known ? buf_str(&url) : "");
    buf_done(&url);
    bool up = p.last_ok_ms != 0 && p.last_err == 0;
    if (up) {
        return say_check(v, CHECK_FINE, "parent", text);
    }
    int err = p.last_err < 0 ? p.last_err : SANJI_E_UNREACHABLE;
    if (err == SANJI_E_UNREACHABLE) {
        return say_check(v, known && carried(v, id.s) ? CHECK_NOTE : CHECK_WRONG, "unreachable",
                         text);
    }
    size_t n = strlen(text);
    snprintf(text + n, sizeof text - n, ": %.80s [%.20s]", text_error(v->lang, err), err_name(err));
    return say_check(v, CHECK_WRONG, "parent", text);
}

struct by_files {
    struct verb *v;
    int bad;
};

static int on_note(const char *node, const struct sync_ferry_note *n, void *arg)
{
    struct by_files *x = arg;
    struct buf b;
    int64_t in = 0;
    (void)n;
    buf_init(&b, 4096);
    if (ferry_words(x->v, node, &in, &b)) {
        x->bad |=
            say_check(x->v, in > CARRIED_DAYS ? CHECK_NOTE : CHECK_FINE, "ferry", buf_str(&b));
    }
    buf_done(&b);
    return 0;
}

static int look_ferry(struct verb *v)
{
    struct by_files x = {.v = v};
    (void)sync_ferry_notes(v->app->sync, on_note, &x);
    return x.bad;
}

/* After the parent was asked: it is the best witness. */
static int look_clock(struct verb *v)
{
    struct app_clock c;
    char key[32], off[48];
    struct buf b;
    app_clock(v->app, &c);
    if (strcmp(c.word, "ok") == 0) {
        return say_check(v, CHECK_FINE, "clock", "");
    }
    snprintf(key, sizeof key, "clock.%s", c.word);
    span_words(v->lang, c.off_ms, off);
    buf_init(&b, 4096);
    text_put(&b, v->lang, key, "off", off, NULL);
    int bad = say_check(v, c.wrong ? CHECK_WRONG : CHECK_NOTE, "clock", buf_str(&b));
    buf_done(&b);
    return bad;
}

struct frozen {
    int n;
};
static void on_stream(const struct sync_stream_row *r, void *arg)
{
    ((struct frozen *)arg)->n += r->frozen;
}

static int on_waiting(const struct enrol_row *r, void *arg)
{
    *(int *)arg += r->requested && !r->approved && !r->done;
    return 0;
}

static int look_calendar(struct verb *v)
{
    struct calendar *c = calloc(1, sizeof *c);
    char day[11], year[5];
    date_write(date_of_ms(app_now_ms()), day);
    snprintf(year, sizeof year, "%.4s", day);
    int64_t y = 0;
    bool ok = c != NULL && app_calendar(v->app, c) == 0 &&
              text_i64(year, 4, CAL_YEAR_MIN, CAL_YEAR_MAX, &y) == 0 && c->known[y - CAL_YEAR_MIN];
    free(c);
    return say_check(v, ok ? CHECK_FINE : CHECK_NOTE, "calendar", year);
}

/* An old version goes on working; its administrator is told before and after the day. */
static int look_floor(struct verb *v)
{
    const char *minv = NULL, *date = NULL;
    char text[120], day[11];
    if (!roster_floor(app_roster(v->app), app_id(v->app), &minv, &date) ||
        version_cmp(SANJI_VERSION, minv) >= 0) {
        return EXIT_OK;
    }
    date_write(date_of_ms(app_now_ms()), day);
    snprintf(text, sizeof text, "%s < %s, %s", SANJI_VERSION, minv, date);
    return say_check(v, strcmp(day, date) < 0 ? CHECK_NOTE : CHECK_WRONG, "floor", text);
}

/* Late: a day off and a week-end are not yet a reason to worry anybody. */
static int look_backup(struct verb *v)
{
    int64_t last = 0, now = app_now_ms(), every = v->app->cfg.backup_every;
    char days[32];
    if (v->app->cfg.backup_keep == 0) {
        return say_check(v, CHECK_NOTE, "backup_off", "");
    }
    int r = app_backup_last(v->app, &last);
    if (r == SANJI_E_NOT_FOUND) {
        return say_check(v, CHECK_NOTE, "backup_never", "");
    }
    int64_t age = now > last ? now - last : 0;
    snprintf(days, sizeof days, "%lld", (long long)(age / 86400000));
    return say_check(v, r < 0 || age > 4 * every ? CHECK_WRONG : CHECK_FINE, "backup", days);
}

struct hooks_seen {
    struct verb *v;
    int bad;
};

/* One that has not been reached for some time; where there are none nothing is said. */
static int on_hook(const struct hook_row *h, void *arg)
{
    struct hooks_seen *x = arg;
    char text[400], day[11];
    if (h->fails < HOOK_DEAD) {
        x->bad |= say_check(x->v, CHECK_FINE, "hook", h->name);
        return 0;
    }
    date_write(date_of_ms(h->failed), day);
    snprintf(text, sizeof text, "%lld %s (%s, %s)", (long long)h->n, h->name, day, h->why);
    x->bad |= say_check(x->v, CHECK_WRONG, "hook", text);
    return 0;
}

static int look_hooks(struct verb *v)
{
    struct hooks_seen x = {.v = v};
    (void)hook_list(v->app->store, on_hook, &x);
    return x.bad;
}

int v_doctor_node(struct verb *v)
{
    struct store_totals t = {0};
    struct frozen fr = {0};
    int waiting = 0;
    char n[32];
    int r = store_totals(v->app->store, &t);
    int bad =
        say_check(v, r == 0 ? CHECK_FINE : CHECK_WRONG, "database", r == 0 ? "" : err_name(r));
    bad |= look_parent(v); /* may bring the roster */
    bad |= look_ferry(v);
    bad |= look_clock(v);
    enum sync_self_state self = sync_self_state(v->app->sync);
    bad |= say_check(v,
                     self == SYNC_SELF_OK            ? CHECK_FINE
                     : self == SYNC_SELF_UNCONFIRMED ? CHECK_NOTE
                                                     : CHECK_WRONG,
                     "self", app_self_word(v->app));
    snprintf(n, sizeof n, "%lld", (long long)app_twice_count(v->app));
    bad |= say_check(v, strcmp(n, "0") != 0 ? CHECK_NOTE : CHECK_FINE, "twice", n);
    snprintf(n, sizeof n, "%lld", (long long)app_unsent_count(v->app));
    bad |= say_check(v, strcmp(n, "0") != 0 ? CHECK_NOTE : CHECK_FINE, "unsent", n);
    snprintf(n, sizeof n, "%lld", (long long)app_refused_count(v->app));
    bad |= say_check(v, strcmp(n, "0") != 0 ? CHECK_WRONG : CHECK_FINE, "refused", n);
    const struct roster_node *me = app_self_node(v->app);
    bool ok = me != NULL && me->state == NODE_ACTIVE;
    bad |= say_check(v, ok ? CHECK_FINE : CHECK_WRONG, "roster",
                     me != NULL ? me->name : app_id(v->app));
    int rot = app_rotation(v->app);
    if (rot != 0) {
        bad |= say_check(v, rot == SANJI_E_PENDING ? CHECK_NOTE : CHECK_WRONG, "rotation",
                         err_name(rot));
    }
    sync_each_stream(v->app->sync, on_stream, &fr);
    snprintf(n, sizeof n, "%d", fr.n);
    bad |= say_check(v, fr.n > 0 ? CHECK_WRONG : CHECK_FINE, "frozen", n);
    snprintf(n, sizeof n, "%lld", (long long)t.parked);
    bad |= say_check(v, t.parked > 0 ? CHECK_NOTE : CHECK_FINE, "parked", n);
    if (enrol_each(v->app->sync, on_waiting, &waiting) == 0 && waiting > 0) {
        snprintf(n, sizeof n, "%d", waiting);
        bad |= say_check(v, CHECK_NOTE, "waiting", n);
    }
    bad |= look_news(v);
    bad |= look_hooks(v);
    bad |= look_floor(v) | look_backup(v);
    return bad | look_calendar(v);
}
