-- What shows that a standby has followed the primary to its present timeline, see src/postgres/watch.rs. Positions in the
-- log mean nothing across histories, and after a failover an old standby may have one that the primary has left.
-- It stands outside the walls: it is about the database itself.
CREATE TABLE replica_proof (
    only_row BIGINT PRIMARY KEY CHECK (only_row = 1),
    life     TEXT   NOT NULL, -- the primary and its timeline
    proof    UUID   NOT NULL  -- made up anew for each of them
);
