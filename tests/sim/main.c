/* SPDX-License-Identifier: Apache-2.0 */
/* sim [--trace] [--restores] [--erases] [--rare] [--sticks] [--met] [--twice N] [--file LIST]
 * [--seeds FROM COUNT] [SEED...]: whole federations in one process. Each seed is one run in two
 * phases, faults and healing, and then every promise is checked. A failing seed is printed with the
 * first promise broken; the same seed repeats it exactly. With --met the whole run fails when a
 * fault never struck a node in one of the states it can be in: then the seeds prove less than they
 * seem to. */
#include "protocol/base/text.h"
#include "tests/sim/sim.h"

#include <stdio.h>
#include <string.h>

struct total {
    int64_t seeds, failed, count[SC_COUNT], met[WF_COUNT][WS_COUNT], stick[SF_COUNT][SK_COUNT];
};

/* ---- the model's own opinion of the views ---- */

/* The form of (owner, id) that node p must show: the highest revision among the streams it may
 * hold, put before withdrawal. */
static const struct sim_write *expected(const struct sim *m, const struct sim_write *one, int p)
{
    const struct sim_write *best = NULL;
    for (size_t k = 0; k < m->n_writes; k++) {
        const struct sim_write *x = &m->write[k];
        if (x->erased || x->owner != one->owner || strcmp(x->id, one->id) != 0 ||
            !world_may_hold(&m->w, x->owner, x->aud, p)) {
            continue;
        }
        if (best == NULL || x->r > best->r ||
            (x->r == best->r && best->withdrawn && !x->withdrawn)) {
            best = x;
        }
    }
    return best;
}

static int check_views(const struct sim *m, struct world_verdict *v)
{
    const struct world *w = &m->w;
    for (size_t k = 0; k < m->n_writes; k++) {
        const struct sim_write *x = &m->write[k];
        for (int p = 0; p < w->n; p++) {
            struct mem_seen seen;
            if (!w->node[p].joined || w->node[p].hostile || w->node[p].revoked ||
                w->node[x->owner].revoked || m->unsure[x->owner]) {
                /* what stands of it is compared node by node */
                continue;
            }
            const struct sim_write *want = expected(m, x, p);
            int r = mem_store_record(w->node[p].mem, w->node[x->owner].id.s, x->id, &seen);
            bool gone = want != NULL && want->withdrawn && mem_store_compacted(w->node[p].mem) > 0;
            /* Which of them is let go; and without it an older history that turns up shows again.
             */
            bool right = gone && r == 0 ? seen.withdrawn || m->was_back[x->owner] > 0
                         : want == NULL || gone
                             ? r == SANJI_E_NOT_FOUND
                             : r == 0 && seen.r == want->r && seen.withdrawn == want->withdrawn;
            if (!right) {
                (void)snprintf(v->text, sizeof(v->text),
                               "record %s of %s at %s: revision %lld%s, should be %lld%s (I1, I9)",
                               x->id, w->node[x->owner].name, w->node[p].name,
                               r < 0 ? -1 : (long long)seen.r,
                               r == 0 && seen.withdrawn ? " withdrawn" : "",
                               want == NULL ? -1 : (long long)want->r,
                               want != NULL && want->withdrawn ? " withdrawn" : "");
                return -1;
            }
        }
    }
    return 0;
}

static int one_twice(const struct sync_twice *t, void *arg)
{
    (void)t;
    ++*(int64_t *)arg;
    return 0;
}

static int one_healed(const char *name, struct span value, void *arg)
{
    (void)name;
    (void)value;
    ++*(int64_t *)arg;
    return 0;
}

static void one_epoch(const struct sync_stream_row *r, void *arg)
{
    *(int64_t *)arg += r->key.ep > 1;
}

/* Every node that was put back knows by now how far it had got. */
static int check_barriers(struct sim *m, struct world_verdict *v)
{
    for (int i = 0; i < m->w.n; i++) {
        const struct wnode *n = &m->w.node[i];
        if (!n->joined || n->hostile || n->revoked || (n->up >= 0 && m->w.node[n->up].hostile)) {
            continue;
        }
        const struct sync_store *st = mem_store_port(n->mem);
        sync_each_stream(n->s, one_epoch, &m->count[SC_EPOCHS]);
        (void)sync_twice_each(n->s, one_twice, &m->count[SC_TWICE]);
        (void)st->kv_each(st->ctx, "merged/", one_healed, &m->count[SC_HEALED]);
        if (sync_self_state(n->s) != SYNC_SELF_OK) {
            (void)snprintf(v->text, sizeof(v->text), "%s: own state %d at the end", n->name,
                           (int)sync_self_state(n->s));
            return -1;
        }
    }
    return 0;
}

