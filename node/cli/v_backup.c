/* SPDX-License-Identifier: Apache-2.0 */
/* Backups on the command line: backup, restore, recovery new. */
#include "node/app_backup.h"
#include "node/cli/verb.h"

#include "protocol/base/err.h"
#include "protocol/base/text.h"
#include "protocol/jwrite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void verb_recovery(struct verb *v, const char *code)
{
    struct buf b;
    buf_init(&b, 16384);
    text_put(&b, v->lang, "recovery.code", "code", code, NULL);
    (void)verb_say(v, &b);
    buf_wipe_done(&b);
}

int verb_sheet(struct verb *v, const char *node, const char *code)
{
    static const enum text_lang lang[] = {TEXT_ZH, TEXT_EN};
    const char *path = verb_flag(v, "sheet");
    char today[11];
    struct buf b;
    if (path == NULL) {
        return EXIT_OK;
    }
    date_write(date_of_ms(app_now_ms()), today);
    buf_init(&b, 65536);
    for (size_t i = 0; i < 2; i++) {
        text_put(&b, lang[i], "recovery.sheet", "node", node, "code", code, "date", today, NULL);
        buf_puts(&b, "\n\n");
    }
    int r = b.err < 0 ? b.err : app_recovery_sheet(path, span_of(b.data, b.len));
    buf_wipe_done(&b);
    if (r == SANJI_E_EXISTS) {
        VERB_SAY(v, EXIT_NO, "recovery.sheet_exists", "file", path);
    }
    if (r < 0) {
        return verb_place_failed(v, r, NULL, path);
    }
    VERB_SAY(v, 0, "recovery.sheet_done", "file", path);
    return EXIT_OK;
}

int v_recovery_new(struct verb *v)
{
    char code[RECOVERY_TEXT];
    const char *sheet = verb_flag(v, "sheet");
    if (sheet != NULL && sheet[0] != '/') { /* the daemon stands elsewhere than who typed it */
        VERB_SAY(v, EXIT_USAGE, "recovery.sheet_absolute", "file", sheet);
    }
    if (sheet != NULL && access(sheet, F_OK) == 0) { /* before the code of before is given up */
        VERB_SAY(v, EXIT_NO, "recovery.sheet_exists", "file", sheet);
    }
    int r = app_recovery_new(v->app->dir, code);
    if (r < 0) {
        return verb_fail(v, r, "keys/recovery.pub");
    }
    if (verb_has(v, "json")) {
        (void)verb_out(v, "{\"recovery\":\"%s\"}\n", code);
    } else {
        VERB_TELL(v, "recovery.new", "code", code);
    }
    r = verb_sheet(v, app_id(v->app), code);
    mem_wipe(code, sizeof code);
    return r;
}

int v_backup(struct verb *v)
{
    struct app_backup b;
    char mib[32];
    int r = app_backup(v->app, verb_flag(v, "to"), &b);
    if (r == SANJI_E_NOT_FOUND) {
        VERB_SAY(v, EXIT_NO, "backup.no_code", "dir", v->dir);
    }
    if (r == SANJI_E_SPEC) {
        VERB_SAY(v, EXIT_USAGE, "backup.absolute", "what",
                 verb_has(v, "to") ? verb_flag(v, "to") : v->app->cfg.backup_dir);
    }
    if (r == SANJI_E_IO && access(b.path, F_OK) != 0) {
        VERB_SAY(v, EXIT_NO, "backup.no_folder", "dir", b.path);
    }
    if (r < 0) {
        return verb_fail(v, r, b.path);
    }
    if (verb_has(v, "json")) {
        struct buf o;
        struct jw w;
        buf_init(&o, 16384);
        jw_init(&w, &o);
        jw_obj(&w, NULL);
        jw_str(&w, "file", b.path);
        jw_int(&w, "bytes", b.bytes);
        jw_int(&w, "ms", b.ms);
        jw_int(&w, "files", b.files);
        jw_int(&w, "files_left", b.files_left);
        jw_end_obj(&w);
        (void)jw_done(&w);
        (void)verb_text(v, &o);
        buf_done(&o);
        return b.files_left > 0 ? EXIT_NO : EXIT_OK;
    }
    snprintf(mib, sizeof mib, "%lld.%lld", (long long)(b.bytes >> 20),
             (long long)((b.bytes & 1048575) * 10 / 1048576));
    VERB_TELL(v, "backup.done", "file", b.path, "mib", mib);
    if (b.files > 0) {
        snprintf(mib, sizeof mib, "%lld", (long long)b.files);
        VERB_TELL(v, "backup.files", "n", mib, "node", app_id(v->app));
    }
    if (b.files_left > 0) {
        snprintf(mib, sizeof mib, "%lld", (long long)b.files_left);
        VERB_SAY(v, EXIT_NO, "backup.files_left", "n", mib);
    }
    return EXIT_OK;
}

