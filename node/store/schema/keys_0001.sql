-- SPDX-License-Identifier: Apache-2.0
-- Content keys in a file of their own that never goes into a backup: deleting a key here erases the
-- content everywhere it was copied to.

CREATE TABLE thread_key (
    id   TEXT    NOT NULL CHECK (length(id) BETWEEN 1 AND 64), -- thread
    init TEXT    NOT NULL CHECK (length(init) = 14),           -- node that began it
    cek  BLOB    NOT NULL CHECK (length(cek) = 32),
    PRIMARY KEY (id, init)
) STRICT, WITHOUT ROWID;
