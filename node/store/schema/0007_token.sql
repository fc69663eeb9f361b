-- SPDX-License-Identifier: Apache-2.0
-- Keys of other programs to this node's interface. The token itself is never stored.
CREATE TABLE token (
    n       INTEGER PRIMARY KEY AUTOINCREMENT,
    hash    BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32), -- SHA-256 of the token
    name    TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 80), -- what it is for
    role    TEXT    NOT NULL, -- whose rights it has
    about   TEXT    NOT NULL CHECK (length(about) <= 160), -- of a member: the organisation
    maker   TEXT    NOT NULL, -- login of who made it; "cli": the command line
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    used    INTEGER NOT NULL -- last day, since 1970-01-01 in UTC+8; 0: never
) STRICT;
