/* SPDX-License-Identifier: Apache-2.0 */
/* Words of the command line -> struct verb, and the help text. getopt_long() keeps global state and
 * words its own messages in English; this one serves the daemon's socket too and names what is
 * wrong in the user's language. Flags may stand anywhere behind the verb; "--" ends them. */
#include "node/cli/verb.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static size_t flags_n(const struct verb_def *d)
{
    size_t n = 0;
    while (n < sizeof d->flags / sizeof d->flags[0] && d->flags[n].name != NULL) {
        n++;
    }
    return n;
}

const char *verb_flag(const struct verb *v, const char *name)
{
    for (size_t i = 0; i < flags_n(v->def); i++) {
        if (strcmp(v->def->flags[i].name, name) == 0) {
            return v->flag[i];
        }
    }
    const bool verb_has_this_flag = false;
    assert(verb_has_this_flag);
    return NULL;
}

static const struct verb_flag *flag_of(const struct verb_def *d, const char *name)
{
    for (size_t i = 0; i < flags_n(d); i++) {
        if (strcmp(d->flags[i].name, name) == 0) {
            return &d->flags[i];
        }
    }
    return NULL;
}

/* What may stand behind an option: in words where there are any, else as the help shows it. */
static const char *wanted(enum text_lang l, const struct verb_flag *f)
{
    char key[64];
    snprintf(key, sizeof key, "want.%s", f->name);
    return text_has(l, key) ? text_get(l, key) : f->value != NULL ? f->value : "";
}

/* The options of a command, for whoever mistyped one. */
static void known_flags(const struct verb_def *d, struct buf *out)
{
    for (size_t i = 0; i < flags_n(d); i++) {
        if (strcmp(d->flags[i].name, "checked") != 0) {
            buf_printf(out, "%s--%s", out->len > 0 ? " " : "", d->flags[i].name);
        }
    }
}

static int misuse(struct verb *v, struct buf *say, const char *key, const char *what)
{
    const struct verb_flag *f = v->def != NULL ? flag_of(v->def, what) : NULL;
    struct buf known;
    buf_init(&known, 4096);
    if (v->def != NULL) {
        known_flags(v->def, &known);
    }
    text_put(say, v->lang, key, "what", what, "want", f != NULL ? wanted(v->lang, f) : "", "known",
             known.len > 0 ? buf_str(&known) : "--lang --help", NULL);
    buf_done(&known);
    buf_putc(say, '\n');
    if (v->def != NULL) {
        text_put(say, v->lang, "usage.see_verb", "verb", v->def->name, NULL);
    } else {
        text_put(say, v->lang, "usage.see", NULL);
    }
    return EXIT_USAGE;
}

/* Global flags, allowed before and behind the verb. 1: taken, 0: not one, negative: wrong. */
static int take_global(struct verb *v, const char *name, size_t n, const char *value,
                       bool *ret_help)
{
    if (n == 4 && memcmp(name, "lang", 4) == 0) {
        int l = text_pick_env(value);
        if (l < 0) {
            return -1;
        }
        v->lang = (enum text_lang)l;
        return 1;
    }
    if (n == 4 && memcmp(name, "help", 4) == 0) {
        *ret_help = true;
        return 1;
    }
    return 0;
}

static int take_flag(struct verb *v, const char *name, size_t n, const char *eq, const char *next,
                     bool *ret_used_next, struct buf *say)
{
    for (size_t i = 0; v->def != NULL && i < flags_n(v->def); i++) {
        const struct verb_flag *f = &v->def->flags[i];
        if (strlen(f->name) != n || memcmp(f->name, name, n) != 0) {
            continue;
        }
        if (v->flag[i] != NULL) {
            return misuse(v, say, "usage.twice", name);
        }
        if (f->type == FLAG_BOOL) {
            v->flag[i] = "";
            return eq == NULL ? 0 : misuse(v, say, "usage.no_value", f->name);
        }
        v->flag[i] = eq != NULL ? eq : next;
        *ret_used_next = eq == NULL;
        return v->flag[i] != NULL ? 0 : misuse(v, say, "usage.needs_value", f->name);
    }
    char only[64]; /* what was given to it is nobody's business */
    snprintf(only, sizeof only, "%.*s", (int)(n < 60 ? n : 60), name);
    return misuse(v, say, "usage.unknown_flag", only);
}

