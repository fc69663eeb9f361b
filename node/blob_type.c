/* SPDX-License-Identifier: Apache-2.0 */
/* What attachments may be, told by their bytes: a name says what somebody wants it to be taken for.
 * Nothing here unpacks anything; a document is recognised by the table of contents of its
 * container. Foreign bytes: every offset is checked before it is read. */
#include "node/blob.h"

#include "protocol/base/text.h"

#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

enum {
    NAME_POINTS = 120,
    ZIP_END = 22,
    ZIP_ENTRY = 46,
    ZIP_ENTRIES = 10000,
    OLE_ENTRY = 128,
    OLE_STORAGE = 1,
    OLE_STREAM = 2
};

/* clang-format off */
static const struct {
    const char *type, *mime, *endings;
} types[] = {
    {"pdf",  "application/pdf", "pdf"},
    {"png",  "image/png", "png"},
    {"jpeg", "image/jpeg", "jpg jpeg"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx"},
    {"doc",  "application/msword", "doc wps"},
    {"xls",  "application/vnd.ms-excel", "xls et"},
    {"text", "text/plain", "txt csv"},
};
/* What a container has to hold to be a document of that type. */
static const struct {
    const char *type, *entry;
} ooxml[] = {{"docx", "word/document.xml"}, {"xlsx", "xl/workbook.xml"}, {"pptx", "ppt/presentation.xml"}},
  ole[] = {{"doc", "WordDocument"}, {"xls", "Workbook"}, {"xls", "Book"}};
/* clang-format on */
static const char *const macros[] = {"Macros", "_VBA_PROJECT_CUR", "VBA"}; /* folders of OLE */
#define COUNT(t) (sizeof(t) / sizeof((t)[0]))

static size_t find(const char *type)
{
    size_t i = 0;
    while (i < COUNT(types) && strcmp(types[i].type, type) != 0) {
        i++;
    }
    return i;
}

const char *blob_mime(const char *type)
{
    size_t i = find(type);
    return i < COUNT(types) ? types[i].mime : NULL;
}

/* ---- by their bytes ---- */

static bool begins(struct span b, const char *with, size_t n)
{
    return b.n >= n && memcmp(b.p, with, n) == 0;
}

static bool is_pdf(struct span b)
{
    static const char end[] = "%%EOF";
    size_t tail = b.n < 1024 ? b.n : 1024;
    return (begins(b, "%PDF-1.", 7) || begins(b, "%PDF-2.", 7)) &&
           memmem(b.p + b.n - tail, tail, end, sizeof end - 1) != NULL;
}

static uint32_t le(const uint8_t *p, int n)
{
    uint32_t v = 0;
    for (int i = n - 1; i >= 0; i--) {
        v = v << 8 | p[i];
    }
    return v;
}

struct zip_toc {
    size_t at, end, n; /* from where to where, entries */
};

/* A reader may look for it from the other side: only what every one of them takes for the end is
 * it. */
static bool zip_table(struct span b, struct zip_toc *ret)
{
    size_t most = b.n < 65535 + ZIP_END ? b.n : 65535 + ZIP_END;
    const uint8_t *end = NULL;
    for (size_t k = ZIP_END; k <= most; k++) {
        const uint8_t *p = b.p + b.n - k;
        if (memcmp(p, "PK\x05\x06", 4) == 0) {
            bool last = le(p + 20, 2) == k - ZIP_END; /* its comment is all that follows */
            if (last == (end != NULL)) {
                return false;
            }
            end = end == NULL ? p : end;
        }
    }
    if (end == NULL) {
        return false;
    }
    ret->n = le(end + 10, 2);
    ret->at = le(end + 16, 4);
    ret->end = ret->at + le(end + 12, 4);
    return ret->n <= ZIP_ENTRIES && ret->at < b.n && ret->end <= (size_t)(end - b.p);
}

static bool ends_in(struct span name, const char *tail)
{
    size_t n = strlen(tail);
    return name.n >= n && strncasecmp((const char *)name.p + name.n - n, tail, n) == 0;
}

/* An Office document without macros; every other archive is none. */
static const char *zip_type(struct span b)
{
    struct zip_toc toc;
    const char *type = NULL;
    bool listed = false;
    if (!begins(b, "PK\x03\x04", 4) || !zip_table(b, &toc)) {
        return NULL;
    }
    size_t at = toc.at;
    for (size_t i = 0; i < toc.n; i++) {
        if (b.n - at < ZIP_ENTRY || memcmp(b.p + at, "PK\x01\x02", 4) != 0) {
            return NULL;
        }
        const uint8_t *p = b.p + at;
        struct span name = span_of(p + ZIP_ENTRY, le(p + 28, 2));
        size_t len = ZIP_ENTRY + name.n + le(p + 30, 2) + le(p + 32, 2);
        if (len > b.n - at || ends_in(name, "vbaProject.bin")) {
            return NULL;
        }
        listed = listed || span_eqs(name, "[Content_Types].xml");
        for (size_t k = 0; k < COUNT(ooxml); k++) {
            if (span_eqs(name, ooxml[k].entry)) {
                type = type == NULL ? ooxml[k].type : "";
            }
        }
        at += len;
    }
    return listed && at == toc.end && type != NULL && type[0] != '\0' ? type : NULL;
}

/* Is this 128-byte entry of the folder one of that kind and name? Names are UTF-16. */
static bool is_entry(const uint8_t *p, int kind, const char *name)
{
    size_t n = strlen(name);
    bool same = p[66] == kind && le(p + 64, 2) == (n + 1) * 2;
    for (size_t i = 0; same && i <= n; i++) {
        same = p[i * 2] == (uint8_t)name[i] && p[i * 2 + 1] == 0;
    }
    return same;
}

/* The folder's sectors may lie anywhere, so every place where an entry can stand is looked at. One
 * with macros is none that is taken, as above. */
static const char *ole_type(struct span b)
{
    if (!begins(b, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 8)) {
        return NULL;
    }
    const char *type = NULL;
    for (size_t at = 512; at + OLE_ENTRY <= b.n; at += OLE_ENTRY) {
        for (size_t k = 0; k < COUNT(macros); k++) {
            if (is_entry(b.p + at, OLE_STORAGE, macros[k])) {
                return NULL;
            }
        }
        for (size_t k = 0; type == NULL && k < COUNT(ole); k++) {
            type = is_entry(b.p + at, OLE_STREAM, ole[k].entry) ? ole[k].type : NULL;
        }
    }
    return type;
}

static bool is_gb18030(struct span b)
{
    iconv_t cd = iconv_open("UTF-8", "GB18030");
    char *src = (char *)(uintptr_t)b.p; /* iconv's type lacks const */
    size_t left = b.n;
    bool ok = cd != (iconv_t)-1;
    while (ok && left > 0) {
        char piece[4096];
        char *dst = piece;
        size_t room = sizeof piece;
        ok = iconv(cd, &src, &left, &dst, &room) != (size_t)-1 || errno == E2BIG;
    }
    if (cd != (iconv_t)-1) {
        (void)iconv_close(cd);
    }
    return ok;
}

static bool is_text(struct span b)
{
    for (size_t i = 0; i < b.n; i++) {
        if ((b.p[i] < 0x20 && strchr("\t\n\r\f", b.p[i]) == NULL) || b.p[i] == 0 ||
            b.p[i] == 0x7f) {
            return false;
        }
    }
    return utf8_valid(b.p, b.n, NULL) || is_gb18030(b);
}

const char *blob_type(struct span b)
{
    if (b.n == 0) {
        return NULL;
    }
    if (begins(b, "%PDF", 4)) {
        return is_pdf(b) ? "pdf" : NULL;
    }
    if (b.n >= 24 && begins(b, "\x89PNG\r\n\x1a\n", 8)) {
        return memcmp(b.p + 12, "IHDR", 4) == 0 ? "png" : NULL;
    }
    if (begins(b, "\xff\xd8\xff", 3)) {
        return "jpeg";
    }
    if (begins(b, "PK", 2)) {
        return zip_type(b);
    }
    const char *type = ole_type(b);
    return type != NULL ? type : is_text(b) ? "text" : NULL;
}

/* ---- names ---- */

static bool has_ending(struct span name, const char *endings)
{
    for (const char *p = endings; *p != '\0';) {
        size_t n = strcspn(p, " ");
        if (name.n > n + 1 && name.p[name.n - n - 1] == '.' &&
            strncasecmp((const char *)name.p + name.n - n, p, n) == 0) {
            return true;
        }
        p += n;
        p += *p == ' ';
    }
    return false;
}

/* The first `most` characters. */
static size_t cut(struct span s, size_t most)
{
    size_t at = 0;
    uint32_t cp = 0;
    for (size_t k = 0; k < most && at < s.n; k++) {
        at += utf8_next(s.p + at, s.n - at, &cp);
    }
    return at;
}

static struct span base_of(struct span s)
{
    for (size_t i = s.n; i > 0; i--) {
        if (s.p[i - 1] == '/' || s.p[i - 1] == '\\') {
            return span_of(s.p + i, s.n - i);
        }
    }
    return s;
}

void blob_name(struct span given, const char *type, struct buf *out)
{
    struct span s = base_of(given);
    struct buf b;
    size_t k = 0;
    uint32_t cp = 0;
    buf_init(&b, 65536);
    for (size_t at = 0; at < s.n; at += k) {
        k = utf8_next(s.p + at, s.n - at, &cp);
        k = k == 0 ? 1 : k;
        if (text_has_control((const char *)s.p + at, k, false)) {
            continue;
        }
        bool bad = k == 1 && strchr("<>:\"|?*", s.p[at]) != NULL;
        bool dot = b.len == 0 && (s.p[at] == '.' || s.p[at] == ' ');
        if (!dot) {
            buf_put(&b, bad ? (const uint8_t *)"_" : s.p + at, k);
        }
    }
    while (b.len > 0 && (b.data[b.len - 1] == '.' || b.data[b.len - 1] == ' ')) {
        b.len--;
    }
    if (b.len == 0) {
        buf_puts(&b, "file");
    }
    s = span_of(b.data, b.len);
    size_t i = type == NULL ? COUNT(types) : find(type);
    if (i < COUNT(types) && !has_ending(s, types[i].endings)) {
        size_t n = strcspn(types[i].endings, " ");
        buf_put(out, s.p, cut(s, NAME_POINTS - n - 1));
        buf_putc(out, '.');
        buf_put(out, types[i].endings, n);
    } else if (cut(s, NAME_POINTS) == s.n) {
        buf_put(out, s.p, s.n);
    } else { /* the ending is what tells people what it is */
        size_t n = 0;
        while (n < 12 && n < s.n && s.p[s.n - 1 - n] != '.') {
            n++;
        }
        bool dotted = n < 12 && n < s.n;
        buf_put(out, s.p, cut(s, NAME_POINTS - (dotted ? n + 1 : 0)));
        buf_put(out, s.p + s.n - (dotted ? n + 1 : 0), dotted ? n + 1 : 0);
    }
    buf_done(&b);
}
