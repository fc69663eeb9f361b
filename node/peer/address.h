/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANJI_NODE_PEER_ADDRESS_H
#define SANJI_NODE_PEER_ADDRESS_H

struct sockaddr;

/* What sort of place an address is, so that a program is not led where it has no business: names
 * resolve to whatever their owner says. */
enum address_class {
    ADDRESS_NONE, /* no address at all (a name) */
    ADDRESS_PUBLIC,
    ADDRESS_LOOPBACK,
    ADDRESS_PRIVATE, /* of an office's own network */
    ADDRESS_OTHER,   /* link-local, multicast, unspecified, reserved: nobody's server */
};
enum { /* sets of them */
       REACH_PUBLIC = 1 << ADDRESS_PUBLIC,
       REACH_LOOPBACK = 1 << ADDRESS_LOOPBACK,
       REACH_PRIVATE = 1 << ADDRESS_PRIVATE,
};
enum address_class address_class(const struct sockaddr *a);
enum address_class address_of_text(const char *host); /* an IPv4 or IPv6 address, no brackets */

#endif