struct frozen {
    const struct sync_store *st;
    int64_t n, unsaid;
};

static void one_frozen(const struct sync_stream_row *r, void *arg)
{
    struct frozen *f = arg;
    char name[32];
    struct buf v;
    buf_init(&v, 65536);
    if (r->frozen && strcmp(r->key.aud, "self") != 0 && strncmp(r->key.aud, "to:", 3) != 0) {
        f->n++;
        (void)snprintf(name, sizeof(name), "proof/%lld", (long long)r->no);
        f->unsaid += f->st->kv_get(f->st->ctx, name, &v) == 0;
    }
    buf_done(&v);
}

static struct frozen frozen_at(const struct wnode *n)
{
    struct frozen f = {.st = mem_store_port(n->mem)};
    sync_each_stream(n->s, one_frozen, &f);
    return f;
}

/* Whoever holds two headers of one number has told everybody; that they hold what it said is part
 * of I9. Of a link that does not fit there is one header only. */
static int check_proofs(struct sim *m, struct world_verdict *v)
{
    for (int i = 0; i < m->w.n; i++) {
        const struct wnode *n = &m->w.node[i];
        if (!n->joined || n->hostile || n->revoked) {
            continue;
        }
        struct frozen f = frozen_at(n);
        m->count[SC_FROZEN] += f.n;
        (void)f.st->kv_each(f.st->ctx, "proved/", one_healed, &m->count[SC_PROOFS]);
        if (f.unsaid > 0) {
            (void)snprintf(v->text, sizeof(v->text), "%s: froze a stream and told nobody (I6)",
                           n->name);
            return -1;
        }
    }
    return 0;
}

bool sim_proofs_wait(const struct sim *m)
{
    int64_t unsaid = 0;
    for (int i = 0; i < m->w.n; i++) {
        const struct wnode *n = &m->w.node[i];
        unsaid += n->running && !n->hostile && !n->revoked ? frozen_at(n).unsaid : 0;
    }
    return unsaid > 0;
}

bool sim_in_doubt(const struct sim *m)
{
    for (int i = 0; i < m->w.n; i++) {
        const struct wnode *n = &m->w.node[i];
        if (n->running && !n->hostile && !n->revoked && !sim_by_stick(m, i) &&
            sync_self_state(n->s) == SYNC_SELF_UNCONFIRMED) {
            return true;
        }
    }
    return false;
}

static int check(struct sim *m, struct world_verdict *v)
{
    struct world *w = &m->w;
    if (w->leak[0] != '\0') {
        (void)snprintf(v->text, sizeof(v->text), "%s", w->leak);
        return -1;
    }
    bool torn = false; /* an act died with its disk: who holds the stub and who the item differ */
    for (int i = 0; i < w->n; i++) {
        torn = torn || w->node[i].torn;
    }
    for (int i = 0; i < w->n && !torn && !m->hostile && m->faults.corrupt == 0; i++) {
        if (w->node[i].alarms[-SANJI_E_HASH] + w->node[i].alarms[-SANJI_E_DIVERGED] > 0) {
            (void)snprintf(v->text, sizeof(v->text),
                           "%s: a keyframe or beat says something else than the views (I16)",
                           w->node[i].name);
            return -1;
        }
    }
    sim_marks_settle(m);
    if (world_check_converged(w, v) < 0 || world_check_truth(w, v) < 0 || check_views(m, v) < 0 ||
        check_barriers(m, v) < 0 || check_proofs(m, v) < 0 || sim_check_erased(m, v) < 0 ||
        sim_check_gone(m, v) < 0 || sim_check_cases(m, v) < 0) {
        return -1;
    }
    for (int i = 0; i < w->n; i++) {
        if (w->node[i].joined && world_check_rebuild(w, i, v) < 0) {
            return -1;
        }
    }
    /* One node accepts everything anew, ten nodes' worth of orders are applied by the rebuilds. */
    int i = (int)world_range(w, 0, w->n - 1);
    for (int k = 0; k < 9; k++) {
        if (world_check_rebuild(w, i, v) < 0) {
            return -1;
        }
    }
    return w->node[i].joined ? world_check_order(w, i, v) : 0;
}

/* ---- runs ---- */

