/* SPDX-License-Identifier: Apache-2.0 */
/* What follows an erasure, here or elsewhere, once it is in force. The list of what is erased lies
 * beside the database too, so that a database put back from a backup erases it again before anybody
 * looks. The files are written anew, because freed pages and the log keep what stood there. Older
 * backups of this node in its backup folder hold it still: a new one takes their place. The copy
 * from before the last upgrade goes, and what attempts that were cut short have left. */
#include "node/app_backup.h"
#include "node/app_erase.h"
#include "node/app_internal.h"
#include "protocol/base/enc.h"
#include "protocol/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LIST_BYTES = 256 << 20,
    WORDS = 4,
    QUIET_MS = 1000,  /* several erasures in a row cost one cleaning */
    RETRY_MS = 60000, /* a full disk, a reader that holds the log */
};
static const char clean_name[] = "erase/clean"; /* how many were erased when the files were clean */

/* ---- the list ---- */

static int put_line(const struct sync_erased *x, void *arg)
{
    char leaf[B64U_LEN(HASH_LEN) + 1] = {0};
    b64u_put(x->leaf, HASH_LEN, leaf);
    return buf_printf(arg, "%s %c %s %s\n", x->by, x->why, leaf, x->aud);
}

/* How far a record is erased: "OWNER REASON =NAME REVISION". */
static int put_mark(const struct sync_mark *m, void *arg)
{
    char hash[B64U_LEN(SYNC_MARK_LEN) + 1] = {0};
    b64u_put(m->hash, SYNC_MARK_LEN, hash);
    return buf_printf(arg, "%s %c =%s %lld\n", m->owner, m->why, hash, (long long)m->r);
}

static int list_save(struct app *a)
{
    char path[APP_PATH_BYTES], next[APP_PATH_BYTES], keys[APP_PATH_BYTES];
    struct buf b;
    buf_init(&b, LIST_BYTES);
    int r = sync_erased_each(a->sync, put_line, &b);
    r = r < 0 ? r : sync_mark_each(a->sync, put_mark, &b);
    if (r == 0) {
        r = app_path(a->dir, "keys/erased", path);
    }
    if (r == 0) {
        r = app_path(a->dir, "keys/erased.new", next);
    }
    if (r == 0) {
        r = app_path(a->dir, "keys", keys);
    }
    if (r == 0) {
        (void)unlink(next); /* of an attempt that was cut short */
        r = app__write_file(next, b.data, b.len, true);
    }
    if (r == 0 && rename(next, path) != 0) {
        r = SANJI_E_IO;
    }
    buf_done(&b);
    return r < 0 ? r : app__sync_dir(keys);
}

static int take_mark(struct app *a, char *const word[static WORDS])
{
    struct sync_mark m = {.owner = word[0], .why = word[1][0]};
    const char *hash = word[2] + 1;
    return b64u_get(hash, strlen(hash), m.hash, SYNC_MARK_LEN) < 0 ||
                   text_i64(word[3], strlen(word[3]), 1, LIM_SEQ, &m.r) < 0
               ? 0
               : sync_mark_add(a->sync, &m);
}

/* A line that makes no sense is left out: it must not keep a node from starting. */
static int take_line(struct app *a, char *line, int64_t *io_leaves)
{
    char *word[WORDS], *at = line;
    uint8_t leaf[HASH_LEN];
    for (int i = 0; i < WORDS; i++) {
        word[i] = at;
        at += strcspn(at, " ");
        if (*at == ' ') {
            *at++ = '\0';
        }
    }
    struct audience aud;
    const struct sync_erased x = {
        .by = word[0], .aud = word[3], .leaf = leaf, .why = word[1][0], .named = false};
    if (!node_id_valid(word[0], strlen(word[0])) || strlen(word[1]) != 1) {
        return 0;
    }
    if (word[2][0] == '=') {
        return take_mark(a, word);
    }
    ++*io_leaves;
    if (b64u_get(word[2], strlen(word[2]), leaf, sizeof leaf) < 0 ||
        audience_parse(word[3], strlen(word[3]), &aud) < 0) {
        return 0;
    }
    return sync_erase_add(a->sync, &x);
}

