/* SPDX-License-Identifier: Apache-2.0 */
/* Why this file exists: staff read Chinese or English and both must be complete, so sentences live
 * in two files that a test holds side by side, and C code knows keys. The files are embedded and
 * read once; they are ours, so a mistake in them is a bug of the build, caught by the same test. */
#include "node/text.h"

#include "node/tidy.h"
#include "protocol/jcur.h"
#include "protocol/json_gate.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const unsigned char sanji_text_zh[], sanji_text_en[], sanji_web_zh[], sanji_web_en[];
size_t sanji_text_zh_size(void);
size_t sanji_text_en_size(void);
size_t sanji_web_zh_size(void);
size_t sanji_web_en_size(void);

enum { TEXT_KEYS_MAX = 4000, TEXT_FILE_MAX = 1 << 20 };

struct sentence {
    const char *key, *s;
};
static struct catalogue {
    struct sentence *v; /* sorted by key */
    size_t n;
} catalogues[TEXT_LANGS], labels[TEXT_LANGS];

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct sentence *)a)->key, ((const struct sentence *)b)->key);
}

/* Lives until the process ends: sentences are handed out as static storage. */
static void catalogue_read(struct catalogue *c, const unsigned char *p, size_t n)
{
    struct buf json, pool;
    struct jcur cur;
    struct span name, value;
    struct fault f = {0};
    buf_init(&json, TEXT_FILE_MAX);
    buf_init(&pool, TEXT_FILE_MAX);
    struct json_limits lim = {.depth = 2, .tokens = 2 * TEXT_KEYS_MAX, .members = TEXT_KEYS_MAX};
    int r = tidy_json_with(span_of(p, n), &lim, &json, &f);
    c->v = calloc(TEXT_KEYS_MAX, sizeof *c->v);
    if (c->v == NULL || buf_reserve(&pool, n + 16) < 0) {
        abort(); /* no memory for our own sentences: nothing can be said */
    }
    assert(r == 0 && jcur_object(&cur, span_of(json.data, json.len)));
    if (r < 0 || !jcur_object(&cur, span_of(json.data, json.len))) {
        abort();
    }
    char *base = (char *)pool.data; /* does not move: reserved above */
    while (jcur_member(&cur, &name, &value)) {
        assert(c->n < TEXT_KEYS_MAX);
        struct sentence *s = &c->v[c->n++];
        s->key = base + pool.len;
        buf_put(&pool, name.p, name.n);
        buf_putc(&pool, '\0');
        s->s = base + pool.len;
        r = jcur_text(value, &pool);
        assert(r == 0);
        buf_putc(&pool, '\0');
    }
    qsort(c->v, c->n, sizeof *c->v, by_key);
    buf_done(&json);
    size_t len = 0;
    base = buf_take(&pool, &len);
    assert(base != NULL);
    (void)base;
}

static const struct catalogue *catalogue(enum text_lang l)
{
    if (catalogues[TEXT_EN].v == NULL) {
        catalogue_read(&catalogues[TEXT_EN], sanji_text_en, sanji_text_en_size());
        catalogue_read(&catalogues[TEXT_ZH], sanji_text_zh, sanji_text_zh_size());
    }
    return &catalogues[l == TEXT_ZH ? TEXT_ZH : TEXT_EN];
}

int text_pick(const char *flag, const char *lc_all, const char *lc_messages, const char *lang)
{
    if (flag != NULL && strcmp(flag, "auto") != 0) {
        if (strcmp(flag, "zh") == 0 || strcmp(flag, "zh-CN") == 0 || strcmp(flag, "zh_CN") == 0) {
            return TEXT_ZH;
        }
        return strcmp(flag, "en") == 0 ? TEXT_EN : -1;
    }
    const char *const env[] = {lc_all, lc_messages, lang};
    for (size_t i = 0; i < 3; i++) {
        if (env[i] != NULL && env[i][0] != '\0') {
            return strncmp(env[i], "zh", 2) == 0 ? TEXT_ZH : TEXT_EN;
        }
    }
    return TEXT_EN;
}

