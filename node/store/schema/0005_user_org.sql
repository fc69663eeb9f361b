-- SPDX-License-Identifier: Apache-2.0
-- The organisation a member belongs to: what is about it is all that he is shown of the archives.
ALTER TABLE user ADD COLUMN org TEXT NOT NULL DEFAULT '' CHECK (length(org) <= 64);
