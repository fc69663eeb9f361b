-- SPDX-License-Identifier: Apache-2.0
-- Attachments. Their bytes lie in DIR/blobs (node/blob.h), here is what is known of them. Which
-- records refer to one is derived (views.sql, blob_ref). Local: never replicated.
CREATE TABLE blob (
    sha   TEXT    PRIMARY KEY CHECK (length(sha) = 43), -- SHA-256 of its bytes, base64url
    len   INTEGER NOT NULL CHECK (len > 0),
    type  TEXT    NOT NULL,  -- what its bytes are: a word of CH_FILE
    since INTEGER NOT NULL,  -- ms: whole here
    loose INTEGER NOT NULL   -- ms: no record has referred to it since; 0: one does; 1: erased with the record, goes at once
) STRICT, WITHOUT ROWID;

-- Files on their way here from people, and who brought them.
CREATE TABLE upload (
    id      TEXT    PRIMARY KEY CHECK (length(id) = 26),
    login   TEXT    NOT NULL, -- whose
    name    TEXT    NOT NULL, -- of the file, as it is shown
    len     INTEGER NOT NULL CHECK (len > 0), -- announced
    at      INTEGER NOT NULL CHECK (at BETWEEN 0 AND len), -- bytes that are on the disk
    sha     TEXT    NOT NULL, -- announced; else empty until it is whole
    whole   INTEGER NOT NULL CHECK (whole IN (0, 1)), -- it has become a row of blob
    changed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX upload_login ON upload (login, changed);
CREATE INDEX upload_sha ON upload (sha, login);
