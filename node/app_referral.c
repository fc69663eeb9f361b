/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a node's own steps of a referral. The rule table (flow_referral.h) says what is allowed
 * now; content is checked before it is sealed, because nobody can check it afterwards; the consent
 * gate is part of that check. Two steps the daemon takes by itself: it confirms that a referral has
 * arrived, and it confirms a cancellation as long as nobody here has accepted the case. */
#include "node/app_erase.h"
#include "node/app_internal.h"
#include "node/data/workdays.h"
#include "node/tidy.h"
#include "protocol/base/text.h"
#include "protocol/calendar.h"
#include "protocol/jwrite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct thread {
    bool found, twice;
    int64_t n;
    char id[LIM_ID_BYTES + 1], init[LIM_NODE_ID + 2], peer[LIM_NODE_ID + 2];
    bool out; /* this node began it */
    struct ref_fold fold;
    int64_t step[REF_PARTIES]; /* highest of each party */
    bool accepted;             /* R took the case: a person has to answer a cancellation */
    bool delivered;
    uint8_t send_leaf[HASH_LEN];
};

static int on_thread(const struct store_thread *t, void *arg)
{
    struct thread *x = arg;
    x->twice = x->found;
    x->found = true;
    x->n = t->n;
    x->out = strcmp(t->init, t->peer) != 0;
    snprintf(x->init, sizeof x->init, "%s", t->init);
    x->fold = t->fold;
    snprintf(x->id, sizeof x->id, "%s", t->id);
    snprintf(x->peer, sizeof x->peer, "%s", t->peer);
    return 0;
}

static int on_event(const struct store_thread_event *e, void *arg)
{
    struct thread *x = arg;
    if (e->step > x->step[e->who]) {
        x->step[e->who] = e->step;
    }
    x->accepted = x->accepted || e->ev == RE_ACCEPT || e->ev == RE_SCHEDULE || e->ev == RE_SERVE;
    x->delivered = x->delivered || e->ev == RE_DELIVERED;
    if (e->ev == RE_SEND || e->ev == RE_REOPEN) {
        memcpy(x->send_leaf, e->leaf, HASH_LEN);
    }
    return 0;
}

static int plaintext(enum ref_event ev, bool as_i, int64_t seen, int64_t now_ms, struct span d,
                     struct buf *out)
{
    char today[11];
    struct jw w;
    date_write(date_of_ms(now_ms), today);
    jw_init(&w, out);
    jw_obj(&w, NULL);
    jw_str(&w, "k", "referral/1");
    jw_str(&w, "who", as_i ? "i" : "r");
    jw_str(&w, "ev", ref_event_name(ev));
    jw_int(&w, "seen", seen);
    jw_str(&w, "on", today);
    jw_raw(&w, "d", d.p, d.n);
    jw_end_obj(&w);
    return jw_done(&w);
}

/* Seals one event and writes it into the pair's stream. The content key goes into the key file
 * within the same effect: the engine opens what it writes and hands the key to the store. */
static int write_event(struct app *a, const struct thread *x, enum ref_event ev, int64_t step,
                       int64_t seen, const uint8_t cek[static 32], struct span d)
{
    struct sync_tick t;
    struct buf plain, item;
    struct node_id to;
    char aud[LIM_AUD_BYTES + 1];
    buf_init(&plain, LIM_ITEM_BYTES);
    buf_init(&item, LIM_ITEM_BYTES * 2);
    snprintf(aud, sizeof aud, "to:%s", x->peer);
    int r = node_id_parse(x->peer, strlen(x->peer), &to);
    if (r == 0) {
        r = app_tick_make(&t);
    }
    if (r == 0) {
        r = plaintext(ev, x->out, seen, t.now_ms, d, &plain);
    }
    if (r == 0) {
        r = sync_seal_item(a->sync, &t, x->id, step, &to, 1, cek, span_of(plain.data, plain.len),
                           &item);
    }
    if (r == 0) {
        r = app_random(t.rnd, sizeof t.rnd);
    }
    if (r == 0) {
        struct span it = span_of(item.data, item.len);
        r = sync_write(a->sync, &t, aud, &it, 1, false, NULL);
    }
    if (r == 0) {
        app__wrote(a);
    }
    buf_wipe_done(&plain);
    buf_done(&item);
    return r;
}

int app__referral_write(struct app *a, const struct app_step *x)
{
    struct thread t = {.out = x->as_i};
    snprintf(t.id, sizeof t.id, "%s", x->id);
    snprintf(t.peer, sizeof t.peer, "%s", x->peer);
    return write_event(a, &t, x->ev, x->step, x->seen, x->cek, x->d);
}