static void read_line(int fd, char *line, size_t max)
{
    size_t n = 0;
    while (n + 1 < max) {
        ssize_t k = read(fd, line + n, 1);
        if (k < 0 && errno == EINTR) {
            continue;
        }
        if (k <= 0 || (line[n] == '\n' && n > 0)) {
            break;
        }
        n += line[n] != '\n';
    }
    line[n] = '\0';
}

int verb_read_code(struct verb *v, uint8_t ret[static RECOVERY_SECRET])
{
    char line[256] = {0}, group[16];
    const char *from = verb_flag(v, "code");
    bool input = from == NULL || strcmp(from, "-") == 0;
    int at = 0;
    if (!input && (recovery_read(from, ret, &at) == 0 || at > 0)) {
        VERB_SAY(v, EXIT_USAGE, "recovery.literal");
    }
    if (input && isatty(STDIN_FILENO) == 1) {
        VERB_SAY(v, 0, "recovery.ask");
    }
    int fd = input ? STDIN_FILENO : open(from, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        VERB_SAY(v, EXIT_NO, "recovery.no_file", "file", from);
    }
    read_line(fd, line, sizeof line);
    if (!input) {
        (void)close(fd);
    }
    int r = recovery_read(line, ret, &at);
    mem_wipe(line, sizeof line);
    if (r < 0) {
        snprintf(group, sizeof group, "%d", at);
        VERB_SAY(v, EXIT_NO, at > 0 ? "recovery.group" : "recovery.length", "group", group);
    }
    return EXIT_OK;
}

int v_restore(struct verb *v)
{
    uint8_t secret[RECOVERY_SECRET];
    struct app_restored x;
    char when[32], n[32];
    int code = verb_read_code(v, secret);
    if (code != EXIT_OK) {
        return code;
    }
    int r = app_restore(v->arg[0], v->dir, secret, &x);
    mem_wipe(secret, sizeof secret);
    if (r == SANJI_E_EXISTS) {
        VERB_SAY(v, EXIT_NO, "restore.exists", "dir", v->dir);
    }
    if (r == SANJI_E_SYNTAX || r == SANJI_E_OPEN) {
        VERB_SAY(v, EXIT_NO, r == SANJI_E_SYNTAX ? "restore.no_backup" : "restore.sealed", "file",
                 v->arg[0]);
    }
    if (r < 0) {
        return x.where == v->dir ? verb_place_failed(v, r, NULL, v->dir) : verb_fail(v, r, x.where);
    }
    date_write(date_of_ms(x.made_ms), when);
    snprintf(n, sizeof n, "%lld", (long long)x.bundles);
    if (verb_has(v, "json")) {
        (void)verb_out(v,
                       "{\"node\":\"%s\",\"made\":%lld,\"bundles\":%lld,\"files\":%lld,"
                       "\"files_bad\":%lld}\n",
                       x.node.s, (long long)x.made_ms, (long long)x.bundles, (long long)x.files,
                       (long long)x.files_bad);
        return EXIT_OK;
    }
    VERB_TELL(v, "restore.done", "node", x.node.s, "dir", v->dir, "when", when, "bundles", n);
    if (x.files > 0) {
        snprintf(n, sizeof n, "%lld", (long long)x.files);
        VERB_TELL(v, "restore.files", "n", n);
    }
    if (x.files_bad > 0) {
        snprintf(n, sizeof n, "%lld", (long long)x.files_bad);
        VERB_TELL(v, "restore.files_bad", "n", n, "node", x.node.s);
    }
    return EXIT_OK;
}
