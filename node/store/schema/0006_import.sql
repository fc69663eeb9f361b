-- SPDX-License-Identifier: Apache-2.0
-- Tables somebody brought, on their way to become records. Local: never replicated.
CREATE TABLE import_job (
    n       INTEGER PRIMARY KEY AUTOINCREMENT,
    login   TEXT    NOT NULL, -- whose; empty: the command line
    role    TEXT    NOT NULL, -- whose steps of workflows; empty: all
    kind    TEXT    NOT NULL,
    name    TEXT    NOT NULL CHECK (length(name) <= 200), -- of the file, as it is shown
    state   TEXT    NOT NULL CHECK (state IN ('loading', 'checking', 'checked', 'running', 'done', 'undoing', 'undone')),
    created INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    head    TEXT    NOT NULL, -- the first row: JSON array of texts
    plan    TEXT    NOT NULL, -- JSON object: which column is which field, what becomes of doubles
    at      INTEGER NOT NULL, -- row the present pass has reached
    bytes   INTEGER NOT NULL  -- of what was brought
) STRICT;

-- The file, until it is read.
CREATE TABLE import_part (
    job  INTEGER NOT NULL REFERENCES import_job (n) ON DELETE CASCADE,
    i    INTEGER NOT NULL CHECK (i >= 0),
    data BLOB    NOT NULL,
    PRIMARY KEY (job, i)
) STRICT, WITHOUT ROWID;

CREATE TABLE import_row (
    job    INTEGER NOT NULL REFERENCES import_job (n) ON DELETE CASCADE,
    no     INTEGER NOT NULL,  -- row of the table, its heading is 1
    cells  TEXT    NOT NULL,  -- JSON array of texts; empty once they are a record
    act    TEXT    NOT NULL CHECK (act IN ('', 'new', 'update', 'same', 'skip', 'bad')), -- what the check decided
    st     TEXT    NOT NULL CHECK (st IN ('', 'stored', 'refused', 'undone', 'kept')),
    err    INTEGER NOT NULL CHECK (err <= 0), -- SANJI_E_*, and where, and what would have been right
    member TEXT    NOT NULL,
    want   TEXT    NOT NULL,
    rec    TEXT    NOT NULL,  -- id of the record it is or becomes
    twin   TEXT    NOT NULL,  -- what it is a double of: an id, or "#" and a row
    r      INTEGER NOT NULL,  -- revision: seen by the check, then the one written
    old    TEXT    NOT NULL,  -- content before an update
    PRIMARY KEY (job, no)
) STRICT, WITHOUT ROWID;
CREATE INDEX import_row_rec ON import_row (rec);

-- Which column was which field the last time a table with this heading came.
CREATE TABLE import_head (
    kind    TEXT    NOT NULL,
    head    BLOB    NOT NULL CHECK (length(head) = 32), -- SHA-256 of import_job.head
    map     TEXT    NOT NULL,
    changed INTEGER NOT NULL,
    PRIMARY KEY (kind, head)
) STRICT, WITHOUT ROWID;
