/* SPDX-License-Identifier: Apache-2.0 */
/* ferry import, the half that sees files. What lies on a stick was put there by anybody: only
 * regular files of a possible size are opened, names are never used as paths of ours, and each file
 * is refused or taken by itself. A file that came before what it needs is given again. */
#include "node/cli/ferry_wire.h"

#include "protocol/jcur.h"
#include "protocol/jwrite.h"
#include "protocol/limits.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 20000, PASSES = 16, RESULT_MAX = 8 << 20 };

struct paper {
    char *path;
    const char *wrong; /* sentence ferry.file.* when it was not opened, else NULL */
    struct buf result; /* of the last time round */
    int64_t stored, items, held;
    size_t turn; /* when it was taken last, among all */
};
struct importing {
    struct verb *v;
    struct paper *p;
    size_t n, cap, turns;
    int64_t stored;
};

static int64_t number(struct span o, const char *name)
{
    struct span v;
    int64_t n = 0;
    return jcur_get(o, name, &v) && jcur_int(v, &n) ? n : 0;
}

static bool flag(struct span o, const char *name)
{
    struct span v;
    bool b = false;
    return jcur_get(o, name, &v) && jcur_bool(v, &b) && b;
}

static void text_of(struct span o, const char *name, struct buf *out)
{
    struct span v;
    buf_reset(out);
    if (jcur_get(o, name, &v)) {
        (void)jcur_text(v, out);
    }
}

/* ---- which files ---- */

static int add_file(struct importing *x, const char *dir, const char *name)
{
    if (x->n == x->cap) {
        size_t cap = x->cap == 0 ? 16 : x->cap * 2;
        struct paper *p = x->n >= FILES_MAX ? NULL : realloc(x->p, cap * sizeof *p);
        if (p == NULL) {
            return SANJI_E_SIZE;
        }
        x->p = p;
        x->cap = cap;
    }
    struct buf path;
    buf_init(&path, APP_PATH_BYTES);
    (void)buf_printf(&path, "%s%s%s", dir, dir[0] != '\0' ? "/" : "", name);
    size_t n;
    char *s = path.err < 0 ? NULL : buf_take(&path, &n);
    buf_done(&path);
    if (s == NULL) {
        return SANJI_E_SIZE;
    }
    x->p[x->n] = (struct paper){.path = s};
    buf_init(&x->p[x->n++].result, RESULT_MAX);
    return 0;
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t n = strlen(name), k = strlen(suffix);
    return n > k && name[0] != '.' && strcmp(name + n - k, suffix) == 0;
}

/* Files, receipts, requests. */
static bool ferry_name(const char *name)
{
    return ends_with(name, ".sjf") || ends_with(name, ".sjr") || ends_with(name, ".sjj");
}

bool ferry_lies(const char *path, const char *suffix)
{
    DIR *d = opendir(path);
    if (d == NULL) {
        const char *slash = strrchr(path, '/');
        return ends_with(slash != NULL ? slash + 1 : path, suffix) && access(path, F_OK) == 0;
    }
    bool any = false;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): this process has one thread */
    for (struct dirent *e; !any && (e = readdir(d)) != NULL;) {
        any = ends_with(e->d_name, suffix);
    }
    closedir(d);
    return any;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct paper *)a)->path, ((const struct paper *)b)->path);
}

static int add_folder(struct importing *x, const char *dir)
{
    DIR *d = opendir(dir);
    size_t before = x->n;
    int r = d == NULL ? SANJI_E_IO : 0;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): this process has one thread */
    for (struct dirent *e; r == 0 && (e = readdir(d)) != NULL;) {
        if (ferry_name(e->d_name)) {
            r = add_file(x, dir, e->d_name);
        }
    }
    if (d != NULL) {
        closedir(d);
    }
    if (r == 0 && x->n == before) {
        VERB_SAY(x->v, EXIT_NO, "ferry.none", "dir", dir);
    }
    if (r == 0) {
        qsort(x->p + before, x->n - before, sizeof *x->p, by_path);
    }
    return r < 0 ? verb_fail(x->v, r, dir) : EXIT_OK;
}

