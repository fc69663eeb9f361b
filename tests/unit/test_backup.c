/* SPDX-License-Identifier: Apache-2.0 */
/* Does a backup bring back all of a node, does nobody open it without the code, and does a damaged
 * or made-up file leave nothing behind? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/app_backup.h"
#include "node/app_blob.h"
#include "node/app_internal.h"
#include "protocol/ferry.h"
#include "tests/support/nodes.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

static char from[300], to[300], out[300];
static uint8_t secret[RECOVERY_SECRET];

static int rm_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static int make_places(void **state)
{
    int r = home_make(state);
    snprintf(from, sizeof from, "%s/node", home);
    snprintf(to, sizeof to, "%s/again", home);
    snprintf(out, sizeof out, "%s/out", home);
    return r;
}

static int collect(const void *p, size_t n, void *arg)
{
    return buf_put(arg, p, n);
}

static void put(struct app *a, const char *json)
{
    char id[LIM_ID_BYTES + 1];
    struct fault f = {0};
    assert_int_equal(
        app_put_one(a, kind_find("listing/1"), NULL, NULL, span_of(json, strlen(json)), id, &f), 0);
}

static struct app *born(void)
{
    struct app_born x;
    struct fault f = {0};
    struct app *a = NULL;
    int group;
    struct app_birth b = {.dir = from, .name = "市", .area = "370100", .lv = 20};
    (void)nftw(from, rm_one, 16, FTW_DEPTH | FTW_PHYS);
    (void)nftw(to, rm_one, 16, FTW_DEPTH | FTW_PHYS);
    (void)nftw(out, rm_one, 16, FTW_DEPTH | FTW_PHYS);
    char root[320];
    snprintf(root, sizeof root, "%s.root", from);
    (void)unlink(root);
    b.root_key = root;
    assert_int_equal(app_init(&b, &x, &f), 0);
    assert_int_equal(recovery_read(x.recovery, secret, &group), 0);
    assert_int_equal(app_open(from, &a, NULL), 0);
    put(a, "{\"kind\":\"venue\",\"title\":\"备份前的议事厅\"}");
    put(a, "{\"kind\":\"mentor\",\"title\":\"财务导师\"}");
    return a;
}

static void slurp(const char *path, struct buf *b)
{
    buf_init(b, 64 << 20);
    assert_int_equal(app__read_file(path, 64 << 20, b), 0);
}

static void spit(const char *path, const void *p, size_t n)
{
    (void)unlink(path);
    assert_int_equal(app__write_file(path, p, n, true), 0);
}

static bool nothing_left(void)
{
    char tmp[320];
    snprintf(tmp, sizeof tmp, "%s.restoring", to);
    return access(to, F_OK) != 0 && access(tmp, F_OK) != 0;
}

/* ---- the code ---- */

static void code_names_the_group(void **state)
{
    uint8_t s[RECOVERY_SECRET], got[RECOVERY_SECRET];
    char text[RECOVERY_TEXT], bad[80];
    int group, named = 0, slipped = 0;
    (void)state;
    for (size_t i = 0; i < sizeof s; i++) {
        s[i] = (uint8_t)(i * 37 + 11);
    }
    recovery_text(s, text);
    assert_int_equal(strlen(text), 47);
    assert_int_equal(recovery_read(text, got, &group), 0);
    assert_memory_equal(got, s, sizeof s);
    for (size_t i = 0; i < 47; i++) { /* as people type it */
        bad[i] = text[i] >= 'a' && text[i] <= 'z' ? (char)(text[i] - 32)
                 : text[i] == '-'                 ? ' '
                                                  : text[i];
    }
    memcpy(bad + 47, "\n", 2);
    assert_int_equal(recovery_read(bad, got, &group), 0);
    assert_memory_equal(got, s, sizeof s);
    for (size_t i = 0; i < 47; i++) {
        static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567018!";
        for (size_t k = 0; text[i] != '-' && letters[k] != '\0'; k++) {
            snprintf(bad, sizeof bad, "%s", text);
            bad[i] = letters[k];
            if (letters[k] == text[i]) {
                continue;
            }
            int r = recovery_read(bad, got, &group);
            if (r == 0) {
                assert_memory_not_equal(got, s, sizeof s);
                slipped++;
            } else if (group == (int)(i / 6) + 1) {
                named++;
            } else {
                assert_int_equal(group, 0); /* no letter of the code */
            }
        }
    }
    assert_true(named > 1200 && slipped < named / 16); /* one in 32 on average */
    assert_int_equal(recovery_read("", got, &group), SANJI_E_SPEC);
    assert_int_equal(group, 0);
    snprintf(bad, sizeof bad, "%sa", text);
    assert_int_equal(recovery_read(bad, got, &group), SANJI_E_SPEC);
    assert_int_equal(group, 0);
}

