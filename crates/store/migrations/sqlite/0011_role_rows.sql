-- What a role may do is some ten thousand letters long. In a table without row ids these lie in the b-tree that is searched, and
-- each step of a search reads them whole, which every new user did for the key that leads to the role. Here that key has an
-- index of its own, and the long column stands behind all others, so that they are read without it.
CREATE TABLE role_with_rows (
    org_id        INTEGER NOT NULL,
    role_id       BLOB    NOT NULL CHECK (length(role_id) = 12),
    name          TEXT    NOT NULL,
    description   TEXT    NOT NULL,
    frontend_view TEXT    NOT NULL CHECK (frontend_view IN ('client', 'admin')),
    is_super      INTEGER NOT NULL CHECK (is_super IN (0, 1)),
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    grants        TEXT    NOT NULL,
    PRIMARY KEY (org_id, role_id),
    UNIQUE (org_id, name)
) STRICT;
INSERT INTO role_with_rows
SELECT org_id, role_id, name, description, frontend_view, is_super, created_at, updated_at, grants FROM role;
DROP TABLE role;
ALTER TABLE role_with_rows RENAME TO role;
