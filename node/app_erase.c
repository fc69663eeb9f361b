/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to erase, and their confirmation by a second person. A request is a kv row
 * "erase/req/N"; it stays as the trace of who erased what and why, without saying whom it was
 * about. */
#include "node/app_erase.h"

#include "node/app_put.h"
#include "node/app_refused.h"
#include "node/password.h"
#include "node/store/import.h"
#include "node/store/staff.h"
#include "protocol/base/text.h"
#include "protocol/jcur.h"
#include "protocol/jwrite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char prefix[] = "erase/req/";
enum { NAME_BYTES = 32, ROW_BYTES = 2048 };

/* ---- who ---- */

bool app_erase_may(const char *role, enum app_erase_right what)
{
    static const char *const ask[] = {"admin", "manager", "clerk", "reviewer"};
    size_t n = what == APP_MAY_CONFIRM ? 2 : sizeof ask / sizeof ask[0];
    for (size_t i = 0; i < n; i++) {
        if (strcmp(role, ask[i]) == 0) {
            return true;
        }
    }
    return false;
}

struct known {
    char pass[PASSWORD_HASH_BYTES], role[16];
    bool usable;
};

static int on_user(const struct staff_user *u, void *arg)
{
    struct known *k = arg;
    snprintf(k->pass, sizeof k->pass, "%s", u->pass);
    snprintf(k->role, sizeof k->role, "%s", u->role);
    k->usable = !u->disabled && !u->one_time;
    return 0;
}

int app_erase_who(struct app *a, const char *login, struct span password, enum app_erase_right what)
{
    char typed[PASSWORD_MAX * 4 + 1];
    struct known k = {.usable = false};
    while (password.n > 0 &&
           (password.p[password.n - 1] == '\n' || password.p[password.n - 1] == '\r')) {
        password.n--;
    }
    int r = staff_user_get(a->store, login, on_user, &k);
    if (r < 0 && r != SANJI_E_NOT_FOUND) {
        return r;
    }
    size_t n = password.n < sizeof typed ? password.n : 0;
    if (n > 0) {
        memcpy(typed, password.p, n);
    }
    typed[n] = '\0';
    bool right = password_check(typed, r == 0 ? k.pass : NULL) && k.usable;
    mem_wipe(typed, sizeof typed);
    mem_wipe(k.pass, sizeof k.pass);
    return !right ? SANJI_E_UNAUTHORISED : app_erase_may(k.role, what) ? 0 : SANJI_E_FORBIDDEN;
}

/* ---- rows ---- */

static int row_save(struct app *a, const struct app_erase *e)
{
    const struct sync_store *st = store_port(a->store);
    char name[NAME_BYTES];
    struct buf b;
    struct jw w;
    buf_init(&b, ROW_BYTES);
    jw_init(&w, &b);
    jw_obj(&w, NULL);
    jw_bool(&w, "referral", e->referral);
    jw_str(&w, "id", e->id);
    if (e->owner[0] != '\0') {
        jw_str(&w, "for", e->owner);
    }
    jw_str(&w, "why", e->why);
    jw_str(&w, "state", e->state);
    jw_str(&w, "by", e->by);
    jw_str(&w, "with", e->with);
    jw_int(&w, "asked", e->asked_ms);
    jw_int(&w, "ended", e->ended_ms);
    jw_int(&w, "items", e->items);
    jw_end_obj(&w);
    int r = jw_done(&w);
    snprintf(name, sizeof name, "%s%010lld", prefix, (long long)e->n);
    r = r < 0 ? r : st->kv_put(st->ctx, name, span_of(b.data, b.len));
    buf_done(&b);
    return r;
}