static int add_path(struct importing *x, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 && errno == ENOENT && lstat(path, &st) != 0) {
        return verb_fail(x->v, SANJI_E_NOT_FOUND, path);
    }
    if (S_ISDIR(st.st_mode)) {
        return add_folder(x, path);
    }
    int r = add_file(x, "", path);
    return r < 0 ? verb_fail(x->v, r, path) : EXIT_OK;
}

/* Looked at before it is opened, because opening some things does something. */
static int open_paper(struct paper *p)
{
    struct stat before, st;
    p->wrong = NULL;
    if (lstat(p->path, &before) != 0) {
        p->wrong = "ferry.file.read";
    } else if (S_ISLNK(before.st_mode)) {
        p->wrong = "ferry.file.link";
    } else if (!S_ISREG(before.st_mode)) {
        p->wrong = "ferry.file.special";
    } else if (before.st_size > LIM_FERRY_PART_BYTES) {
        p->wrong = "ferry.file.large";
    }
    if (p->wrong != NULL) {
        return -1;
    }
    int fd = open(p->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        p->wrong = "ferry.file.read";
    } else if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_ino != before.st_ino ||
               st.st_dev != before.st_dev || st.st_size > LIM_FERRY_PART_BYTES) {
        p->wrong = "ferry.file.special"; /* exchanged meanwhile */
        close(fd);
        fd = -1;
    }
    return fd;
}

/* ---- taking them ---- */

static int on_result(void *arg, const void *p, size_t n)
{
    return buf_put(arg, p, n);
}

static int take_one(struct importing *x, struct paper *p)
{
    const char *words[] = {"ferry", "take", "--data", x->v->dir};
    int fd = open_paper(p);
    if (fd < 0) {
        return EXIT_OK;
    }
    struct ferry_call c = {.v = x->v, .out = on_result, .arg = &p->result};
    buf_reset(&p->result);
    int code = ferry_call(&c, 4, words, fd);
    close(fd);
    p->turn = ++x->turns;
    if (p->result.len > 0 && p->result.data[p->result.len - 1] == '\n') {
        p->result.len--;
    }
    return code;
}

static struct span result_of(const struct paper *p)
{
    return span_of(p->result.data, p->result.len);
}

/* Everything once, then what waits, as long as something comes of it: bundles, or a request, which
 * may bring the key that others wait for. */
static int take_all(struct importing *x)
{
    int64_t stored = 0;
    bool came = true;
    for (int pass = 0; pass < PASSES && came; pass++) {
        stored = 0;
        came = false;
        for (size_t i = 0; i < x->n; i++) {
            struct paper *p = &x->p[i];
            struct span r = result_of(p);
            if (pass > 0 && (p->wrong != NULL || number(r, "waiting") == 0)) {
                continue;
            }
            int code = take_one(x, p);
            if (code != EXIT_OK) {
                return code; /* said already; what was taken stays, and it can be run again */
            }
            r = result_of(p);
            p->held = pass == 0 ? number(r, "held") : p->held;
            p->stored += number(r, "stored");
            p->items += number(r, "items");
            stored += number(r, "stored");
            came = came || stored > 0 || flag(r, "done");
        }
        x->stored += stored;
    }
    return EXIT_OK;
}

/* ---- what came of it ---- */

/* A part listed as missing by an earlier file may have come with a later one: the last to speak of
 * a file is right. */
static bool last_word(const struct importing *x, size_t at)
{
    struct span a = result_of(&x->p[at]);
    struct buf by, other;
    bool last = true;
    buf_init(&by, 64);
    buf_init(&other, 64);
    text_of(a, "by", &by);
    for (size_t i = 0; i < x->n && last; i++) {
        struct span b = result_of(&x->p[i]);
        text_of(b, "by", &other);
        last = x->p[i].turn <= x->p[at].turn || flag(b, "receipt") || !flag(b, "vouched") ||
               number(a, "no") != number(b, "no") || strcmp(buf_str(&by), buf_str(&other)) != 0;
    }
    buf_done(&by);
    buf_done(&other);
    return last;
}

static bool paper_good(const struct importing *x, size_t i)
{
    const struct paper *p = &x->p[i];
    struct span r = result_of(p), whole;
    return p->wrong == NULL && !jcur_get(r, "whole", &whole) && flag(r, "vouched") &&
           number(r, "waiting") == 0 && number(r, "refused") == 0 &&
           (number(r, "missing_n") == 0 || !last_word(x, i));
}

