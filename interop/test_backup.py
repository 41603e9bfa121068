"""`denizen backup` beside a server that works: what is copied is one state, and nobody is kept waiting for it."""

import json
import sqlite3
import subprocess
from contextlib import closing

import pytest

import stores
from load import Callers, everybody
from support import Org, Server, address, binary, clean_environment, eventually, run_denizen

pytestmark = pytest.mark.engine("sqlite", reason="PostgreSQL has tools of its own: test_postgres_backup.py")

WRITERS = 4
# With these the database has some MiB, so a backup at one MiB in a second takes seconds.
TAKEN_IN = 1500


class Inviters(Callers):
    """Threads that invite; who was acknowledged is in `acknowledged`, who may be there in `asked`."""

    def __init__(self, org):
        super().__init__(org, [self.invite] * WRITERS, seconds=30)
        self.acknowledged, self.asked = {}, set()

    def invite(self, http):
        email = address("invited")
        self.asked.add(email)
        body = {"first_name": "Ada", "last_name": "L", "email": email, "role_name": "DefaultUserRole"}
        answer = http.post(f"/v1/{self.org.slug}/user/", json=body)
        assert answer.status_code == 201, answer.text
        self.acknowledged[email] = answer.json()["user_id"]

    def go_on(self, number=20):
        """Returns when so many more have been invited."""
        before = len(self.acknowledged)
        enough = lambda: self.failures or len(self.acknowledged) >= before + number
        eventually(enough, seconds=30, what="the next invitations")
        assert not self.failures, self.failures[:2]


def furnished(server, tmp_path):
    """An organization with so many users that a backup takes a while."""
    org = server.create_org()
    records = [
        {"type": "user", "user_id": f"{number:024x}", "email": f"user{number}@example.com"}
        | {"first_name": "Grace", "last_name": f"Hopper {number}"}
        for number in range(1, TAKEN_IN + 1)
    ]
    file = tmp_path / "records.ndjson"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    server.command("ingest", "--org", org.slug, file)
    return org, {record["email"]: record["user_id"] for record in records}


