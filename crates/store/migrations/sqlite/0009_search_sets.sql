-- The sets of the search index apart from their keys. In one tree with them, as WITHOUT ROWID has it, a page that leads to others
-- held some five sets of half a KiB each, so the tree was six pages deep and most of them were in no cache.
ALTER TABLE user_window RENAME TO user_window_before;

CREATE TABLE user_window (
    org_id    INTEGER NOT NULL,
    directory INTEGER NOT NULL,
    block     INTEGER NOT NULL,
    letters   TEXT    NOT NULL,
    users     BLOB    NOT NULL,
    PRIMARY KEY (org_id, directory, block, letters)
) STRICT;

INSERT INTO user_window (org_id, directory, block, letters, users)
SELECT org_id, directory, block, letters, users FROM user_window_before
ORDER BY org_id, directory, block, letters;

DROP TABLE user_window_before;

-- A random number for what the search index says of a block: another one whenever that changes, and the text of any user in it.
-- So what was found out of a block may be remembered by this number.
CREATE TABLE search_block (
    org_id    INTEGER NOT NULL,
    directory INTEGER NOT NULL,
    block     INTEGER NOT NULL,
    stamp     INTEGER NOT NULL,
    PRIMARY KEY (org_id, directory, block)
) STRICT, WITHOUT ROWID;

INSERT INTO search_block (org_id, directory, block, stamp)
SELECT org_id, directory, block, random() FROM (SELECT DISTINCT org_id, directory, block FROM user_window);