/* Content as people write it -> gated content that the event's table accepts. */
static int content(enum ref_event ev, struct span d, struct buf *out, struct fault *f)
{
    if (d.n == 0) {
        d = span_of("{}", 2);
    }
    if (d.n > LIM_ITEM_BYTES) {
        return fault_set(f, SANJI_E_SIZE, "", "64 KiB");
    }
    int r = tidy_json(d, out, f);
    if (r == 0 && (out->len == 0 || out->data[0] != '{')) {
        r = fault_set(f, SANJI_E_SYNTAX, "", "one JSON object");
    }
    return r == 0 ? ref_check_content(ev, span_of(out->data, out->len), f) : r;
}

int app_referral_send(struct app *a, const char *to, struct span d,
                      char ret_id[static LIM_ID_BYTES + 1], struct fault *f)
{
    struct thread x = {.out = true};
    uint8_t cek[32];
    char id[28];
    struct buf c;
    const struct roster_node *n = roster_node(app_roster(a), to);
    if (n == NULL || strcmp(to, app_id(a)) == 0) {
        return fault_set(f, SANJI_E_REFERENCE, "to", "another node of the federation");
    }
    if (n->state != NODE_ACTIVE) {
        return fault_set(f, SANJI_E_CLOSED, "to", NULL);
    }
    int r = app_disk_low(a) ? SANJI_E_FULL : app__may_write(a);
    if (r < 0) {
        return r;
    }
    buf_init(&c, LIM_ITEM_BYTES * 2);
    r = content(RE_SEND, d, &c, f);
    if (r == 0) {
        r = app_random(cek, sizeof cek);
    }
    if (r == 0) {
        app__record_id(a, app_now_ms(), id);
        snprintf(x.id, sizeof x.id, "%s", id);
        snprintf(x.peer, sizeof x.peer, "%s", to);
        r = write_event(a, &x, RE_SEND, 1, 0, cek, span_of(c.data, c.len));
    }
    if (r == 0) {
        memcpy(ret_id, id, strlen(id) + 1);
    }
    mem_wipe(cek, sizeof cek);
    buf_wipe_done(&c);
    return r;
}

static int load_thread(struct app *a, const char *id, struct thread *x)
{
    int r = store_thread_by_id(a->store, id, on_thread, x);
    if (r == 0 && !x->found) {
        r = SANJI_E_NOT_FOUND;
    }
    if (r == 0 && x->twice) {
        r = SANJI_E_CONFLICT; /* two nodes chose one id: the page can name the peer, a bare id
                                 cannot */
    }
    return r == 0 ? store_thread_events(a->store, x->n, on_event, x) : r;
}

static int next_event(struct app *a, const struct thread *x, enum ref_event ev, struct span d,
                      struct fault *f)
{
    enum ref_party me = x->out ? REF_I : REF_R;
    enum ref_state now = x->fold.state, next;
    uint8_t cek[32];
    struct buf c;
    if (me == REF_R && x->fold.cancel_pending && ev == RE_CANCEL_CONFIRM) {
        now = RS_CANCEL_REQUESTED;
    }
    int r = ref_next(now, ev, me, &next);
    if (r < 0) {
        return fault_set(f, r, ref_event_name(ev), ref_state_name(x->fold.state));
    }
    buf_init(&c, LIM_ITEM_BYTES * 2);
    r = content(ev, d, &c, f);
    if (r == 0) { /* what erases must not carry the key of what it erases */
        r = ev == RE_ERASE ? app_random(cek, sizeof cek)
                           : store_thread_key_get(a->store, x->init, x->id, cek);
    }
    if (r == 0) {
        r = write_event(a, x, ev, x->step[me] + 1, x->step[me == REF_I ? REF_R : REF_I], cek,
                        span_of(c.data, c.len));
    }
    mem_wipe(cek, sizeof cek);
    buf_wipe_done(&c);
    return r;
}

int app_referral_event(struct app *a, const char *id, enum ref_event ev, struct span d,
                       struct fault *f)
{
    struct thread x = {0};
    if (ev == RE_ERASE) { /* takes two people: app_erase.h */
        return fault_set(f, SANJI_E_STATE, "erase", "a confirmed request");
    }
    int r = load_thread(a, id, &x);
    if (r == 0) {
        r = app_disk_low(a) ? SANJI_E_FULL : app__may_write(a);
    }
    return r == 0 ? next_event(a, &x, ev, d, f) : r;
}

int app__referral_erase(struct app *a, const char *id, const char *why, struct fault *f)
{
    struct thread x = {0};
    char d[32];
    int n = snprintf(d, sizeof d, "{\"why\":\"%s\"}", why);
    int r = load_thread(a, id, &x);
    if (r == 0 && x.fold.state == RS_ERASED) { /* by the other party, or before a crash */
        return 0;
    }
    return r == 0 ? next_event(a, &x, RE_ERASE, span_of(d, (size_t)n), f) : r;
}

