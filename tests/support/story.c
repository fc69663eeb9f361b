/* SPDX-License-Identifier: Apache-2.0 */
/* The teller of stories. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/story.h"

#include <stdio.h>
#include <string.h>

#define CHECK(t, cond)                                                                             \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fail_msg("%s (%s)", (t)->at->say, #cond);                                              \
        }                                                                                          \
    } while (0)

static const char *split(const struct world *w, const char *ref, char owner[16])
{
    const char *slash = strchr(ref, '/');
    assert_non_null(slash);
    char name[16] = "";
    memcpy(name, ref, (size_t)(slash - ref));
    int o = world_find(w, name);
    assert_true(o >= 0);
    memcpy(owner, w->node[o].id.s, sizeof(w->node[o].id.s));
    return slash + 1;
}

static int look(struct world *w, const char *node, const char *ref, struct mem_seen *ret)
{
    char owner[LIM_NODE_ID + 2];
    const char *id = split(w, ref, owner);
    return mem_store_record(w->node[world_find(w, node)].mem, owner, id, ret);
}

static bool is_seen(struct world *w, void *arg)
{
    const struct step *st = arg;
    struct mem_seen m;
    return look(w, st->a, st->b, &m) == 0 && !m.withdrawn;
}

static bool is_gone(struct world *w, void *arg)
{
    const struct step *st = arg;
    struct mem_seen m;
    return look(w, st->a, st->b, &m) == 0 && m.withdrawn;
}

void story_agree(struct teller *t, int64_t ms)
{
    struct world_verdict v = {.text = ""};
    struct world *w = &t->w;
    bool same = world_until(w, ms, world_converged, NULL);
    if (!same || world_check_converged(w, &v) < 0 || world_check_truth(w, &v) < 0) {
        (void)world_check_converged(w, &v);
        fail_msg("%s: %s", t->at->say, v.text);
    }
    for (int i = 0; i < w->n; i++) {
        if (w->node[i].joined &&
            (world_check_rebuild(w, i, &v) < 0 || world_check_order(w, i, &v) < 0)) {
            fail_msg("%s: %s", t->at->say, v.text);
        }
    }
}

static void now(struct teller *t, int i, int64_t want)
{
    struct world *w = &t->w;
    world_event(w, i, SEV_NOW);
    for (int k = 0; k < 2000 && sync_now_state(w->node[i].s) == SANJI_E_PENDING; k++) {
        world_run(w, 100);
    }
    if (sync_now_state(w->node[i].s) != want) {
        fail_msg("%s: %s", t->at->say, err_name(sync_now_state(w->node[i].s)));
    }
}

static void still(struct teller *t, int i, bool log_ins)
{
    struct wnode *n = &t->w.node[i];
    int64_t before = log_ins ? n->sessions : n->posts;
    world_run(&t->w, t->at->n);
    int64_t k = (log_ins ? n->sessions : n->posts) - before;
    int want = 0;
    (void)sscanf(t->at->c, "%d", &want);
    if (k > want) {
        fail_msg("%s: %lld", t->at->say, (long long)k);
    }
}

static void title(struct teller *t, const struct step *st)
{
    struct mem_seen m;
    char want[128];
    CHECK(t, look(&t->w, st->a, st->b, &m) == 0);
    (void)snprintf(want, sizeof(want), "\"title\":\"%s\"", st->c);
    CHECK(t, m.d.n > 0 && memmem(m.d.p, m.d.n, want, strlen(want)) != NULL);
}

static int write_step(struct teller *t, const struct step *st, int i)
{
    char aud[LIM_AUD_BYTES + 1];
    (void)world_aud(&t->w, st->b, aud);
    return world_put(&t->w, i, aud, st->c, st->n == 0 ? 1 : st->n,
                     st->op == WD     ? NULL
                     : st->op == EDIT ? "second words"
                                      : "first words",
                     NULL);
}

static void holds(struct teller *t, const struct step *st, int i)
{
    char by[16] = "", aud[LIM_AUD_BYTES + 1];
    size_t n = strcspn(st->b, " ");
    memcpy(by, st->b, n);
    (void)world_aud(&t->w, st->b + n + 1, aud);
    int64_t seq = world_head(&t->w, i, t->w.node[world_find(&t->w, by)].id.s, aud);
    if (seq != st->n) {
        fail_msg("%s: %lld", st->say, (long long)seq);
    }
}

static void look_step(struct teller *t, const struct step *st, int a)
{
    struct world *w = &t->w;
    struct step copy = *st;
    struct mem_seen m;
    switch ((int)st->op) {
    case SEES:
        CHECK(t, world_until(w, st->n, is_seen, &copy));
        break;
    case GONE:
        CHECK(t, world_until(w, st->n, is_gone, &copy));
        break;
    case ABSENT:
        CHECK(t, look(w, st->a, st->b, &m) == SANJI_E_NOT_FOUND);
        break;
    case TITLE:
        title(t, st);
        break;
    case AGREE:
        story_agree(t, st->n);
        break;
    case NOW:
        now(t, a, st->n);
        break;
    case STILL:
        still(t, a, false);
        break;
    case STILLS:
        still(t, a, true);
        break;
    case HOLDS:
        holds(t, st, a);
        break;
    case ALARMS:
        CHECK(t, w->node[a].alarms[-err_by_name(st->c)] >= st->n);
        break;
    default:
        fail_msg("%s: no such step", st->say);
    }
}

static void one_step(struct teller *t, const struct step *st)
{
    struct world *w = &t->w;
    t->at = st;
    int a = st->a == NULL ? -1 : world_find(w, st->a);
    switch ((int)st->op) {
    case TOP:
        CHECK(t, world_genesis(w, st->a, st->n) >= 0);
        break;
    case ENROL:
    case ASK:
        CHECK(t, world_enrol(w, a, st->b, st->n, st->op == ENROL) >= 0);
        break;
    case CUT:
    case MEND:
        w->node[a].cut = st->op == CUT;
        break;
    case STOP:
        world_stop(w, a);
        break;
    case START:
        world_start(w, a);
        break;
    case CRASH:
        world_crash(w, a);
        break;
    case RUN:
        world_run(w, st->n);
        break;
    case PUT:
    case EDIT:
    case WD:
        CHECK(t, write_step(t, st, a) == 0);
        break;
    default:
        look_step(t, st, a);
    }
}

void story_go(struct teller *t, const struct step *st)
{
    for (; st->op != END; st++) {
        one_step(t, st);
    }
}

void story_tell(const struct step *st)
{
    struct teller t;
    world_init(&t.w, 7);
    story_go(&t, st);
    world_done(&t.w);
}
