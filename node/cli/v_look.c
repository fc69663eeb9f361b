/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs that look at everything: export-state, bundles, rebuild, explain, parked, status,
 * stats. */
#include "node/cli/table.h"

#include "protocol/base/enc.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/jwrite.h"

#include <stdio.h>
#include <string.h>

static int sink(const void *p, size_t n, void *arg)
{
    return verb_put(arg, p, n);
}

int v_export(struct verb *v)
{
    const char *aud = verb_flag(v, "audience"), *kind = verb_flag(v, "kind");
    if (aud != NULL && strcmp(aud, "fed") != 0) {
        struct audience a;
        if (audience_parse(aud, strlen(aud), &a) < 0) {
            return verb_bad_value(v, "audience");
        }
    }
    const struct kind *k = kind != NULL ? kind_find(kind) : NULL;
    if (kind != NULL && k == NULL) {
        return verb_fail(v, SANJI_E_NOT_FOUND, kind);
    }
    int r = app_export(v->app, aud, k != NULL ? k->name : NULL, sink, v);
    return r < 0 ? verb_fail(v, r, NULL) : EXIT_OK;
}

/* NODE[/AUDIENCE[/EPOCH]]; audiences hold no slash. */
int v_bundles(struct verb *v)
{
    char by[LIM_NODE_ID + 2] = "", aud[LIM_AUD_BYTES + 1] = "";
    const char *s = verb_flag(v, "stream");
    int64_t ep = 0;
    if (s != NULL) {
        size_t n = strcspn(s, "/");
        const char *a = s[n] == '/' ? s + n + 1 : "";
        size_t an = strcspn(a, "/");
        const char *e = a[an] == '/' ? a + an + 1 : NULL;
        if (!node_id_valid(s, n) || an >= sizeof aud ||
            (e != NULL && text_i64(e, strlen(e), 1, LIM_EPOCH, &ep) < 0)) {
            return verb_bad_value(v, "stream");
        }
        memcpy(by, s, n);
        by[n] = '\0';
        memcpy(aud, a, an);
        aud[an] = '\0';
    }
    int r = app_bundles(v->app, s != NULL ? by : NULL, aud[0] != '\0' ? aud : NULL, ep, sink, v);
    return r < 0 ? verb_fail(v, r, NULL) : EXIT_OK;
}

int v_rebuild(struct verb *v)
{
    int64_t n = 0;
    bool same = false;
    char no[32];
    int r = app_rebuild(v->app, &n, &same);
    if (r < 0) {
        return verb_fail(v, r, NULL);
    }
    int64_t kept = app_unproven(v->app);
    snprintf(no, sizeof no, "%lld", (long long)n);
    if (verb_has(v, "json")) {
        (void)verb_out(v, "{\"bundles\":%s,\"same\":%s,\"unproven\":%lld}\n", no,
                       same ? "true" : "false", (long long)kept);
        return same && kept == 0 ? EXIT_OK : EXIT_NO;
    }
    if (kept > 0) {
        char un[32];
        snprintf(un, sizeof un, "%lld", (long long)kept);
        VERB_SAY(v, EXIT_NO, "rebuild.unproven", "n", no, "kept", un);
    }
    if (!same) {
        VERB_SAY(v, EXIT_NO, "rebuild.differs", "n", no);
    }
    VERB_TELL(v, "rebuild.same", "n", no);
    return EXIT_OK;
}

/* Indents one line of JSON for people; the text is ours, so this only looks at brackets and quotes.
 */
static int pretty(struct verb *v, const struct buf *in)
{
    struct buf o;
    int depth = 0, r = 0;
    bool str = false;
    buf_init(&o, in->len * 8 + 1024);
    for (size_t i = 0; i < in->len; i++) {
        char c = (char)in->data[i];
        char next = i + 1 < in->len ? (char)in->data[i + 1] : '\0';
        if (str) {
            buf_putc(&o, c);
            if (c == '\\') {
                buf_putc(&o, next);
                i++;
            }
            str = c != '"';
            continue;
        }
        str = c == '"';
        depth -= c == '}' || c == ']';
        bool open = (c == '{' || c == '[') && next != '}' && next != ']';
        bool close =
            (c == '}' || c == ']') && i > 0 && in->data[i - 1] != '{' && in->data[i - 1] != '[';
        if (close) {
            buf_printf(&o, "\n%*s", depth * 2, "");
        }
        buf_putc(&o, c);
        depth += c == '{' || c == '[';
        if (open || c == ',') {
            buf_printf(&o, "\n%*s", depth * 2, "");
        } else if (c == ':') {
            buf_putc(&o, ' ');
        }
    }
    r = verb_text(v, &o);
    buf_done(&o);
    return r;
}

