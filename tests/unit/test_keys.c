/* SPDX-License-Identifier: Apache-2.0 */
/* Does a node get new keys whole or not at all, and does it find its way after a crash at each
 * step of it? The exchange with a parent is tested with real daemons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/app.h"
#include "tests/support/nodes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[320], root_path[400];

static struct app *born(const char *name)
{
    struct app_born x;
    struct fault f = {0};
    struct app *a = NULL;
    snprintf(dir, sizeof dir, "%s/%s", home, name);
    struct app_birth b = {.dir = dir, .name = "市", .area = "370100", .lv = 20};
    assert_int_equal(app_init(&b, &x, &f), 0);
    snprintf(root_path, sizeof root_path, "%.390s", x.root_key);
    assert_int_equal(app_open(dir, &a, NULL), 0);
    return a;
}

static size_t file_read(const char *path, uint8_t *p, size_t max)
{
    FILE *fp = fopen(path, "rb");
    if (fp == NULL) {
        return 0;
    }
    size_t n = fread(p, 1, max, fp);
    fclose(fp);
    return n;
}

static void file_write(const char *path, const uint8_t *p, size_t n)
{
    FILE *fp = fopen(path, "wb");
    assert_non_null(fp);
    assert_int_equal(fwrite(p, 1, n, fp), n);
    fclose(fp);
    assert_int_equal(chmod(path, 0600), 0);
}

static const char *in_dir(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void put(struct app *a, const char *title)
{
    char json[200], id[LIM_ID_BYTES + 1];
    struct fault f = {0};
    snprintf(json, sizeof json, "{\"kind\":\"venue\",\"title\":\"%s\"}", title);
    assert_int_equal(
        app_put_one(a, kind_find("listing"), NULL, NULL, span_of(json, strlen(json)), id, &f), 0);
}

static void sound(struct app *a)
{
    struct app_verdict v;
    assert_int_equal(app_verify(a, &v, NULL, NULL), 0);
    assert_int_equal(v.wrong, 0);
}

static void the_top_changes_its_keys(void **state)
{
    (void)state;
    uint8_t text[512], seed[96], old[32];
    struct fault f = {0};
    struct app *a = born("top");
    put(a, "before");
    assert_int_equal(file_read(in_dir("keys/sign.seed"), old, sizeof old), 32);
    /* Without the root key, or with another one, nothing happens. */
    assert_int_equal(app_rotate(a, span_of(NULL, 0), &f), SANJI_E_SPEC);
    assert_string_equal(f.member, "root-key");
    static const char other[] = "sanji-root-key-1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n";
    assert_int_equal(app_rotate(a, span_of(other, sizeof other - 1), &f), SANJI_E_AUTHORITY);
    assert_true(app_rotate(a, span_of("nonsense", 8), &f) < 0);
    assert_int_equal(file_read(in_dir("keys/sign.seed"), seed, sizeof seed), 32);
    assert_memory_equal(seed, old, 32);

    size_t n = file_read(root_path, text, sizeof text);
    for (size_t i = 1; i <= 3; i++) { /* again and again */
        assert_int_equal(app_rotate(a, span_of(text, n), &f), 0);
        assert_int_equal(app_rotation(a), 0);
        assert_int_equal(file_read(in_dir("keys/seal.seed"), seed, sizeof seed),
                         i < 3 ? 32 * (i + 1) : sizeof seed);
        assert_int_equal(app_self_node(a)->n_keys, i + 1);
        assert_int_not_equal(access(in_dir("keys/next"), F_OK), 0);
        put(a, "after");
        sound(a);
    }
    app_close(a);
    assert_int_equal(app_open(dir, &a, NULL), 0);
    put(a, "after opening again");
    sound(a);
    app_close(a);
}

/* The process died when the act was written and the files had not taken their places. */
static void a_crash_before_the_files_is_mended(void **state)
{
    (void)state;
    uint8_t text[512], old_sign[32], old_seal[32], sign[32], seal[64];
    struct fault f = {0};
    struct app *a = born("crash");
    assert_int_equal(file_read(in_dir("keys/sign.seed"), old_sign, 32), 32);
    assert_int_equal(file_read(in_dir("keys/seal.seed"), old_seal, 32), 32);
    size_t n = file_read(root_path, text, sizeof text);
    assert_int_equal(app_rotate(a, span_of(text, n), &f), 0);
    app_close(a);
    assert_int_equal(file_read(in_dir("keys/sign.seed"), sign, 32), 32);
    assert_int_equal(file_read(in_dir("keys/seal.seed"), seal, 64), 64);
    assert_memory_equal(seal, old_seal, 32);
    for (int step = 0; step < 2; step++) {
        assert_int_equal(mkdir(in_dir("keys/next"), 0700), 0);
        file_write(in_dir("keys/next/sign.seed"), sign, 32);
        file_write(in_dir("keys/next/seal.seed"), seal + 32, 32);
        file_write(in_dir("keys/sign.seed"), old_sign, 32);
        if (step == 0) { /* the sealing seeds were written in the second round */
            file_write(in_dir("keys/seal.seed"), old_seal, 32);
        }
        assert_int_equal(app_open(dir, &a, NULL), 0);
        put(a, "mended");
        sound(a);
        app_close(a);
        uint8_t now[160];
        assert_int_equal(file_read(in_dir("keys/sign.seed"), now, 32), 32);
        assert_memory_equal(now, sign, 32);
        assert_int_equal(file_read(in_dir("keys/seal.seed"), now, sizeof now), 64);
        assert_memory_equal(now, seal, 64);
        assert_int_not_equal(access(in_dir("keys/next"), F_OK), 0);
    }
    /* Died while the seeds were made: nothing was said, and the next attempt makes its own. */
    assert_int_equal(mkdir(in_dir("keys/next"), 0700), 0);
    file_write(in_dir("keys/next/seal.seed"), seal, 17);
    assert_int_equal(app_open(dir, &a, NULL), 0);
    assert_int_equal(app_rotation(a), 0);
    assert_int_equal(app_rotate(a, span_of(text, n), &f), 0);
    sound(a);
    app_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_top_changes_its_keys),
        cmocka_unit_test(a_crash_before_the_files_is_mended),
    };
    return cmocka_run_group_tests(tests, home_make, home_drop);
}