/* ---- there and back ---- */

static void same_state(const char *dir, const struct buf *was)
{
    struct app *a = NULL;
    struct buf is;
    buf_init(&is, 1 << 20);
    assert_int_equal(app_open(dir, &a, NULL), 0);
    assert_int_equal(app_export(a, NULL, NULL, collect, &is), 0);
    assert_int_equal(is.len, was->len);
    assert_memory_equal(is.data, was->data, was->len);
    app_close(a);
    buf_done(&is);
}

static void comes_back_whole(void **state)
{
    struct app *a = born();
    struct app_backup b;
    struct app_restored x;
    struct buf was, raw;
    int64_t last = 0;
    uint8_t other[RECOVERY_SECRET] = {1};
    (void)state;
    assert_int_equal(app_backup_last(a, &last), SANJI_E_NOT_FOUND);
    const struct app_token program = {
        .name = "website", .role = "clerk", .about = "", .maker = "wang", .days = 30};
    char token[APP_TOKEN_TEXT];
    struct fault f = {0};
    int64_t token_n = 0;
    assert_int_equal(app_token_add(a, &program, token, &token_n, &f), 0);
    assert_int_equal(app_backup(a, NULL, &b), 0);
    assert_int_equal(app_backup_last(a, &last), 0);
    buf_init(&was, 1 << 20);
    assert_int_equal(app_export(a, NULL, NULL, collect, &was), 0);
    put(a, "{\"kind\":\"venue\",\"title\":\"备份之后\"}");
    char id[LIM_NODE_ID + 1];
    snprintf(id, sizeof id, "%s", app_id(a));
    app_close(a);

    slurp(b.path, &raw);
    assert_int_equal(raw.len, b.bytes);
    static const char *const secrets[] = {"备份前", "财务", "370100", "SQLite", "staff_listen"};
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        assert_null(memmem(raw.data, raw.len, secrets[i], strlen(secrets[i])));
    }
    buf_done(&raw);

    assert_int_equal(app_restore(b.path, from, secret, &x), SANJI_E_EXISTS);
    assert_string_equal(x.where, from);
    assert_int_equal(app_restore(b.path, to, other, &x), SANJI_E_OPEN);
    assert_true(nothing_left());
    assert_int_equal(mkdir(to, 0750), 0); /* an empty folder is room enough, and stays one */
    assert_int_equal(app_restore(b.path, to, other, &x), SANJI_E_OPEN);
    struct stat room;
    assert_int_equal(stat(to, &room), 0);
    assert_int_equal(room.st_mode & 0777, 0750);
    assert_int_equal(app_restore(b.path, to, secret, &x), 0);
    assert_string_equal(x.node.s, id);
    assert_true(x.bundles > 0);
    char path[400];
    snprintf(path, sizeof path, "%s/keys/guard", to);
    assert_int_not_equal(access(path, F_OK), 0);
    snprintf(path, sizeof path, "%s/keys/sign.seed", to);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 077, 0);
    same_state(to, &was);
    buf_done(&was);
    assert_int_equal(app_open(to, &a, NULL), 0); /* the token may have been taken away since */
    assert_int_equal(app_token_revoke(a, token_n), SANJI_E_NOT_FOUND);
    app_close(a);
}

