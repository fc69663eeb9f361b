/* SPDX-License-Identifier: Apache-2.0 */
/* What happens in a run. Each seed draws its own mix: some faults are switched off entirely, so
 * that others can show what they do alone. */
#include "tests/sim/sim.h"

#include <stdio.h>
#include <string.h>

bool sim_restores, sim_erases;

static bool coin(struct sim *m)
{
    return world_chance(&m->w, 500);
}

static int pick(struct sim *m)
{
    return (int)world_range(&m->w, 0, m->w.n - 1);
}

/* ---- the first nodes ---- */

static void draw_faults(struct sim *m)
{
    struct world *w = &m->w;
    struct world_faults *f = &m->faults;
    f->loss = coin(m) ? (int)world_range(w, 0, 300) : 0;
    f->dup = coin(m) ? (int)world_range(w, 0, 500) : 0;
    f->truncate = coin(m) ? (int)world_range(w, 0, 50) : 0;
    f->corrupt = coin(m) ? (int)world_range(w, 0, 50) : 0;
    f->lost_reply = coin(m) ? (int)world_range(w, 0, 200) : 0;
    f->lat_min = 1;
    f->lat_max = coin(m) ? world_range(w, 5, 5000) : 20;
    m->crashes = coin(m);
    m->store_errors = coin(m);
    m->cuts = coin(m);
    m->stops = coin(m);
    m->joins = coin(m);
    m->clocks = coin(m);
    m->referrals = coin(m);
    m->bursts = coin(m);
    m->winter = world_chance(w, 200);
    m->hostile = world_chance(w, 250);
    m->revokes = world_chance(w, 300);
    m->actions = (int)world_range(w, 20, 90);
}

/* Keyframes after a handful of changes, beats every few minutes. From the seed alone: what is drawn
 * stays as it was. */
static void draw_keyframes(struct sim *m, uint64_t seed)
{
    static const int64_t items[] = {0, 1, 2, 6}, beats[] = {0, 90000, 600000, 3600000};
    uint64_t h = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
    m->churn = (h >> 40 & 1) != 0;
    m->w.has_tune = true;
    m->w.tune = (struct sync_tuning){.wait_ms = LIM_WAIT_MS,
                                     .backoff_min_ms = 1000,
                                     .backoff_max_ms = 900000,
                                     .max_bytes = 1 << 20,
                                     .key_items = items[h >> 50 & 3],
                                     .beat_ms = beats[h >> 54 & 3],
                                     .proof_ms = 30000};
    m->w.by_file = (h >> 61 & 3) == 0; /* new nodes ask without a line */
    m->withholds = (h >> 58 & 3) == 0; /* a district that keeps back, or changes the order */
    m->restores = sim_restores;
    /* Where a key is cut, or a store put back without its list, the act may be void or gone: that
     * is looked at in runs of their own, so that the other ones stay what they are. */
    m->erases = (h >> 60 & 1) != 0 && (sim_erases || (!m->restores && !m->revokes));
    m->steals = (h >> 62 & 3) == 0 && !m->restores && !m->erases;
    if (m->restores && (h >> 44 & 1) != 0) { /* late tails of old epochs, without keyframes */
        m->w.tune.key_items = 0;
    }
}

static int join(struct sim *m, int up)
{
    char name[16];
    struct world *w = &m->w;
    int64_t lv = w->node[up].lv + 10;
    if (w->n >= WORLD_MAX - 1 || lv > 40 || w->n >= 14) {
        return -1;
    }
    (void)snprintf(name, sizeof(name), "%c%d", lv == 30 ? 'd' : 's', w->n);
    sim_forget_backups(m);
    int i = world_enrol(w, up, name, lv, coin(m));
    m->count[i < 0 ? SC_JOIN_FAILED : SC_JOINS]++;
    sim_sticks_cut(m);
    return i;
}

void sim_draw(struct sim *m, uint64_t seed)
{
    struct world *w = &m->w;
    memset(m, 0, sizeof(*m));
    world_init(w, seed);
    buf_init(&m->evil, LIM_MESSAGE_BYTES);
    draw_faults(m);
    draw_keyframes(m, seed);
    sim_rare_draw(m, seed);
    w->inspect = true;
    m->bad = m->robbed = m->stuck = -1;
    (void)world_genesis(w, "city", 20);
    for (int64_t d = world_range(w, 1, 3); d > 0; d--) {
        int district = join(m, 0);
        world_run(w, 3000);
        for (int64_t s = world_range(w, 0, 3); s > 0; s--) {
            (void)join(m, district);
        }
    }
    sim_sticks_draw(m);
    world_run(w, 5000);
    if (m->hostile && w->n > 1) {
        m->bad = (int)world_range(w, 1, w->n - 1);
        w->node[m->bad].hostile = true;
        w->tap = hostile_tap;
        w->tap_arg = m;
    }
    m->count[SC_JOINS] = 0;
}