static int take_lines(struct app *a, char *at, int64_t *ret_leaves)
{
    int r = store_begin(a->store);
    if (r < 0) {
        return r;
    }
    while (r == 0 && *at != '\0') {
        char *line = at;
        at += strcspn(at, "\n");
        if (*at == '\n') {
            *at++ = '\0';
        }
        r = take_line(a, line, ret_leaves);
    }
    r = r < 0 ? r : sync_erase_settle(a->sync);
    if (r == 0) {
        return store_commit(a->store);
    }
    store_rollback(a->store);
    return r;
}

int app__erased_load(struct app *a)
{
    char path[APP_PATH_BYTES];
    struct buf b;
    buf_init(&b, LIST_BYTES + 1);
    int r = app_path(a->dir, "keys/erased", path);
    if (r == 0) {
        r = app__read_file(path, LIST_BYTES, &b);
    }
    int64_t had = sync_erased_count(a->sync), lines = 0;
    if (r == 0 && (r = buf_putc(&b, '\0')) == 0) {
        r = take_lines(a, (char *)b.data, &lines);
    }
    if (r == 0 && sync_erased_count(a->sync) != had) {
        app_changed(a);
    }
    a->erased_saved = r == 0 ? lines : 0;
    buf_done(&b);
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

/* ---- the files ---- */

static int cleaned(struct app *a, int64_t *ret)
{
    const struct sync_store *st = store_port(a->store);
    struct buf b;
    buf_init(&b, 64);
    *ret = 0;
    int r = st->kv_get(st->ctx, clean_name, &b);
    if (r == 0) {
        r = text_i64(buf_str(&b), b.len, 0, INT64_MAX, ret);
    }
    buf_done(&b);
    return r == SANJI_E_NOT_FOUND ? 0 : r;
}

/* The copy an upgrade leaves for the way back holds what is erased. */
static int drop_old_copy(const struct app *a)
{
    char path[APP_PATH_BYTES];
    int r = app_path(a->dir, "before-upgrade.db", path);
    if (r == 0 && unlink(path) != 0 && errno != ENOENT) {
        r = SANJI_E_IO;
    }
    return r;
}

static int clean(struct app *a, int64_t count)
{
    const struct sync_store *st = store_port(a->store);
    char text[32];
    struct app_backup b;
    int r = drop_old_copy(a);
    r = r < 0 ? r : store_clean(a->store);
    if (r == 0) {
        a->search_due = a->search_since = app_mono_ms(); /* the index begins again */
        r = app_backup_renew(a, &b);
    }
    if (r == 0) { /* what was deleted is gone for good before that is written down */
        r = app__sync_dir(a->dir);
    }
    if (r == 0) {
        int n = snprintf(text, sizeof text, "%lld", (long long)count);
        r = st->kv_put(st->ctx, clean_name, span_of(text, (size_t)n));
    }
    return r;
}

int app__erased_tick(struct app *a, int64_t mono_ms)
{
    int64_t count = sync_erased_count(a->sync), done = 0;
    int r = 0;
    if (count == a->erased_seen && a->erased_due == 0) {
        return 0;
    }
    if (count != a->erased_seen) {
        a->erased_seen = count;
        a->erased_due = app_mono_ms() + QUIET_MS;
    }
    if (count != a->erased_saved && (r = list_save(a)) == 0) {
        a->erased_saved = count;
    }
    r = r < 0 ? r : cleaned(a, &done);
    if (r == 0 && done == count) {
        a->erased_due = 0;
        return 0;
    }
    if (mono_ms < a->erased_due) {
        return r < 0 ? r : (int)(a->erased_due - mono_ms);
    }
    a->erased_due = app_mono_ms() + RETRY_MS;
    r = r < 0 ? r : clean(a, count);
    if (r == 0) {
        a->erased_due = 0;
    }
    return r == SANJI_E_BUSY ? 0 : r;
}
