/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told, and what: hooks, and messages made of what is new in the to-do list. */
#include "node/app_hook.h"

#include "node/app_internal.h"
#include "node/app_todo.h"
#include "node/peer/address.h"
#include "node/text.h"
#include "protocol/base/enc.h"
#include "protocol/base/text.h"
#include "protocol/jwrite.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOST_BYTES = 256, BODY_BYTES = 8192, ID_RANDOM = 12 };
static const char forms[] = "plain wecom dingtalk";

/* ---- addresses ---- */

/* The host of an address, without brackets; NULL: the address is none. */
static const char *host_of(const char *url, bool *ret_tls, char out[static HOST_BYTES])
{
    *ret_tls = strncmp(url, "https://", 8) == 0;
    const char *p = *ret_tls ? url + 8 : strncmp(url, "http://", 7) == 0 ? url + 7 : NULL;
    size_t n = p == NULL ? 0 : strcspn(p, "/?#");
    if (p == NULL || n == 0 || n >= HOST_BYTES || memchr(p, '@', n) != NULL) {
        return NULL;
    }
    bool v6 = p[0] == '[';
    size_t end = v6 ? strcspn(p, "]") : strcspn(p, ":/?#");
    if (end > n || (v6 && (end == n || (end + 1 < n && p[end + 1] != ':')))) {
        return NULL; /* a bracket that is not closed, or only in the path */
    }
    p += v6 ? 1 : 0;
    end -= v6 ? 1 : 0;
    memcpy(out, p, end);
    out[end] = '\0';
    return end > 0 ? out : NULL;
}

static bool is_loopback(const char *host)
{
    struct in_addr a;
    return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
           (inet_pton(AF_INET, host, &a) == 1 && (ntohl(a.s_addr) >> 24) == 127);
}

bool app_hook_is_local(const char *url)
{
    char host[HOST_BYTES];
    bool tls;
    return host_of(url, &tls, host) != NULL && is_loopback(host);
}

static bool is_printable(const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s <= ' ' || *s > '~' || *s == '\\' || *s == '"' || *s == '#') {
            return false;
        }
    }
    return true;
}

int app_hook_url(const struct config *c, const char *url, struct fault *f)
{
    char host[HOST_BYTES];
    bool tls;
    if (strlen(url) > HOOK_URL || !is_printable(url) || host_of(url, &tls, host) == NULL) {
        return fault_set(f, SANJI_E_SPEC, "url", "an https address");
    }
    if (is_loopback(host)) {
        return 0;
    }
    if (!tls) {
        return fault_set(f, SANJI_E_SPEC, "url", "an https address");
    }
    enum address_class k = address_of_text(host);
    return k == ADDRESS_PUBLIC || k == ADDRESS_NONE || (k == ADDRESS_PRIVATE && c->hook_private)
               ? 0
               : fault_set(f, SANJI_E_SPEC, "url", "a public address, or hook_private = yes");
}

/* ---- hooks ---- */

const char *app_hook_events(char out[static HOOK_EVENTS])
{
    size_t at = 0;
    for (int i = 0; i < TODO_SOURCES; i++) {
        if (i != TODO_DRAFT && i != TODO_FILE) { /* somebody's own, an organisation's */
            at += (size_t)snprintf(out + at, HOOK_EVENTS - at, "%s%s", at == 0 ? "" : " ",
                                   app_todo_source_name((enum app_todo_source)i));
        }
    }
    return out;
}

/* Words of the list above, in any order. */
static bool events_ok(const char *list, const char *known)
{
    char word[32];
    for (const char *p = list; *p != '\0';) {
        size_t n = strcspn(p, " ");
        (void)snprintf(word, sizeof word, "%.*s", (int)n, p);
        if (n == 0 || n >= sizeof word || !app__word_in(known, word)) {
            return false;
        }
        p += n + (p[n] == ' ');
    }
    return true;
}

static int on_counted(const struct hook_row *h, void *arg)
{
    (void)h;
    ++*(int64_t *)arg;
    return 0;
}

static int check(struct app *a, const struct app_hook *h, int64_t *ret_have, struct fault *f)
{
    char known[HOOK_EVENTS];
    int r = app__name_check(h->name, true, f);
    if (r < 0) {
        return r;
    }
    if (!app__word_in(forms, h->form)) {
        return fault_set(f, SANJI_E_SPEC, "form", forms);
    }
    if (!events_ok(h->events, app_hook_events(known))) {
        return fault_set(f, SANJI_E_SPEC, "events", known);
    }
    if (!is_printable(h->secret) || strlen(h->secret) > 200) {
        return fault_set(f, SANJI_E_SPEC, "secret", "0 .. 200");
    }
    r = app_hook_url(&a->cfg, h->url, f);
    r = r < 0 ? r : hook_list(a->store, on_counted, ret_have);
    return r == 0 && *ret_have >= HOOKS_MAX ? fault_set(f, SANJI_E_QUOTA, "hook", "16 hooks") : r;
}

static int make_secret(const struct app_hook *h, char ret[static HOOK_SECRET])
{
    uint8_t raw[HASH_LEN];
    ret[0] = '\0';
    if (strcmp(h->form, "plain") != 0 || h->secret[0] != '\0') {
        return 0;
    }
    int r = app_random(raw, sizeof raw);
    memset(ret, 0, HOOK_SECRET);
    memcpy(ret, "whsec_", 6);
    b64u_put(raw, sizeof raw, ret + 6);
    mem_wipe(raw, sizeof raw);
    return r;
}

