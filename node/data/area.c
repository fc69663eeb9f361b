/* SPDX-License-Identifier: Apache-2.0 */
/* One block of text and one array of offsets, sorted by code as text, so that everything below an
 * area follows it directly: a lookup is a binary search, a subtree is a range. 44,000 names make
 * 1.5 MB, which is why they are unpacked only when somebody asks. */
#include "node/data/area.h"

#include "node/data/unpack.h"
#include "protocol/base/err.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

extern const unsigned char sanji_data_areas[];
size_t sanji_data_areas_size(void);

enum { TEXT_MAX = 16 << 20 };

static struct {
    struct buf text; /* code NUL name NUL, again and again */
    uint32_t *at;
    size_t n;
} table;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const char *code_at(size_t i)
{
    return (const char *)table.text.data + table.at[i];
}

static const char *name_at(size_t i)
{
    const char *code = code_at(i);
    return code + strlen(code) + 1;
}

/* Cuts the lines in place. A line that is not "code TAB name" ends the table: it is our own data,
 * and half a table is better than none. */
static size_t cut_lines(char *p, size_t n, uint32_t *at)
{
    size_t count = 0;
    for (size_t i = 0; i < n;) {
        char *nl = memchr(p + i, '\n', n - i);
        char *tab = nl == NULL ? NULL : memchr(p + i, '\t', (size_t)(nl - (p + i)));
        if (tab == NULL) {
            break;
        }
        *tab = '\0';
        *nl = '\0';
        if (at != NULL) {
            at[count] = (uint32_t)i;
        }
        count++;
        i = (size_t)(nl - p) + 1;
    }
    return count;
}

static size_t count_lines(const char *p, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        count += p[i] == '\n';
    }
    return count;
}

static void load(void)
{
    buf_init(&table.text, TEXT_MAX);
    if (unpack(sanji_data_areas, sanji_data_areas_size(), &table.text) < 0 || table.text.len == 0) {
        return;
    }
    char *p = (char *)table.text.data;
    size_t n = count_lines(p, table.text.len);
    table.at = calloc(n + 1, sizeof(*table.at));
    if (table.at != NULL) {
        table.n = cut_lines(p, table.text.len, table.at);
    }
}

static void ready(void)
{
    (void)pthread_once(&once, load);
}

/* First entry whose code is not below `code`. */
static size_t lower_bound(const char *code)
{
    size_t lo = 0;
    size_t hi = table.n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (strcmp(code_at(mid), code) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static bool has_prefix(size_t i, const char *code)
{
    return strncmp(code_at(i), code, strlen(code)) == 0;
}

size_t area_count(void)
{
    ready();
    return table.n;
}

const char *area_name(const char *code)
{
    ready();
    size_t i = lower_bound(code);
    return i < table.n && strcmp(code_at(i), code) == 0 ? name_at(i) : NULL;
}

/* Headings of the code list that no address names. */
static bool is_heading(const char *name)
{
    static const char *const heading[] = {"市辖区", "县", "省直辖县级行政区划",
                                          "自治区直辖县级行政区划"};
    for (size_t i = 0; i < sizeof(heading) / sizeof(heading[0]); i++) {
        if (strcmp(name, heading[i]) == 0) {
            return true;
        }
    }
    return false;
}

int area_part_name(const char *code, struct buf *out)
{
    const char *name = area_name(code);
    return name != NULL && !is_heading(name) ? buf_puts(out, name) : out->err;
}

int area_full_name(const char *code, struct buf *out)
{
    static const size_t level[] = {2, 4, 6, 9, 12};
    char part[13];
    size_t n = strlen(code);
    for (size_t i = 0; i < sizeof(level) / sizeof(level[0]) && level[i] <= n; i++) {
        memcpy(part, code, level[i]);
        part[level[i]] = '\0';
        int r = area_part_name(part, out);
        if (r < 0) {
            return r;
        }
    }
    return out->err;
}

size_t area_children(const char *code, area_fn fn, void *arg)
{
    ready();
    size_t given = 0;
    size_t i = lower_bound(code);
    if (i < table.n && strcmp(code_at(i), code) == 0) {
        i++;
    }
    while (i < table.n && has_prefix(i, code)) {
        const char *child = code_at(i);
        given++;
        if (!fn(child, name_at(i), arg)) {
            break;
        }
        for (i++; i < table.n && has_prefix(i, child); i++) {
        }
    }
    return given;
}

size_t area_search(const char *text, area_fn fn, void *arg)
{
    size_t given = 0;
    ready();
    for (size_t i = 0; text[0] != '\0' && i < table.n; i++) {
        if (has_prefix(i, text) || strstr(name_at(i), text) != NULL) {
            given++;
            if (!fn(code_at(i), name_at(i), arg)) {
                break;
            }
        }
    }
    return given;
}
