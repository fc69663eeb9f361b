/* SPDX-License-Identifier: Apache-2.0 */
/* Records as seen from the command line: get, list, withdraw, kinds; and referrals. */
#include "node/cli/table.h"

#include "protocol/base/text.h"
#include "protocol/jwrite.h"

#include <stdio.h>
#include <string.h>

/* "OWNER/ID" or "ID". owner is empty when not given. */
void verb_split_id(const char *s, char owner[LIM_NODE_ID + 2], const char **ret_id)
{
    const char *slash = strchr(s, '/');
    owner[0] = '\0';
    *ret_id = s;
    if (slash != NULL && node_id_valid(s, (size_t)(slash - s))) {
        memcpy(owner, s, (size_t)(slash - s));
        owner[slash - s] = '\0';
        *ret_id = slash + 1;
    }
}

static void rec_json(const struct store_rec *rec, struct buf *out)
{
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_str(&w, "owner", rec->owner);
    jw_str(&w, "kind", rec->kind);
    jw_str(&w, "id", rec->id);
    jw_int(&w, "revision", rec->r);
    jw_str(&w, "audience", rec->aud);
    if (strcmp(rec->by, rec->owner) != 0) {
        jw_str(&w, "steward", rec->by);
    }
    if (rec->withdrawn) {
        jw_bool(&w, "withdrawn", true);
    } else {
        jw_raw(&w, "content", rec->d.p, rec->d.n);
    }
    jw_end_obj(&w);
    if (jw_done(&w) == 0) {
        buf_putc(out, '\n');
    }
}

static int on_rec(const struct store_rec *rec, void *arg)
{
    struct verb *v = arg;
    struct buf b;
    buf_init(&b, LIM_ITEM_BYTES * 4);
    rec_json(rec, &b);
    int r = verb_put(v, b.data, b.len);
    buf_done(&b);
    return r;
}

static int on_listed(const struct store_rec *rec, void *arg)
{
    struct table *t = arg;
    char id[LIM_NODE_ID + LIM_ID_BYTES + 4], day[11] = "";
    if (verb_has(t->v, "json")) {
        return on_rec(rec, t->v);
    }
    const struct roster_node *n = roster_node(app_roster(t->v->app), rec->owner);
    snprintf(id, sizeof id, "%s/%s", rec->owner, rec->id);
    date_write(date_of_ms(rec->ts), day);
    const char *cell[] = {id, day, n != NULL ? n->name : "", rec->state, rec->title};
    return table_row(t, cell);
}

int v_get(struct verb *v)
{
    char owner[LIM_NODE_ID + 2];
    const char *id;
    verb_split_id(v->arg[0], owner, &id);
    int r = store_record_get(v->app->store, owner[0] != '\0' ? owner : NULL, NULL, id, on_rec, v);
    return r < 0 ? verb_fail(v, r, v->arg[0]) : EXIT_OK;
}

/* Kind (the first argument), owner, area, state and words of a list; borrowed from the verb. */
int verb_list_filter(struct verb *v, struct store_filter *f)
{
    f->owner = verb_flag(v, "owner");
    f->area = verb_flag(v, "area");
    f->state = verb_flag(v, "state");
    f->text = verb_flag(v, "search");
    f->now_ms = app_now_ms();
    if (f->owner != NULL && roster_node(app_roster(v->app), f->owner) == NULL) {
        VERB_SAY(v, EXIT_NO, "list.owner", "node", f->owner);
    }
    const struct kind *k = kind_find(v->arg[0]);
    if (k == NULL) {
        struct buf list;
        buf_init(&list, 4096);
        for (size_t i = 0; i < kinds_n; i++) {
            if (kinds[i]->shape == KS_STATE || kinds[i]->shape == KS_BOTH) {
                buf_printf(&list, "%s%s", list.len > 0 ? " " : "", kinds[i]->name);
            }
        }
        char known[1024];
        snprintf(known, sizeof known, "%s", buf_str(&list));
        buf_done(&list);
        VERB_SAY(v, EXIT_NO, "list.kind", "kind", v->arg[0], "kinds", known);
    }
    f->kind = k->name;
    return EXIT_OK;
}

