"""Which engine the servers under test keep their data in, and the databases that are made for them.

DENIZEN_TEST_ENGINE names the engine; for `postgres`, DENIZEN_TEST_POSTGRES is the URL of a role that may create
databases. A data folder has one database, so whoever uses the folder again meets the same data, as on SQLite.
It must not know what any test asserts.
"""

import os
import secrets
import sqlite3
import time
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

ENGINE = os.environ.get("DENIZEN_TEST_ENGINE", "sqlite")
assert ENGINE in ("sqlite", "postgres"), f"DENIZEN_TEST_ENGINE: {ENGINE} is neither sqlite nor postgres"

# Data folder → URL of its database.
_made = {}


def arguments(data):
    """What every command of the binary needs beside `--data`; makes the folder's database at the first call."""
    if ENGINE == "sqlite":
        return []
    data = Path(data)
    if data not in _made:
        _made[data] = create_database(_cluster())
    return ["--store", _made[data]]


def drop(folder):
    """Drops the databases of the data folders below a folder, whoever is still connected."""
    for data in [data for data in _made if data.is_relative_to(folder)]:
        with _connect(_cluster()) as connection:
            drop_database(connection, _name(_made.pop(data)))


def drop_database(connection, name, attempts=5):
    """Drops a database after the sessions in it, which are the connection's own role's.

    Not `WITH (FORCE)`: that ends autovacuum's workers with the rights of the caller, who may not. Without it the server
    sends them away itself, and waits five seconds for whoever else is there.
    """
    ends = """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = %s AND usename = current_user AND backend_type = 'client backend'
    """
    for left in reversed(range(attempts)):
        end = time.monotonic() + 5
        while connection.execute(ends, [name]).fetchall() and time.monotonic() < end:
            time.sleep(0.005)
        try:
            connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))
            return
        except psycopg.errors.ObjectInUse:
            if left == 0:
                raise


def create_database(cluster):
    """A fresh database of the URL's role, in the cluster that the URL leads to; returns its URL."""
    name = f"denizen_interop_{secrets.token_hex(6)}"
    with _connect(cluster) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return urlsplit(cluster)._replace(path=f"/{name}").geturl()


def wait_until_left(data, seconds=10.0):
    """Waits for the end of the sessions of a process that was killed.

    A commit that was already on its way takes effect after the death of who sent it, so that a test which looks at
    once may see less than there will be. SQLite's writer died with the process.
    """
    if ENGINE == "sqlite":
        return
    end = time.monotonic() + seconds
    with _connect(_cluster()) as connection:
        count = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"
        while connection.execute(count, [_name(_made[data])]).fetchone()[0] > 0:
            assert time.monotonic() < end, f"sessions of a killed process are left after {seconds} s"
            time.sleep(0.01)


def contents(data):
    """Everything that is stored, as pairs of a name and bytes: the folder's files and the tables of its database."""
    for path in data.rglob("*"):
        if path.is_file():
            yield path.name, path.read_bytes()
    if ENGINE == "postgres":
        with _connect(_made[data]) as connection, unfiltered(connection) as tables:
            for table in tables:
                with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))) as rows:
                    yield table, b"".join(bytes(row) for row in rows)


@contextmanager
def counting(data, table, organization):
    """A function that counts an organization's rows of a table, beside the server and hundreds of times a second."""
    find = "SELECT org_id FROM organization WHERE slug = {}"
    count = f"SELECT count(*) FROM {table} WHERE org_id = {{}}"
    if ENGINE == "sqlite":
        with closing(sqlite3.connect(f"file:{data / 'denizen.db'}?mode=ro", uri=True)) as connection:
            (org,) = connection.execute(find.format("?"), [organization]).fetchone()
            yield lambda: connection.execute(count.format("?"), [org]).fetchone()[0]
        return
    with _connect(_made[data]) as connection:
        (org,) = connection.execute(find.format("%s"), [organization]).fetchone()
        connection.execute("SELECT set_config('denizen.org_id', %s, false)", [str(org)])
        yield lambda: connection.execute(count.format("%s"), [org]).fetchone()[0]


def execute(data, statement):
    """Changes rows behind the binary's back and returns how many; nothing may be connected to the database."""
    if ENGINE == "sqlite":
        with closing(sqlite3.connect(data / "denizen.db")) as connection, connection:
            return connection.execute(statement).rowcount
    with _connect(_made[data]) as connection, unfiltered(connection):
        return connection.execute(statement).rowcount


def execute_beside(data, statement):
    """As `execute`, while the binary runs: of a table without an organization only."""
    if ENGINE == "sqlite":
        with closing(sqlite3.connect(data / "denizen.db", timeout=10)) as connection, connection:
            return connection.execute(statement).rowcount
    with _connect(_made[data]) as connection:
        return connection.execute(statement).rowcount


@contextmanager
def unfiltered(connection):
    """A transaction to which row-level security does not apply: the owner of a table may lift it. Yields the tables."""
    alter = "ALTER TABLE {} {} ROW LEVEL SECURITY"
    with connection.transaction():
        forced = "SELECT relname, relforcerowsecurity FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        tables = connection.execute(forced).fetchall()
        assert tables, "the database has no tables"
        walled = [sql.Identifier(name) for name, is_forced in tables if is_forced]
        for name in walled:
            connection.execute(sql.SQL(alter).format(name, sql.SQL("NO FORCE")))
        yield [name for name, _ in tables]
        for name in walled:
            connection.execute(sql.SQL(alter).format(name, sql.SQL("FORCE")))


def _cluster():
    url = os.environ.get("DENIZEN_TEST_POSTGRES")
    assert url, "set DENIZEN_TEST_POSTGRES to the URL of a role that may create databases, or run ./test interop"
    return url


def _name(url):
    return urlsplit(url).path.removeprefix("/")


def _connect(url):
    return psycopg.connect(url, autocommit=True, connect_timeout=10)
