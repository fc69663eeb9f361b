/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_KINDS_INTERNAL_H
#define SANJI_PROTOCOL_KINDS_INTERNAL_H

#include "protocol/jcur.h"
#include "protocol/kinds/kind.h"

/* What the files of this directory share: rows of field tables, and small checks for members that
 * hold objects or arrays. None of them allocates. */

/* clang-format off */
#define F_TEXT(n, lo, hi, fl)      {n, KF_TEXT, lo, hi, fl, NULL, NULL}
#define F_LONG(n, lo, hi, fl)      {n, KF_LONG, lo, hi, fl, NULL, NULL}
#define F_INT(n, lo, hi, fl)       {n, KF_INT, lo, hi, fl, NULL, NULL}
#define F_BOOL(n, fl)              {n, KF_BOOL, 0, 1, fl, NULL, NULL}
#define F_ENUM(n, ch, fl)          {n, KF_ENUM, 0, 0, fl, ch, NULL}
#define F_ENUMS(n, lo, hi, ch, fl) {n, KF_ENUMS, lo, hi, fl, ch, NULL}
#define F_DATE(n, fl)              {n, KF_DATE, 10, 10, fl, NULL, NULL}
#define F_TIME(n, fl)              {n, KF_TIME, 16, 16, fl, NULL, NULL}
#define F_PERIOD(n, fl)            {n, KF_PERIOD, 4, 10, fl, NULL, NULL}
#define F_NODE(n, fl)              {n, KF_NODE, 14, 14, fl, NULL, NULL}
#define F_AREA(n, fl)              {n, KF_AREA, 2, 12, fl, NULL, NULL}
#define F_REF(n, fl)               {n, KF_REF, 1, 80, fl, NULL, NULL}
#define F_REF_TO(n, kind, fl)      {n, KF_REF, 1, 80, fl, kind, NULL}
#define F_TEXTS(n, lo, hi, fl)     {n, KF_TEXTS, lo, hi, fl, NULL, NULL}
#define F_OBJ(n, fl)               {n, KF_OBJ, 0, 0, fl, NULL, NULL}
#define F_B64(n, lo, hi, fl)       {n, KF_B64, lo, hi, fl, NULL, NULL}
#define F_ROWS(n, lo, hi, rw, fl)  {n, KF_ROWS, lo, hi, fl, NULL, rw}
#define F_FILES(n, fl)             {n, KF_FILES, 0, LIM_BLOBS, fl, NULL, &kind_file_rows}
#define F_COUNT(t)                 (sizeof(t) / sizeof((t)[0]))
/* clang-format on */

/* Who may do what (access.c); what the words mean stands there. */
extern const struct kind_access access_open, access_top, access_shown, access_figures,
    access_machine, access_rule, access_desk, access_judge, access_case, access_org, access_of_org,
    access_told, access_roll, access_hidden, access_form, access_filled, access_filed;
#define KIND_WRITERS "admin manager clerk reviewer" /* the staff that write */

/* files.c: the members of an attachment. */
extern const struct kind_rows kind_file_rows;
/* Does the item's `bl` say what its content does? */
bool kind__files_agree(const struct kind *k, const struct item *it);

enum { KIND_FIELDS_MAX = 64 }; /* one bit each while checking; an object has at most 64 members */

/* One object against a table: unknown, missing and wrong members are SANJI_E_SPEC, named in f. */
int kind__check_fields(const struct kind_field *fields, size_t n, struct span d, struct fault *f);
/* NULL: value is what the field says; otherwise what would have been right. Not for ROWS. */
const char *kind__check_value(const struct kind_field *fld, struct span value);
/* value is base64url of lo..hi bytes in its one spelling. */
bool kind__b64(struct span value, int64_t lo, int64_t hi);
/* The state that content d says, or the first one; fld: the STATE field. */
struct span kind__state(const struct kind_field *fld, struct span d);
/* Is word one of the space-separated words of list? */
bool kind__word_in(const char *list, struct span word);
/* value is a string with something in it that can be read: not only spaces and what looks so. */
bool kind__says(struct span value);
/* value is a string that is one of the space-separated choices. */
bool kind__choice(struct span value, const char *choices);
bool kind__area(struct span s);
/* The value of a url member, when there is one, is http or https: pages turn it into a link. */
int kind__url(struct span value, struct fault *f);
/* Values of several members of d in one walk; empty when absent. */
void kind__pick(struct span d, const char *const *names, size_t n, struct span *out);
/* value is 1 to 60 of them, ascending, none over another; each is one occurrence of `at`. */
int kind__occurrences(struct span value, int64_t *ret_n, struct fault *f);
/* value is [from, to], two times, the later one last. */
bool kind__times(struct span value, int64_t *ret_from, int64_t *ret_to);
int kind__wrong(struct fault *f, const char *member, const char *want);
/* The same of a list's line (from 1): "questions.3.label". */
int kind__wrong_row(struct fault *f, const char *list, int row, const char *member,
                    const char *want);

#endif
