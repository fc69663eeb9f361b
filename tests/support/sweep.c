/* SPDX-License-Identifier: Apache-2.0 */
/* Scenes in which the store fails, each failure in a process of its own: a fork is the one copy of
 * a federation that leaves nothing out. */
#include "tests/support/sweep.h"

#include "sync/internal.h"
#include "tests/support/sweep_alloc.h"
#include "tests/support/world_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <execinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SWEEP_STEP
#define SWEEP_STEP 1
#endif

enum {
    ALLOC_STEP = 2, /* in the fixed share every other place */
    PLACES_MAX = 20000,
    VIEWS_MAX = 4 << 20,
    DEPTH = 24,
    NEAR = 6,            /* four steps of the way to it: whoever wanted it, and who asked him */
    CHILD_SECONDS = 120, /* of a child that never ends */
    SETTLE_MS = 6 * 3600 * 1000
};

/* What parent and children share. */
struct board {
    char bad[400];
    int64_t calls, n_places, failures;
    struct place {
        uint64_t way;
        int64_t at;
    } place[PLACES_MAX];
    char views[VIEWS_MAX]; /* of the undisturbed run */
};

void sweep_wrong(struct sweep *x, const char *fmt, ...)
{
    va_list ap;
    if (x->bad[0] == '\0') {
        va_start(ap, fmt);
        (void)vsnprintf(x->bad, sizeof(x->bad), fmt, ap);
        va_end(ap);
    }
}

/* ---- which calls there are ---- */

struct recorder {
    struct board *b;
    int64_t base, print; /* print: where this call comes from, for addr2line; 0: none */
    int frames;          /* how much of the way counts */
};

static void on_call(int64_t n, void *arg)
{
    struct recorder *r = arg;
    void *frame[DEPTH];
    int depth = backtrace(frame, DEPTH);
    if (r->print > 0) {
        if (n - r->base == r->print) {
            backtrace_symbols_fd(frame, depth, STDOUT_FILENO);
        }
        return;
    }
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (int i = 2; i < depth && i < r->frames;
         i++) { /* after this function and the store's counter */
        h = (h ^ (uint64_t)(uintptr_t)frame[i]) * UINT64_C(0x100000001b3);
    }
    r->b->calls = n - r->base;
    for (int64_t i = 0; i < r->b->n_places; i++) {
        if (r->b->place[i].way == h) {
            return;
        }
    }
    if (r->b->n_places < PLACES_MAX) {
        r->b->place[r->b->n_places++] = (struct place){.way = h, .at = n - r->base};
    }
}

static bool near_only(void)
{
    const char *e = getenv("SANJI_SWEEP");
    return e != NULL && strcmp(e, "near") == 0;
}

/* ---- what is looked at while it is told ---- */

struct stream_list {
    struct buf text;
};

static void put_stream(const struct sync_stream_row *r, void *arg)
{
    struct buf *b = arg;
    (void)buf_printf(b, "%s %s %lld %lld %lld %d %02x%02x\n", r->key.by.s, r->key.aud,
                     (long long)r->key.ep, (long long)r->seq, (long long)r->first, r->frozen,
                     r->id[0], r->id[1]);
}