static void a_new_code_for_new_backups(void **state)
{
    struct app *a = born();
    struct app_backup one, two;
    struct app_restored x;
    char code[RECOVERY_TEXT], path[400];
    uint8_t newer[RECOVERY_SECRET];
    int group;
    (void)state;
    assert_int_equal(app_backup(a, out, &one), SANJI_E_IO); /* a disk that is not mounted */
    assert_string_equal(one.path, out);
    assert_int_equal(mkdir(out, 0700), 0);
    assert_int_equal(app_backup(a, out, &one), 0);
    assert_int_equal(app_recovery_new(a->dir, code), 0);
    assert_int_equal(recovery_read(code, newer, &group), 0);
    (void)rename(one.path, to); /* both are made within one second */
    assert_int_equal(app_backup(a, out, &two), 0);
    snprintf(path, sizeof path, "%s/one", out);
    assert_int_equal(rename(to, path), 0);
    assert_int_equal(app_restore(two.path, to, secret, &x), SANJI_E_OPEN);
    assert_int_equal(app_restore(path, to, newer, &x), SANJI_E_OPEN);
    assert_int_equal(app_restore(path, to, secret, &x), 0);
    (void)nftw(to, rm_one, 16, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(app_restore(two.path, to, newer, &x), 0);
    snprintf(path, sizeof path, "%s/keys/recovery.pub", from);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(app_backup(a, out, &two), SANJI_E_NOT_FOUND);
    assert_int_equal(app_recovery_new(a->dir, code), 0);
    assert_int_equal(app_backup(a, "relative", &two), SANJI_E_SPEC);
    assert_int_equal(app_backup(a, "/dev/null/x", &two), SANJI_E_IO);
    assert_string_equal(two.path, "/dev/null/x");
    app_close(a);
}

/* ---- attachments ---- */

static void attach(struct app *a, char c, char ret_sha[static BLOB_SHA + 1])
{
    struct app_upload u;
    struct fault f = {0};
    char pdf[] = "%PDF-1.4 attachment x %%EOF";
    *strchr(pdf, 'x') = c;
    struct span name = span_of("a.pdf", 5), bytes = span_of(pdf, strlen(pdf));
    assert_int_equal(app_upload_begin(a, "wang", name, (int64_t)bytes.n, "", &u, &f), 0);
    char id[UPLOAD_ID + 1];
    memcpy(id, u.id, sizeof id);
    assert_int_equal(app_upload_part(a, "wang", id, 0, bytes, &u, &f), 0);
    assert_int_equal(app_upload_finish(a, "wang", id, &u, &f), 0);
    memcpy(ret_sha, u.sha, BLOB_SHA + 1);
}

static const char *copies(const struct app *a)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/%s.sanji-files", out, app_id(a));
    return path;
}

static int count(const char *dir);

/* The path of a copy: any of the folder. */
static void one_copy(const struct app *a, char ret[static 512])
{
    DIR *d = opendir(copies(a));
    ret[0] = '\0';
    for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] != '.') {
            snprintf(ret, 512, "%s/%.80s", copies(a), e->d_name);
        }
    }
    assert_non_null(d);
    closedir(d);
    assert_true(ret[0] != '\0');
}

static void attachments_lie_beside(void **state)
{
    struct app *a = born();
    struct app_backup b, again;
    struct app_restored x;
    struct buf raw;
    struct stat was, now;
    char one[BLOB_SHA + 1], two[BLOB_SHA + 1], path[512];
    (void)state;
    assert_int_equal(mkdir(out, 0700), 0);
    assert_int_equal(app_backup(a, out, &b), 0);
    assert_int_not_equal(access(copies(a), F_OK), 0); /* there is nothing to keep in it */
    attach(a, '1', one);
    assert_int_equal(app_backup(a, out, &b), 0);
    assert_int_equal(b.files, 1);
    one_copy(a, path);
    slurp(path, &raw);
    assert_null(memmem(raw.data, raw.len, "%PDF", 4)); /* sealed, and its name says nothing */
    assert_null(strstr(path, one));
    buf_done(&raw);
    assert_int_equal(stat(path, &was), 0);
    assert_int_equal(was.st_mode & 0777, 0600);
    assert_int_equal(app_backup(a, out, &again), 0); /* written once */
    assert_int_equal(again.files, 1);
    assert_int_equal(stat(path, &now), 0);
    assert_true(was.st_ino == now.st_ino && was.st_mtim.tv_nsec == now.st_mtim.tv_nsec);
    /* For want of room, and of time. */
    attach(a, '2', two);
    int64_t reserve = a->cfg.disk_reserve;
    a->cfg.disk_reserve = INT64_MAX / 4;
    assert_int_equal(app_backup(a, out, &again), 0);
    assert_true(again.full && again.files == 1 && again.files_left == 1);
    a->cfg.disk_reserve = reserve;
    assert_int_equal(unlink(path), 0);
    uint8_t pub[SEAL_PUB_LEN];
    assert_int_equal(app__read_secret(a->dir, "keys/recovery.pub", pub, sizeof pub), 0);
    assert_int_equal(app__backup_copies(a, out, pub, 1, &again), 0);
    assert_true(!again.full && again.files == 1 && again.files_left == 1);
    assert_int_equal(app_backup(a, out, &again), 0);
    assert_true(!again.full && again.files == 2 && again.files_left == 0);
    app_close(a);

    assert_int_equal(app_restore(again.path, to, secret, &x), 0);
    assert_true(x.files == 2 && x.files_bad == 0);
    assert_int_equal(app_open(to, &a, NULL), 0);
    static const char *const what[] = {"%PDF-1.4 attachment 1 %%EOF",
                                       "%PDF-1.4 attachment 2 %%EOF"};
    for (int i = 0; i < 2; i++) {
        buf_init(&raw, 4096);
        assert_int_equal(app_blob_read(a, i == 0 ? one : two, &raw), 0);
        assert_string_equal(buf_str(&raw), what[i]);
        buf_done(&raw);
    }
    app_close(a);
    (void)nftw(to, rm_one, 16, FTW_DEPTH | FTW_PHYS);

    /* A damaged copy costs itself alone. */
    assert_int_equal(app_open(from, &a, NULL), 0);
    one_copy(a, path);
    app_close(a);
    slurp(path, &raw);
    raw.data[raw.len - 20] ^= 1;
    spit(path, raw.data, raw.len);
    buf_done(&raw);
    assert_int_equal(app_restore(again.path, to, secret, &x), 0);
    assert_true(x.files == 1 && x.files_bad == 1);
}