static int row_read(const char *name, struct span row, struct app_erase *e)
{
    const struct {
        const char *name;
        char *to;
        size_t n;
    } text[] = {{"id", e->id, sizeof e->id},
                {"why", e->why, sizeof e->why},
                {"state", e->state, sizeof e->state},
                {"by", e->by, sizeof e->by},
                {"with", e->with, sizeof e->with}};
    const struct {
        const char *name;
        int64_t *to;
    } number[] = {{"asked", &e->asked_ms}, {"ended", &e->ended_ms}, {"items", &e->items}};
    struct span v, s;
    const char *digits = name + sizeof prefix - 1;
    digits += strspn(digits, "0");
    if (text_i64(digits, strlen(digits), 1, INT64_MAX, &e->n) < 0 ||
        !jcur_get(row, "referral", &v) || !jcur_bool(v, &e->referral)) {
        return SANJI_E_CORRUPT;
    }
    for (size_t i = 0; i < sizeof text / sizeof text[0]; i++) {
        if (!jcur_get(row, text[i].name, &v) || !jcur_plain(v, &s) || s.n >= text[i].n) {
            return SANJI_E_CORRUPT;
        }
        memcpy(text[i].to, s.p, s.n);
        text[i].to[s.n] = '\0';
    }
    if (jcur_get(row, "for", &v) && jcur_plain(v, &s) && s.n < sizeof e->owner) {
        memcpy(e->owner, s.p, s.n);
        e->owner[s.n] = '\0';
    }
    for (size_t i = 0; i < sizeof number / sizeof number[0]; i++) {
        if (!jcur_get(row, number[i].name, &v) || !jcur_int(v, number[i].to)) {
            return SANJI_E_CORRUPT;
        }
    }
    return 0;
}

struct listing {
    app_erase_fn *fn;
    void *arg;
};

static int on_row(const char *name, struct span value, void *arg)
{
    const struct listing *l = arg;
    struct app_erase e = {0};
    int r = row_read(name, value, &e);
    return r < 0 ? r : l->fn(&e, l->arg);
}

int app_erase_list(struct app *a, app_erase_fn *fn, void *arg)
{
    const struct sync_store *st = store_port(a->store);
    struct listing l = {fn, arg};
    return st->kv_each(st->ctx, prefix, on_row, &l);
}

static int newest(const struct app_erase *e, void *arg)
{
    *(int64_t *)arg = e->n;
    return 0;
}

struct same {
    const char *id, *owner;
    int64_t n;
};

static int is_open(const struct app_erase *e, void *arg)
{
    struct same *s = arg;
    bool same = strcmp(e->id, s->id) == 0 && strcmp(e->owner, s->owner) == 0;
    s->n = same && strcmp(e->state, "open") == 0 ? e->n : s->n;
    return 0;
}

int app_erase_get(struct app *a, int64_t n, struct app_erase *ret)
{
    const struct sync_store *st = store_port(a->store);
    char name[NAME_BYTES];
    struct buf b;
    buf_init(&b, ROW_BYTES);
    memset(ret, 0, sizeof *ret);
    snprintf(name, sizeof name, "%s%010lld", prefix, (long long)n);
    int r = st->kv_get(st->ctx, name, &b);
    r = r < 0 ? r : row_read(name, span_of(b.data, b.len), ret);
    buf_done(&b);
    return r;
}

/* ---- asking ---- */

struct target {
    bool record, referral, ended;
    enum ref_state state;
};

static int on_record(const struct store_rec *rec, void *arg)
{
    (void)rec;
    ((struct target *)arg)->record = true;
    return 0;
}

bool app_referral_erasable(const struct store_thread *t)
{
    enum ref_state next;
    return ref_next(t->fold.state, RE_ERASE, strcmp(t->init, t->peer) != 0 ? REF_I : REF_R,
                    &next) == 0;
}

static int on_thread(const struct store_thread *t, void *arg)
{
    struct target *x = arg;
    x->referral = true;
    x->state = t->fold.state;
    x->ended = app_referral_erasable(t);
    return 0;
}

struct beside {
    const char *owner, *id;
    bool found;
};