static int show_json(struct verb *v, const struct buf *b)
{
    int r = verb_has(v, "json") ? verb_text(v, b) : pretty(v, b);
    return r < 0 ? EXIT_NO : EXIT_OK;
}

int v_explain(struct verb *v)
{
    char owner[LIM_NODE_ID + 2];
    const char *id;
    struct buf b;
    buf_init(&b, APP_JSON_BYTES);
    verb_split_id(v->arg[0], owner, &id);
    int r = app_explain(v->app, owner[0] != '\0' ? owner : NULL, id, &b);
    int code = r < 0 ? verb_fail(v, r, v->arg[0]) : show_json(v, &b);
    buf_done(&b);
    return code;
}

int v_status(struct verb *v)
{
    struct buf b;
    buf_init(&b, APP_JSON_BYTES);
    int code = EXIT_OK;
    if (verb_has(v, "json")) {
        int r = app_status(v->app, &b);
        code = r < 0 ? verb_fail(v, r, NULL) : show_json(v, &b);
    } else {
        v_status_page(v);
    }
    if (sync_self_state(v->app->sync) != SYNC_SELF_OK && !verb_has(v, "json")) {
        char key[32];
        snprintf(key, sizeof key, "self.%s", app_self_word(v->app));
        VERB_SAY(v, code, key); /* said, but asking has not failed */
    }
    buf_done(&b);
    return code;
}

/* ---- parked ---- */

static int on_parked(const struct store_parked *p, void *arg)
{
    struct table *t = arg;
    struct verb *v = t->v;
    struct sync_stream_row st;
    uint8_t id[HASH_LEN];
    char id64[B64U_LEN(HASH_LEN) + 1] = {0};
    const struct sync_store *port = store_port(v->app->store);
    struct buf b;
    struct jw w;
    if ((p->discarded && !verb_has(v, "all")) || store_stream_get(v->app->store, p->no, &st) < 0 ||
        port->bundle_id(port->ctx, p->no, p->seq, id) < 0) {
        return 0;
    }
    b64u_put(id, HASH_LEN, id64);
    if (!verb_has(v, "json")) {
        char idx[16], from[LIM_AUD_BYTES + 64];
        snprintf(idx, sizeof idx, "%d", p->idx);
        snprintf(from, sizeof from, "%s/%s/%lld", st.key.by.s, st.key.aud, (long long)p->seq);
        const char *cell[] = {id64,
                              idx,
                              from,
                              p->member,
                              text_get(v->lang, p->discarded ? "word.discarded" : "word.parked"),
                              text_error(v->lang, p->reason)};
        return table_row(t, cell);
    }
    buf_init(&b, 8192);
    jw_init(&w, &b);
    jw_obj(&w, NULL);
    jw_str(&w, "bundle", id64);
    jw_int(&w, "index", p->idx);
    jw_str(&w, "by", st.key.by.s);
    jw_str(&w, "aud", st.key.aud);
    jw_int(&w, "seq", p->seq);
    jw_str(&w, "reason", err_name(p->reason));
    jw_str(&w, "member", p->member);
    jw_bool(&w, "discarded", p->discarded);
    jw_end_obj(&w);
    int r = jw_done(&w);
    r = r == 0 ? verb_text(v, &b) : r;
    buf_done(&b);
    return r;
}

int v_parked_list(struct verb *v)
{
    static const struct column cols[] = {{"col.bundle", 43}, {"col.index", 5}, {"col.from", 28},
                                         {"col.member", 12}, {"col.state", 8}, {"col.why", 0}};
    struct table t = {.v = v, .cols = cols, .n = sizeof cols / sizeof cols[0]};
    int r = store_parked_list(v->app->store, on_parked, &t);
    if (r < 0) {
        return verb_fail(v, r, NULL);
    }
    if (!verb_has(v, "json")) {
        table_end(&t, "parked.none");
    }
    return EXIT_OK;
}

