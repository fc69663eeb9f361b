/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_PROTOCOL_KINDS_REFERRAL_H
#define SANJI_PROTOCOL_KINDS_REFERRAL_H

#include "protocol/flow_referral.h"
#include "protocol/kinds/kind.h"

/* Content of each event of a referral as a kind of its own ("referral.send"), so that pages and the
 * command line can describe and check it like any record. kind_referral is the content of send. */
extern const struct kind referral_content[RE_COUNT];
extern const struct kind kind_consent; /* the consent object inside send and reopen */

#endif
