/* SPDX-License-Identifier: Apache-2.0 */
/* The root, at the sticks: new keys, files to be signed, signatures. `new`, `look` and `sign` need
 * no node and no network: they are made for a machine that has neither. */
#include "node/cli/ferry_wire.h"
#include "node/cli/root_wire.h"
#include "node/root_key.h"
#include "protocol/jwrite.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { KEY_FILE_BYTES = 65536 };

static void new_json(struct verb *v, const char *pub)
{
    struct buf b;
    struct jw w;
    buf_init(&b, 16384);
    jw_init(&w, &b);
    jw_obj(&w, NULL);
    jw_str(&w, "file", v->arg[0]);
    jw_str(&w, "key", pub);
    jw_end_obj(&w);
    (void)jw_done(&w);
    (void)verb_text(v, &b);
    buf_done(&b);
}

int v_root_new(struct verb *v)
{
    uint8_t seed[SIGN_SEED_LEN];
    char pub[ROOT_PUB_TEXT];
    int r = app_random(seed, sizeof seed);
    struct sign_key *k = r == 0 ? sign_key_new(seed) : NULL;
    if (k == NULL) {
        return verb_fail(v, r < 0 ? r : SANJI_E_NOMEM, NULL);
    }
    root_pub_text(sign_key_pub(k), pub);
    r = root_key_write(v->arg[0], seed, NULL);
    mem_wipe(seed, sizeof seed);
    sign_key_free(k);
    if (r < 0) {
        return verb_place_failed(v, r, NULL, v->arg[0]);
    }
    if (verb_has(v, "json")) {
        new_json(v, pub);
    } else {
        (void)verb_out(v, "%s\n", pub);
        VERB_SAY(v, 0, "root.new", "file", v->arg[0]);
    }
    return EXIT_OK;
}

/* ---- reading a file ---- */

struct paper {
    struct arena *ar;
    struct buf text;
    struct ceremony *c;
};

static void paper_done(struct paper *p)
{
    buf_done(&p->text);
    arena_free(p->ar);
}

static int paper_read(struct verb *v, const char *path, struct paper *p)
{
    struct fault f = {0};
    p->ar = arena_new(4 << 20);
    buf_init(&p->text, LIM_CEREMONY_BYTES);
    p->c = p->ar == NULL ? NULL : arena_alloc(p->ar, sizeof *p->c);
    int r = p->c == NULL ? SANJI_E_NOMEM : root_file_read(path, LIM_CEREMONY_BYTES, &p->text);
    if (r == 0) {
        r = ceremony_read(span_of(p->text.data, p->text.len), p->ar, p->c, &f);
    }
    return r < 0 ? verb_fail_fault(v, r, &f, path) : EXIT_OK;
}

int v_root_look(struct verb *v)
{
    struct paper p;
    int code = paper_read(v, v->arg[0], &p);
    if (code == EXIT_OK) {
        root_tell(v, p.c);
    }
    paper_done(&p);
    return code;
}

/* ---- signing ---- */

/* As somebody read it aloud: capitals, spaces and dashes do not count. */
static bool code_is(const char *typed, const char *code)
{
    while (true) {
        while (*typed == ' ' || *typed == '-') {
            typed++;
        }
        while (*code == '-') {
            code++;
        }
        if (tolower((unsigned char)*typed) != *code) {
            return false;
        }
        if (*code == '\0') {
            return true;
        }
        typed++;
        code++;
    }
}

static int sign_with(struct verb *v, struct ceremony *c, const char *path)
{
    struct sign_key *key[LIM_ROOT_KEYS];
    struct buf text;
    size_t n = 0, done = 0;
    buf_init(&text, KEY_FILE_BYTES);
    int r = root_file_read(path, KEY_FILE_BYTES, &text);
    if (r == 0) {
        r = root_keys_read(span_of(text.data, text.len), key, LIM_ROOT_KEYS, &n);
    }
    buf_wipe_done(&text);
    bool none = r == 0 && n == 0, strange = false;
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = ceremony_sign(c, key[i]);
        strange = r == SANJI_E_AUTHORITY;
        done += r == 0;
        r = r == SANJI_E_OLD ? 0 : r;
    }
    for (size_t i = 0; i < n; i++) {
        sign_key_free(key[i]);
    }
    if (none) {
        VERB_SAY(v, EXIT_NO, "root.no_key_file", "file", path);
    }
    if (strange) {
        VERB_SAY(v, EXIT_NO, "root.other_key", "file", path);
    }
    if (r < 0) {
        return verb_fail(v, r, path);
    }
    if (done == 0) {
        VERB_SAY(v, 0, "root.signed_already");
    }
    return EXIT_OK;
}

