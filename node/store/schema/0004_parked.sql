-- SPDX-License-Identifier: Apache-2.0
-- That staff have put an item away stands in no bundle: nothing else would show a turned bit that hides one.
ALTER TABLE parked ADD COLUMN chk INTEGER NOT NULL DEFAULT -1; -- sum of the numbers of the row, plus 65536, so that no single bit makes it -1: not known