/* Whose turn it is: does this thread wait for a person of this node? */
bool app_referral_awaits(const struct store_thread *t)
{
    /* clang-format off */
    static const struct {
        bool sender, receiver;
    } turn[RS_COUNT] = {
        [RS_DELIVERED] = {.receiver = true},    [RS_RECEIVED] = {.receiver = true},
        [RS_INFO_NEEDED] = {.sender = true},    [RS_ACCEPTED] = {.receiver = true},
        [RS_SCHEDULED] = {.receiver = true},    [RS_NO_SHOW] = {.receiver = true},
        [RS_APPT_CANCELLED] = {.receiver = true}, [RS_IN_SERVICE] = {.receiver = true},
        [RS_CANCEL_REQUESTED] = {.receiver = true}, [RS_COMPLETED] = {.sender = true},
        [RS_DECLINED] = {.sender = true},       [RS_CANCELLED] = {.sender = true},
    };
    /* clang-format on */
    enum ref_state s = t->fold.state;
    return strcmp(t->init, t->peer) != 0 ? turn[s].sender
                                         : turn[s].receiver || t->fold.cancel_pending;
}

/* ---- automatic ---- */

struct due {
    char id[LIM_ID_BYTES + 1], peer[LIM_NODE_ID + 2];
    enum ref_event ev;
};
struct due_list {
    struct due *v;
    size_t n, cap;
    int err;
};

static int on_candidate(const struct store_thread *t, void *arg)
{
    struct due_list *l = arg;
    bool in = strcmp(t->init, t->peer) == 0;
    bool deliver = in && t->fold.state == RS_SENT;
    bool cancel = in && (t->fold.cancel_pending || t->fold.state == RS_CANCEL_REQUESTED);
    if (!deliver && !cancel) {
        return 0;
    }
    if (l->n == l->cap) {
        size_t cap = l->cap != 0 ? l->cap * 2 : 16;
        struct due *v = realloc(l->v, cap * sizeof *v);
        if (v == NULL) {
            return SANJI_E_NOMEM;
        }
        l->v = v;
        l->cap = cap;
    }
    struct due *x = &l->v[l->n++];
    snprintf(x->id, sizeof x->id, "%s", t->id);
    snprintf(x->peer, sizeof x->peer, "%s", t->peer);
    x->ev = cancel ? RE_CANCEL_CONFIRM : RE_DELIVERED;
    return 0;
}

static int act_on(struct app *a, const struct due *x)
{
    struct thread t = {0};
    struct buf d;
    struct jw w;
    int r = store_thread_get(a->store, x->peer, x->id, on_thread, &t);
    if (r == 0 && t.found) {
        r = store_thread_events(a->store, t.n, on_event, &t);
    }
    if (r < 0 || !t.found || (x->ev == RE_CANCEL_CONFIRM && t.accepted)) {
        return r;
    }
    buf_init(&d, 1024);
    jw_init(&w, &d);
    jw_obj(&w, NULL);
    if (x->ev == RE_DELIVERED) {
        jw_b64(&w, "leaf", t.send_leaf, HASH_LEN);
    } else {
        jw_bool(&w, "auto", true);
    }
    jw_end_obj(&w);
    r = jw_done(&w);
    if (r == 0) {
        r = next_event(a, &t, x->ev, span_of(d.data, d.len), NULL);
    }
    buf_done(&d);
    /* Not allowed (yet), erased, or the sender's key is not known: not this time. */
    return r == SANJI_E_STATE || r == SANJI_E_NOT_FOUND || r == SANJI_E_UNKNOWN_KEY ||
                   r == SANJI_E_AUDIENCE
               ? 0
               : r;
}

int app_referral_auto(struct app *a)
{
    struct due_list l = {0};
    if (app_self_node(a) == NULL || app_disk_low(a) || app__may_write(a) < 0) {
        return 0;
    }
    int r = store_thread_list(a->store, 0, 0, on_candidate, &l);
    for (size_t i = 0; r == 0 && i < l.n; i++) {
        r = act_on(a, &l.v[i]);
    }
    free(l.v);
    return r < 0 ? r : app__reseal_auto(a);
}

static int on_year(const struct store_rec *rec, void *arg)
{
    (void)calendar_add(arg, rec->d,
                       NULL); /* a year that cannot be read counts as one without data */
    return 0;
}

int app_calendar(struct app *a, struct calendar *ret)
{
    struct store_filter fl = {.kind = "workday", .limit = CAL_YEARS * 4};
    size_t years;
    calendar_init(ret);
    /* The years this build came with; the city's records replace them year by year. */
    int r = workdays_builtin(ret, &years);
    return r < 0 ? r : store_record_list(a->store, &fl, on_year, ret);
}
