/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_CLI_ROOT_WIRE_H
#define SANJI_NODE_CLI_ROOT_WIRE_H

#include "node/app_root.h"
#include "node/cli/verb.h"

/* Like the ferry's, these verbs have two halves: files and keys are touched by the command's own
 * process, which need not even have a node; the node's half sees text. */

/* What a ceremony says, who has signed and its code, for people or as JSON. */
void root_tell(struct verb *v, const struct ceremony *c);
/* The sentence root.no.WORD, or the error's own. Returns the exit code. */
int root_refused(struct verb *v, int r, const struct app_root_no *no, const char *what);

#endif
