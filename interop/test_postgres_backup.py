"""What PostgreSQL's own tools copy under a write load can be restored as docs/operations.md says, and nothing acknowledged
before is missing."""

import os
import shutil
import subprocess
from urllib.parse import urlsplit

import psycopg
import pytest

import stores
from clusters import Cluster, run
from load import Load, everybody
from support import Org, Server, eventually

pytestmark = pytest.mark.engine("postgres", reason="SQLite is backed up by denizen itself: test_backup.py")

PASSWORD = "backup-pa55"
REQUEST_SECONDS = 30


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """With a role for backups, made as the documentation says."""
    made = Cluster(tmp_path_factory.mktemp("postgres") / "postgres.log")
    with made.administrator() as connection:
        connection.execute(f"CREATE ROLE denizen_backup LOGIN PASSWORD '{PASSWORD}' BYPASSRLS IN ROLE pg_read_all_data")
    yield made
    made.remove()


@pytest.fixture
def running(cluster, tmp_path):
    with Server(tmp_path / "data", store=stores.create_database(cluster.url)) as server:
        yield server


def tool(name, *arguments, owner=None, check=True, **options):
    """One of PostgreSQL's programs, as a user of the system who may write where it has to."""
    if owner is not None and os.getuid() == 0:
        options |= {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    program = f"{run('programs')}/{name}"
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=100, cwd="/", **options)
    assert not check or done.returncode == 0, f"{name}: {done.stderr}"
    return done


def as_role(url, role, password):
    parts = urlsplit(url)
    return parts._replace(netloc=f"{role}:{password}@{parts.hostname}:{parts.port}").geturl()


def goes_on(load, number=30):
    before = len(load.acknowledged)
    enough = lambda: load.failures or len(load.acknowledged) >= before + number
    eventually(enough, seconds=30, what="the next invitations")
    assert not load.failures, load.failures[:2]


def must_be_whole(store, data, org, before, maybe):
    """The restored database is clean, and a server over it serves everybody who was acknowledged before the backup."""
    with Server(data, store=store) as restored:
        restored.command("check")
        there = Org(restored, org.made, org.admin_email)
        listed = everybody(there.admin)
        lost = before.items() - listed.items()
        assert not lost, f"{len(lost)} who were acknowledged before the backup are lost: {sorted(lost)[:3]}"
        invented = listed.keys() - before.keys() - maybe
        assert not invented, f"nobody has invited these: {sorted(invented)[:3]}"
        # Users are numbered by a sequence, which must go on where the backup ended.
        assert there.admin.user(there.invite())
        there.close()


def test_a_dump_made_under_a_write_load_is_restored_by_denizens_own_role(running, cluster, tmp_path):
    org = running.create_org()
    store = running.place[-1]
    dump = tmp_path / "denizen.dump"
    with Load(org, REQUEST_SECONDS) as load:
        goes_on(load)
        before = dict(load.acknowledged) | {org.admin_email: org.admin.user_id}
        tool("pg_dump", "--format=custom", f"--file={dump}", as_role(store, "denizen_backup", PASSWORD))
        maybe = set(load.acknowledged) | set(load.doubtful)
        goes_on(load)
    assert not load.failures, load.failures[:2]

    empty = stores.create_database(cluster.url)
    tool("pg_restore", "--no-owner", "--no-privileges", "--exit-on-error", f"--dbname={empty}", dump)
    must_be_whole(empty, tmp_path / "restored", org, before, maybe)
    org.close()


def test_denizens_own_role_makes_no_dump_behind_the_wall_and_its_way_around_that_makes_an_empty_one(running, tmp_path):
    org = running.create_org()
    store = running.place[-1]
    dump = tmp_path / "denizen.dump"
    refused = tool("pg_dump", "--format=custom", f"--file={dump}", store, check=False)
    assert refused.returncode != 0 and "row-level security" in refused.stderr, refused.stderr
    # This is why the documentation warns of it: no error, and no row.
    rows = tool("pg_dump", "--enable-row-security", "--data-only", "--inserts", "--table=users", store).stdout
    assert "CREATE" not in rows and "INSERT" not in rows
    org.close()


def test_a_base_backup_made_under_a_write_load_is_a_server_that_has_everything(running, cluster, tmp_path):
    org = running.create_org()
    name = urlsplit(running.place[-1]).path
    second = Cluster(tmp_path / "second.log")
    try:
        run("stop", second.folder)
        owner = (second.folder / "data").stat()
        shutil.rmtree(second.folder / "data")
        with Load(org, REQUEST_SECONDS) as load:
            goes_on(load)
            before = dict(load.acknowledged) | {org.admin_email: org.admin.user_id}
            through = [f"--host={cluster.folder}", f"--port={cluster.port}", "--username=postgres"]
            target = f"--pgdata={second.folder / 'data'}"
            tool("pg_basebackup", target, *through, "--checkpoint=fast", "--no-sync", owner=owner)
            tool("pg_verifybackup", second.folder / "data", owner=owner)
            maybe = set(load.acknowledged) | set(load.doubtful)
            goes_on(load)
        assert not load.failures, load.failures[:2]

        with (second.folder / "data/postgresql.conf").open("a") as settings:
            settings.write(f"port = {second.port}\nunix_socket_directories = '{second.folder}'\n")
        run("start", second.folder)
        copy = urlsplit(cluster.url)
        copy = copy._replace(netloc=f"{copy.username}:{copy.password}@{copy.hostname}:{second.port}", path=name).geturl()
        with psycopg.connect(copy, connect_timeout=10) as connection:
            assert connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)
        must_be_whole(copy, tmp_path / "restored", org, before, maybe)
    finally:
        run("remove", second.folder)
    org.close()