static void page_json(struct importing *x, bool ok)
{
    struct buf b, text;
    struct jw w;
    buf_init(&b, (size_t)256 << 20);
    buf_init(&text, 65536);
    jw_init(&w, &b);
    jw_obj(&w, NULL);
    jw_bool(&w, "ok", ok);
    jw_int(&w, "stored", x->stored);
    jw_arr(&w, "files");
    for (size_t i = 0; i < x->n; i++) {
        const struct paper *p = &x->p[i];
        jw_obj(&w, NULL);
        jw_str(&w, "file", p->path);
        jw_bool(&w, "ok", paper_good(x, i));
        if (p->wrong != NULL) {
            buf_reset(&text);
            text_put(&text, x->v->lang, p->wrong, NULL);
            jw_str(&w, "err", p->wrong + strlen("ferry.file."));
            jw_str(&w, "text", buf_str(&text));
        } else {
            jw_int(&w, "stored", p->stored);
            jw_int(&w, "items", p->items);
            jw_int(&w, "held", p->held);
            jw_raw(&w, "last", p->result.data, p->result.len);
        }
        jw_end_obj(&w);
    }
    jw_end_arr(&w);
    jw_end_obj(&w);
    if (jw_done(&w) == 0) {
        (void)verb_text(x->v, &b);
    }
    buf_done(&text);
    buf_done(&b);
}

static void say_item(struct verb *v, struct span e)
{
    struct buf by, aud, text, fix, where;
    char n[32];
    buf_init(&by, 256);
    buf_init(&aud, 1024);
    buf_init(&text, 65536);
    buf_init(&fix, 65536);
    buf_init(&where, 4096);
    text_of(e, "by", &by);
    text_of(e, "aud", &aud);
    text_of(e, "text", &text);
    text_of(e, "remedy", &fix);
    if (by.len > 0) {
        (void)buf_printf(&where, " (%s %s %lld/%lld)", buf_str(&by), buf_str(&aud),
                         (long long)number(e, "ep"), (long long)number(e, "seq"));
    }
    (void)snprintf(n, sizeof n, "%lld", (long long)number(e, "bundle"));
    VERB_TELL(v, flag(e, "waits") ? "ferry.item_waits" : "ferry.item", "n", n, "where",
              buf_str(&where), "text", buf_str(&text), "remedy", buf_str(&fix));
    buf_done(&by);
    buf_done(&aud);
    buf_done(&text);
    buf_done(&fix);
    buf_done(&where);
}

static void say_request(struct importing *x, const struct paper *p, struct span r)
{
    static const char *const words[][3] = {
        /* clang-format off */
        {"join", "ferry.asks", "ferry.enrolled"},
        {"key", "ferry.asks", "ferry.rekeyed"},
        {"agree", "ferry.agree", "ferry.agreed"},
        /* clang-format on */
    };
    struct buf kind, node, digits, asks, kid;
    struct buf *const all[] = {&kind, &node, &digits, &asks, &kid};
    static const char *const name[] = {"request", "by", "digits", "asks", "kid"};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        buf_init(all[i], 64);
        text_of(r, name[i], all[i]);
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        /* Its own, left on the stick, is nothing to tell of; a refusal says so itself. */
        if (strcmp(buf_str(&kind), words[i][0]) == 0 && flag(r, "vouched") && !flag(r, "own")) {
            VERB_TELL(x->v, words[i][flag(r, "done") ? 2 : 1], "file", p->path, "node",
                      buf_str(&node), "digits", buf_str(&digits), "asks", buf_str(&asks), "kid",
                      buf_str(&kid));
        }
    }
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        buf_done(all[i]);
    }
}

static void say_counts(struct importing *x, const struct paper *p, struct span r)
{
    char v[8][32];
    struct buf name;
    struct span kind;
    const int64_t n[8] = {
        number(r, "part"), number(r, "parts"),   number(r, "no"),     p->stored, p->items,
        p->held,           number(r, "waiting"), number(r, "refused")};
    for (size_t i = 0; i < 8; i++) {
        (void)snprintf(v[i], sizeof v[i], "%lld", (long long)n[i]);
    }
    buf_init(&name, 1024);
    text_of(r, "name", &name);
    if (name.len == 0) {
        text_of(r, "by", &name);
    }
    if (jcur_get(r, "request", &kind)) {
        say_request(x, p, r);
    } else if (flag(r, "receipt")) {
        VERB_TELL(x->v, "ferry.receipt", "file", p->path, "no", v[2], "name", buf_str(&name));
    } else {
        VERB_TELL(x->v, "ferry.part", "file", p->path, "part", v[0], "parts", v[1], "no", v[2],
                  "name", buf_str(&name), "stored", v[3], "items", v[4], "held", v[5], "waiting",
                  v[6], "refused", v[7]);
    }
    buf_done(&name);
}

