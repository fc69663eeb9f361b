#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# mutants.sh [--only NAME[,NAME]] [--sample N] [--random N [--seed S]]: would the tests notice? Puts each
# known defect of mutants.table.mjs into a copy of the sources and counts those that a test catches.
exec node "$(dirname "$0")/mutants.mjs" "$@"
