-- How many calls of a minute's limit the processes over this database have drawn, see src/permits.rs. Rows of past
-- minutes are deleted, so there are few; the deletion looks at all of them and needs no index.
CREATE TABLE rate_permit (
    org_id     INTEGER NOT NULL,
    permit_key BLOB    NOT NULL, -- what is counted, as a hash
    minute     INTEGER NOT NULL, -- since 1970 UTC
    taken      INTEGER NOT NULL, -- drawn by all processes
    granted    INTEGER NOT NULL, -- drawn by the last statement; how it hears what it got
    PRIMARY KEY (org_id, permit_key, minute)
) STRICT, WITHOUT ROWID;
