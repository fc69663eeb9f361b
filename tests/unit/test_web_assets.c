/* SPDX-License-Identifier: Apache-2.0 */
/* Does the binary carry a whole set of pages: an index that names files which exist, compressed as
 * the table says, cacheable for ever only under a name that changes with the content? */
#include "node/web/assets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

static void test_index(void **state)
{
    (void)state;
    const struct web_asset *a = web_asset_find("/");
    assert_non_null(a);
    assert_true(a->size > 0);
    assert_string_equal(a->content_type, "text/html; charset=utf-8");
    assert_false(a->immutable);
    if (web_pages) {
        const struct web_asset *b = web_asset_find("/index.html");
        assert_non_null(b);
        assert_ptr_equal(a->data, b->data);
    } else {
        assert_false(a->gz);
        assert_int_equal(web_assets_n, 1);
        assert_memory_equal(a->data, "<!doctype html>", 15);
    }
}

static void test_unknown(void **state)
{
    (void)state;
    static const char *const path[] = {
        "", "index.html", "//", "/../index.html", "/index.html/", "/INDEX.HTML", "/app.js"};
    for (size_t i = 0; i < sizeof(path) / sizeof(path[0]); i++) {
        assert_null(web_asset_find(path[i]));
    }
}

static void test_rows(void **state)
{
    (void)state;
    int scripts = 0;
    int styles = 0;
    for (size_t i = 0; i < web_assets_n; i++) {
        const struct web_asset *a = &web_assets[i];
        assert_ptr_equal(web_asset_find(a->path), a);
        assert_int_equal(a->path[0], '/');
        assert_true(a->size > 0);
        assert_int_equal(strlen(a->etag), 20);
        assert_int_equal(strspn(a->etag, "0123456789abcdef"), 20);
        if (a->gz) {
            assert_int_equal(a->data[0], 0x1f);
            assert_int_equal(a->data[1], 0x8b);
            /* no time, no platform: equal sources give equal bytes */
            assert_memory_equal(a->data + 4, "\0\0\0\0", 4);
            assert_int_equal(a->data[9], 255);
        }
        if (a->immutable) {
            assert_non_null(strstr(a->path, a->etag));
        }
        scripts += strncmp(a->content_type, "text/javascript", 15) == 0;
        styles += strncmp(a->content_type, "text/css", 8) == 0;
    }
    assert_int_equal(scripts, web_pages ? 1 : 0);
    assert_int_equal(styles, web_pages ? 1 : 0);
}

static void test_policy(void **state)
{
    (void)state;
    assert_null(strstr(WEB_CSP, "unsafe"));
    assert_null(strstr(WEB_CSP, "http"));
    assert_null(strchr(WEB_CSP, '*'));
    assert_non_null(strstr(WEB_CSP, "default-src 'none'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_policy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
