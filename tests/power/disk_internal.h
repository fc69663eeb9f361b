/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_TESTS_POWER_DISK_INTERNAL_H
#define SANJI_TESTS_POWER_DISK_INTERNAL_H

#include "tests/power/disk.h"

#include <stddef.h>
#include <sys/types.h>

/* Between what calls do (disk_calls.c) and what survives (disk.c). */
enum { DISK_PATH = 512 };

struct disk_file;
bool disk__is_root(const char *path);
bool disk__watches(const char *path);
/* Before a changing call: 0, or the error it gets. After it was done, before it was seen to be
 * done: leave, where the power may fail. */
int disk__enter(bool grows);
void disk__leave(void);
/* Does opening for writing get EROFS now? */
bool disk__refuses_writers(void);

struct disk_file *disk__named(const char *path); /* NULL: no such name */
void disk__made(const char *path, bool is_dir, mode_t mode);
void disk__renamed(const char *from, const char *to);
void disk__removed(const char *path);

struct disk_file *disk__of(int fd); /* NULL: not one of ours */
void disk__opened(int fd, struct disk_file *f);
void disk__closed(int fd);
size_t disk__length(const struct disk_file *f); /* as the program sees it */
/* data NULL: the length becomes n. */
void disk__changed(struct disk_file *f, const void *data, size_t at, size_t n);
/* 0, or the error. */
int disk__sync(struct disk_file *f);

#endif