static void copies_follow_attachments_and_code(void **state)
{
    struct app *a = born();
    struct app_backup b;
    struct app_restored x;
    char one[BLOB_SHA + 1], two[BLOB_SHA + 1], path[512], code[RECOVERY_TEXT];
    uint8_t newer[RECOVERY_SECRET];
    int group;
    (void)state;
    assert_int_equal(mkdir(out, 0700), 0);
    attach(a, '1', one);
    attach(a, '2', two);
    snprintf(a->cfg.backup_dir, sizeof a->cfg.backup_dir, "%.255s", out);
    assert_int_equal(app_backup(a, NULL, &b), 0);
    assert_int_equal(count(copies(a)), 2);
    /* What an attempt left that was cut short, and what is nobody's business here. */
    snprintf(path, sizeof path, "%s/notes.txt", copies(a));
    spit(path, "x", 1);
    snprintf(path, sizeof path, "%s/%064d.sanji-file.part", copies(a), 7);
    spit(path, "x", 1);
    /* An item that named the first is erased: the copy goes with the backups of before. */
    assert_int_equal(store_begin(a->store), 0);
    assert_int_equal(blob_row_erased(a->store, one), 0);
    assert_int_equal(store_commit(a->store), 0);
    a->blobs_due = 0;
    assert_int_equal(app_backup_renew(a, &b), 0);
    assert_int_equal(count(copies(a)), 2); /* the other one, and the notes */
    assert_int_equal(access(path, F_OK), -1);
    /* Another code: sealed anew, to it. */
    assert_int_equal(app_recovery_new(a->dir, code), 0);
    assert_int_equal(recovery_read(code, newer, &group), 0);
    assert_int_equal(app_backup(a, NULL, &b), 0);
    assert_int_equal(b.files, 1);
    assert_int_equal(count(copies(a)), 2);
    app_close(a);
    assert_int_equal(app_restore(b.path, to, newer, &x), 0);
    assert_true(x.files == 1 && x.files_bad == 0);
}

static int count(const char *dir)
{
    DIR *d = opendir(dir);
    int n = 0;
    for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        n += e->d_name[0] != '.';
    }
    if (d != NULL) {
        closedir(d);
    }
    return n;
}

static void only_the_newest_are_kept(void **state)
{
    struct app *a = born();
    struct app_backup b;
    char path[400];
    (void)state;
    assert_int_equal(mkdir(out, 0700), 0);
    for (int day = 1; day <= 9; day++) {
        snprintf(path, sizeof path, "%s/%s-2020010%d-000000.sanji-backup", out, app_id(a), day);
        spit(path, "x", 1);
    }
    static const char *const others[] = {"naaaaaaaaaaaaa-20200101-000000.sanji-backup", "notes.txt",
                                         "x.sanji-backup"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", out, others[i]);
        spit(path, "x", 1);
    }
    a->cfg.backup_keep = 3;
    assert_int_equal(app_backup(a, out, &b), 0);
    assert_int_equal(count(out), 3 + 3);
    assert_int_equal(access(b.path, F_OK), 0);
    snprintf(path, sizeof path, "%s/%s-20200109-000000.sanji-backup", out, app_id(a));
    assert_int_equal(access(path, F_OK), 0);
    snprintf(path, sizeof path, "%s/%s-20200107-000000.sanji-backup", out, app_id(a));
    assert_int_not_equal(access(path, F_OK), 0);
    app_close(a);
}