static int line_cmp(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In an order of its own: an engine keeps its streams as they came. */
static void sort_lines(struct buf *b)
{
    size_t n = 0;
    char **line = calloc(b->len + 1, sizeof(*line));
    char *text = strndup(buf_str(b), b->len), *save = NULL;
    assert(line != NULL && text != NULL);
    for (char *l = strtok_r(text, "\n", &save); l != NULL; l = strtok_r(NULL, "\n", &save)) {
        line[n++] = l;
    }
    if (n > 0) {
        qsort(line, n, sizeof(*line), line_cmp);
    }
    b->len = 0;
    for (size_t i = 0; i < n; i++) {
        (void)buf_printf(b, "%s\n", line[i]);
    }
    free(text);
    free(line);
}

static void memory_of(const struct sync *s, struct buf *out)
{
    uint8_t rv[8];
    sync_each_stream(s, put_stream, out);
    sort_lines(out);
    sync_roster_version(s, rv);
    (void)buf_printf(out, "roster %02x%02x%02x%02x erased %lld", rv[0], rv[1], rv[2], rv[3],
                     (long long)sync_erased_count(s));
}

static int64_t failures(const struct sweep *x)
{
    return x->alloc ? sweep_alloc_failures() : mem_store_failures(x->w.node[x->who].mem);
}

static struct sweep *inside_of; /* one at a time */

static void inside(struct world *w, int node, bool in)
{
    if (w == &inside_of->w && node == inside_of->who) {
        sweep_alloc_inside(in);
    }
}

static void memory_is_the_store(struct sweep *x, const char *when)
{
    struct wnode *n = &x->w.node[x->who];
    struct sync *fresh = NULL;
    struct buf a, b;
    if (n->s == NULL || n->s->stale || n->s->in_tx) {
        return; /* it knows that it does not know */
    }
    buf_init(&a, VIEWS_MAX);
    buf_init(&b, VIEWS_MAX);
    mem_store_look(n->mem, true);
    int r = world_engine(&x->w, x->who, &fresh);
    if (r < 0) {
        sweep_wrong(x, "%s: no engine can be made of this store: %s", when, err_name(r));
    } else {
        memory_of(n->s, &a);
        memory_of(fresh, &b);
        if (a.len != b.len || memcmp(a.data, b.data, a.len) != 0) {
            sweep_wrong(x, "%s: memory is not the store:\n%.150s\n%.150s", when, buf_str(&a),
                        buf_str(&b));
        }
    }
    sync_free(fresh);
    mem_store_look(n->mem, false);
    buf_done(&a);
    buf_done(&b);
}

static bool says_so(int r, const struct sync_out *out)
{
    bool yes = r < 0;
    for (size_t i = 0; i < out->n; i++) {
        const struct sync_wish *q = &out->w[i];
        yes = yes || q->type == SW_ALARM || q->type == SW_DROP ||
              (q->type == SW_REPLY && q->status >= 400);
    }
    return yes;
}

static void after(struct world *w, int node, const struct sync_event *ev, int r,
                  const struct sync_out *out, void *arg)
{
    static const char *const what[] = {"START",   "TICK", "LOCAL", "ANSWER",
                                       "REQUEST", "GONE", "NOW",   "STOP"};
    struct sweep *x = arg;
    (void)w;
    int64_t n = failures(x);
    if (node != x->who || n == x->failures) {
        return;
    }
    x->failures = n;
    x->said = true;
    const char *step = ev == NULL ? "approve" : what[ev->type];
    if (!x->alloc && !says_so(r, out)) { /* without memory there are no words either */
        sweep_wrong(x, "a failure in step %s went unsaid", step);
    }
    memory_is_the_store(x, step);
}

void sweep_do(struct sweep *x, const char *say, sweep_act *act, bool whole)
{
    struct mem_store *m = x->w.node[x->who].mem;
    for (int tries = 0; x->bad[0] == '\0'; tries++) {
        uint8_t was[HASH_LEN], is[HASH_LEN];
        int64_t before = failures(x);
        mem_store_truth(m, was);
        x->said = false;
        int r = act(x);
        m = x->w.node[x->who].mem;
        bool failed = failures(x) > before;
        x->failures = failures(x);
        if (r >= 0 && (!failed || x->said || x->alloc)) {
            return;
        }
        if (r >= 0) {
            sweep_wrong(x, "%s: a failure went unsaid", say);
        } else if (!failed || tries > 8) {
            sweep_wrong(x, "%s: %s", say, err_name(r));
        }
        mem_store_truth(m, is);
        if (whole && memcmp(was, is, HASH_LEN) != 0) {
            sweep_wrong(x, "%s: %s, and something was changed", say, err_name(r));
        }
        memory_is_the_store(x, say);
        if (!whole) { /* whoever waits for an answer that was lost asks again meanwhile */
            sweep_pass(x, 5 * MINUTE);
        }
    }
}

void sweep_pass(struct sweep *x, int64_t ms)
{
    if (x->bad[0] == '\0') {
        world_run(&x->w, ms);
    }
}

/* ---- the end ---- */

/* Nodes by name: an id drawn after the failure is another. The leaf at the end of a line holds
 * random bytes; tables of heads are made at other times. */
static void put_views(struct world *w, int i, struct buf *out)
{
    struct buf dump;
    char *save = NULL;
    buf_init(&dump, VIEWS_MAX);
    mem_store_dump(w->node[i].mem, &dump);
    struct buf lines;
    buf_init(&lines, VIEWS_MAX);
    char *text = strndup(buf_str(&dump), dump.len);
    assert(text != NULL);
    for (char *l = strtok_r(text, "\n", &save); l != NULL; l = strtok_r(NULL, "\n", &save)) {
        bool rec = strncmp(l, "rec ", 4) == 0;
        if (!rec && strncmp(l, "ref ", 4) != 0) {
            continue;
        }
        if (rec && strstr(l, " listing/1 ") == NULL) {
            continue;
        }
        for (int k = 0; k < w->n; k++) {
            for (char *at; (at = strstr(l, w->node[k].id.s)) != NULL;) {
                memset(at, '#', strlen(w->node[k].id.s));
                at[1] = (char)('a' + k);
            }
        }
        size_t n = strlen(l);
        n -= rec ? (size_t)HASH_LEN * 2 : 0;
        (void)buf_printf(&lines, "%.*s\n", (int)n, l);
    }
    sort_lines(&lines);
    (void)buf_printf(out, "-- %s\n%s", w->node[i].name, buf_str(&lines));
    free(text);
    buf_done(&dump);
    buf_done(&lines);
}

static void first_difference(struct sweep *x, const char *is, const char *was)
{
    size_t i = 0;
    while (is[i] != '\0' && is[i] == was[i]) {
        i++;
    }
    while (i > 0 && is[i - 1] != '\n') {
        i--;
    }
    sweep_wrong(x, "shows %.120s\ninstead of %.120s", is + i, was + i);
}

static void settle(struct sweep *x)
{
    struct world *w = &x->w;
    struct world_verdict v = {.text = ""};
    if (x->bad[0] != '\0') {
        return;
    }
    if (x->scene->unlike) {
        world_run(w, SETTLE_MS / 6);
        return;
    }
    if (!world_until(w, SETTLE_MS, world_converged, NULL)) {
        (void)world_check_converged(w, &v);
        sweep_wrong(x, "they never agree: %s", v.text);
        return;
    }
    world_run(w, 5000);
    if (world_check_converged(w, &v) < 0 || world_check_truth(w, &v) < 0) {
        sweep_wrong(x, "%s", v.text);
    }
    for (int i = 0; i < w->n && x->bad[0] == '\0'; i++) {
        if (w->node[i].joined && world_check_rebuild(w, i, &v) < 0) {
            sweep_wrong(x, "%s", v.text);
        }
    }
    if (w->leak[0] != '\0') {
        sweep_wrong(x, "%s", w->leak);
    }
}

/* In a process of its own. at 0: nothing fails. */
static void one_run(struct sweep *x, struct board *b, int64_t at, int64_t times)
{
    struct world *w = &x->w;
    struct mem_store *m = w->node[x->who].mem;
    struct recorder rec = {.b = b,
                           .base = x->alloc ? 0 : mem_store_calls(m),
                           .print = getenv("SANJI_SWEEP_WAY") != NULL ? at : 0,
                           .frames = near_only() ? NEAR
                                     : x->alloc  ? 9
                                                 : DEPTH};
    void (*look)(int64_t, void *) = at == 0 || rec.print > 0 ? on_call : NULL;
    struct buf views;
    (void)alarm(CHILD_SECONDS);
    w->after = after;
    w->after_arg = x;
    w->inside = x->alloc ? inside : NULL;
    inside_of = x;
    sweep_alloc_begin(x->alloc ? at : 0, x->alloc ? look : NULL, &rec);
    mem_store_on_call(m, x->alloc ? NULL : look, &rec);
    if (at > 0 && !x->alloc) {
        mem_store_fail_run(m, at, times, SANJI_E_FULL);
    }
    int64_t before = x->failures = failures(x);
    x->scene->tell(x);
    m = w->node[x->who].mem;
    mem_store_on_call(m, NULL, NULL);
    if (at > 0 && failures(x) == before) {
        sweep_wrong(x, "call %lld did not come", (long long)at);
    }
    b->failures += failures(x) - before;
    mem_store_fail_at(m, 0, 0);
    w->inside = NULL;
    if (x->alloc && x->bad[0] == '\0') { /* a wish to be woken may be what was lost */
        world_event(w, x->who, SEV_NOW);
        world_event(w, x->who, SEV_TICK);
    }
    settle(x);
    buf_init(&views, VIEWS_MAX - 1);
    for (int i = 0; i < w->n && x->bad[0] == '\0'; i++) {
        put_views(w, i, &views);
    }
    if (at == 0) {
        memcpy(b->views, buf_str(&views), views.len + 1);
    } else if (x->bad[0] == '\0' && strcmp(b->views, buf_str(&views)) != 0) {
        first_difference(x, buf_str(&views), b->views);
    }
    buf_done(&views);
    (void)snprintf(b->bad, sizeof(b->bad), "%s", x->bad);
    world_done(w);
}

static bool in_a_child(struct sweep *x, struct board *b, int64_t at, int64_t times)
{
    int status = 0;
    b->bad[0] = '\0';
    (void)fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        one_run(x, b, at, times);
        exit(b->bad[0] == '\0' ? 0 : 1); /* with what a sanitizer has to say about leaks */
    }
    assert_true(waitpid(pid, &status, 0) == pid);
    if (status != 0 && b->bad[0] == '\0') {
        (void)snprintf(b->bad, sizeof(b->bad), "%s %d",
                       WIFSIGNALED(status) ? "ended by signal" : "ended with",
                       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
    if (b->bad[0] != '\0') {
        (void)printf("%s, %s, calls %lld to %lld fail: %s\n", x->scene->name,
                     x->w.node[x->who].name, (long long)at, (long long)(at + times - 1), b->bad);
    }
    return b->bad[0] == '\0';
}

/* SANJI_SWEEP=all: every place; near: ways that end alike are one;
 * SANJI_SWEEP=SCENE/NODE/CALL/TIMES: that run alone, in this process.
 */
static bool only_this(struct sweep *x, struct board *b)
{
    const char *e = getenv("SANJI_SWEEP");
    char name[64], who[16];
    long long at = 0, times = 0;
    if (e == NULL || sscanf(e, "%63[^/]/%15[^/]/%lld/%lld", name, who, &at, &times) != 4) {
        return false;
    }
    if (strcmp(name, x->scene->name) == 0 && strcmp(who, x->w.node[x->who].name) == 0) {
        (void)in_a_child(x, b, 0, 0);
        b->bad[0] = '\0';
        one_run(x, b, at, times);
        (void)printf("%s\n", b->bad[0] == '\0' ? "well" : b->bad);
        exit(b->bad[0] != '\0');
    }
    return true;
}

static int sweep_node(struct sweep *x, struct board *b)
{
    const char *e = getenv("SANJI_SWEEP");
    int step = SWEEP_STEP * (x->alloc ? ALLOC_STEP : 1);
    if (e != NULL && (strcmp(e, "all") == 0 || near_only())) {
        step = 1;
    }
    int bad = 0, runs = 0;
    b->calls = b->n_places = b->failures = 0;
    if (only_this(x, b)) {
        return 0;
    }
    if (!in_a_child(x, b, 0, 0)) {
        return 1;
    }
    int64_t n = b->n_places;
    for (int64_t i = 0; i < n; i += step) {
        for (int64_t times = 1; times <= (x->alloc ? 1 : 3); times += 2) {
            if (near_only() && !x->alloc && (times == 1) != (i % 2 == 0)) {
                continue; /* one way alone, the next with what follows */
            }
            runs++;
            bad += in_a_child(x, b, b->place[i].at, times) ? 0 : 1;
        }
    }
    (void)printf("%s, %s: %lld calls, %lld places, %d runs, %lld failures, %d bad\n",
                 x->scene->name, x->w.node[x->who].name, (long long)b->calls, (long long)n, runs,
                 (long long)b->failures, bad);
    assert_true(n < PLACES_MAX);
    return bad;
}

static bool with_alloc;

static void sweep_run(const struct sweep_scene *scene)
{
    struct sweep *x = test_calloc(1, sizeof(*x));
    struct board *b =
        mmap(NULL, sizeof(*b), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char names[128], *save = NULL;
    int bad = 0;
    assert_true(b != MAP_FAILED);
    void *warm[2];
    (void)backtrace(warm, 2); /* it loads what it needs at the first call */
    x->scene = scene;
    x->alloc = with_alloc;
    scene->begin(&x->w);
    x->w.inspect = true;
    (void)snprintf(names, sizeof(names), "%s", scene->who);
    for (char *n = strtok_r(names, " ", &save); n != NULL; n = strtok_r(NULL, " ", &save)) {
        x->who = world_find(&x->w, n);
        assert_true(x->who >= 0);
        bad += sweep_node(x, b);
    }
    world_done(&x->w);
    (void)munmap(b, sizeof(*b));
    test_free(x);
    assert_int_equal(bad, 0);
}

static void as_test(void **state)
{
    sweep_run(*state);
}

int sweep_all(const char *group, const struct sweep_scene *v, size_t n, int argc, char **argv)
{
    with_alloc = argc > 1 && strcmp(argv[1], "--alloc") == 0;
    const char *only = argc > (with_alloc ? 2 : 1) ? argv[argc - 1] : NULL;
    struct CMUnitTest *tests = calloc(n, sizeof(*tests));
    size_t k = 0;
    assert(tests != NULL);
    for (size_t i = 0; i < n; i++) {
        if (only == NULL || strcmp(only, v[i].name) == 0) {
            tests[k++] = (struct CMUnitTest){
                .name = v[i].name, .test_func = as_test, .initial_state = (void *)(uintptr_t)&v[i]};
        }
    }
    int r = k == 0 ? 1 : _cmocka_run_group_tests(group, tests, k, NULL, NULL);
    free(tests);
    return r;
}

/* ---- the town: a city, a district, two streets ---- */

void sweep_town(struct world *w, uint64_t seed, int64_t key_items, int64_t beat_ms)
{
    world_init(w, seed);
    w->has_tune = true;
    w->tune = (struct sync_tuning){.wait_ms = LIM_WAIT_MS,
                                   .backoff_min_ms = 1000,
                                   .backoff_max_ms = MINUTE,
                                   .max_bytes = 1 << 20,
                                   .key_items = key_items,
                                   .beat_ms = beat_ms};
    assert_int_equal(world_genesis(w, "city", 20), CITY);
    assert_int_equal(world_enrol(w, CITY, "d1", 30, true), D1);
    world_run(w, MINUTE);
    assert_int_equal(world_enrol(w, D1, "s1", 40, true), S1);
    assert_int_equal(world_enrol(w, D1, "s2", 40, true), S2);
    assert_true(world_until(w, MINUTE, world_converged, NULL));
}

int sweep_put(struct sweep *x, int i, const char *aud, const char *id, int64_t r)
{
    char full[LIM_AUD_BYTES + 1];
    return world_put(&x->w, i, world_aud(&x->w, aud, full), id, r, id, NULL);
}

void sweep_agreed(struct world *w)
{
    assert_true(world_until(w, 60 * MINUTE, world_converged, NULL));
}