static void say_missing(struct importing *x, struct span r)
{
    struct buf parts;
    struct jcur c;
    struct span list, e;
    int64_t n = 0;
    buf_init(&parts, 4096);
    if (jcur_get(r, "missing", &list) && jcur_array(&c, list)) {
        while (jcur_element(&c, &e)) {
            (void)jcur_int(e, &n);
            (void)buf_printf(&parts, "%s%lld", parts.len > 0 ? ", " : "", (long long)n);
        }
    }
    VERB_TELL(x->v, "ferry.missing", "parts", buf_str(&parts));
    buf_done(&parts);
}

static void say_paper(struct importing *x, size_t i)
{
    const struct paper *p = &x->p[i];
    struct span r = result_of(p), whole, list, e, ro;
    struct jcur c;
    if (p->wrong != NULL) {
        struct buf b;
        buf_init(&b, 16384);
        (void)buf_printf(&b, "%s: ", p->path);
        text_put(&b, x->v->lang, p->wrong, NULL);
        (void)verb_text(x->v, &b);
        buf_done(&b);
        return;
    }
    if (flag(r, "known")) {
        say_counts(x, p, r);
    }
    if (jcur_get(r, "whole", &whole)) {
        struct buf text, fix;
        buf_init(&text, 65536);
        buf_init(&fix, 65536);
        text_of(whole, "text", &text);
        text_of(whole, "remedy", &fix);
        VERB_TELL(x->v, "ferry.whole", "file", p->path, "text", buf_str(&text), "remedy",
                  buf_str(&fix));
        buf_done(&text);
        buf_done(&fix);
    } else if (!flag(r, "vouched")) { /* a request is vouched for or refused as a whole */
        VERB_TELL(x->v, "ferry.unvouched", "file", p->path);
    }
    if (jcur_get(r, "list", &list) && jcur_array(&c, list)) {
        while (jcur_element(&c, &e)) {
            say_item(x->v, e);
        }
    }
    if (jcur_get(r, "roster", &ro) && span_eqs(ro, "\"older\"")) {
        VERB_TELL(x->v, "ferry.older", "file", p->path);
    }
    if (number(r, "missing_n") > 0 && last_word(x, i)) {
        say_missing(x, r);
    }
}

static int say_page(struct importing *x)
{
    bool ok = true;
    char n[32], files[32];
    for (size_t i = 0; i < x->n; i++) {
        ok = paper_good(x, i) && ok;
    }
    if (verb_has(x->v, "json")) {
        page_json(x, ok);
        return ok ? EXIT_OK : EXIT_NO;
    }
    for (size_t i = 0; i < x->n; i++) {
        say_paper(x, i);
    }
    (void)snprintf(n, sizeof n, "%lld", (long long)x->stored);
    (void)snprintf(files, sizeof files, "%zu", x->n);
    VERB_TELL(x->v, ok ? "ferry.all_good" : "ferry.not_all", "stored", n, "files", files);
    return ok ? EXIT_OK : EXIT_NO;
}

int v_ferry_import(struct verb *v)
{
    return ferry_import(v, v->n_args, v->arg, true);
}

int ferry_import(struct verb *v, int n, const char *const *path, bool page)
{
    struct importing x = {.v = v};
    int code = EXIT_OK;
    for (int i = 0; i < n && code == EXIT_OK; i++) {
        code = add_path(&x, path[i]);
    }
    if (code == EXIT_OK) {
        code = take_all(&x);
    }
    if (code == EXIT_OK && page) {
        code = say_page(&x);
    }
    for (size_t i = 0; i < x.n; i++) {
        free(x.p[i].path);
        buf_done(&x.p[i].result);
    }
    free(x.p);
    return code;
}
