/* SPDX-License-Identifier: Apache-2.0 */
/* ferry export and receipt, the half that sees files. Everything is written under a temporary name,
 * made durable, and gets its name when all of it is there: a stick never holds half a file under a
 * whole one's name. */
#include "node/cli/ferry_wire.h"

#include "protocol/jcur.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PARTS_MAX = 10000, NAME_MAX_ = 255 };

/* ---- calling the node's half ---- */

static int call_out(void *io, const void *p, size_t n)
{
    struct ferry_call *c = io;
    return c->out(c->arg, p, n);
}

static int call_err(void *io, const void *p, size_t n)
{
    struct ferry_call *c = io;
    return c->quiet ? 0 : c->v->err(c->v->io, p, n);
}

int ferry_call(struct ferry_call *c, int argc, const char *const *argv, int in_fd)
{
    struct verb x = {.lang = c->v->lang, .io = c, .out = call_out, .err = call_err};
    struct buf say;
    bool help = false;
    buf_init(&say, 65536);
    int code = verb_parse(&x, argc, argv, &say, &help);
    if (code != EXIT_OK) {
        code = verb_fail(c->v, SANJI_E_BUG, buf_str(&say));
    } else if (c->v->app != NULL) {
        code = verb_run_on(&x, c->v->app, in_fd);
    } else {
        code = verb_dispatch(&x, argc, argv, in_fd);
    }
    verb_done(&x);
    buf_done(&say);
    return code;
}

/* ---- writing ---- */

struct saving {
    struct verb *v;
    struct ferry_call *call;
    const char *suffix; /* ".sjf", ".sjr" */
    char dir[APP_PATH_BYTES];
    int dir_fd;
    char name[NAME_MAX_ + 1]; /* of the file asked for; empty: a folder was */
    /* pieces */
    uint8_t head[GIVE_HEAD];
    size_t have;
    struct buf payload;
    /* parts written so far */
    int fd;
    char now[NAME_MAX_ + 1];
    int64_t part, parts;
    struct buf names; /* names to give at the end, each with NUL */
    struct buf about;
    bool done;
    bool asks; /* a request lies beside the parts */
    int err;
};

/* Names what could not be written, once. */
static int bad(struct saving *s, int err, const char *what)
{
    if (s->err == 0) {
        s->err = err;
        struct buf b;
        buf_init(&b, 8192);
        text_put(&b, s->v->lang,
                 err == SANJI_E_FULL     ? "ferry.full"
                 : err == SANJI_E_EXISTS ? "ferry.exists"
                                         : "ferry.write",
                 "file", s->dir, "name", what, NULL);
        (void)verb_say(s->v, &b);
        buf_done(&b);
        s->call->quiet = true;
    }
    return err;
}

static int err_of_errno(void)
{
    return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? SANJI_E_FULL : SANJI_E_IO;
}

static void temp_name(const char *name, char out[static NAME_MAX_ + 1])
{
    (void)snprintf(out, NAME_MAX_ + 1, ".%.240s.tmp", name);
}

static bool get_text(struct span o, const char *name, char *out, size_t size)
{
    struct span v;
    if (!jcur_get(o, name, &v) || !jcur_plain(v, &v) || v.n >= size) {
        return false;
    }
    memcpy(out, v.p, v.n);
    out[v.n] = '\0';
    return true;
}

/* sanji-WHAT.sjj beside the parts; where a name was asked for, NAME-WHAT.sjj. */
static bool name_request(struct saving *s, const char *what)
{
    size_t n = strlen(s->name), e = strlen(s->suffix);
    n = n > e && strcmp(s->name + n - e, s->suffix) == 0 ? n - e : n;
    (void)snprintf(s->now, sizeof s->now, "%.*s-%s.sjj", n > 0 ? (int)n : 5,
                   n > 0 ? s->name : "sanji", what);
    return strspn(what, "abcdefghijklmnopqrstuvwxyz234567-") == strlen(what);
}

/* sanji-BY-TO-000007-001.sjf; a file asked for by name keeps it, with several parts NAME-001.sjf.
 */