int app_hook_add(struct app *a, const struct app_hook *h, char ret_secret[static HOOK_SECRET],
                 int64_t *ret_n, struct fault *f)
{
    int64_t have = 0;
    bool own = !store_in_tx(a->store);
    int r = check(a, h, &have, f);
    r = r < 0 ? r : make_secret(h, ret_secret);
    r = r < 0 || !own ? r : store_begin(a->store);
    if (r < 0) {
        return r;
    }
    struct hook_row row = {.name = h->name,
                           .form = h->form,
                           .url = h->url,
                           .secret = ret_secret[0] != '\0' ? ret_secret : h->secret,
                           .events = h->events,
                           .maker = h->maker,
                           .created = app_now_ms()};
    /* What waits already is no news to anybody. */
    r = have == 0 ? app__hook_seen(a) : 0;
    r = r < 0 ? r : hook_add(a->store, &row, ret_n);
    r = r < 0 ? r : app__programs_changed(a);
    return own ? app__audit_end(a, "hook.add", *ret_n, r) : r;
}

static int drop(struct app *a, int64_t n)
{
    int r = hook_drop(a->store, n);
    return r < 0 ? r : app__programs_changed(a);
}

int app_hook_drop(struct app *a, int64_t n)
{
    if (store_in_tx(a->store)) {
        return drop(a, n);
    }
    int r = store_begin(a->store);
    return r < 0 ? r : app__audit_end(a, "hook.drop", n, drop(a, n));
}

/* ---- messages ---- */

/* Where staff reach the pages. */
static void put_link(const struct app *a, struct buf *out)
{
    const char *names = a->cfg.staff_names + strspn(a->cfg.staff_names, " ,");
    size_t n = strcspn(names, " ,");
    if (n > 0) {
        buf_printf(out, "https://%.*s/#/todo", (int)n, names);
    } else if (a->cfg.staff_listen[0] != '\0' && a->cfg.staff_listen[0] != '*') {
        buf_printf(out, "%s://%s/#/todo", app_staff_speaks_tls(&a->cfg) ? "https" : "http",
                   a->cfg.staff_listen);
    }
}

struct news {
    const char *source, *kind; /* source "": a test */
    int64_t count;
};

/* What a person reads in a group. */
static void put_words(struct app *a, const struct news *x, const char *link, struct buf *out)
{
    const struct roster_node *me = app_self_node(a);
    enum text_lang l = text_pick_env(a->cfg.language) == TEXT_EN ? TEXT_EN : TEXT_ZH;
    char key[64], n[24];
    snprintf(key, sizeof key, "kind.%.40s", x->kind);
    const char *kind = x->kind[0] == '\0' ? NULL : text_label(l, key);
    snprintf(key, sizeof key, "todo.%.40s", x->source);
    snprintf(n, sizeof n, "%lld", (long long)x->count);
    text_put(out, l, x->source[0] == '\0' ? "hook.test" : "hook.text", "node",
             me == NULL ? "" : me->name, "what", x->source[0] == '\0' ? "" : text_get(l, key),
             "kind", kind == NULL ? "" : kind, "count", n, "link", link, NULL);
}

static int put_robot(struct app *a, const struct news *x, const char *link, struct buf *out)
{
    struct buf words;
    struct jw w;
    buf_init(&words, BODY_BYTES);
    put_words(a, x, link, &words);
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_str(&w, "msgtype", "text");
    jw_obj(&w, "text");
    jw_strn(&w, "content", buf_str(&words), words.len);
    jw_end_obj(&w);
    jw_end_obj(&w);
    buf_done(&words);
    return jw_done(&w);
}

static int put_plain(struct app *a, const struct news *x, const char *link, struct buf *out)
{
    uint8_t raw[ID_RANDOM];
    char id[B64U_LEN(ID_RANDOM) + 1] = {0};
    struct jw w;
    int r = app_random(raw, sizeof raw);
    b64u_put(raw, sizeof raw, id);
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_int(&w, "v", 1);
    jw_str(&w, "id", id);
    jw_int(&w, "ts", app_now_ms());
    jw_str(&w, "node", app_id(a));
    jw_str(&w, "event", x->source[0] == '\0' ? "test" : "todo");
    jw_str(&w, "source", x->source);
    jw_str(&w, "kind", x->kind);
    jw_int(&w, "count", x->count);
    jw_str(&w, "link", link);
    jw_end_obj(&w);
    return r < 0 ? r : jw_done(&w);
}

int app__hook_push(struct app *a, const struct hook_row *h, const char *source, const char *kind,
                   int64_t count)
{
    struct news x = {source, kind, count};
    struct buf body, link;
    buf_init(&body, BODY_BYTES);
    buf_init(&link, BODY_BYTES);
    put_link(a, &link);
    int r = strcmp(h->form, "plain") == 0 ? put_plain(a, &x, buf_str(&link), &body)
                                          : put_robot(a, &x, buf_str(&link), &body);
    r = r < 0 ? r : hook_push(a->store, h->n, buf_str(&body), app_now_ms());
    r = r < 0 ? r : hook_trim(a->store, h->n, HOOK_QUEUE);
    buf_done(&body);
    buf_done(&link);
    return r;
}

struct one {
    struct app *a;
    int64_t n;
    bool found;
};

static int on_test(const struct hook_row *h, void *arg)
{
    struct one *x = arg;
    if (h->n != x->n) {
        return 0;
    }
    x->found = true;
    return app__hook_push(x->a, h, "", "", 0);
}

int app_hook_test(struct app *a, int64_t n)
{
    struct one x = {.a = a, .n = n};
    int r = hook_list(a->store, on_test, &x);
    return r == 0 && !x.found ? SANJI_E_NOT_FOUND : r;
}