/* ---- what people write ---- */

static void audience_of(struct sim *m, int i, char aud[static LIM_AUD_BYTES + 1])
{
    struct world *w = &m->w;
    const struct wnode *n = &w->node[i];
    int64_t k = world_range(w, 0, 9);
    if (k < 5) {
        (void)snprintf(aud, LIM_AUD_BYTES + 1, "fed");
    } else if (k < 7) {
        int x = n->up >= 0 && coin(m) ? n->up : i;
        (void)snprintf(aud, LIM_AUD_BYTES + 1, "sub:%s", w->node[x].id.s);
    } else {
        int x = n->up >= 0 && coin(m) ? n->up : coin(m) ? 0 : i;
        (void)snprintf(aud, LIM_AUD_BYTES + 1, "up:%s", w->node[x].id.s);
    }
}

static void put(struct sim *m, int i, const char *id, const char *aud, int64_t r, bool withdrawn)
{
    char title[32];
    if (m->n_writes == SIM_WRITES) {
        return;
    }
    (void)snprintf(title, sizeof(title), "words %lld", (long long)world_range(&m->w, 0, 99999));
    int e = world_put(&m->w, i, aud, id, r, withdrawn ? NULL : title, NULL);
    if (m->w.print) {
        printf("%12s %-10s %s %s r %lld%s: %s\n", "put", m->w.node[i].name, id, aud, (long long)r,
               withdrawn ? " withdrawn" : "", e < 0 ? err_name(e) : "good");
    }
    if (e < 0) {
        m->count[SC_REFUSED]++;
        return;
    }
    struct sim_write *x = &m->write[m->n_writes++];
    x->owner = i;
    x->r = r;
    x->withdrawn = withdrawn;
    x->erased = false;
    x->back = m->was_back[i];
    x->no = ++m->next_write;
    (void)snprintf(x->id, sizeof(x->id), "%s", id);
    (void)snprintf(x->aud, sizeof(x->aud), "%s", aud);
    memcpy(x->leaf, m->w.leaf, HASH_LEN);
    m->count[SC_WRITES]++;
}

void sim_put(struct sim *m, int i, const char *id, const char *aud, int64_t r)
{
    put(m, i, id, aud, r, false);
}

/* The newest form of a record this node wrote before, as the model knows it; NULL: none. */
static const struct sim_write *earlier(struct sim *m, int i)
{
    const struct sim_write *best = NULL;
    if (m->n_writes == 0) {
        return NULL;
    }
    size_t from = (size_t)world_range(&m->w, 0, (int64_t)m->n_writes - 1);
    for (size_t k = 0; k < m->n_writes; k++) {
        const struct sim_write *x = &m->write[(from + k) % m->n_writes];
        if (x->owner == i) {
            best = x;
            break;
        }
    }
    for (size_t k = 0; best != NULL && k < m->n_writes; k++) {
        const struct sim_write *x = &m->write[k];
        if (x->owner == i && strcmp(x->id, best->id) == 0 &&
            (x->r > best->r || (x->r == best->r && !x->withdrawn))) {
            best = x;
        }
    }
    return best;
}

static void write_something(struct sim *m, int i)
{
    char aud[LIM_AUD_BYTES + 1], id[20], old[LIM_AUD_BYTES + 1];
    const struct sim_write *x =
        coin(m) || (m->churn && world_chance(&m->w, 900)) ? earlier(m, i) : NULL;
    if (x == NULL) {
        (void)snprintf(id, sizeof(id), "v%d", ++m->next_id);
        audience_of(m, i, aud);
        put(m, i, id, aud, 1, false);
        return;
    }
    struct sim_write was = *x;
    struct mem_seen seen; /* a node put back from a backup counts on from what it knows */
    struct mem_store *mem = m->w.node[i].mem;
    if (m->restores && mem_store_record(mem, m->w.node[i].id.s, was.id, &seen) == 0) {
        if ((was.withdrawn || was.erased) && seen.r < was.r && mem_store_compacted(mem) > 0) {
            sim_forget_record(m, i, was.id); /* its withdrawal was let go of */
            return;
        }
        was.r = seen.r;
    }
    was.r = sim_floor(m, i, was.id, was.r);
    (void)snprintf(id, sizeof(id), "%s", was.id);
    (void)snprintf(old, sizeof(old), "%s", was.aud);
    audience_of(m, i, aud);
    if (coin(m) || (m->churn && coin(m))) {
        put(m, i, id, old, was.r + 1, false);
    } else if (strcmp(aud, old) != 0 && coin(m)) { /* moved: put in the new, withdrawn in the old */
        put(m, i, id, aud, was.r + 1, false);
        if (m->w.node[i].running) {
            put(m, i, id, old, was.r + 1, true);
        }
    } else {
        put(m, i, id, old, was.r + 1, true);
    }
}