static bool name_part(struct saving *s, struct span about)
{
    char by[LIM_NODE_ID + 2], to[LIM_NODE_ID + 2], what[48];
    int64_t no = 0;
    struct span v;
    if (get_text(about, "request", what, sizeof what)) {
        s->asks = true;
        return name_request(s, what);
    }
    bool ok = get_text(about, "by", by, sizeof by) && get_text(about, "to", to, sizeof to);
    bool receipt = strcmp(s->suffix, ".sjr") == 0;
    s->part = s->parts = 1;
    if (!receipt) {
        ok = ok && jcur_get(about, "no", &v) && jcur_int(v, &no) && jcur_get(about, "part", &v) &&
             jcur_int(v, &s->part) && jcur_get(about, "parts", &v) && jcur_int(v, &s->parts);
    }
    if (!ok) {
        return false;
    }
    const char *whom = to[0] != '\0' ? to : "all";
    if (s->name[0] == '\0' && receipt) {
        (void)snprintf(s->now, sizeof s->now, "sanji-%s-%s.sjr", by, whom);
    } else if (s->name[0] == '\0') {
        (void)snprintf(s->now, sizeof s->now, "sanji-%s-%s-%06lld-%03lld.sjf", by, whom,
                       (long long)no, (long long)s->part);
    } else if (s->parts == 1) {
        (void)snprintf(s->now, sizeof s->now, "%s", s->name);
    } else {
        size_t n = strlen(s->name), e = strlen(s->suffix);
        n = n > e && strcmp(s->name + n - e, s->suffix) == 0 ? n - e : n;
        (void)snprintf(s->now, sizeof s->now, "%.*s-%03lld%s", (int)n, s->name, (long long)s->part,
                       s->suffix);
    }
    return strlen(s->now) < 240;
}

