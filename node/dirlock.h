/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_DIRLOCK_H
#define SANJI_NODE_DIRLOCK_H

/* One process per data folder: DIR/lock, locked for as long as the descriptor is open (the kernel
 * lets go when the process dies, however it dies) and holding the pid of its owner for people. */

/* SANJI_E_LOCKED: held by somebody else, *ret_holder is the pid (0 when it cannot be read).
 * SANJI_E_NOT_FOUND: no such folder. SANJI_E_FULL, SANJI_E_IO. */
int dirlock_take(const char *dir, int *ret_fd, long *ret_holder);
void dirlock_drop(int fd); /* negative is fine */

#endif