static int is_beside(const struct sync_aside *x, void *arg)
{
    struct beside *k = arg;
    struct item it;
    for (size_t i = 0; x->b != NULL && x->b->item != NULL && i < (size_t)x->b->hdr.n; i++) {
        bool is = !x->b->item[i].stub && item_parse(x->b->item[i].text, &it, NULL) == 0;
        const char *owner = is && !node_id_none(&it.on_behalf) ? it.on_behalf.s : x->b->hdr.by.s;
        k->found = k->found || (is && strcmp(owner, k->owner) == 0 && strcmp(it.id, k->id) == 0);
    }
    return k->found;
}

/* A record that only a bundle beside the streams still names can be erased as well. */
static int find_beside(struct app *a, const char *owner, const char *id, struct target *ret)
{
    struct beside k = {.owner = owner, .id = id};
    int r = sync_aside_each(a->sync, is_beside, &k);
    ret->record = k.found;
    return r < 0 ? r : k.found ? 0 : SANJI_E_NOT_FOUND;
}

static int find_record(struct app *a, const char *owner, const char *id, struct target *ret)
{
    int r = store_record_get(a->store, owner, NULL, id, on_record, ret);
    return r == SANJI_E_NOT_FOUND ? find_beside(a, owner, id, ret) : r;
}

/* owner "": own. */
static int find_target(struct app *a, const char *owner, const char *id, struct target *ret,
                       struct fault *f)
{
    int r = record_id_valid(id, strlen(id)) ? 0 : SANJI_E_NOT_FOUND;
    if (r == 0 && owner[0] != '\0') {
        return find_record(a, owner, id, ret);
    }
    r = r < 0 ? r : store_thread_by_id(a->store, id, on_thread, ret);
    if (r == 0 && !ret->referral) {
        r = find_record(a, app_id(a), id, ret);
    }
    if (r == 0 && ret->referral && !ret->ended) {
        r = fault_set(f, SANJI_E_STATE, "erase", ref_state_name(ret->state));
    }
    return r;
}

static int may_for(struct app *a, const char *owner, struct fault *f)
{
    int r = owner[0] == '\0' ? 0 : app__may_stand_for(a, owner);
    return r < 0 ? fault_set(f, r, "for", NULL) : 0;
}

int app_erase_request(struct app *a, const char *login, const char *id, const char *why,
                      int64_t *ret_n, struct fault *f)
{
    return app_erase_request_for(a, login, "", id, why, ret_n, f);
}

int app_erase_request_for(struct app *a, const char *login, const char *owner, const char *id,
                          const char *why, int64_t *ret_n, struct fault *f)
{
    struct target x = {0};
    struct app_erase e = {.state = "open", .asked_ms = app_now_ms()};
    struct same s = {.id = id, .owner = owner};
    if (strcmp(why, "person") != 0 && strcmp(why, "mistake") != 0 && strcmp(why, "law") != 0) {
        return fault_set(f, SANJI_E_SPEC, "why", "person mistake law");
    }
    int r = may_for(a, owner, f);
    r = r < 0 ? r : find_target(a, owner, id, &x, f);
    if (r == 0) {
        r = app_erase_list(a, is_open, &s);
    }
    if (r == 0 && s.n == 0) {
        r = app_erase_list(a, newest, &e.n);
    }
    if (r == 0 && s.n == 0) { /* asked once, asked for both */
        e.n++;
        e.referral = x.referral;
        snprintf(e.id, sizeof e.id, "%s", id);
        snprintf(e.owner, sizeof e.owner, "%s", owner);
        snprintf(e.why, sizeof e.why, "%s", why);
        snprintf(e.by, sizeof e.by, "%s", login);
        r = row_save(a, &e);
    }
    *ret_n = s.n != 0 ? s.n : e.n;
    (void)app__audit_add(a, login, "erase.request", id, r);
    return r;
}

/* ---- deciding ---- */

static int load_open(struct app *a, int64_t n, struct app_erase *e, struct fault *f)
{
    int r = app_erase_get(a, n, e);
    if (r == 0 && strcmp(e->state, "open") != 0) {
        r = fault_set(f, SANJI_E_STATE, "erase", e->state);
    }
    return r;
}