static void refer(struct sim *m, int i)
{
    static const char send[] =
        "{\"subject_kind\":\"org\",\"reason\":\"policy\",\"title\":\"a case\"}";
    char id[20];
    uint8_t cek[32];
    int to = pick(m);
    if (to == i || !m->w.node[to].joined || !m->w.node[i].running ||
        roster_node(sync_roster(m->w.node[i].s), m->w.node[to].id.s) == NULL) {
        return;
    }
    (void)snprintf(id, sizeof(id), "t%d", ++m->next_id);
    world_bytes(&m->w, cek, sizeof(cek));
    if (world_referral(&m->w, i, to, id, 1, 0, "i", "send", send, cek) == 0) {
        m->count[SC_REFERRALS]++;
        sim_case_note(m, i, to, id, cek);
    }
}

/* ---- what breaks ---- */

static void winter(struct sim *m)
{
    struct world *w = &m->w;
    int i = pick(m);
    world_stop(w, i); /* stays off: whoever starts it next does so after the months */
    world_skip(w, world_range(w, 20, 90) * 86400000);
    m->count[SC_WINTERS]++;
    m->winter = false;
}

static void arm(struct sim *m, bool crash)
{
    static const int errs[] = {SANJI_E_IO, SANJI_E_FULL, SANJI_E_BUSY};
    int i = pick(m);
    struct wnode *n = &m->w.node[i];
    if (!n->running || i == m->bad) { /* the hostile one reads its store by itself */
        return;
    }
    n->crash_armed = crash;
    int err = errs[world_range(&m->w, 0, 2)];
    mem_store_fail_run(n->mem, world_range(&m->w, 1, crash ? 80 : 30), crash ? INT64_MAX : 1, err);
    m->count[crash ? SC_CRASHES : SC_STORE_ERRORS]++;
}

/* The parent cuts the key of a street: what it holds of it now is the end of it. Others may hold
 * more, or less. */
static void revoke(struct sim *m, int i)
{
    struct world *w = &m->w;
    static struct act_head heads[64];
    size_t n_heads = 0;
    struct sync_tick t;
    struct act a;
    struct wnode *n = &w->node[i];
    struct wnode *up = n->up < 0 ? NULL : &w->node[n->up];
    for (int k = 0; k < w->n; k++) {
        if (w->node[k].up == i) {
            return;
        }
    }
    if (up == NULL || !n->joined || n->revoked || !up->running || n->up == m->bad || i == m->bad) {
        return;
    }
    const struct roster_node *x = roster_node(sync_roster(up->s), n->id.s);
    if (x == NULL || x->n_keys == 0) {
        return;
    }
    if (sync_heads_of(up->s, n->id.s, false, heads, 64, &n_heads) < 0) {
        return;
    }
    memset(&a, 0, sizeof(a));
    a.type = ACT_CUT;
    a.has_g = true;
    memcpy(a.g, w->g, HASH_LEN);
    a.by = up->id;
    a.n = n->id;
    memcpy(a.after, x->last, HASH_LEN);
    a.kid = x->keys[x->n_keys - 1].kid;
    a.why = "stolen";
    a.heads = heads;
    a.n_heads = n_heads - (size_t)world_range(w, 0, n_heads > 0 ? 1 : 0); /* it may leave one out */
    world_tick(w, n->up, &t);
    a.ts = t.now_ms;
    int r = sync_act(up->s, &t, &a, NULL, 0, false);
    if (!world_died(w, n->up) && r == 0) {
        sim_shut_out(m, i);
        m->count[SC_REVOKED]++;
        world_note(w, "revoke", i, NULL, 0);
        world_event(w, n->up, SEV_LOCAL);
    }
}

/* From now on a district does its work by half, or does it again. */
static void misbehave(struct sim *m, int i)
{
    struct relay *r = &m->w.relay;
    if (r->kind != RELAY_HONEST) {
        r->kind = RELAY_HONEST;
    } else if (m->w.node[i].lv == 30) {
        r->kind = (enum relay_kind)world_range(&m->w, RELAY_WITHHOLD, RELAY_REORDER);
        r->node = i;
        r->victim = pick(m);
    }
}

/* What a run may be about besides what breaks; false: nothing of it, this time. */
static bool trouble(struct sim *m, int i)
{
    struct world *w = &m->w;
    if (m->withholds && world_chance(w, 300)) {
        misbehave(m, i);
        return true;
    }
    if (m->steals && world_chance(w, 200)) {
        sim_steal(m, i);
        return true;
    }
    if (m->revokes && world_chance(w, 100)) {
        revoke(m, i);
        return true;
    }
    if (!m->restores || !coin(m)) {
        return false;
    }
    if (m->backup[i] == NULL || world_chance(w, 200)) {
        sim_backup(m, i);
    } else {
        sim_restore(m, i);
    }
    return true;
}

