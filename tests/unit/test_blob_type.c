/* SPDX-License-Identifier: Apache-2.0 */
/* What attachments are told to be by their bytes, and the names they get. */
#include "node/blob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void is(const char *bytes, size_t n, const char *want)
{
    uint8_t *exact = malloc(n == 0 ? 1 : n); /* so that a byte too many is seen */
    assert_non_null(exact);
    memcpy(exact, bytes, n);
    const char *got = blob_type(span_of(exact, n));
    free(exact);
    if ((got == NULL) != (want == NULL) || (got != NULL && strcmp(got, want) != 0)) {
        fail_msg("%.20s (%zu bytes): %s instead of %s", bytes, n, got == NULL ? "none" : got,
                 want == NULL ? "none" : want);
    }
}
#define IS(s, want) is(s, sizeof(s) - 1, want)

static void simple_ones(void **state)
{
    (void)state;
    IS("", NULL);
    IS("%PDF-1.7\nx\n%%EOF\n", "pdf");
    IS("%PDF-2.0\nx\n%%EOF", "pdf");
    IS("%PDF-1.7\nno end", NULL);
    IS("%PDF-9.7\n%%EOF", NULL);
    IS(" %PDF-1.7\n%%EOF", "text");
    IS("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1", "png");
    IS("\x89PNG\r\n\x1a\n\0\0\0\rIDAT\0\0\0\1\0\0\0\1", NULL);
    IS("\x89PNG\r\n\x1a\n", NULL);
    IS("\xff\xd8\xff\xe0\0\x10JFIF\0", "jpeg");
    IS("姓名,电话\r\n社区\t1\n", "text");
    IS("\xef\xbb\xbfname\n", "text");
    IS("\xd0\xd5\xc3\xfb,\xb5\xe7\xbb\xb0\r\n", "text"); /* GB18030 */
    IS("<script>alert(1)</script>", "text");             /* and is saved as that */
    IS("a\0b", NULL);
    IS("a\x1b[31mb", NULL);
    IS("\xff\xfe\xfd\xfc", NULL);
    IS("MZ\x90\0\3\0\0\0", NULL);
    IS("\x7f"
       "ELF\2\1\1",
       NULL);
    IS("GIF89a\1\0", NULL);
    IS("Rar!\x1a\7\0", NULL);
    IS("PK\3\4", NULL);
    IS("PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", NULL);
}

struct zip {
    char bytes[4096];
    size_t n, at, entries;
};

static void le(struct zip *z, size_t v, int n)
{
    for (int i = 0; i < n; i++) {
        z->bytes[z->n++] = (char)(v >> (8 * i) & 0xff);
    }
}

static void zip_of(struct zip *z, const char *const *names)
{
    memset(z, 0, sizeof *z);
    memcpy(z->bytes, "PK\3\4content", 11);
    z->n = z->at = 11;
    for (; *names != NULL; names++, z->entries++) {
        memcpy(z->bytes + z->n, "PK\1\2", 4);
        z->n += 28;
        le(z, strlen(*names), 2);
        z->n += 16;
        memcpy(z->bytes + z->n, *names, strlen(*names));
        z->n += strlen(*names);
    }
    size_t end = z->n;
    memcpy(z->bytes + z->n, "PK\5\6", 4);
    z->n += 8;
    le(z, z->entries, 2);
    le(z, z->entries, 2);
    le(z, end - z->at, 4);
    le(z, z->at, 4);
    le(z, 0, 2);
}

/* What Word would run has to be seen, however the table is written: two tables of which one is read
 * by us and the other by it, and one that says it is shorter than it is. */
static void hidden_entries(void)
{
    static const char *const good[] = {"[Content_Types].xml", "word/document.xml", NULL};
    static const char *const bad[] = {"[Content_Types].xml", "word/document.xml",
                                      "word/vbaProject.bin", NULL};
    struct zip z, x;
    zip_of(&z, good);
    zip_of(&x, bad);
    size_t end = x.n - 22; /* behind it, in its comment, another end with a table of its own */
    size_t table = z.n - 22 - z.at, comment = table + 22;
    memcpy(x.bytes + x.n, z.bytes + z.at, table + 22);
    x.bytes[end + 20] = (char)(comment & 0xff);
    x.bytes[end + 21] = (char)(comment >> 8);
    for (int i = 0; i < 4; i++) {
        x.bytes[x.n + table + 16 + (size_t)i] = (char)(x.n >> (8 * i) & 0xff);
    }
    is(x.bytes, x.n + comment, NULL);
    zip_of(&x, bad);
    x.bytes[end + 8] = x.bytes[end + 10] = 2; /* of three */
    is(x.bytes, x.n, NULL);
    zip_of(&x, good); /* a comment that is one is fine */
    memcpy(x.bytes + x.n, "note", 4);
    x.bytes[x.n - 2] = 4;
    is(x.bytes, x.n + 4, "docx");
    x.bytes[x.n - 2] = 3;
    is(x.bytes, x.n + 4, NULL);
}

