-- SPDX-License-Identifier: Apache-2.0
-- The clock of receipt is nobody's word but this node's: nothing else would show a turned bit in it.
ALTER TABLE bundle ADD COLUMN chk INTEGER NOT NULL DEFAULT -1; -- got modulo 65521, plus 65536, so that no single bit makes it -1: not known