static int check_complete(struct verb *v, struct buf *say)
{
    for (size_t i = 0; i < flags_n(v->def); i++) {
        if (v->def->flags[i].type == FLAG_MUST && (v->flag[i] == NULL || v->flag[i][0] == '\0')) {
            return misuse(v, say, "usage.missing_flag", v->def->flags[i].name);
        }
        if (strcmp(v->def->flags[i].name, "data") == 0) {
            v->dir = v->flag[i];
        }
    }
    if (v->n_args < v->def->min_args) {
        return misuse(v, say, "usage.missing_arg", v->def->args);
    }
    if (v->n_args > v->def->max_args) {
        return misuse(v, say, "usage.extra_arg", v->arg[v->def->max_args]);
    }
    return EXIT_OK;
}

/* One word that begins with "--" (or -h). */
static int take_dashed(struct verb *v, const char *w, const char *next, bool *ret_used,
                       struct buf *say, bool *ret_help)
{
    const char *name = strcmp(w, "-h") == 0 ? "help" : w + 2;
    size_t n = strcspn(name, "=");
    const char *eq = name[n] == '=' ? name + n + 1 : NULL;
    bool is_lang = n == 4 && memcmp(name, "lang", 4) == 0;
    int r = take_global(v, name, n, eq != NULL ? eq : next, ret_help);
    if (r < 0) {
        return misuse(v, say, "usage.lang", eq != NULL ? eq : next);
    }
    if (r > 0) {
        *ret_used = is_lang && eq == NULL;
        return is_lang && eq == NULL && next == NULL ? misuse(v, say, "usage.needs_value", "lang")
                                                     : 0;
    }
    return take_flag(v, name, n, eq, next, ret_used, say);
}

int verb_parse(struct verb *v, int argc, const char *const *argv, struct buf *say, bool *ret_help)
{
    bool only_args = false;
    bool known = true;
    const char *first = NULL;
    /* The language decides the words of every message: look for it before anything else. */
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): argc words, none NULL */
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++) {
        const char *val = strncmp(argv[i], "--lang=", 7) == 0              ? argv[i] + 7
                          : strcmp(argv[i], "--lang") == 0 && i + 1 < argc ? argv[i + 1]
                                                                           : NULL;
        int l = val != NULL ? text_pick_env(val) : -1;
        v->lang = l >= 0 ? (enum text_lang)l : v->lang;
    }
    for (int i = 0; i < argc; i++) {
        const char *w = argv[i];
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        if (!only_args && strcmp(w, "--") == 0) {
            only_args = true;
        } else if (!only_args && ((w[0] == '-' && w[1] == '-') || strcmp(w, "-h") == 0)) {
            bool used = false;
            int r = take_dashed(v, w, next, &used, say, ret_help);
            if (r != 0) {
                return r;
            }
            i += used;
        } else if (v->def == NULL && first == NULL) {
            int words = 0;
            first = w;
            v->def = verb_find(w, next, &words);
            known = v->def != NULL;
            v->group = !known && verb_is_group(w) ? w : NULL;
            i += words == 2;
        } else if (v->n_args < VERB_ARGS) {
            v->arg[v->n_args++] = w;
        } else {
            return misuse(v, say, "usage.extra_arg", w);
        }
    }
    if (*ret_help) {
        return EXIT_OK;
    }
    if (first == NULL) {
        return misuse(v, say, "usage.none", "");
    }
    if (v->group != NULL) {
        text_put(say, v->lang, "usage.group", "what", first, NULL);
        buf_putc(say, '\n');
        verb_help_group(v->lang, first, say);
        return EXIT_USAGE;
    }
    return known ? check_complete(v, say) : misuse(v, say, "usage.unknown_verb", first);
}

int verb_bad_value(struct verb *v, const char *name)
{
    const struct verb_flag *f = flag_of(v->def, name);
    VERB_SAY(v, EXIT_USAGE, "usage.bad_value", "what", name, "value", verb_flag(v, name), "want",
             f != NULL ? wanted(v->lang, f) : "");
}

