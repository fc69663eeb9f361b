/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_ICAL_H
#define SANJI_NODE_ICAL_H

#include "protocol/base/buf.h"

#include <stdint.h>

/* iCalendar (RFC 5545) as calendar programs subscribe to it: lines end with CR LF, none is longer
 * than 75 bytes, texts are escaped. Times are UTC. */
struct ical_event {
    const char *uid;
    int64_t from, to;                     /* minutes as minute_of_ms() counts: UTC+8 */
    const char *summary, *detail, *place; /* "": none */
    enum ical_status { ICAL_CONFIRMED, ICAL_TENTATIVE } status;
};
void ical_begin(struct buf *out, const char *name);
void ical_event(struct buf *out, const struct ical_event *e, int64_t now_ms);
void ical_end(struct buf *out);

#endif