static int end(struct app *a, struct app_erase *e, const char *login, const char *state)
{
    snprintf(e->state, sizeof e->state, "%s", state);
    snprintf(e->with, sizeof e->with, "%s", login);
    e->ended_ms = app_now_ms();
    return row_save(a, e);
}

/* NULL: this node. */
static const char *owner_of(const struct app_erase *e)
{
    return e->owner[0] != '\0' ? e->owner : NULL;
}

/* What others were shown of the record goes with it. */
static int erase_card(struct app *a, const struct sync_tick *t, struct app_erase *e)
{
    char card[sizeof e->id + sizeof CARD_TAIL];
    const char *owner = owner_of(e);
    const struct sync_erase what = {.id = card, .owner = owner, .why = e->why};
    struct target x = {0};
    int64_t n = 0;
    snprintf(card, sizeof card, "%s" CARD_TAIL, e->id);
    int r = app__refused_about(a, card);
    r = r < 0 ? r
              : store_record_get(a->store, owner != NULL ? owner : app_id(a), "card", card,
                                 on_record, &x);
    if (r == 0 && x.record) {
        r = sync_erase(a->sync, t, &what, &n);
        e->items += n;
    }
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

/* The act and the end of the request are one effect. */
static int erase_record(struct app *a, struct app_erase *e, const char *login)
{
    struct sync_tick t;
    const struct sync_erase what = {.id = e->id, .owner = owner_of(e), .why = e->why};
    int r = app_tick_make(&t);
    r = r < 0 ? r : store_begin(a->store);
    if (r < 0) {
        return r;
    }
    r = sync_erase(a->sync, &t, &what, &e->items);
    r = r == 0 && e->items == 0 ? SANJI_E_NOT_FOUND : r;
    r = r < 0 ? r : erase_card(a, &t, e);
    r = r < 0 ? r : staff_draft_about(a->store, e->id);
    r = r < 0 ? r : import_about(a->store, e->id);
    r = r < 0 ? r : app__refused_about(a, e->id);
    r = r < 0 ? r : end(a, e, login, "done");
    if (r == 0) {
        r = store_commit(a->store);
    } else {
        store_rollback(a->store);
    }
    if (r < 0) {
        int again = sync_reload(a->sync);
        return again < 0 ? again : r;
    }
    app__wrote(a);
    return 0;
}

static int erase_referral(struct app *a, struct app_erase *e, const char *login, struct fault *f)
{
    int r = app__referral_erase(a, e->id, e->why, f);
    r = r < 0 ? r : staff_draft_about(a->store, e->id);
    r = r < 0 ? r : import_about(a->store, e->id);
    r = r < 0 ? r : end(a, e, login, "done");
    return r < 0 ? r : app__referral_erase_rest(a, &e->items);
}

int app_erase_confirm(struct app *a, const char *login, int64_t n, struct app_erase *ret,
                      struct fault *f)
{
    struct app_erase e;
    int r = load_open(a, n, &e, f);
    if (r == 0 && strcmp(e.by, login) == 0) {
        r = fault_set(f, SANJI_E_FORBIDDEN, "login", "another person than the one who asked");
    }
    r = r < 0 ? r : may_for(a, e.owner, f);
    if (r == 0) {
        r = app__may_write(a);
    }
    if (r == 0) {
        r = e.referral ? erase_referral(a, &e, login, f) : erase_record(a, &e, login);
    }
    if (r == 0 && e.referral) {
        r = row_save(a, &e); /* with how many items it were */
    }
    (void)app__audit_add(a, login, "erase.confirm", e.id, r);
    if (ret != NULL) {
        *ret = e;
    }
    return r;
}

int app_erase_drop(struct app *a, const char *login, int64_t n, struct app_erase *ret,
                   struct fault *f)
{
    struct app_erase e;
    int r = load_open(a, n, &e, f);
    r = r < 0 ? r : end(a, &e, login, "dropped");
    (void)app__audit_add(a, login, "erase.drop", e.id, r);
    if (ret != NULL) {
        *ret = e;
    }
    return r;
}
