/* SPDX-License-Identifier: Apache-2.0 */
/* Open lists: the tables' words and those of records, from the top of the tree down to this node.
 * They are asked for while records are read and written, so they are kept in memory. */
#include "node/app_codes.h"

#include "node/app_internal.h"
#include "protocol/jcur.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CODES_MAX = 4096, CHAIN_MAX = 16 };

struct app_codes {
    struct app_code *v;
    size_t n, cap;
    /* what it was read from */
    int64_t count, newest_n;
    char chain[CHAIN_MAX][LIM_NODE_ID + 1]; /* the top first, this node last */
    size_t n_chain;
};

void app__codes_free(struct app *a)
{
    if (a->codes != NULL) {
        free(a->codes->v);
        free(a->codes);
        a->codes = NULL;
    }
}

static void text_of(struct span d, const char *name, char *out, size_t size)
{
    struct span v;
    struct buf b;
    buf_init(&b, size);
    if (jcur_get(d, name, &v) && jcur_text(v, &b) == 0) {
        (void)snprintf(out, size, "%.*s", (int)b.len, (const char *)b.data);
    }
    buf_done(&b);
}

static int add(struct app_codes *s, const char *list, struct span item)
{
    struct span v;
    struct app_code c = {.list = list};
    text_of(item, "code", c.code, sizeof c.code);
    text_of(item, "zh", c.zh, sizeof c.zh);
    text_of(item, "en", c.en, sizeof c.en);
    (void)(jcur_get(item, "off", &v) && jcur_bool(v, &c.off));
    for (size_t i = 0; i < s->n; i++) {
        if (s->v[i].list == list && strcmp(s->v[i].code, c.code) == 0) {
            return 0; /* a node above has spoken */
        }
    }
    if (s->n == CODES_MAX) {
        return 0;
    }
    if (s->n == s->cap) {
        size_t cap = s->cap == 0 ? 32 : s->cap * 2;
        struct app_code *p = realloc(s->v, cap * sizeof *p);
        if (p == NULL) {
            return SANJI_E_NOMEM;
        }
        s->v = p;
        s->cap = cap;
    }
    s->v[s->n++] = c;
    return 0;
}

static int on_list(const struct store_rec *rec, void *arg)
{
    struct app_codes *s = arg;
    const char *list = kind_list_named(jcur_plain_of(rec->d, "list"));
    struct span items, e;
    struct jcur c;
    int r = 0;
    if (list == NULL) { /* of a newer version */
        return 0;
    }
    for (bool ok = jcur_get(rec->d, "items", &items) && jcur_array(&c, items);
         ok && r == 0 && jcur_element(&c, &e);) {
        r = add(s, list, e);
    }
    return r;
}

/* This node and those above it. */
static size_t chain_of(struct app *a, char chain[static CHAIN_MAX][LIM_NODE_ID + 1])
{
    const struct roster_node *n = app_self_node(a);
    char up[CHAIN_MAX][LIM_NODE_ID + 1];
    size_t k = 0;
    (void)snprintf(up[k++], sizeof up[0], "%s", app_id(a));
    while (n != NULL && n->up.s[0] != '\0' && k < CHAIN_MAX) {
        memcpy(up[k], n->up.s, LIM_NODE_ID);
        up[k++][LIM_NODE_ID] = '\0';
        n = roster_node(app_roster(a), n->up.s);
    }
    for (size_t i = 0; i < k; i++) {
        memcpy(chain[i], up[k - 1 - i], sizeof up[0]);
    }
    return k;
}

static int read_all(struct app *a, struct app_codes *s)
{
    int r = 0;
    s->n = 0;
    for (size_t i = 0; r == 0 && i < s->n_chain; i++) {
        struct store_filter f = {.kind = "code_list", .owner = s->chain[i], .limit = 100};
        r = store_record_list(a->store, &f, on_list, s);
    }
    return r;
}

int app_codes_load(struct app *a)
{
    struct store_filter f = {.kind = "code_list"};
    int64_t count = 0, newest = 0;
    char chain[CHAIN_MAX][LIM_NODE_ID + 1] = {{0}};
    if (a->codes == NULL) {
        a->codes = calloc(1, sizeof *a->codes);
    }
    struct app_codes *s = a->codes;
    int r = s == NULL ? SANJI_E_NOMEM : store_record_count(a->store, &f, &count);
    if (r == 0 && count > 0) { /* by arrival: what comes late may be dated before what is here */
        r = store_kind_last(a->store, "code_list", &newest);
    }
    size_t n = r < 0 || count == 0 ? 0 : chain_of(a, chain);
    if (r < 0 || (s->count == count && s->newest_n == newest && s->n_chain == n &&
                  memcmp(s->chain, chain, sizeof chain) == 0)) {
        return r;
    }
    memcpy(s->chain, chain, sizeof chain);
    s->n_chain = n;
    r = read_all(a, s);
    s->count = r < 0 ? -1 : count; /* -1: again next time */
    s->newest_n = newest;
    return r;
}

const struct app_code *app_code_next(const struct app *a, size_t *pos)
{
    return a != NULL && a->codes != NULL && *pos < a->codes->n ? &a->codes->v[(*pos)++] : NULL;
}

const struct app_code *app_code_find(const struct app *a, const char *list, struct span word)
{
    const struct app_code *c = NULL;
    for (size_t pos = 0; list != NULL && (c = app_code_next(a, &pos)) != NULL;) {
        if (strcmp(c->list, list) == 0 && span_eqs(word, c->code)) {
            return c;
        }
    }
    return NULL;
}

const char *app_code_label(const struct app_code *c, enum text_lang l)
{
    return l == TEXT_EN && c->en[0] != '\0' ? c->en : c->zh;
}

/* Is the word one of those that member `name` of d has already? */
static bool says(struct span d, const char *name, struct span word)
{
    struct span v, e, s;
    struct jcur c;
    if (d.n == 0 || !jcur_get(d, name, &v)) {
        return false;
    }
    if (jcur_plain(v, &s)) {
        return span_eq(s, word);
    }
    for (bool ok = jcur_array(&c, v); ok && jcur_element(&c, &e);) {
        if (jcur_plain(e, &s) && span_eq(s, word)) {
            return true;
        }
    }
    return false;
}

static int check_word(const struct app *a, const struct kind_field *fld, struct span was,
                      struct span word, struct fault *f)
{
    const struct app_code *c = app_code_find(a, kind_open_list(fld), word);
    bool known = c != NULL || kind_word_known(fld, word);
    if ((known && (c == NULL || !c->off)) || says(was, fld->name, word)) {
        return 0;
    }
    return fault_set(f, SANJI_E_SPEC, fld->name,
                     known ? "a word that is in use" : "a word of the list");
}

int app_codes_check(struct app *a, const struct kind *k, struct span was, struct span d,
                    struct fault *f)
{
    bool loaded = false;
    int r = 0;
    for (size_t i = 0; r == 0 && i < k->n_fields; i++) {
        const struct kind_field *fld = &k->fields[i];
        struct span v, e, s;
        struct jcur c;
        if (kind_open_list(fld) == NULL || !jcur_get(d, fld->name, &v)) {
            continue;
        }
        r = loaded ? 0 : app_codes_load(a);
        loaded = true;
        if (r == 0 && jcur_plain(v, &s)) {
            r = check_word(a, fld, was, s, f);
        }
        for (bool ok = jcur_array(&c, v); ok && r == 0 && jcur_element(&c, &e);) {
            r = jcur_plain(e, &s) ? check_word(a, fld, was, s, f) : 0;
        }
    }
    return r;
}