int verb_missing(struct verb *v, const char *name)
{
    const struct verb_flag *f = flag_of(v->def, name);
    VERB_SAY(v, EXIT_USAGE, "usage.missing_flag", "what", name, "want",
             f != NULL ? wanted(v->lang, f) : "");
}

void verb_done(struct verb *v)
{
    if (v->drop != NULL) {
        v->drop(v->data);
    }
    v->data = NULL;
    v->drop = NULL;
}

static void verb_key(const char *name, char out[static 64])
{
    snprintf(out, 64, "verb.%s", name);
    for (char *p = out; *p != '\0'; p++) {
        *p = *p == ' ' || *p == '-' ? '_' : *p;
    }
}

static void usage_line(const struct verb_def *d, struct buf *out)
{
    buf_printf(out, "sanji %s", d->name);
    for (size_t i = 0; i < flags_n(d); i++) {
        const struct verb_flag *f = &d->flags[i];
        if (strcmp(f->name, "checked") == 0) {
            continue; /* between the program and its daemon */
        }
        bool must = f->type == FLAG_MUST;
        buf_printf(out, " %s--%s%s%s%s", must ? "" : "[", f->name, f->value != NULL ? " " : "",
                   f->value != NULL ? f->value : "", must ? "" : "]");
    }
    if (d->args[0] != '\0') {
        buf_printf(out, " %s", d->args);
    }
}

static void help_one(enum text_lang l, const struct verb_def *d, struct buf *out)
{
    char key[64];
    usage_line(d, out);
    verb_key(d->name, key);
    buf_printf(out, "\n\n%s\n\n", text_get(l, key));
    for (size_t i = 0; i < flags_n(d); i++) {
        const struct verb_flag *f = &d->flags[i];
        if (strcmp(f->name, "checked") == 0) {
            continue;
        }
        char head[64];
        snprintf(key, sizeof key, "flag.%s.%s", d->name, f->name);
        if (!text_has(l, key)) {
            snprintf(key, sizeof key, "flag.%s", f->name);
        }
        snprintf(head, sizeof head, "--%s%s%s", f->name, f->value != NULL ? " " : "",
                 f->value != NULL ? f->value : "");
        buf_printf(out, "  %-26s %s\n", head, text_get(l, key));
    }
    buf_printf(out, "  %-26s %s\n  %-26s %s\n\n%s\n", "--lang zh|en", text_get(l, "flag.lang"),
               "--help", text_get(l, "flag.help"), text_get(l, "help.exit"));
}

static void help_row(enum text_lang l, const struct verb_def *d, struct buf *out)
{
    char key[64];
    if ((d->bits & VERB_INNER) != 0) {
        return;
    }
    verb_key(d->name, key);
    const char *s = text_get(l, key);
    buf_printf(out, "  %-24s ", d->name);
    buf_put(out, s, strcspn(s, "\n")); /* the first line is the short form */
    buf_putc(out, '\n');
}

static bool in_group(const struct verb_def *d, const char *word)
{
    size_t n = strlen(word);
    return strncmp(d->name, word, n) == 0 && d->name[n] == ' ';
}

bool verb_is_group(const char *word)
{
    for (size_t i = 0; i < verb_defs_n; i++) {
        if (in_group(&verb_defs[i], word)) {
            return true;
        }
    }
    return false;
}

void verb_help_group(enum text_lang l, const char *word, struct buf *out)
{
    for (size_t i = 0; i < verb_defs_n; i++) {
        if (in_group(&verb_defs[i], word)) {
            help_row(l, &verb_defs[i], out);
        }
    }
    buf_printf(out, "\n%s\n", text_get(l, "help.more"));
}

void verb_help(enum text_lang l, const struct verb_def *d, struct buf *out)
{
    if (d != NULL) {
        help_one(l, d, out);
        return;
    }
    buf_printf(out, "sanji %s\n%s\n\n", SANJI_VERSION, text_get(l, "help.intro"));
    for (size_t i = 0; i < verb_defs_n; i++) {
        help_row(l, &verb_defs[i], out);
    }
    buf_printf(out, "\n%s\n%s\n", text_get(l, "help.more"), text_get(l, "help.exit"));
}
