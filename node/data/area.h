/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_DATA_AREA_H
#define SANJI_NODE_DATA_AREA_H

#include "protocol/base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Names of China's areas from province to street, by statistics code (2, 4, 6 or 9 digits). Loaded
 * at the first question, never freed, safe from several threads. Empty in a build without the
 * packages: then nothing has a name and callers show codes. Records of kind area/1 overrule this
 * table; app_area.c asks both. Strings live as long as the program. */

/* NULL: no such code here. */
const char *area_name(const char *code);
/* Appends the name of this one level, nothing when it is unknown or only a heading. */
int area_part_name(const char *code, struct buf *out);
/* Appends the names from the province down ("山东省济南市历下区"); levels that are only a heading
 * ("市辖区") are left out. An unknown code appends what is known of it from above, then nothing. 0
 * or the buffer's error. */
int area_full_name(const char *code, struct buf *out);

/* Return false to stop. */
typedef bool (*area_fn)(const char *code, const char *name, void *arg);
/* Areas directly below code; "" for the provinces. Returns how many were given. */
size_t area_children(const char *code, area_fn fn, void *arg);
/* Areas whose name contains text, or whose code begins with it; in order of codes. Nothing for "".
 */
size_t area_search(const char *text, area_fn fn, void *arg);
/* Entries in the table; 0 in a build without packages. */
size_t area_count(void);

#endif