static int run(uint64_t seed, bool print, struct total *tot, uint64_t *ret_trace,
               struct world_verdict *v)
{
    static struct sim m; /* large */
    sim_draw(&m, seed);
    m.w.print = print;
    sim_faults(&m);
    if (print) {
        printf("%12lld healing\n", (long long)m.w.now);
    }
    sim_heal(&m);
    int r = check(&m, v);
    for (int i = 0; print && r < 0 && i < m.w.n; i++) { /* which of them is wrong? */
        struct world_verdict own = {.text = "views are what the bundles say"};
        world_print(&m.w, i);
        (void)(m.w.node[i].joined && world_check_rebuild(&m.w, i, &own));
        printf("%-6s %s\n", m.w.node[i].name, own.text);
    }
    *ret_trace = m.w.trace;
    for (int i = 0; i < SC_COUNT; i++) {
        tot->count[i] += m.count[i];
    }
    for (int f = 0; f < WF_COUNT; f++) {
        for (int st = 0; st < WS_COUNT; st++) {
            tot->met[f][st] += m.w.met[f][st];
        }
    }
    for (int f = 0; f < SF_COUNT; f++) {
        for (int k = 0; k < SK_COUNT; k++) {
            tot->stick[f][k] += m.stick[f][k];
        }
    }
    sim_sticks_done(&m);
    buf_done(&m.evil);
    sim_forget_backups(&m);
    world_done(&m.w);
    memo_forget();
    return r;
}

static void seed_run(uint64_t seed, bool print, bool twice, struct total *tot)
{
    struct world_verdict v = {.text = ""};
    uint64_t a = 0, b = 0;
    int r = run(seed, print, tot, &a, &v);
    tot->seeds++;
    if (r == 0 && twice) {
        r = run(seed, false, tot, &b, &v);
        if (r == 0 && a != b) {
            (void)snprintf(v.text, sizeof(v.text), "run twice, two different traces");
            r = -1;
        }
    }
    if (r < 0 || print) {
        printf("seed %llu: %s, trace %016llx\n", (unsigned long long)seed, r < 0 ? v.text : "good",
               (unsigned long long)a);
        (void)fflush(stdout);
    }
    tot->failed += r < 0 ? 1 : 0;
}

static void report(const struct total *t)
{
    static const char *const name[SC_COUNT] = {"writes",
                                               "refused",
                                               "crashes",
                                               "stops",
                                               "cuts",
                                               "joins",
                                               "joins failed",
                                               "referrals",
                                               "store errors",
                                               "winters",
                                               "clocks",
                                               "hostile",
                                               "revoked",
                                               "compacted",
                                               "jumps",
                                               "databases put back",
                                               "folders put back",
                                               "parents put back",
                                               "lost with the disk",
                                               "later epochs",
                                               "branches given up",
                                               "changed twice",
                                               "kept back",
                                               "frozen",
                                               "proofs",
                                               "forms erased",
                                               "erased before a store went back",
                                               "older forms erased",
                                               "erased before a cut",
                                               "keys stolen",
                                               "ways back",
                                               "rebuilt",
                                               "referral steps",
                                               "referrals moved",
                                               "steps ignored",
                                               "events"};
    printf("sim: %lld seeds, %lld failed;", (long long)t->seeds, (long long)t->failed);
    for (int i = 0; i < SC_COUNT; i++) {
        printf(" %s %lld%s", name[i], (long long)t->count[i], i + 1 < SC_COUNT ? "," : "\n");
    }
}

/* What happened seldom, or never. */
static bool met_all(const struct total *t)
{
    static const char *const fault[WF_COUNT] = {"loss",        "dup",        "truncate",
                                                "corrupt",     "lost reply", "cut",
                                                "stop",        "crash",      "crash while writing",
                                                "store error", "clock"};
    static const char *const stage[WS_COUNT] = {"login", "up", "held", "quiet"};
    static const enum sim_count once[] = {SC_JOINS,   SC_JOIN_FAILED, SC_REFERRALS, SC_WINTERS,
                                          SC_HOSTILE, SC_REVOKED,     SC_REFUSED,   SC_KEPT_BACK,
                                          SC_FROZEN,  SC_PROOFS,      SC_STOLEN,    SC_BACK};
    bool all = true;
    for (int f = 0; f < WF_COUNT; f++) {
        printf("  %-20s", fault[f]);
        for (int st = 0; st < WS_COUNT; st++) {
            bool can = f > WF_LOST_REPLY || st != WS_QUIET; /* a message is part of something */
            printf(" %s %lld%s", stage[st], (long long)t->met[f][st],
                   can && t->met[f][st] == 0 ? " NEVER" : "");
            all = all && (!can || t->met[f][st] > 0);
        }
        printf("\n");
    }
    for (size_t i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
        all = all && t->count[once[i]] > 0;
    }
    printf("sim: %s\n", all ? "every fault met every state" : "some fault never met some state");
    return all;
}

