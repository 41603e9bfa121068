-- Rows as a denizen of schema version 6 wrote them. They never change: what it takes to read them is the newer
-- denizen's affair.

INSERT INTO cluster (name, url, replica_url, placed_by, created_at)
VALUES ('east', 'postgres://denizen@db.example.org/denizen', 'postgres://denizen@copy.example.org/denizen', '[1]', 1760000000000000);
INSERT INTO cluster (name, url, replica_url, placed_by, created_at)
VALUES ('west', 'sqlite:/srv/denizen/west.db', NULL, NULL, 1760000000000000);

INSERT INTO belonging (only_row, installation, cluster) VALUES (1, x'40404040404040404040404040404040', 'main');

INSERT INTO organization_gate (org_id, state, owner, until) VALUES (9, 'deleted', NULL, NULL);
INSERT INTO organization_gate (org_id, state, owner, until)
VALUES (1, 'draining', x'41414141414141414141414141414141', 1760000030000000);

INSERT INTO organization_move (org_id, source, target, owner, begun_at)
VALUES (1, 'main', 'east', x'41414141414141414141414141414141', 1760000000000000);
