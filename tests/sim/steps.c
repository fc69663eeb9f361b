/* SPDX-License-Identifier: Apache-2.0 */
/* Referrals go their way: either party writes what the table allows it as far as it knows, and now
 * and then what it does not allow. In the end both hold the state that everything written gives,
 * and nothing else has moved it (I11). Drawn with --sticks, where a party may not hear of the other
 * for most of a run. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <string.h>

void sim_case_note(struct sim *m, int i, int to, const char *id, const uint8_t cek[static 32])
{
    if (m->n_cases == SIM_CASES) {
        return;
    }
    struct sim_case *c = &m->cases[m->n_cases++];
    *c = (struct sim_case){.node = {i, to}, .step = {1, 0}, .n = 1};
    (void)snprintf(c->id, sizeof(c->id), "%s", id);
    memcpy(c->cek, cek, sizeof(c->cek));
    c->ev[0] = (struct ref_ev){.who = REF_I, .step = 1, .ev = RE_SEND};
}

/* What a step says, if it can be said in so few words. */
static const char *content(enum ref_event e)
{
    static const char leaf[] = "{\"leaf\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}";
    static const char *const some[] = {"{}",
                                       leaf,
                                       "{\"reason\":\"other\"}",
                                       "{\"result\":\"done\"}",
                                       "{\"result\":\"not\"}",
                                       "{\"text\":\"x\"}"};
    for (size_t i = 0; e != RE_SEND && e < RE_ERASE && i < sizeof(some) / sizeof(some[0]); i++) {
        if (ref_check_content(e, span_of(some[i], strlen(some[i])), NULL) == 0) {
            return some[i];
        }
    }
    return NULL;
}

static bool draw_event(struct sim *m, const struct ref_fold *f, enum ref_party who,
                       enum ref_event *ret)
{
    enum ref_state next;
    bool any = world_chance(&m->w, 200);
    int at = (int)world_range(&m->w, 0, RE_COUNT - 1);
    for (int k = 0; k < RE_COUNT; k++) {
        *ret = (enum ref_event)((at + k) % RE_COUNT);
        if (content(*ret) != NULL && (any || ref_next(ref_now(f), *ret, who, &next) == 0)) {
            return true;
        }
    }
    return false;
}

void sim_case_step(struct sim *m)
{
    struct world *w = &m->w;
    struct ref_fold f;
    enum ref_event e;
    int64_t known[REF_PARTIES];
    if (!sim_sticks || m->n_cases == 0) {
        return;
    }
    struct sim_case *c = &m->cases[world_range(w, 0, (int64_t)m->n_cases - 1)];
    enum ref_party who = world_chance(w, 400) ? REF_I : REF_R;
    int i = c->node[who], to = c->node[who == REF_I ? REF_R : REF_I];
    const char *init = w->node[c->node[REF_I]].id.s;
    struct wnode *n = &w->node[i];
    if (!n->running || n->revoked || c->n == SIM_STEPS ||
        mem_store_thread(n->mem, init, c->id, &f) < 0 || !draw_event(m, &f, who, &e)) {
        return;
    }
    mem_store_steps(n->mem, init, c->id, known);
    struct ref_ev ev = {
        .who = who, .step = c->step[who] + 1, .seen = known[who == REF_I ? REF_R : REF_I], .ev = e};
    const char *d = content(e);
    ev.success = e == RE_OUTCOME && strstr(d, "\"not\"") == NULL;
    if (world_referral(w, i, to, c->id, ev.step, ev.seen, who == REF_I ? "i" : "r",
                       ref_event_name(e), d, c->cek) == 0) {
        c->step[who]++;
        c->ev[c->n++] = ev;
        m->count[SC_STEPS]++;
    }
}

/* A party that was cut, or that the other may not reach any more, is no party. */
static bool stands(const struct sim *m, const struct sim_case *c)
{
    for (int p = 0; p < REF_PARTIES; p++) {
        const struct wnode *n = &m->w.node[c->node[p]];
        if (!n->joined || n->hostile || n->revoked) {
            return false;
        }
    }
    return true;
}

int sim_check_cases(struct sim *m, struct world_verdict *v)
{
    const struct world *w = &m->w;
    for (size_t k = 0; sim_sticks && k < m->n_cases; k++) {
        const struct sim_case *c = &m->cases[k];
        struct ref_fold want, got;
        if (!stands(m, c)) {
            continue;
        }
        ref_fold(c->ev, c->n, &want);
        m->count[SC_MOVED] += want.state != RS_SENT;
        m->count[SC_IGNORED] += want.ignored;
        for (int p = 0; p < REF_PARTIES; p++) {
            const struct wnode *n = &w->node[c->node[p]];
            int r = mem_store_thread(n->mem, w->node[c->node[REF_I]].id.s, c->id, &got);
            if (r < 0 || got.state != want.state || got.ignored != want.ignored ||
                got.cancel_pending != want.cancel_pending || got.success != want.success) {
                (void)snprintf(v->text, sizeof(v->text),
                               "referral %s of %s at %s: %s, %d ignored, should be %s, %d (I11)",
                               c->id, w->node[c->node[REF_I]].name, n->name,
                               r < 0 ? "not there" : ref_state_name(got.state),
                               r < 0 ? 0 : got.ignored, ref_state_name(want.state), want.ignored);
                return -1;
            }
        }
    }
    return 0;
}
