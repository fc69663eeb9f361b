-- SPDX-License-Identifier: Apache-2.0
-- What somebody has typed and not sent yet, kept at every pause: another telephone, a dead browser or
-- an ended session loses nothing. Local: never replicated.
CREATE TABLE draft (
    login TEXT    NOT NULL REFERENCES user (login) ON DELETE CASCADE,
    name  TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 100), -- the form
    at    INTEGER NOT NULL, -- ms, later than the one before
    body  TEXT    NOT NULL, -- JSON object, read by the pages alone
    PRIMARY KEY (login, name)
) STRICT, WITHOUT ROWID;
