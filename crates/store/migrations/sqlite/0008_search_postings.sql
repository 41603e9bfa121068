-- The search index of users, contacts and operators in ordinary tables, in the place of FTS5: see src/sqlite/postings.
-- Nobody is in it yet. It catches up by itself when the database is opened, a step at a time, and until then users are
-- searched through one by one.
DROP TABLE user_search;

-- How far the index of a directory reaches. Users with a number below posted are in user_window, the others below gathered in
-- user_text, and who comes behind is in neither.
CREATE TABLE search_mark (
    org_id    INTEGER NOT NULL,
    directory INTEGER NOT NULL,
    posted    INTEGER NOT NULL,
    gathered  INTEGER NOT NULL,
    PRIMARY KEY (org_id, directory)
) STRICT, WITHOUT ROWID;

-- The search texts of the users whose numbers begin with chunk: 256 of them, each with a zero behind it.
CREATE TABLE user_text (
    org_id    INTEGER NOT NULL,
    directory INTEGER NOT NULL,
    chunk     INTEGER NOT NULL,
    texts     BLOB    NOT NULL,
    PRIMARY KEY (org_id, directory, chunk)
) STRICT, WITHOUT ROWID;

-- Which of the 65,536 users whose numbers begin with block have a window of three letters in their search texts. The windows of
-- a block lie side by side, so that those which begin with the same letters are a range.
CREATE TABLE user_window (
    org_id    INTEGER NOT NULL,
    directory INTEGER NOT NULL,
    block     INTEGER NOT NULL,
    letters   TEXT    NOT NULL,
    users     BLOB    NOT NULL,
    PRIMARY KEY (org_id, directory, block, letters)
) STRICT, WITHOUT ROWID;