static void breakage(struct sim *m)
{
    struct world *w = &m->w;
    int i = pick(m);
    if (trouble(m, i)) {
        return;
    }
    switch (world_range(w, 0, 8)) {
    case 0:
    case 1:
        if (m->cuts && !sim_by_stick(m, i)) {
            w->node[i].cut = !w->node[i].cut;
            world_met(w, WF_CUT, i);
            m->count[SC_CUTS]++;
        }
        break;
    case 2:
        if (m->stops && w->node[i].joined) {
            if (w->node[i].running) {
                world_met(w, WF_STOP, i);
                world_stop(w, i);
            } else {
                world_start(w, i);
            }
            m->count[SC_STOPS]++;
        }
        break;
    case 3:
        if (m->crashes && w->node[i].running) {
            world_met(w, WF_CRASH, i);
            world_crash(w, i);
            m->count[SC_CRASHES]++;
        }
        break;
    case 4:
        if (m->crashes) {
            arm(m, true);
        }
        break;
    case 5:
        if (m->store_errors) {
            arm(m, false);
        }
        break;
    case 6:
        if (m->clocks) {
            int64_t off = world_range(w, -30, 30) * 31557600000;
            w->node[i].clock_off = coin(m) ? off : off / 100000;
            world_met(w, WF_CLOCK, i);
            m->count[SC_CLOCKS]++;
        }
        break;
    case 7:
        if (m->joins && w->node[i].joined && i != m->bad && !w->node[i].revoked) {
            (void)join(m, i);
        }
        break;
    default:
        if (m->winter) {
            winter(m);
        }
        break;
    }
}

void sim_faults(struct sim *m)
{
    struct world *w = &m->w;
    w->faults = m->faults;
    for (int k = 0; k < m->actions; k++) {
        int i = pick(m);
        world_run(w, world_chance(w, 100) ? world_range(w, 0, 200000) : world_range(w, 0, 8000));
        if (world_chance(w, 300)) {
            breakage(m);
        } else if (m->hostile && world_chance(w, 200)) {
            hostile_act(m);
        } else if (w->node[i].joined && i != m->bad) {
            for (int n = m->bursts && world_chance(w, 100) ? 12 : 1; n > 0; n--) {
                write_something(m, i);
            }
            if (m->erases && world_chance(w, 100)) {
                sim_erase(m, i);
            }
            if (m->referrals && world_chance(w, 150)) {
                refer(m, i);
            }
        }
        sim_rare_act(m);
        sim_stick_act(m);
        sim_case_step(m);
        sim_case_step(m);
        if (world_chance(w, 300)) { /* whoever crashed is started again now and then */
            int x = pick(m);
            if (w->node[x].joined) {
                world_start(w, x);
            }
        }
    }
}

void sim_heal(struct sim *m)
{
    struct world *w = &m->w;
    struct world_faults none = {.lat_min = 5, .lat_max = 40};
    w->faults = none;
    w->tap = NULL;
    w->relay.kind = RELAY_HONEST;
    m->count[SC_KEPT_BACK] = w->relay.kept_back;
    for (int i = 0; i < w->n; i++) {
        w->node[i].cut = sim_by_stick(m, i); /* there it stays as it is */
        w->node[i].crash_armed = false;
        mem_store_fail_at(w->node[i].mem, 0, 0);
        if (w->node[i].joined) {
            world_start(w, i);
        }
    }
    for (int i = 0; i < w->n; i++) { /* people notice that the cables are back */
        world_event(w, i, SEV_NOW);
    }
    sim_way_back(m);
    /* A stream that a neighbour could not take is offered again in its next session: 15 minutes.
     * So is what is kept for a writer. Who was put back publishes proofs when its doubt has ended.
     */
    for (int k = 0; k < 20 && (k < 2 || !world_converged(w, NULL) || sim_proofs_wait(m) ||
                               sim_in_doubt(m) || sim_older_waits(m));
         k++) {
        world_run(w, 60000);
        sim_stick_round(m);
    }
    if (world_only_frozen(w)) { /* put back twice, the writer does not know of what it has
                                   forgotten: its next bundle ends that, a beat at the latest */
        world_run(w, LIM_BEAT_MS + LIM_BEAT_MS / 10);
    }
    for (int i = 0; i < w->n; i++) {
        m->count[SC_COMPACTED] += mem_store_compacted(w->node[i].mem);
        m->count[SC_JUMPS] += mem_store_jumps(w->node[i].mem);
    }
    m->count[SC_EVENTS] = w->events;
}
