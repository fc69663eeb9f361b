#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# banned.sh SOURCE_DIR: functions that are never called in C sources under version control: those that
# cannot know the size of their target, guess at numbers, hide state, read the clock's zone, or start a
# shell.
set -eu
cd "$1"
# Tests copy fixed words into fixed places and read what tools print: they may use these.
tests_may='strcpy|strncpy|strcat|strncat|strtok_r|strtoul|strtoull'
names='gets|sprintf|vsprintf|strcat|strncat|strcpy|strncpy|strtok|strtok_r|atoi|atol|atoll|atof|strtol|strtoul|strtoll|strtoull|localtime|localtime_r|rand|srand|alloca|system|popen|cJSON_GetObjectItem|cJSON_Print'
if [ -e .git ] && command -v git >/dev/null 2>&1; then
    files=$(git -c safe.directory='*' ls-files '*.c' '*.h')
else # an archive without history: everything in it is the product's
    files=$(find . -path ./build -prune -o \( -name '*.c' -o -name '*.h' \) -print)
fi
[ -n "$files" ] || { echo "banned: no sources"; exit 2; }
# Comments and string literals do not call anything.
hits=$(for f in $files; do
    [ -f "$f" ] || continue
    [ "$f" = protocol/base/text.c ] && continue # the one place that turns text into numbers
    sed -e 's/"\([^"\\]\|\\.\)*"/""/g' -e 's://.*$::' -e 's:/\*.*\*/::g' -e '/^[[:space:]]*\/\*/,/\*\//d' "$f" |
        grep -nE "(^|[^A-Za-z0-9_])($names)[[:space:]]*\(" | sed "s:^:$f\: :" |
        case $f in
        tests/*) grep -vE "[^A-Za-z0-9_]($tests_may)[[:space:]]*\(" || true ;;
        *) cat ;;
        esac || true
done)
if [ -n "$hits" ]; then
    printf '%s\n' "$hits"
    exit 1
fi