class Running:
    """A backup that takes seconds, as a process of its own."""

    def __init__(self, server, folder):
        arguments = ["backup", folder, "--rate", "1", "--json", *server.place]
        self.folder, self.incomplete = folder, folder.with_name(folder.name + ".incomplete")
        self.process = subprocess.Popen(
            [binary(), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=clean_environment(),
        )

    def wait_until_it_copies(self):
        file = self.incomplete / "main.db"
        eventually(lambda: file.exists() and file.stat().st_size > 0, what="the first bytes of the backup")

    def finish(self):
        out, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, errors
        return json.loads(out)["manifest"]["databases"][0]

    def kill(self):
        self.process.kill()
        self.process.communicate(timeout=10)


def test_what_is_backed_up_under_a_write_load_is_one_state_with_all_that_was_acknowledged_before(start, tmp_path):
    running = start()
    org, taken_in = furnished(running, tmp_path)
    with Inviters(org) as load:
        load.go_on()
        before = dict(load.acknowledged)
        backup = Running(running, tmp_path / "backup")
        backup.wait_until_it_copies()
        load.go_on()
        assert backup.process.poll() is None, "the writes must meet the backup"
        database = backup.finish()
        asked = set(load.asked)
        load.go_on()
    assert not load.failures, load.failures[:2]

    verified = json.loads(run_denizen("restore", backup.folder, "--verify-only", "--json").stdout)
    assert verified["manifest"]["databases"][0] == database
    run_denizen("restore", backup.folder, "--data", tmp_path / "elsewhere")
    run_denizen("check", "--data", tmp_path / "elsewhere")

    with Server(tmp_path / "elsewhere") as restored:
        there = Org(restored, org.made, org.admin_email)
        listed = everybody(there.admin)
        expected = taken_in | before | {org.admin_email: org.admin.user_id}
        lost = expected.items() - listed.items()
        assert not lost, f"{len(lost)} who were acknowledged before the backup are lost: {sorted(lost)[:3]}"
        invented = listed.keys() - expected.keys() - asked
        assert not invented, f"nobody has invited these: {sorted(invented)[:3]}"
        assert len(listed) == database["users"]["members"]
        one = next(iter(before))
        assert [user["email"] for user in there.admin.search(one)] == [one]
        # What is written goes on where the backup ended.
        assert there.admin.user(there.invite())
        there.close()

    listed = everybody(org.admin)
    assert load.acknowledged.items() <= listed.items(), "the load was harmed by the backup"
    running.command("check")
    org.close()


def test_a_backup_that_is_killed_is_never_mistaken_for_a_whole_one_and_holds_nothing_back(start, tmp_path):
    running = start()
    org, _ = furnished(running, tmp_path)
    folder = tmp_path / "backup"
    with Inviters(org) as load:
        backup = Running(running, folder)
        backup.wait_until_it_copies()
        second = running.command("backup", folder, check=False)
        assert second.returncode == 1 and "another process is making" in second.stderr, second.stderr
        backup.kill()
        load.go_on()
        assert not folder.exists() and backup.incomplete.exists()
        for left in folder, backup.incomplete:
            refused = run_denizen("restore", left, "--data", tmp_path / "elsewhere", check=False)
            assert refused.returncode == 1 and refused.stderr.startswith("error: "), refused.stderr
        assert not (tmp_path / "elsewhere/denizen.db").exists()

        again = running.command("backup", folder)
        assert "cut off has been removed" in again.stderr, again.stderr
        run_denizen("restore", folder, "--verify-only")
        assert not backup.incomplete.exists()
    assert not load.failures, load.failures[:2]
    org.close()
    # The dead process reads no older state: the log can be copied into the database as a whole.
    with closing(sqlite3.connect(running.data / "denizen.db", timeout=10)) as connection:
        truncate = lambda: connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        eventually(lambda: truncate() == (0, 0, 0), what="an empty log")


def test_a_store_with_problems_is_not_restored(tmp_path):
    data, folder = tmp_path / "data", tmp_path / "backup"
    run_denizen("org", "create", "acme", "--name", "A", "--admin-email", address("admin"), "--data", data)
    assert stores.execute(data, "UPDATE directory_counter SET users = users + 1 WHERE directory = 0") == 1
    run_denizen("backup", folder, "--data", data)
    for arguments in (["--verify-only"], ["--data", tmp_path / "elsewhere"]):
        refused = run_denizen("restore", folder, *arguments, check=False)
        assert refused.returncode == 1, refused.stdout
        assert "counter" in refused.stdout and "take an older backup" in refused.stderr, refused
    assert not (tmp_path / "elsewhere/denizen.db").exists()


def test_every_cluster_in_a_file_is_in_the_backup_and_is_restored_to_a_place_of_its_own(tmp_path):
    data, folder, eu = tmp_path / "data", tmp_path / "backup", tmp_path / "eu.db"
    for slug, place in ("acme", ["--data", data]), ("globex", ["--data", tmp_path / "d", "--store", f"sqlite:{eu}"]):
        run_denizen("org", "create", slug, "--name", slug, "--admin-email", address("admin"), *place)
    with closing(sqlite3.connect(data / "denizen.db")) as main, closing(sqlite3.connect(eu)) as other:
        (installation,) = main.execute("SELECT installation FROM belonging").fetchone()
        with main:
            add = "INSERT INTO cluster (name, url, created_at) VALUES (?, ?, 0)"
            main.execute(add, ["eu", f"sqlite:{eu}"])
            main.execute(add, ["us", "postgres://denizen@127.0.0.1:1/us"])
        refused = run_denizen("backup", folder, "--data", data, check=False)
        assert refused.returncode == 1 and "it is another one" in refused.stderr, refused.stderr
        assert not folder.exists() and not folder.with_name("backup.incomplete").exists()
        with other:
            other.execute("UPDATE belonging SET installation = ?, cluster = 'eu'", [installation])

    made = run_denizen("backup", folder, "--data", data)
    assert "clusters in PostgreSQL are not in this backup: us" in made.stderr, made.stderr
    assert {path.name for path in folder.iterdir()} == {"main.db", "eu.db", "manifest.json"}
    run_denizen("restore", folder, "--verify-only")
    elsewhere, eu_elsewhere = tmp_path / "elsewhere", tmp_path / "eu-elsewhere.db"
    for named, message in ([], "the cluster eu"), (["--cluster", "asia=x.db"], "no other cluster asia"):
        refused = run_denizen("restore", folder, "--data", elsewhere, *named, check=False)
        assert refused.returncode == 2 and message in refused.stderr, refused.stderr
    # The name is free, but not the place: nothing of the backup is restored then.
    refused = run_denizen("restore", folder, "--data", elsewhere, "--cluster", f"eu={eu}", check=False)
    assert refused.returncode == 1 and "overwrites nothing" in refused.stderr, refused.stderr
    assert not list(elsewhere.iterdir())

    restored = run_denizen("restore", folder, "--data", elsewhere, "--cluster", f"eu={eu_elsewhere}")
    assert "not in the backup" in restored.stderr and "us" in restored.stderr, restored.stderr
    with closing(sqlite3.connect(elsewhere / "denizen.db")) as main, closing(sqlite3.connect(eu_elsewhere)) as other:
        urls = dict(main.execute("SELECT name, url FROM cluster").fetchall())
        assert urls == {"eu": f"sqlite:{eu_elsewhere}", "us": "postgres://denizen@127.0.0.1:1/us"}
        assert other.execute("SELECT count(*) FROM organization_profile").fetchone() == (1,)