int text_pick_env(const char *flag)
{
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody here changes the environment */
    return text_pick(flag, getenv("LC_ALL"), getenv("LC_MESSAGES"), getenv("LANG"));
}

const char *text_lang_name(enum text_lang l)
{
    return l == TEXT_ZH ? "zh-CN" : "en";
}

static const struct sentence *find_in(const struct catalogue *c, const char *key)
{
    struct sentence k = {key, NULL};
    return bsearch(&k, c->v, c->n, sizeof *c->v, by_key);
}

static const struct sentence *find(enum text_lang l, const char *key)
{
    return find_in(catalogue(l), key);
}

const char *text_label(enum text_lang l, const char *key)
{
    if (labels[TEXT_EN].v == NULL) {
        catalogue_read(&labels[TEXT_EN], sanji_web_en, sanji_web_en_size());
        catalogue_read(&labels[TEXT_ZH], sanji_web_zh, sanji_web_zh_size());
    }
    const struct sentence *s = find_in(&labels[l == TEXT_ZH ? TEXT_ZH : TEXT_EN], key);
    return s != NULL ? s->s : NULL;
}

bool text_has(enum text_lang l, const char *key)
{
    return find(l, key) != NULL;
}

const char *text_get(enum text_lang l, const char *key)
{
    const struct sentence *s = find(l, key);
    return s != NULL ? s->s : key;
}

void text_each(enum text_lang l, void (*fn)(const char *key, const char *sentence, void *arg),
               void *arg)
{
    const struct catalogue *c = catalogue(l);
    for (size_t i = 0; i < c->n; i++) {
        fn(c->v[i].key, c->v[i].s, arg);
    }
}

/* Values are shown on terminals and pages: what could move a cursor is replaced. */
static void put_value(struct buf *out, const char *v)
{
    for (; *v != '\0'; v++) {
        unsigned char c = (unsigned char)*v;
        buf_putc(out, (c < ' ' && c != '\n' && c != '\t') || c == 0x7f ? '?' : *v);
    }
}

void text_put(struct buf *out, enum text_lang l, const char *key, ...)
{
    enum { PAIRS = 12 };
    const char *name[PAIRS], *value[PAIRS];
    size_t n = 0;
    va_list ap;
    va_start(ap, key);
    for (const char *k = va_arg(ap, const char *); k != NULL && n < PAIRS;
         k = va_arg(ap, const char *)) {
        name[n] = k;
        value[n] = va_arg(ap, const char *);
        n++;
    }
    va_end(ap);
    const char *s = text_get(l, key);
    while (*s != '\0') {
        size_t run = strcspn(s, "{");
        buf_put(out, s, run);
        s += run;
        if (*s == '\0') {
            break;
        }
        size_t len = strcspn(s + 1, "}");
        size_t i = 0;
        while (i < n && (strlen(name[i]) != len || memcmp(name[i], s + 1, len) != 0)) {
            i++;
        }
        if (i < n && s[1 + len] == '}') {
            put_value(out, value[i] != NULL ? value[i] : "");
            s += len + 2;
        } else {
            buf_putc(out, *s++);
        }
    }
}

const char *text_error(enum text_lang l, int err)
{
    char key[64];
    snprintf(key, sizeof key, "error.%s", err_name(err));
    const char *s = text_get(l, key);
    return s != key ? s : text_get(l, "error.bug");
}

/* Inner layers say what would have been right in English and know no languages. */
const char *text_want(enum text_lang l, const char *want)
{
    char key[128];
    int n = snprintf(key, sizeof key, "want.%s", want);
    const char *s = n > 0 && n < (int)sizeof key ? text_get(l, key) : key;
    return s != key ? s : want;
}

void text_fault(struct buf *out, enum text_lang l, int err, const struct fault *f)
{
    if (f != NULL && f->member[0] != '\0') {
        text_put(out, l, "fault.member", "member", f->member, NULL);
    }
    buf_puts(out, text_error(l, err));
    if (f != NULL && f->want[0] != '\0') {
        /* Of a workflow the fault names the state it is in. */
        text_put(out, l, err == SANJI_E_STATE ? "fault.state" : "fault.want", "want",
                 text_want(l, f->want), NULL);
    }
}
