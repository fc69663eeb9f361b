/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_TESTS_POWER_DISK_H
#define SANJI_TESTS_POWER_DISK_H

#include <stdbool.h>
#include <stdint.h>

/* A disk that can lose power, between the program and the real one. The functions a program writes
 * files with (open, write, pwrite, ftruncate, fsync, fdatasync, rename, unlink, mkdir, rmdir) are
 * this file's in the whole process, SQLite's calls included; below one folder it remembers what has
 * been written and not yet synced:
 *
 * - of the contents each unsynced 512-byte sector and each change of a length survives or not;
 * - of names (made, renamed, removed) those up to some moment survive, as in a journal; a sync of a
 *   folder makes sure of what happened before it. A synced file without a synced name is gone.
 *
 * This is harder than most disks are, and knows nothing of SQLite: so the product's own files
 * (keys, guard, settings) are tried with the same means. */

enum disk_fault {
    DISK_SOUND,
    DISK_CUT,  /* power fails in call `at`: the process is gone and the folder is what survives */
    DISK_KILL, /* SIGKILL before call `at`: what was written stays */
    DISK_EIO,  /* fsync number `at` fails, once; what it should have written never comes */
    DISK_FULL, /* from call `at` on nothing grows, for n calls */
    DISK_READ_ONLY, /* from call `at` on nothing is written, for n calls */
};
struct disk_plan {
    enum disk_fault fault;
    int64_t at, n; /* n 0: for ever */
    uint64_t seed; /* which sectors survive */
    bool lies;     /* fsync says yes and does nothing */
};

enum { DISK_WAS_CUT = 77 /* exit status of the process */ };

/* From now on; everything below `root` (absolute, no links) is taken for synced. */
void disk_begin(const char *root, const struct disk_plan *p);
/* Power fails now. Does not return. */
_Noreturn void disk_cut(void);
void disk_end(void);        /* the disk is an ordinary one again */
int64_t disk_calls(void);   /* changing calls since disk_begin() */
int64_t disk_syncs(void);   /* of these fsync and fdatasync */
bool disk_has_struck(void); /* the fault has happened at least once */

#endif
