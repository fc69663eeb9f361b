/* SPDX-License-Identifier: Apache-2.0 */
/* sanji.conf as somebody left it. Every mistake has a line and a name and changes nothing; what is
 * taken prints, in both languages, as a file that says the same. */
#include "config/config.h"

#include "protocol/base/err.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void on_problem(const struct config_problem *x, void *arg)
{
    must(x->line > 0 && x->wrong < CONFIG_WRONG_COUNT);
    must(config_wrong_name(x->wrong)[0] != '\0');
    must(memchr(x->name, '\0', sizeof(x->name)) != NULL);
    must(memchr(x->want, '\0', sizeof(x->want)) != NULL);
    for (const char *c = x->name; *c != '\0'; c++) {
        must(*c >= ' ' && *c <= '~');
    }
    must(x->wrong != CONFIG_TWICE || (x->first_line > 0 && x->first_line < x->line));
    ++*(int *)arg;
}

static void differs(const struct config_setting *s, void *arg)
{
    (void)s;
    ++*(int *)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static struct config c, was, again;
    int problems = 0, changed = 0;
    memset(&c, 0x5a, sizeof(c));
    was = c;
    int r = config_parse((const char *)p, n, &c, on_problem, &problems);
    must(r == 0 ? problems == 0 : r == SANJI_E_CONFIG && problems > 0);
    if (r < 0) {
        must(memcmp(&c, &was, sizeof(c)) == 0);
        return 0;
    }
    for (int zh = 0; zh < 2; zh++) {
        struct buf text;
        buf_init(&text, CONFIG_FILE_BYTES);
        must(config_print(&c, zh != 0, &text) == 0);
        must(config_parse((const char *)text.data, text.len, &again, on_problem, &problems) == 0);
        config_diff(&c, &again, differs, &changed);
        must(problems == 0 && changed == 0);
        buf_done(&text);
    }
    return 0;
}