static int paper_save(struct verb *v, const struct paper *p, const char *path)
{
    struct buf out;
    buf_init(&out, LIM_CEREMONY_BYTES);
    int r = ceremony_write(p->c, &out);
    if (r == 0) {
        r = root_file_write(path, span_of(out.data, out.len), true);
    }
    buf_done(&out);
    return r < 0 ? verb_place_failed(v, r, NULL, path) : EXIT_OK;
}

int v_root_sign(struct verb *v)
{
    struct paper p;
    char code[CEREMONY_CODE];
    int x = paper_read(v, v->arg[0], &p);
    if (x == EXIT_OK) {
        ceremony_code(p.c, code);
        if (!code_is(verb_flag(v, "code"), code)) {
            struct buf b;
            buf_init(&b, 4096);
            text_put(&b, v->lang, "root.other_code", "file", v->arg[0], NULL);
            (void)verb_say(v, &b);
            buf_done(&b);
            x = EXIT_NO;
        }
    }
    if (x == EXIT_OK) {
        x = sign_with(v, p.c, verb_flag(v, "key"));
    }
    if (x == EXIT_OK) {
        x = paper_save(v, &p, v->arg[0]);
    }
    if (x == EXIT_OK) {
        root_tell(v, p.c);
    }
    paper_done(&p);
    return x;
}

/* ---- files to be signed ---- */

static int on_draft(void *arg, const void *p, size_t n)
{
    return buf_put(arg, p, n);
}

/* The same flags for the node's half, but for what only this half knows. */
static int ask_node(struct verb *v, const char *handover, struct buf *out)
{
    const char *words[2 * 12 + 3] = {"root", "draft", strchr(v->def->name, ' ') + 1};
    char flag[12][24];
    int n = 3, fd = -1;
    for (size_t i = 0; i < 12 && v->def->flags[i].name != NULL; i++) {
        if (v->flag[i] != NULL && strcmp(v->def->flags[i].name, "json") != 0) {
            snprintf(flag[i], sizeof flag[i], "--%s", v->def->flags[i].name);
            words[n++] = flag[i];
            words[n++] = v->flag[i];
        }
    }
    if (handover != NULL) {
        fd = open(handover, O_RDONLY | O_NOCTTY | O_CLOEXEC);
        if (fd < 0) {
            return verb_fail(v, SANJI_E_NOT_FOUND, handover);
        }
    }
    struct ferry_call c = {.v = v, .out = on_draft, .arg = out};
    int code = ferry_call(&c, n, words, fd);
    if (fd >= 0) {
        close(fd);
    }
    return code;
}

int v_root_file(struct verb *v)
{
    bool adopt = v->def->max_args == 2;
    const char *path = v->arg[adopt ? 1 : 0];
    struct paper p = {0};
    struct buf out;
    buf_init(&out, LIM_CEREMONY_BYTES);
    if (access(path, F_OK) == 0) {
        return verb_fail(v, SANJI_E_EXISTS, path); /* perhaps a file half signed */
    }
    int code = ask_node(v, adopt ? v->arg[0] : NULL, &out);
    int r = code == EXIT_OK ? root_file_write(path, span_of(out.data, out.len), false) : 0;
    buf_done(&out);
    if (r < 0) {
        return verb_place_failed(v, r, NULL, path);
    }
    if (code != EXIT_OK) {
        return code;
    }
    code = paper_read(v, path, &p);
    if (code == EXIT_OK) {
        root_tell(v, p.c);
        if (!verb_has(v, "json")) {
            VERB_SAY(v, 0, "root.next", "file", path);
        }
    }
    paper_done(&p);
    return code;
}
