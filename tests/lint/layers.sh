#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# layers.sh LIB...: do the pure layers call anything they must not? Asks the object code, so a macro or
# an inline function cannot hide a call. protocol/ and sync/ are given bytes, time and random bytes; a
# simulation repeats a run only because nothing in them looks elsewhere.
set -eu

# Symbols, as extended regular expressions of whole names, and why.
forbidden='
time|gettimeofday|clock|clock_gettime|clock_nanosleep|ftime|localtime.*|gmtime.*|mktime|strftime|tzset    # clocks: time is an argument
nanosleep|usleep|sleep|alarm|setitimer|timer_.*|timerfd_.*                                               # waiting: the caller waits
open|open64|openat.*|creat|fopen.*|fdopen|freopen.*|tmpfile.*|mkstemp.*|opendir|stat|fstat.*|lstat|unlink.*|rename.*|mkdir.*|read|write|pread.*|pwrite.*|mmap.*|fsync|fdatasync|lseek.* # files: the store is a port
printf|__printf_chk|fprintf|__fprintf_chk|puts|putchar|perror|syslog|__syslog_chk|vprintf|vfprintf|__vfprintf_chk|stdout|stderr|stdin # output and logs: results are returned
socket|connect|bind|listen|accept|accept4|send.*|recv.*|getaddrinfo|gethostby.*|poll|ppoll|select|epoll_.*|getsockopt|setsockopt # network: wishes are carried out by node/
sqlite3_.*                                                                                                # database: node/store only
curl_.*|evhttp_.*|event_.*|bufferevent_.*|SSL_.*                                                         # transport libraries
log_.*                                                                                                    # the logger lives in node/
RAND_.*|rand|rand_r|random|srand|srandom|drand48|getrandom|getentropy|arc4random.*                        # random bytes come from outside
EVP_PKEY_keygen.*|EVP_PKEY_Q_keygen|EVP_PKEY_generate|EVP_RAND_.*|.*_generate_key.*                       # keys are made from seeds given
getenv|secure_getenv|setenv|system|popen|fork|vfork|exec.*|posix_spawn.*|dlopen|dlsym                     # environment and processes
setlocale|pthread_create|signal|sigaction|exit|_exit                                                      # process-wide state
'

pattern=$(printf '%s\n' "$forbidden" | sed 's/#.*//; s/[[:space:]]*$//' | grep -v '^$' | paste -sd '|' -)
bad=0
for lib in "$@"; do
    symbols=$(nm -u "$lib" | sed -n 's/^ *U \([^@ ]*\).*/\1/p' | sort -u)
    [ -n "$symbols" ] || { echo "layers: $lib references nothing: wrong file?"; exit 2; }
    hits=$(printf '%s\n' "$symbols" | grep -E -x "$pattern" || true)
    for s in $hits; do
        why=$(printf '%s\n' "$forbidden" | while IFS= read -r line; do
            re=$(printf '%s' "$line" | sed 's/[[:space:]]*#.*//')
            [ -n "$re" ] || continue
            if printf '%s\n' "$s" | grep -E -x -q "$re"; then printf '%s' "$line" | sed 's/.*# *//'; break; fi
        done)
        where=$(nm -A -u "$lib" 2>/dev/null | grep -E " U $s(@|\$)" | sed 's/: .*//' | sort -u | paste -sd ' ' -)
        echo "layers: $s ($why) in $where"
        bad=1
    done
done
# The check itself must be able to fail.
printf 'clock_gettime\nRAND_bytes\nsqlite3_open\n' | grep -E -x -q "$pattern" || { echo "layers: the list matches nothing"; exit 2; }
exit $bad