/* A machine whose clock has gone back names the newest file as if it were the oldest. */
static void the_newest_is_kept_whatever_the_clock_says(void **state)
{
    struct app *a = born();
    struct app_backup b;
    char later[400];
    (void)state;
    assert_int_equal(mkdir(out, 0700), 0);
    snprintf(a->cfg.backup_dir, sizeof a->cfg.backup_dir, "%.250s", out);
    snprintf(later, sizeof later, "%s/%s-29990101-000000.sanji-backup", out, app_id(a));
    spit(later, "x", 1);
    a->cfg.backup_keep = 2;
    assert_int_equal(app_backup(a, NULL, &b), 0);
    assert_int_equal(access(b.path, F_OK), 0);
    assert_int_equal(access(later, F_OK), 0);
    a->cfg.backup_keep = 1;
    usleep(1100000);
    assert_int_equal(app_backup(a, NULL, &b), 0);
    assert_int_equal(access(b.path, F_OK), 0);
    assert_int_not_equal(access(later, F_OK), 0);
    spit(later, "x", 1); /* holds what is erased now */
    usleep(1100000);
    assert_int_equal(app_backup_renew(a, &b), 0);
    assert_int_equal(access(b.path, F_OK), 0);
    assert_int_equal(count(out), 1);
    app_close(a);
}

static void every_day(void **state)
{
    struct app *a = born();
    struct app_backup b;
    const int64_t hour = 3600000;
    (void)state;
    assert_int_equal(mkdir(out, 0700), 0);
    snprintf(a->cfg.backup_dir, sizeof a->cfg.backup_dir, "%.250s", out);
    assert_int_equal(app_backup_tick(a, 1, &b), 0); /* not right after the start */
    assert_int_equal(app_backup_tick(a, hour, &b), 0);
    assert_int_equal(app_backup_tick(a, hour + 1, &b), 1);
    assert_int_equal(app_backup_tick(a, hour + 2, &b), 0);
    assert_int_equal(app_backup_tick(a, 30 * hour, &b), 0); /* by the clock no day has passed */
    a->cfg.backup_every = 1000;
    usleep(1100000);
    assert_int_equal(app_backup_tick(a, 60 * hour, &b), 1);
    a->cfg.backup_keep = 0;
    usleep(1100000);
    assert_int_equal(app_backup_tick(a, 90 * hour, &b), 0);
    app_close(a);
}

/* ---- bad files ---- */

static void damage_is_found(void **state)
{
    struct app *a = born();
    struct app_backup b;
    struct app_restored x;
    struct buf raw, was;
    char bad[320];
    (void)state;
    assert_int_equal(mkdir(out, 0700), 0);
    assert_int_equal(app_backup(a, out, &b), 0);
    buf_init(&was, 1 << 20);
    assert_int_equal(app_export(a, NULL, NULL, collect, &was), 0);
    app_close(a);
    slurp(b.path, &raw);
    snprintf(bad, sizeof bad, "%s/bad", home);
    for (size_t i = 0; i < raw.len; i += i < 400 ? 1 : raw.len / 61) { /* flipped */
        raw.data[i] ^= 0x01;
        spit(bad, raw.data, raw.len);
        raw.data[i] ^= 0x01;
        int r = app_restore(bad, to, secret, &x);
        if (r == 0) { /* the line in clear and its packing are not what is sealed */
            assert_true(i < 400);
            same_state(to, &was);
            (void)nftw(to, rm_one, 16, FTW_DEPTH | FTW_PHYS);
            continue;
        }
        if (r != SANJI_E_SYNTAX && r != SANJI_E_OPEN) {
            fail_msg("at %zu: %s", i, err_name(r));
        }
        assert_true(nothing_left());
    }
    for (size_t i = 0; i < raw.len; i += 1 + raw.len / 53) { /* cut off */
        spit(bad, raw.data, i);
        int r = app_restore(bad, to, secret, &x);
        assert_true(r == SANJI_E_SYNTAX || r == SANJI_E_OPEN);
        assert_true(nothing_left());
    }
    buf_put(&raw, "x", 1);
    spit(bad, raw.data, raw.len);
    assert_true(app_restore(bad, to, secret, &x) < 0);
    assert_true(nothing_left());
    buf_done(&was);
    buf_done(&raw);
    assert_int_equal(app_restore("/nowhere/x", to, secret, &x), SANJI_E_NOT_FOUND);
    assert_int_equal(app_restore("/dev/zero", to, secret, &x), SANJI_E_SYNTAX);
    assert_int_equal(app_restore(home, to, secret, &x), SANJI_E_SYNTAX);
    (void)unlink(bad);
    assert_int_equal(mkfifo(bad, 0600), 0);
    assert_int_equal(app_restore(bad, to, secret, &x), SANJI_E_SYNTAX);
    assert_true(nothing_left());
}