static int open_part(struct saving *s)
{
    char temp[NAME_MAX_ + 1];
    temp_name(s->now, temp);
    (void)unlinkat(s->dir_fd, temp, 0); /* ours, left behind by an interruption */
    s->fd = openat(s->dir_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return s->fd < 0 ? bad(s, err_of_errno(), temp) : 0;
}

static int begin_part(struct saving *s)
{
    struct span about = span_of(s->payload.data, s->payload.len);
    if (s->fd >= 0 || s->part == PARTS_MAX || !name_part(s, about)) {
        return bad(s, SANJI_E_BUG, "");
    }
    return open_part(s);
}

static int end_part(struct saving *s)
{
    int r = fsync(s->fd) != 0 ? err_of_errno() : 0;
    r = close(s->fd) != 0 && r == 0 ? err_of_errno() : r;
    s->fd = -1;
    if (r == 0) {
        r = buf_put(&s->names, s->now, strlen(s->now) + 1);
    }
    return r < 0 ? bad(s, r, s->now) : 0;
}

static int write_data(struct saving *s)
{
    size_t at = 0;
    while (s->fd >= 0 && at < s->payload.len) {
        ssize_t n = write(s->fd, s->payload.data + at, s->payload.len - at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return bad(s, err_of_errno(), s->now);
        }
        at += (size_t)n;
    }
    return at == s->payload.len ? 0 : bad(s, SANJI_E_BUG, s->now);
}

static int take_piece(struct saving *s)
{
    switch (s->head[4]) {
    case GIVE_BEGIN:
        return begin_part(s);
    case GIVE_DATA:
        return write_data(s);
    case GIVE_END:
        return s->fd < 0 ? bad(s, SANJI_E_BUG, "") : end_part(s);
    case GIVE_DONE:
        s->done = true;
        return buf_put(&s->about, s->payload.data, s->payload.len);
    default:
        return bad(s, SANJI_E_BUG, "");
    }
}

static int on_bytes(void *arg, const void *p, size_t n)
{
    struct saving *s = arg;
    const uint8_t *at = p;
    int r = s->err;
    while (r == 0 && (n > 0 || s->have == GIVE_HEAD)) {
        if (s->have < GIVE_HEAD) {
            s->head[s->have++] = *at++;
            n--;
            continue;
        }
        size_t want = (size_t)s->head[0] << 24 | (size_t)s->head[1] << 16 |
                      (size_t)s->head[2] << 8 | s->head[3];
        size_t more = want > s->payload.len ? want - s->payload.len : 0;
        more = more < n ? more : n;
        if (want > GIVE_PIECE || (more > 0 && buf_put(&s->payload, at, more) < 0)) {
            return bad(s, SANJI_E_BUG, "");
        }
        at += more;
        n -= more;
        if (s->payload.len < want) {
            break;
        }
        r = take_piece(s);
        buf_reset(&s->payload);
        s->have = 0;
    }
    return r;
}

/* ---- where to ---- */

static int open_target(struct saving *s, const char *where)
{
    struct stat st;
    bool there = stat(where, &st) == 0;
    size_t n = strlen(where);
    if (n == 0 || n >= sizeof s->dir) {
        return bad(s, SANJI_E_IO, where);
    }
    memcpy(s->dir, where, n + 1);
    if (!there || !S_ISDIR(st.st_mode)) {
        const char *slash = strrchr(where, '/');
        const char *name = slash != NULL ? slash + 1 : where;
        size_t k = strlen(name), end = strlen(s->suffix);
        if (!there && (k <= end || strcmp(name + k - end, s->suffix) != 0)) {
            return bad(s, SANJI_E_NOT_FOUND, where); /* a folder: a stick that is not mounted? */
        }
        if ((there && !S_ISREG(st.st_mode)) || name[0] == '\0' || strlen(name) > 200) {
            return bad(s, SANJI_E_EXISTS, where);
        }
        memcpy(s->name, name, strlen(name) + 1);
        s->dir[slash == NULL ? 0 : slash == where ? 1 : (size_t)(slash - where)] = '\0';
        if (slash == NULL) {
            memcpy(s->dir, ".", 2);
        }
    }
    s->dir_fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return s->dir_fd < 0 ? bad(s, SANJI_E_IO, s->name) : 0;
}

/* All or nothing: names are given when every part is there. */
static int name_all(struct saving *s)
{
    char temp[NAME_MAX_ + 1];
    int r = s->err;
    if (s->fd >= 0) {
        close(s->fd);
        temp_name(s->now, temp);
        (void)unlinkat(s->dir_fd, temp, 0);
    }
    for (size_t at = 0; at < s->names.len; at += strlen((char *)s->names.data + at) + 1) {
        const char *name = (const char *)s->names.data + at;
        temp_name(name, temp);
        if (r == 0 && s->done) {
            r = renameat(s->dir_fd, temp, s->dir_fd, name) != 0 ? bad(s, err_of_errno(), name) : 0;
        } else {
            (void)unlinkat(s->dir_fd, temp, 0);
        }
    }
    if (r == 0 && s->done) {
        (void)fsync(s->dir_fd); /* not every file system of a stick can */
    }
    return r < 0 ? r : s->done ? 0 : SANJI_E_UNREACHABLE;
}

static void tell(struct saving *s)
{
    struct verb *v = s->v;
    struct span about = span_of(s->about.data, s->about.len), x;
    char bundles[32] = "0", bytes[32] = "0";
    int64_t n = 0;
    bool delta = false;
    if (verb_has(v, "json")) {
        struct buf b;
        struct jw w;
        buf_init(&b, 16 << 20);
        jw_init(&w, &b);
        jw_obj(&w, NULL);
        jw_arr(&w, "files");
        for (size_t at = 0; at < s->names.len; at += strlen((char *)s->names.data + at) + 1) {
            jw_str(&w, NULL, (const char *)s->names.data + at);
        }
        jw_end_arr(&w);
        jw_str(&w, "folder", s->dir);
        jw_raw(&w, "about", about.p, about.n);
        jw_end_obj(&w);
        if (jw_done(&w) == 0) {
            (void)verb_text(v, &b);
        }
        buf_done(&b);
        return;
    }
    if (jcur_get(about, "bundles", &x) && jcur_int(x, &n)) {
        (void)snprintf(bundles, sizeof bundles, "%lld", (long long)n);
    }
    if (jcur_get(about, "bytes", &x) && jcur_int(x, &n)) {
        (void)snprintf(bytes, sizeof bytes, "%lld", (long long)n);
    }
    if (jcur_get(about, "delta", &x)) {
        (void)jcur_bool(x, &delta);
    }
    for (size_t at = 0; at < s->names.len; at += strlen((char *)s->names.data + at) + 1) {
        (void)verb_out(v, "%s/%s\n", s->dir, (const char *)s->names.data + at);
    }
    if (strcmp(s->suffix, ".sjf") == 0) {
        bool trust = verb_has(v, "trust"); /* an export's flag; a receipt has another suffix */
        VERB_TELL(v,
                  trust   ? "ferry.made_trust"
                  : delta ? "ferry.made_delta"
                          : "ferry.made",
                  "bundles", bundles, "bytes", bytes);
    }
    if (s->asks) {
        VERB_TELL(v, "ferry.made_request");
    }
}

static int save(struct verb *v, const char *suffix, int argc, const char *const *argv)
{
    struct ferry_call c = {.v = v, .out = on_bytes};
    struct saving s = {.v = v, .call = &c, .suffix = suffix, .dir_fd = -1, .fd = -1};
    c.arg = &s;
    buf_init(&s.payload, GIVE_PIECE);
    buf_init(&s.names, (size_t)PARTS_MAX * (NAME_MAX_ + 1));
    buf_init(&s.about, 8192);
    int code = EXIT_NO;
    if (open_target(&s, v->arg[0]) == 0) {
        code = ferry_call(&c, argc, argv, -1);
        int r = name_all(&s);
        code = r < 0 && code == EXIT_OK ? EXIT_NO : code;
        if (code == EXIT_OK) {
            tell(&s);
        }
        close(s.dir_fd);
    }
    buf_done(&s.payload);
    buf_done(&s.names);
    buf_done(&s.about);
    return code;
}

int ferry_save(struct verb *v, const char *where, const char *suffix, const char *name,
               struct span bytes, struct buf *ret_path)
{
    struct ferry_call c = {.v = v};
    struct saving s = {.v = v, .call = &c, .suffix = suffix, .dir_fd = -1, .fd = -1};
    buf_init(&s.payload, bytes.n + 1);
    buf_init(&s.names, NAME_MAX_ + 1);
    int r = open_target(&s, where);
    if (r == 0) {
        (void)snprintf(s.now, sizeof s.now, "%.200s", s.name[0] != '\0' ? s.name : name);
        r = open_part(&s);
        if (r == 0 && buf_put(&s.payload, bytes.p, bytes.n) < 0) {
            r = bad(&s, SANJI_E_BUG, s.now);
        }
        r = r < 0 ? r : write_data(&s);
        r = r < 0 ? r : end_part(&s);
        s.done = r == 0;
        r = name_all(&s);
        close(s.dir_fd);
    }
    if (r == 0) {
        r = buf_printf(ret_path, "%s/%s", s.dir, s.now);
    }
    buf_done(&s.payload);
    buf_done(&s.names);
    return r < 0 ? EXIT_NO : EXIT_OK;
}

int v_ferry_export(struct verb *v)
{
    const char *words[12] = {"ferry", "give", "--data", v->dir};
    int n = 4;
    if (verb_has(v, "seal") && !verb_has(v, "to")) {
        VERB_SAY(v, EXIT_USAGE, "ferry.seal_for_whom");
    }
    if (verb_has(v, "to")) {
        words[n++] = "--to";
        words[n++] = verb_flag(v, "to");
    }
    if (verb_has(v, "part-size")) {
        words[n++] = "--part-size";
        words[n++] = verb_flag(v, "part-size");
    }
    if (verb_has(v, "seal")) {
        words[n++] = "--seal";
    }
    if (verb_has(v, "full")) {
        words[n++] = "--full";
    }
    if (verb_has(v, "trust")) {
        words[n++] = "--trust";
    }
    return save(v, ".sjf", n, words);
}

int v_ferry_receipt(struct verb *v)
{
    const char *words[] = {"ferry", "give", "--receipt",       "--data",
                           v->dir,  "--to", verb_flag(v, "to")};
    return save(v, ".sjr", 7, words);
}