int v_list(struct verb *v)
{
    int64_t limit = 50;
    const char *n = verb_flag(v, "limit");
    if (n != NULL && text_i64(n, strlen(n), 1, 1000000, &limit) < 0) {
        return verb_bad_value(v, "limit");
    }
    struct store_filter f = {.limit = limit};
    int code = verb_list_filter(v, &f);
    if (code != EXIT_OK) {
        return code;
    }
    static const struct column cols[] = {
        {"col.id", 42}, {"col.day", 10}, {"col.platform", 24}, {"col.state", 8}, {"col.title", 0}};
    struct table t = {.v = v, .cols = cols, .n = sizeof cols / sizeof cols[0]};
    int r = store_record_list(v->app->store, &f, on_listed, &t);
    if (r < 0) {
        return verb_fail(v, r, v->arg[0]);
    }
    if (!verb_has(v, "json")) {
        table_end(&t, "list.none");
    }
    return EXIT_OK;
}

int v_withdraw(struct verb *v)
{
    int code = EXIT_OK;
    for (int i = 0; i < v->n_args; i++) {
        struct fault f = {0};
        int r = app_withdraw(v->app, verb_flag(v, "for"), v->arg[i], &f);
        if (r < 0) {
            const char *node = verb_flag(v, "for");
            code = node != NULL && r != SANJI_E_NOT_FOUND ? verb_for_failed(v, r, node)
                                                          : verb_fail_fault(v, r, &f, v->arg[i]);
        } else if (verb_has(v, "json")) {
            (void)verb_out(v, "{\"id\":\"%s\",\"withdrawn\":true}\n", v->arg[i]);
        } else {
            (void)verb_out(v, "%s\n", v->arg[i]);
        }
    }
    return code;
}

int v_kinds(struct verb *v)
{
    struct buf b;
    int r = 0;
    bool any = false;
    static const struct column cols[] = {{"col.kind", 12}, {"col.audiences", 0}};
    struct table t = {.v = v, .cols = cols, .n = sizeof cols / sizeof cols[0]};
    buf_init(&b, 1 << 20);
    for (size_t i = 0; r == 0 && i < kinds_n; i++) {
        const struct kind *k = kinds[i];
        if (v->n_args > 0 && strcmp(v->arg[0], k->name) != 0) {
            continue;
        }
        any = true;
        buf_reset(&b);
        if (verb_has(v, "json") || v->n_args > 0) {
            r = kind_describe(k, &b);
            buf_putc(&b, '\n');
            r = r == 0 ? verb_put(v, b.data, b.len) : r;
        } else {
            char name[48];
            snprintf(name, sizeof name, "%s/%d", k->name, k->major);
            const char *cell[] = {name, k->audiences};
            r = table_row(&t, cell);
        }
    }
    buf_done(&b);
    return r < 0 ? verb_fail(v, r, NULL)
           : any ? EXIT_OK
                 : verb_fail(v, SANJI_E_NOT_FOUND, v->arg[0]);
}

/* ---- referrals ---- */

static const struct {
    const char *word;
    enum ref_event ev;
} events[] = {
    {"send", RE_SEND},
    {"open", RE_OPEN},
    {"ask-info", RE_ASK_INFO},
    {"give-info", RE_GIVE_INFO},
    {"accept", RE_ACCEPT},
    {"decline", RE_DECLINE},
    {"schedule", RE_SCHEDULE},
    {"reschedule", RE_RESCHEDULE},
    {"no-show", RE_NO_SHOW},
    {"appt-cancel", RE_APPT_CANCEL},
    {"serve", RE_SERVE},
    {"outcome", RE_OUTCOME},
    {"cancel", RE_CANCEL_REQUEST},
    {"confirm-cancel", RE_CANCEL_CONFIRM},
    {"close", RE_CLOSE},
    {"void", RE_VOID},
};

static int done(struct verb *v, const char *id)
{
    int r = verb_has(v, "json") ? verb_out(v, "{\"id\":\"%s\"}\n", id) : verb_out(v, "%s\n", id);
    return r < 0 ? EXIT_NO : EXIT_OK;
}

int v_ref_event(struct verb *v)
{
    const char *word = strchr(v->def->name, ' ') + 1;
    const char *d = verb_flag(v, "d");
    struct span content = d != NULL ? span_of(d, strlen(d)) : span_of(NULL, 0);
    struct fault f = {0};
    char id[LIM_ID_BYTES + 1];
    int r = SANJI_E_BUG;
    if (strcmp(word, "send") == 0) {
        content = d != NULL ? content : put_input_text(v);
        r = app_referral_send(v->app, verb_flag(v, "to"), content, id, &f);
        return r < 0 ? verb_fail_fault(v, r, &f, NULL) : done(v, id);
    }
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        if (strcmp(events[i].word, word) == 0) {
            r = app_referral_event(v->app, v->arg[0], events[i].ev, content, &f);
        }
    }
    return r < 0 ? verb_fail_fault(v, r, &f, v->arg[0]) : done(v, v->arg[0]);
}