static void office_documents(void **state)
{
    (void)state;
    static const struct {
        const char *names[5], *want;
    } t[] = {
        {{"[Content_Types].xml", "_rels/.rels", "word/document.xml"}, "docx"},
        {{"[Content_Types].xml", "xl/workbook.xml"}, "xlsx"},
        {{"ppt/presentation.xml", "[Content_Types].xml"}, "pptx"},
        {{"[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"}, NULL},
        {{"[Content_Types].xml", "xl/workbook.xml", "xl/VBAPROJECT.BIN"}, NULL},
        {{"[Content_Types].xml", "xl/workbook.xml", "word/document.xml"}, NULL},
        {{"word/document.xml"}, NULL},
        {{"[Content_Types].xml"}, NULL},
        {{"a.exe"}, NULL},
    };
    struct zip z;
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        zip_of(&z, t[i].names);
        is(z.bytes, z.n, t[i].want);
        for (size_t n = 4; n < z.n;
             n++) { /* cut off anywhere it is none, and nothing is read beyond */
            is(z.bytes, n, NULL);
        }
    }
    hidden_entries();
    zip_of(&z, t[0].names);
    for (size_t i = 0; i < z.n; i++) { /* damaged anywhere: whatever it says, nothing breaks */
        z.bytes[i] = (char)(z.bytes[i] ^ 0xff);
        (void)blob_type(span_of(z.bytes, z.n));
        z.bytes[i] = (char)(z.bytes[i] ^ 0xff);
    }
}

static void entry(char *p, const char *name, int type)
{
    size_t n = strlen(name);
    for (size_t k = 0; k < n; k++) {
        p[k * 2] = name[k];
    }
    p[64] = (char)((n + 1) * 2);
    p[66] = (char)type;
}

static void older_documents(void **state)
{
    (void)state;
    static const struct {
        const char *stream;
        int type;
        const char *want;
    } t[] = {{"WordDocument", 2, "doc"}, {"Workbook", 2, "xls"},     {"Book", 2, "xls"},
             {"WordDocument", 1, NULL},  {"WordDocument2", 2, NULL}, {"EncryptedPackage", 2, NULL}};
    static const char *const macros[] = {"Macros", "_VBA_PROJECT_CUR", "VBA"};
    for (size_t i = 0; i < sizeof macros / sizeof macros[0]; i++) {
        for (int first = 0; first < 2; first++) {
            char b[1536] = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
            entry(b + 1024 + (first ? 128 : 0), "WordDocument", 2);
            entry(b + 1024 + (first ? 0 : 128), macros[i], 1); /* a folder */
            is(b, sizeof b, NULL);
        }
    }
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        char b[1536] = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
        entry(b + 1024 + 128, t[i].stream, t[i].type);
        is(b, sizeof b, t[i].want);
    }
}

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *given, *type, *want;
    } t[] = {
        {"通知.pdf", "pdf", "通知.pdf"},
        {"通知.PDF", "pdf", "通知.PDF"},
        {"run.exe", "pdf", "run.exe.pdf"},
        {"C:\\Users\\x\\a.docx", "docx", "a.docx"},
        {"../../etc/passwd", "text", "passwd.txt"},
        {"名册.csv", "text", "名册.csv"},
        {"page.html", "text", "page.html.txt"},
        {"照片.jpeg", "jpeg", "照片.jpeg"},
        {"\xe2\x80\xae"
         "fdp.exe",
         "pdf", "fdp.exe.pdf"},
        {"a\"b<c>|?.png", "png", "a_b_c___.png"},
        {"...", "pdf", "file.pdf"},
        {"", "xls", "file.xls"},
        {" .hidden ", NULL, "hidden"},
        {"a\nb.txt", NULL, "ab.txt"},
    };
    struct buf b;
    char longest[1024];
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        buf_init(&b, 4096);
        blob_name(span_of(t[i].given, strlen(t[i].given)), t[i].type, &b);
        assert_string_equal(buf_str(&b), t[i].want);
        buf_done(&b);
    }
    for (int i = 0; i < 300; i++) {
        memcpy(longest + i * 3, "长", 3);
    }
    memcpy(longest + 900, ".pdf", 5);
    buf_init(&b, 4096);
    blob_name(span_of(longest, 904), NULL, &b);
    assert_int_equal(b.len, 116 * 3 + 4);
    assert_string_equal(buf_str(&b) + 116 * 3, ".pdf");
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simple_ones),
        cmocka_unit_test(office_documents),
        cmocka_unit_test(older_documents),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
