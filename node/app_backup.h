/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_APP_BACKUP_H
#define SANJI_NODE_APP_BACKUP_H

#include "node/app.h"
#include "node/recovery.h"

/* Backups: one file that holds a node, sealed so that only the recovery code opens it.
 *
 *   sanji-backup 1 NODE MILLISECONDS\n      in clear: whose it is and from when
 *   a sealed part (PROTOCOL.md section 16) to NODE under its recovery key, holding one zstd stream:
 *     FILE SIZE\n and the bytes, for each file; then end\n
 *
 * Attachments lie beside it, in NODE.sanji-files: each a sealed part to NODE under the same key, of
 * its own, written once (app_backup_files.c). Their names say nothing, and change with the code.
 *
 * Of the data folder it holds settings, keys and the database; not keys.db, so that a content key
 * that was destroyed does not come back, and not keys/guard: a node that was put back has to ask
 * its neighbours how far it had come. */

/* Makes a recovery code for the node in dir and keeps its public key; backups from now on open with
 * this code alone, older ones with the one before. */
int app_recovery_new(const char *dir, char ret_code[static RECOVERY_TEXT]);
/* The same with a code that exists. */
int app_recovery_use(const char *dir, const uint8_t secret[static RECOVERY_SECRET]);
/* A page to print: a new file of mode 0600. SANJI_E_EXISTS, _FULL, _IO. */
int app_recovery_sheet(const char *path, struct span text);

struct app_backup {
    char path[APP_PATH_BYTES];
    int64_t bytes, ms;
    int64_t files, files_left; /* attachments that lie beside it now, and that do not yet */
    bool full;                 /* for want of room */
};
/* Writes NODE-YYYYMMDD-HHMMSS.sanji-backup into folder `to`, which must exist (NULL: as set by
 * backup_dir, by default DIR/backups, which is made), durable on return, then deletes all but the
 * newest backup_keep of this node there. SANJI_E_NOT_FOUND: there is no recovery code yet; _SPEC:
 * no absolute path; _FULL, _IO with ret->path naming the folder. */
int app_backup(struct app *a, const char *to, struct app_backup *ret);
/* The daily one. 0: nothing due; 1: made; < 0: failed, tried again in an hour. */
int app_backup_tick(struct app *a, int64_t mono_ms, struct app_backup *ret);
/* After an erasure: if there are backups of this node in its folder, a new one takes their place,
 * since they hold what was erased. 0: done, or there was none. */
int app_backup_renew(struct app *a, struct app_backup *ret);
/* Makes NODE.sanji-files in folder `backups` hold what the attachments are now: writes what is
 * missing, about `budget` bytes at most, and takes away everything else. */
int app__backup_copies(struct app *a, const char *backups, const uint8_t pub[static SEAL_PUB_LEN],
                       int64_t budget, struct app_backup *ret);
/* When the last backup was made here (ms); SANJI_E_NOT_FOUND: never. */
int app_backup_last(struct app *a, int64_t *ret_ms);

struct app_restored {
    struct node_id node;
    int64_t made_ms, bundles;
    int64_t files, files_bad; /* attachments put back, and copies that do not open or are damaged */
    const char *where;        /* on failure: the file or dir given, whichever is concerned */
};
/* Makes dir (which must not exist, or be empty) from a backup and derives all views anew. Whole or
 * not at all, and durable on return. SANJI_E_SYNTAX: no backup; _OPEN: another code, damaged or cut
 * off; _EXISTS; _FULL; _IO. */
int app_restore(const char *file, const char *dir, const uint8_t secret[static RECOVERY_SECRET],
                struct app_restored *ret);
/* What lies beside the backup `file` of ret->node goes into dir/blobs. */
int app__restore_files(const char *file, const char *dir, const uint8_t (*seed)[SEAL_SEED_LEN],
                       struct app_restored *ret);

#endif