static void thread_json(const struct store_thread *t, struct jw *w)
{
    jw_obj(w, NULL);
    jw_str(w, "id", t->id);
    jw_str(w, "from", t->init);
    jw_str(w, "peer", t->peer);
    jw_str(w, "state", ref_state_name(t->fold.state));
    jw_bool(w, "cancel_pending", t->fold.cancel_pending);
    jw_int(w, "events", t->events);
    jw_int(w, "opened_ms", t->opened);
    jw_int(w, "changed_ms", t->changed);
}

static int on_thread(const struct store_thread *t, void *arg)
{
    struct table *tab = arg;
    struct verb *v = tab->v;
    struct buf b;
    struct jw w;
    int r;
    if (!verb_has(v, "json")) {
        const struct roster_node *n = roster_node(app_roster(v->app), t->peer);
        char state[64], day[11];
        snprintf(state, sizeof state, "ref.%s", ref_state_name(t->fold.state));
        date_write(date_of_ms(t->changed), day);
        const char *way = strcmp(t->init, t->peer) == 0 ? "word.from" : "word.to";
        const char *cell[] = {t->id,
                              day,
                              text_get(v->lang, way),
                              t->peer,
                              text_get(v->lang, state),
                              n != NULL ? n->name : ""};
        return table_row(tab, cell);
    }
    buf_init(&b, 8192);
    jw_init(&w, &b);
    thread_json(t, &w);
    jw_end_obj(&w);
    r = jw_done(&w);
    buf_putc(&b, '\n');
    r = r == 0 ? verb_put(v, b.data, b.len) : r;
    buf_done(&b);
    return r;
}

int v_ref_list(struct verb *v)
{
    int64_t limit = 100;
    const char *n = verb_flag(v, "limit");
    if (n != NULL && text_i64(n, strlen(n), 1, 1000000, &limit) < 0) {
        return verb_bad_value(v, "limit");
    }
    static const struct column cols[] = {{"col.id", 27},   {"col.day", 10},   {"col.way", 4},
                                         {"col.node", 14}, {"col.state", 16}, {"col.platform", 0}};
    struct table t = {.v = v, .cols = cols, .n = sizeof cols / sizeof cols[0]};
    int r = store_thread_list(v->app->store, limit, 0, on_thread, &t);
    if (r < 0) {
        return verb_fail(v, r, NULL);
    }
    if (!verb_has(v, "json")) {
        table_end(&t, "referral.none");
    }
    return EXIT_OK;
}

struct show {
    struct verb *v;
    struct jw w;
    int n;
};

static int on_show_event(const struct store_thread_event *e, void *arg)
{
    struct show *s = arg;
    jw_obj(&s->w, NULL);
    jw_str(&s->w, "by", e->by);
    jw_int(&s->w, "step", e->step);
    jw_str(&s->w, "ev", ref_event_name(e->ev));
    jw_str(&s->w, "on", e->day);
    jw_raw(&s->w, "d", e->d.p, e->d.n);
    jw_end_obj(&s->w);
    return 0;
}

static int on_show(const struct store_thread *t, void *arg)
{
    struct show *s = arg;
    s->n++;
    thread_json(t, &s->w);
    jw_arr(&s->w, "log");
    int r = store_thread_events(s->v->app->store, t->n, on_show_event, s);
    jw_end_arr(&s->w);
    jw_end_obj(&s->w);
    return r;
}

int v_ref_show(struct verb *v)
{
    struct show s = {.v = v};
    struct buf b;
    buf_init(&b, 16 << 20);
    jw_init(&s.w, &b);
    jw_arr(&s.w, NULL);
    int r = store_thread_by_id(v->app->store, v->arg[0], on_show, &s);
    jw_end_arr(&s.w);
    if (r == 0) {
        r = s.n == 0 ? SANJI_E_NOT_FOUND : jw_done(&s.w);
    }
    if (r == 0) {
        (void)verb_text(v, &b);
    }
    buf_wipe_done(&b);
    return r < 0 ? verb_fail(v, r, v->arg[0]) : EXIT_OK;
}
