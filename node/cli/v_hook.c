/* SPDX-License-Identifier: Apache-2.0 */
/* hook add, list, test, drop. The address and the secret come from a file or standard input: an
 * address of a robot holds its key, and a command line can be read by everybody on the machine. */
#include "node/cli/table.h"

#include "node/app_hook.h"
#include "protocol/base/text.h"
#include "protocol/jwrite.h"

#include <stdio.h>
#include <string.h>

enum { LINE_BYTES = HOOK_URL + 1 };

/* The next line without white space around it; false: none, or too long. */
static bool line(struct span *io, char out[static LINE_BYTES])
{
    const uint8_t *end = memchr(io->p, '\n', io->n);
    size_t n = end == NULL ? io->n : (size_t)(end - io->p);
    struct span s = span_of(io->p, n);
    *io = end == NULL ? span_of(NULL, 0) : span_of(end + 1, io->n - n - 1);
    while (s.n > 0 && (s.p[s.n - 1] == '\r' || s.p[s.n - 1] == ' ')) {
        s.n--;
    }
    if (s.n == 0 || s.n >= LINE_BYTES) {
        return false;
    }
    memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return true;
}

int v_hook_add(struct verb *v)
{
    const char *events = verb_flag(v, "events");
    char url[LINE_BYTES] = "", secret[LINE_BYTES] = "", made[HOOK_SECRET] = "", no[24];
    struct span text = put_input_text(v);
    struct fault f = {0};
    int64_t n = 0;
    if (text.n > 0 && line(&text, url) && text.n > 0) {
        (void)line(&text, secret);
    }
    struct app_hook h = {.name = verb_flag(v, "name"),
                         .form = verb_flag(v, "form"),
                         .url = url,
                         .secret = secret,
                         .events = events == NULL ? "" : events,
                         .maker = "cli"};
    int r = app_hook_add(v->app, &h, made, &n, &f);
    if (r < 0) {
        return verb_fail_fault(v, r, &f, h.name);
    }
    snprintf(no, sizeof no, "%lld", (long long)n);
    if (verb_has(v, "json")) {
        (void)verb_out(v, "{\"n\":%s,\"secret\":\"%s\"}\n", no, made);
    } else if (made[0] != '\0') {
        VERB_TELL(v, "hook.once", "number", no, "secret", made);
    } else {
        (void)verb_out(v, "%s\n", no);
    }
    mem_wipe(made, sizeof made);
    mem_wipe(secret, sizeof secret);
    return EXIT_OK;
}

static int put_json(struct verb *v, const struct hook_row *h)
{
    struct buf b;
    struct jw w;
    buf_init(&b, 8192);
    jw_init(&w, &b);
    jw_obj(&w, NULL);
    jw_int(&w, "n", h->n);
    jw_str(&w, "name", h->name);
    jw_str(&w, "form", h->form);
    jw_str(&w, "events", h->events);
    jw_str(&w, "maker", h->maker);
    jw_int(&w, "queued", h->queued);
    jw_int(&w, "ok_at_ms", h->ok_at);
    jw_int(&w, "fails", h->fails);
    jw_str(&w, "why", h->why);
    jw_end_obj(&w);
    int r = jw_done(&w);
    r = r == 0 ? verb_text(v, &b) : r;
    buf_done(&b);
    return r;
}

static int on_hook(const struct hook_row *h, void *arg)
{
    struct table *t = arg;
    char no[24], queued[24], state[80], day[11];
    if (verb_has(t->v, "json")) {
        return put_json(t->v, h);
    }
    snprintf(no, sizeof no, "%lld", (long long)h->n);
    snprintf(queued, sizeof queued, "%lld", (long long)h->queued);
    date_write(date_of_ms(h->fails > 0 ? h->failed : h->ok_at), day);
    snprintf(state, sizeof state, "%s %s", h->fails == 0 && h->ok_at == 0 ? "-" : day,
             h->fails > 0    ? h->why
             : h->ok_at == 0 ? ""
                             : "ok");
    const char *cell[] = {no, h->form, queued, state, h->name};
    return table_row(t, cell);
}

int v_hook_list(struct verb *v)
{
    static const struct column cols[] = {
        {"col.number", 6}, {"col.kind", 10}, {"col.queued", 8}, {"col.state", 32}, {"col.name", 0}};
    struct table t = {.v = v, .cols = cols, .n = sizeof cols / sizeof cols[0]};
    int r = hook_list(v->app->store, on_hook, &t);
    if (r < 0) {
        return verb_fail(v, r, NULL);
    }
    if (!verb_has(v, "json")) {
        table_end(&t, "hook.none");
    }
    return EXIT_OK;
}

static int step(struct verb *v, int (*fn)(struct app *a, int64_t n))
{
    int64_t n = 0;
    int r = text_i64(v->arg[0], strlen(v->arg[0]), 1, INT64_MAX / 2, &n) < 0 ? SANJI_E_NOT_FOUND
                                                                             : fn(v->app, n);
    if (r < 0) {
        return verb_fail(v, r, v->arg[0]);
    }
    (void)verb_out(v, "%s\n", v->arg[0]);
    return EXIT_OK;
}

int v_hook_test(struct verb *v)
{
    return step(v, app_hook_test);
}

int v_hook_drop(struct verb *v)
{
    return step(v, app_hook_drop);
}