/* Whoever has read keys/recovery.pub can seal a file; what is inside is still not trusted. */
static void forged(const char *node, const void *inner, size_t n, const char *path)
{
    struct node_id id;
    struct ferry_sealer s;
    struct frame_ctx *c = frame_ctx_new();
    uint8_t seed[SEAL_SEED_LEN], pub[SEAL_PUB_LEN], rnd[96] = {7};
    struct buf b;
    size_t max = ZSTD_compressBound(n);
    void *z = malloc(max);
    buf_init(&b, 64 << 20);
    recovery_seed(secret, seed);
    assert_int_equal(seal_pub_of(seed, pub), 0);
    assert_int_equal(node_id_parse(node, strlen(node), &id), 0);
    size_t zn = ZSTD_compress(z, max, inner, n, 3);
    assert_false(ZSTD_isError(zn));
    buf_printf(&b, "sanji-backup 1 %s 1760000000000\n", node);
    assert_int_equal(ferry_seal_begin(&s, c, &id, pub, rnd, &b), 0);
    assert_int_equal(ferry_seal_put(&s, span_of(z, zn), &b), 0);
    assert_int_equal(ferry_seal_end(&s, &b), 0);
    spit(path, b.data, b.len);
    buf_done(&b);
    free(z);
    frame_ctx_free(c);
}

static void made_up_files_escape_nothing(void **state)
{
    struct app *a = born();
    struct app_restored x;
    char id[LIM_NODE_ID + 1], bad[320], outside[320], inner[512];
    (void)state;
    snprintf(id, sizeof id, "%s", app_id(a));
    app_close(a);
    snprintf(bad, sizeof bad, "%s/bad", home);
    (void)unlink(bad);
    snprintf(outside, sizeof outside, "%s/escaped", home);
    static const char *const lines[] = {"../escaped 1\nxend\n",
                                        "keys/../../escaped 1\nxend\n",
                                        "/tmp/escaped 1\nxend\n",
                                        "keys/guard 1\nxend\n",
                                        "sanji.conf 99999999\nx",
                                        "sanji.conf -1\nend\n",
                                        "sanji.conf 1\nxsanji.conf 1\nxend\n",
                                        "sanji.conf\nend\n",
                                        "sanji.conf 1 \nxend\n",
                                        " 1\nxend\n",
                                        "end\nmore",
                                        "",
                                        "end",
                                        "sanji.db 9223372036854775807\nx",
                                        "sanji.db 4\nxxxxend\n",
                                        "end\n"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        forged(id, lines[i], strlen(lines[i]), bad);
        int r = app_restore(bad, to, secret, &x);
        assert_true(r < 0 && r != SANJI_E_BUG);
        assert_true(nothing_left());
        assert_int_not_equal(access(outside, F_OK), 0);
    }
    memset(inner, 'a', sizeof inner);
    forged(id, inner, sizeof inner, bad); /* a line without an end */
    assert_int_equal(app_restore(bad, to, secret, &x), SANJI_E_SYNTAX);
    assert_true(nothing_left());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_names_the_group),
        cmocka_unit_test(comes_back_whole),
        cmocka_unit_test(a_new_code_for_new_backups),
        cmocka_unit_test(attachments_lie_beside),
        cmocka_unit_test(copies_follow_attachments_and_code),
        cmocka_unit_test(only_the_newest_are_kept),
        cmocka_unit_test(the_newest_is_kept_whatever_the_clock_says),
        cmocka_unit_test(every_day),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(made_up_files_escape_nothing),
    };
    return cmocka_run_group_tests(tests, make_places, home_drop);
}
