/* SPDX-License-Identifier: Apache-2.0 */
/* `export`: a list as a file for spreadsheet programs. The file is the command's, made beside its
 * name and named when it is whole; what stands in it comes from where the node is open. */
#include "node/app_codes.h"
#include "node/app_table.h"
#include "node/cli/ferry_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- where the node is ---- */

struct give {
    struct app *app;
    struct table_form form;
    struct sheet *sheet;
};

static int on_bytes(const void *p, size_t n, void *arg)
{
    return verb_put(arg, p, n);
}

static int on_rec(const struct store_rec *rec, void *arg)
{
    struct give *g = arg;
    return app_table_row(g->app, &g->form, rec, g->sheet);
}

int v_table_give(struct verb *v)
{
    struct store_filter f = {.limit = INT64_MAX / 2};
    struct give g = {.app = v->app};
    int code = verb_list_filter(v, &f);
    if (code != EXIT_OK) {
        return code;
    }
    g.form = (struct table_form){
        .k = kind_find(f.kind), .lang = v->lang, .names = verb_has(v, "names"), .personal = true};
    int r = sheet_new(verb_has(v, "xlsx") ? SHEET_XLSX : SHEET_CSV, f.kind, on_bytes, v, &g.sheet);
    r = r < 0 ? r : app_codes_load(v->app);
    r = r < 0 ? r : app_table_head(&g.form, g.sheet);
    r = r < 0 ? r : store_record_list(v->app->store, &f, on_rec, &g);
    r = r < 0 ? r : sheet_end(g.sheet);
    sheet_free(g.sheet);
    return r < 0 ? verb_fail(v, r, v->arg[0]) : EXIT_OK;
}

/* ---- where the file is ---- */

static int write_all(void *arg, const void *p, size_t n)
{
    const uint8_t *at = p;
    int fd = *(int *)arg;
    while (n > 0) {
        ssize_t k = write(fd, at, n);
        if (k < 0 && errno == EINTR) {
            continue;
        }
        if (k <= 0) {
            return errno == ENOSPC ? SANJI_E_FULL : SANJI_E_IO;
        }
        at += k;
        n -= (size_t)k;
    }
    return 0;
}

/* The words of the node's half. */
static int words_of(struct verb *v, bool xlsx, const char *words[static 16])
{
    static const char *const values[] = {"owner", "area", "state", "search"};
    static const char *const given[] = {"--owner", "--area", "--state", "--search"};
    int n = 0;
    words[n++] = "export";
    words[n++] = "give";
    words[n++] = v->arg[0];
    words[n++] = "--data";
    words[n++] = v->dir;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (verb_has(v, values[i])) {
            words[n++] = given[i];
            words[n++] = verb_flag(v, values[i]);
        }
    }
    if (verb_has(v, "names")) {
        words[n++] = "--names";
    }
    if (xlsx) {
        words[n++] = "--xlsx";
    }
    return n;
}

/* The new file lies beside the name it will have. */
int verb_into_file(struct verb *v, const char *name, int argc, const char *const *argv)
{
    char tmp[APP_PATH_BYTES];
    int n = snprintf(tmp, sizeof tmp, "%s.XXXXXX", name);
    int fd = n > 0 && n < (int)sizeof tmp ? mkostemp(tmp, O_CLOEXEC) : -1;
    struct ferry_call c = {.v = v, .out = write_all, .arg = &fd};
    if (fd < 0) {
        return verb_place_failed(v, SANJI_E_IO, NULL, name);
    }
    int code = ferry_call(&c, argc, argv, -1);
    bool whole = code == EXIT_OK && fsync(fd) == 0;
    whole = close(fd) == 0 && whole;
    if (whole && rename(tmp, name) == 0) {
        return EXIT_OK;
    }
    (void)unlink(tmp);
    return code != EXIT_OK ? code : verb_place_failed(v, SANJI_E_IO, NULL, name);
}

int v_table_out(struct verb *v)
{
    const char *name = v->arg[1];
    size_t n = strlen(name);
    bool xlsx = verb_has(v, "xlsx") ||
                (!verb_has(v, "csv") && n > 5 && strcasecmp(name + n - 5, ".xlsx") == 0);
    if (verb_has(v, "xlsx") && verb_has(v, "csv")) {
        return verb_bad_value(v, "csv");
    }
    const char *words[16];
    int argc = words_of(v, xlsx, words);
    if (strcmp(name, "-") == 0) {
        struct ferry_call c = {.v = v, .out = v->out, .arg = v->io};
        return ferry_call(&c, argc, words, -1);
    }
    return verb_into_file(v, name, argc, words);
}
