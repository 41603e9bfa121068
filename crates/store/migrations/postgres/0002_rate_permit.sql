-- How many calls of a minute's limit the processes over this database have drawn, see src/permits.rs. Rows of past
-- minutes are deleted, so there are few; the deletion looks at all of them and needs no index. UNLOGGED, because a row
-- means nothing after its minute: it costs no log, and a crash of the database server empties the table.
CREATE UNLOGGED TABLE rate_permit (
    org_id     BIGINT NOT NULL,
    permit_key BYTEA  NOT NULL, -- what is counted, as a hash
    minute     BIGINT NOT NULL, -- since 1970 UTC
    taken      BIGINT NOT NULL, -- drawn by all processes
    granted    BIGINT NOT NULL, -- drawn by the last statement; how it hears what it got
    PRIMARY KEY (org_id, permit_key, minute)
);

ALTER TABLE rate_permit ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
-- Housekeeping, which acts for the control store, deletes the rows of every organization.
CREATE POLICY wall ON rate_permit USING (current_setting('denizen.org_id', true)::bigint IN (org_id, 0));
