/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of other programs to this node's interface: "sanji_" and 256 random bits, so that a scanner
 * for leaked secrets knows one when it sees it. The database holds hashes; nobody reads a token out
 * of it again. */
#include "node/app_internal.h"
#include "node/store/staff.h"
#include "protocol/base/enc.h"
#include "protocol/base/text.h"

#include <stdio.h>
#include <string.h>

static const char prefix[] = "sanji_";
static const char roles[] = "admin manager clerk reviewer supervisor member";
enum { PREFIX = sizeof prefix - 1 };
#define DAY_MS INT64_C(86400000)

bool app_token_hash(const char *text, size_t n, uint8_t ret[static HASH_LEN])
{
    uint8_t raw[APP_TOKEN_BYTES];
    bool ok = n == PREFIX + B64U_LEN(APP_TOKEN_BYTES) && memcmp(text, prefix, PREFIX) == 0 &&
              b64u_get(text + PREFIX, n - PREFIX, raw, sizeof raw) == 0;
    if (ok) {
        hash_bytes(raw, sizeof raw, ret);
    }
    mem_wipe(raw, sizeof raw);
    return ok;
}

/* Calendars have a number of their own: nobody keeps the administrator from making tokens. */
static int on_counted(const struct staff_token *t, void *arg)
{
    *(int64_t *)arg += strcmp(t->role, APP_FEED) != 0;
    return 0;
}

static int check(struct app *a, const struct app_token *t, struct fault *f)
{
    int64_t have = 0;
    int r = app__name_check(t->name, true, f);
    if (r < 0) {
        return r;
    }
    if (!app__word_in(roles, t->role)) {
        return fault_set(f, SANJI_E_SPEC, "role", roles);
    }
    if (t->days < 1 || t->days > APP_TOKEN_DAYS) {
        return fault_set(f, SANJI_E_SPEC, "days", "1 .. 1100");
    }
    r = app__org_check(a, t->role, t->about, f);
    r = r < 0 ? r : staff_token_list(a->store, on_counted, &have);
    return r == 0 && have >= APP_TOKENS ? fault_set(f, SANJI_E_QUOTA, "token", "200 tokens") : r;
}

static int add(struct app *a, const struct app_token *t, char ret[static APP_TOKEN_TEXT],
               int64_t *ret_n)
{
    uint8_t raw[APP_TOKEN_BYTES], hash[HASH_LEN];
    int64_t now = app_now_ms();
    struct staff_token row = {.name = t->name,
                              .role = t->role,
                              .about = t->about,
                              .maker = t->maker,
                              .created = now,
                              .expires = now + t->days * DAY_MS};
    int r = app_random(raw, sizeof raw);
    if (r == 0) {
        memset(ret, 0, APP_TOKEN_TEXT);
        memcpy(ret, prefix, PREFIX);
        b64u_put(raw, sizeof raw, ret + PREFIX);
        hash_bytes(raw, sizeof raw, hash);
        r = staff_token_add(a->store, &row, hash, ret_n);
        r = r < 0 ? r : app__programs_changed(a);
    }
    mem_wipe(raw, sizeof raw);
    return r;
}

int app_token_add(struct app *a, const struct app_token *t, char ret[static APP_TOKEN_TEXT],
                  int64_t *ret_n, struct fault *f)
{
    int r = check(a, t, f);
    if (r < 0 || store_in_tx(a->store)) {
        return r < 0 ? r : add(a, t, ret, ret_n);
    }
    r = store_begin(a->store);
    if (r < 0) {
        return r;
    }
    r = add(a, t, ret, ret_n);
    return app__audit_end(a, "token.add", *ret_n, r);
}

struct feeds {
    const char *login;
    int64_t mine, all;
};

static int on_feed(const struct staff_token *t, void *arg)
{
    struct feeds *x = arg;
    bool feed = strcmp(t->role, APP_FEED) == 0;
    x->all += feed;
    x->mine += feed && strcmp(t->maker, x->login) == 0;
    return 0;
}

static int on_listing(const struct store_rec *rec, void *arg)
{
    *(bool *)arg = !rec->withdrawn;
    return 0;
}

/* In a transaction. */
int app_feed_add(struct app *a, const char *login, const char *listing,
                 char ret[static APP_TOKEN_TEXT], int64_t *ret_n, struct fault *f)
{
    struct app_token t = {.name = APP_FEED,
                          .role = APP_FEED,
                          .about = listing,
                          .maker = login,
                          .days = APP_TOKEN_DAYS};
    struct feeds x = {.login = login};
    struct record_ref of;
    bool there = listing[0] == '\0';
    int r = staff_token_list(a->store, on_feed, &x);
    if (r == 0 && (x.mine >= APP_FEEDS || x.all >= APP_FEEDS_ALL)) {
        return fault_set(f, SANJI_E_QUOTA, "feed", "20 calendars");
    }
    if (r == 0 && record_ref_parse(span_of(listing, strlen(listing)), &of)) {
        r = store_record_get(a->store, of.owner.s, "listing", of.id, on_listing, &there);
        r = r == SANJI_E_NOT_FOUND ? 0 : r;
    }
    if (r == 0 && !there) {
        return fault_set(f, SANJI_E_NOT_FOUND, "listing", "owner/id");
    }
    return r < 0 ? r : add(a, &t, ret, ret_n);
}

static int revoke(struct app *a, int64_t n)
{
    int r = staff_token_del(a->store, n);
    return r < 0 ? r : app__programs_changed(a);
}

int app_token_revoke(struct app *a, int64_t n)
{
    if (store_in_tx(a->store)) {
        return revoke(a, n);
    }
    int r = store_begin(a->store);
    return r < 0 ? r : app__audit_end(a, "token.revoke", n, revoke(a, n));
}
