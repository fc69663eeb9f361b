/* SPDX-License-Identifier: Apache-2.0 */
#include "node/peer/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* RFC 6890 and what came to it; the first line that fits. */
static const struct {
    uint32_t net;
    int bits;
    enum address_class class;
} v4[] = {
    {0x7f000000, 8, ADDRESS_LOOPBACK}, /* 127/8 */
    {0x0a000000, 8, ADDRESS_PRIVATE},  /* 10/8 */
    {0xac100000, 12, ADDRESS_PRIVATE}, /* 172.16/12 */
    {0xc0a80000, 16, ADDRESS_PRIVATE}, /* 192.168/16 */
    {0x64400000, 10, ADDRESS_PRIVATE}, /* 100.64/10: carriers */
    {0x00000000, 8, ADDRESS_OTHER},    /* this network */
    {0xa9fe0000, 16, ADDRESS_OTHER},   /* 169.254/16: link-local, services of clouds */
    {0xc0000000, 24, ADDRESS_OTHER},   /* 192.0.0/24 */
    {0xc6120000, 15, ADDRESS_OTHER},   /* 198.18/15: benchmarks */
    {0xe0000000, 3, ADDRESS_OTHER},    /* 224/3: multicast, reserved, broadcast */
};

static enum address_class of_v4(uint32_t a)
{
    for (size_t i = 0; i < sizeof v4 / sizeof v4[0]; i++) {
        if ((a ^ v4[i].net) >> (32 - v4[i].bits) == 0) {
            return v4[i].class;
        }
    }
    return ADDRESS_PUBLIC;
}

static enum address_class of_v6(const uint8_t *a)
{
    static const uint8_t zero[16] = {0}, mapped[12] = {[10] = 0xff, [11] = 0xff},
                         nat[12] = {0x00, 0x64, 0xff, 0x9b};
    uint32_t low = (uint32_t)a[12] << 24 | (uint32_t)a[13] << 16 | (uint32_t)a[14] << 8 | a[15];
    if (memcmp(a, mapped, 12) == 0 || memcmp(a, nat, 12) == 0) {
        return of_v4(low); /* an IPv4 address in other clothes */
    }
    if (memcmp(a, zero, 15) == 0) {
        return a[15] == 1 ? ADDRESS_LOOPBACK : ADDRESS_OTHER;
    }
    if (a[0] == 0x20 && a[1] == 0x02) { /* 6to4 */
        return of_v4((uint32_t)a[2] << 24 | (uint32_t)a[3] << 16 | (uint32_t)a[4] << 8 | a[5]);
    }
    return (a[0] & 0xfe) == 0xfc   ? ADDRESS_PRIVATE /* fc00::/7 */
           : (a[0] & 0xe0) == 0x20 ? ADDRESS_PUBLIC  /* 2000::/3, all there is */
                                   : ADDRESS_OTHER;
}

enum address_class address_class(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET) {
        struct sockaddr_in s;
        memcpy(&s, a, sizeof s);
        return of_v4(ntohl(s.sin_addr.s_addr));
    }
    if (a->sa_family == AF_INET6) {
        struct sockaddr_in6 s;
        memcpy(&s, a, sizeof s);
        return of_v6(s.sin6_addr.s6_addr);
    }
    return ADDRESS_OTHER;
}

enum address_class address_of_text(const char *host)
{
    struct in_addr a4;
    struct in6_addr a6;
    if (inet_aton(host, &a4) != 0) { /* "127.1" and "0x7f000001" are addresses to libcurl, too */
        return of_v4(ntohl(a4.s_addr));
    }
    return inet_pton(AF_INET6, host, &a6) == 1 ? of_v6(a6.s6_addr) : ADDRESS_NONE;
}