int v_parked_retry(struct verb *v)
{
    int64_t tried = 0, left = 0;
    char a[32], b[32];
    int r = app_parked_retry(v->app, &tried, &left);
    if (r < 0) {
        return verb_fail(v, r, NULL);
    }
    snprintf(a, sizeof a, "%lld", (long long)tried);
    snprintf(b, sizeof b, "%lld", (long long)left);
    if (verb_has(v, "json")) {
        (void)verb_out(v, "{\"bundles\":%s,\"left\":%s}\n", a, b);
    } else {
        VERB_TELL(v, "parked.retried", "n", a, "left", b);
    }
    return EXIT_OK;
}

struct finding {
    struct verb *v;
    int64_t idx, no, seq;
    uint8_t id[HASH_LEN];
};

static int on_find(const struct store_parked *p, void *arg)
{
    struct finding *f = arg;
    uint8_t id[HASH_LEN];
    const struct sync_store *port = store_port(f->v->app->store);
    if (p->idx == f->idx && port->bundle_id(port->ctx, p->no, p->seq, id) == 0 &&
        memcmp(id, f->id, HASH_LEN) == 0) {
        f->no = p->no;
        f->seq = p->seq;
        return 1;
    }
    return 0;
}

int v_parked_discard(struct verb *v)
{
    struct finding f = {.v = v};
    if (b64u_get(v->arg[0], strlen(v->arg[0]), f.id, HASH_LEN) < 0 ||
        text_i64(v->arg[1], strlen(v->arg[1]), 0, LIM_ITEMS, &f.idx) < 0) {
        VERB_SAY(v, EXIT_USAGE, "usage.bad_arg", "what", v->def->args);
    }
    int r = store_parked_list(v->app->store, on_find, &f);
    if (r >= 0) {
        r = f.no == 0 ? SANJI_E_NOT_FOUND
                      : store_parked_discard(v->app->store, f.no, f.seq, (int)f.idx);
    }
    return r < 0 ? verb_fail(v, r, v->arg[0]) : EXIT_OK;
}

/* ---- stats ---- */

static void stats_rows(struct table *t, struct span rep, const char *member)
{
    struct verb *v = t->v;
    struct jcur c;
    struct span list, e, node, ind, val, name;
    if (!jcur_get(rep, member, &list) || !jcur_array(&c, list)) {
        return;
    }
    bool total = strcmp(member, "total") == 0;
    while (jcur_element(&c, &e)) {
        struct buf b[4];
        for (size_t i = 0; i < 4; i++) {
            buf_init(&b[i], 4096);
        }
        bool ok = jcur_get(e, "ind", &ind) && jcur_plain(ind, &ind) && jcur_get(e, "v", &val);
        if (ok && !total && jcur_get(e, "node", &node) && jcur_plain(node, &node) &&
            jcur_get(e, "name", &name)) {
            buf_put(&b[0], node.p, node.n);
            (void)jcur_text(name, &b[1]);
        } else if (ok) {
            buf_puts(&b[0], text_get(v->lang, "stats.total"));
        }
        if (ok) {
            buf_put(&b[2], ind.p, ind.n);
            buf_put(&b[3], val.p, val.n);
            const char *cell[] = {buf_str(&b[0]), buf_str(&b[1]), buf_str(&b[2]), buf_str(&b[3])};
            (void)table_row(t, cell);
        }
        for (size_t i = 0; i < 4; i++) {
            buf_done(&b[i]);
        }
    }
}

static void stats_page(struct verb *v, struct span rep)
{
    static const struct column cols[] = {
        {"col.node", 14}, {"col.name", 28}, {"col.indicator", 24}, {"col.value", 0}};
    struct table t = {.v = v, .cols = cols, .n = sizeof cols / sizeof cols[0]};
    stats_rows(&t, rep, "cells");
    stats_rows(&t, rep, "total");
    table_end(&t, "stats.none");
}