static int number(const char *s, int64_t *ret)
{
    return s == NULL ? -1 : text_i64(s, strlen(s), 0, INT64_MAX, ret);
}

static bool flag(const char *word)
{
    bool *const on = strcmp(word, "--restores") == 0 ? &sim_restores
                     : strcmp(word, "--erases") == 0 ? &sim_erases
                     : strcmp(word, "--rare") == 0   ? &sim_rare
                     : strcmp(word, "--sticks") == 0 ? &sim_sticks
                                                     : NULL;
    if (on != NULL) {
        *on = true;
    }
    return on != NULL;
}

/* A line: a seed, and before it what the whole list is not run with. */
static void line_run(char *line, struct total *tot)
{
    const bool was[] = {sim_restores, sim_erases, sim_rare, sim_sticks};
    int64_t seed;
    line[strcspn(line, "#\n")] = '\0';
    for (char *word = line; *word != '\0';) {
        size_t n = strcspn(word, " ");
        bool last = word[n] == '\0';
        word[n] = '\0';
        if (!flag(word) && number(word, &seed) == 0) {
            seed_run((uint64_t)seed, false, true, tot);
        }
        word += n + (last ? 0 : 1);
    }
    sim_restores = was[0];
    sim_erases = was[1];
    sim_rare = was[2];
    sim_sticks = was[3];
}

/* What stands behind a seed says what it once found. */
static int list_run(const char *path, struct total *tot)
{
    char line[512];
    FILE *f = fopen(path, "r");
    if (f == NULL) {
        (void)fprintf(stderr, "sim: cannot read %s\n", path);
        return -1;
    }
    while (fgets(line, sizeof(line), f) != NULL) {
        line_run(line, tot);
    }
    (void)fclose(f);
    return 0;
}

int main(int argc, char **argv)
{
    struct total tot = {0};
    bool print = false, must_meet = false;
    int64_t from = 0, count = 0, twice = 0, seed;
    for (int i = 1; i < argc; i++) {
        int r = 0;
        if (flag(argv[i])) {
            continue;
        }
        if (strcmp(argv[i], "--trace") == 0) {
            print = true;
        } else if (strcmp(argv[i], "--met") == 0) {
            must_meet = true;
        } else if (strcmp(argv[i], "--twice") == 0) {
            r = number(argv[++i], &twice);
        } else if (strcmp(argv[i], "--file") == 0 && i + 1 < argc) {
            r = list_run(argv[++i], &tot);
        } else if (strcmp(argv[i], "--seeds") == 0 && i + 2 < argc) {
            r = number(argv[i + 1], &from) < 0 ? -1 : number(argv[i + 2], &count);
            i += 2;
        } else if ((r = number(argv[i], &seed)) == 0) {
            seed_run((uint64_t)seed, print, false, &tot);
        }
        if (r < 0) {
            (void)fprintf(
                stderr,
                "sim [--trace] [--restores] [--erases] [--rare] [--sticks] [--met] [--twice N] "
                "[--file LIST] [--seeds FROM COUNT] [SEED...]\n");
            return 2;
        }
    }
    for (int64_t k = 0; k < count; k++) {
        seed_run((uint64_t)(from + k), print, k < twice, &tot);
    }
    report(&tot);
    if (sim_erases && count >= 50 &&
        (tot.count[SC_ERASED_BACK] == 0 || tot.count[SC_ERASED_CUT] == 0)) {
        printf("sim: nothing was erased before a store went back, or before a cut\n");
        return 1;
    }
    if (sim_erases && sim_restores && count >= 200 && tot.count[SC_ERASED_LATE] == 0) {
        printf("sim: no older form came back of what was erased\n");
        return 1;
    }
    if (sim_sticks && count >= 100 &&
        (!sim_sticks_met(tot.stick) || tot.count[SC_MOVED] == 0 || tot.count[SC_IGNORED] == 0)) {
        printf("sim: some stick never met some fault, or no referral moved\n");
        return 1;
    }
    return tot.failed > 0 || (must_meet && !met_all(&tot)) ? 1 : 0;
}