/* A member of a row as text: strings without quotes, numbers as they stand. */
static void member(struct span row, const char *name, char *out, size_t size)
{
    struct span v, s;
    out[0] = '\0';
    if (jcur_get(row, name, &v)) {
        s = jcur_plain(v, &s) ? s : v;
        snprintf(out, size, "%.*s", (int)s.n, (const char *)s.p);
    }
}

static const char *name_or_id(struct verb *v, const char *id)
{
    const struct roster_node *n = roster_node(app_roster(v->app), id);
    return n != NULL && n->name[0] != '\0' ? n->name : id;
}

static void say_mismatch(struct verb *v, struct span e)
{
    char period[16], ind[48], from[32], to[32], is[24], rs[24];
    struct buf b;
    member(e, "period", period, sizeof period);
    member(e, "ind", ind, sizeof ind);
    member(e, "sender", from, sizeof from);
    member(e, "receiver", to, sizeof to);
    member(e, "sender_says", is, sizeof is);
    member(e, "receiver_says", rs, sizeof rs);
    buf_init(&b, 8192);
    text_put(&b, v->lang, "api.mismatch", "period", period, "ind", ind, "sender",
             name_or_id(v, from), "sender_says", is, "receiver", name_or_id(v, to), "receiver_says",
             rs, NULL);
    VERB_TELL(v, "stats.mismatch", "what", buf_str(&b));
    buf_done(&b);
}

static void say_recount(struct verb *v, struct span e)
{
    char node[32], period[16], ind[48], says[24], again[24];
    member(e, "node", node, sizeof node);
    member(e, "period", period, sizeof period);
    member(e, "ind", ind, sizeof ind);
    member(e, "says", says, sizeof says);
    member(e, "recount", again, sizeof again);
    VERB_TELL(v, "stats.wrong", "node", name_or_id(v, node), "period", period, "ind", ind, "says",
              says, "recount", again);
}

static void stats_problems(struct verb *v, struct span rep, const char *list_name,
                           void (*say)(struct verb *v, struct span e))
{
    struct jcur c;
    struct span list, e;
    bool any = jcur_get(rep, list_name, &list) && jcur_array(&c, list);
    while (any && jcur_element(&c, &e)) {
        say(v, e);
    }
}

int v_stats(struct verb *v)
{
    struct buf b;
    bool wrong = false, recount = verb_has(v, "recount");
    const char *of = verb_flag(v, "of");
    struct span rec;
    buf_init(&b, 256 << 20);
    /* Own cells first: what was written a moment ago belongs into the report. */
    int r = app_stats_publish(v->app, NULL);
    r = r == SANJI_E_FULL || (r < 0 && r == sync_self_error(v->app->sync)) ? 0 : r;
    if (r == 0) {
        r = verb_has(v, "csv")
                ? app_stats_csv(v->app, of, verb_flag(v, "period"), &b)
                : app_stats_report(v->app, of, verb_flag(v, "period"), recount, &b, &wrong);
    }
    if (r == SANJI_E_SPEC) {
        buf_done(&b);
        return verb_bad_value(v, "period");
    }
    if (r == SANJI_E_AUDIENCE) {
        buf_done(&b);
        VERB_SAY(v, EXIT_NO, "stats.not_below", "node", of);
    }
    if (r == SANJI_E_NOT_FOUND && of != NULL) {
        buf_done(&b);
        VERB_SAY(v, EXIT_NO, "list.owner", "node", of);
    }
    if (r < 0 && of != NULL) {
        buf_done(&b);
        return verb_fail(v, r, of);
    }
    if (r < 0) {
        buf_done(&b);
        return verb_fail(v, r, NULL);
    }
    struct span rep = span_of(b.data, b.len);
    if (verb_has(v, "csv")) {
        (void)verb_put(v, b.data, b.len);
    } else if (verb_has(v, "json")) {
        (void)verb_text(v, &b);
    } else {
        stats_page(v, rep);
        stats_problems(v, rep, "mismatch", say_mismatch);
        if (jcur_get(rep, "recount", &rec)) {
            stats_problems(v, rec, "wrong", say_recount);
        }
    }
    buf_done(&b);
    return wrong ? EXIT_NO : EXIT_OK;
}
