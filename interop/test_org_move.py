"""An organization moves between databases while its users read and write; the mover is killed wherever it happens to be.

Whatever happens: a read is answered and finds what was acknowledged before it, a write is done or refused with a time
after which to try again, and in the end everything that was acknowledged is there once. On PostgreSQL the organization
moves to a SQLite file and back, on SQLite from one file to another.
"""

import json
import random
import sqlite3
import subprocess
import threading
import time
from contextlib import closing

import pytest

from support import address, binary, clean_environment, eventually

MEMBERS = 1_000
MESSAGES = 2_000
OTHER = "other"


class Load(threading.Thread):
    """Somebody who adds members one after another, and looks each time for the one who was added last."""

    def __init__(self, org):
        super().__init__()
        self.caller = org.sign_in(org.made["member_id"])
        self.added, self.refused, self.faults = [], 0, []
        self.ends = threading.Event()

    def run(self):
        number = 0
        while not self.ends.is_set() and not self.faults:
            number += 1
            self.write(address(f"load{number}"))
            self.read()

    def write(self, email):
        body = {"first_name": "Load", "last_name": "Test", "email": email, "role_name": "DefaultUserRole"}
        answer = self.caller.post("/user/", body)
        if answer.status_code == 201:
            self.added.append((answer.json()["user_id"], email))
        elif answer.status_code == 503 and int(answer.headers.get("retry-after", "0")) > 0:
            self.refused += 1
            time.sleep(0.02)
        else:
            self.faults.append(("write", answer.status_code, answer.text))

    def read(self):
        if not self.added:
            return
        user_id, email = self.added[-1]
        answer = self.caller.get("/user/", params={"user_id": user_id})
        found = answer.json()["users"] if answer.status_code == 200 else []
        if [user["email"] for user in found] != [email]:
            self.faults.append(("read", answer.status_code, answer.text))

    def __enter__(self):
        self.start()
        eventually(lambda: self.added or self.faults, what="the first member")
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.join()
        assert not self.faults, self.faults[0]


class House:
    """A server, a second cluster, and an organization with members and what they have said."""

    def __init__(self, start, folder):
        self.server = start()
        self.file = folder / "other.db"
        self.server.command("cluster", "add", OTHER, f"sqlite:{self.file}")
        self.org = self.server.create_org()
        self.emails = [self.org.admin_email, *(address(f"seed{number}") for number in range(MEMBERS))]
        self.place = "main"
        records = folder / "records.ndjson"
        with records.open("w") as lines:
            for number, email in enumerate(self.emails[1:]):
                user = {"type": "user", "user_id": f"{number:024x}", "email": email, "first_name": f"Seed {number}",
                        "last_name": "Müller 李", "is_verified": True}
                print(json.dumps(user), file=lines)
            for number in range(MESSAGES):
                message = {"type": "message", "message_id": f"{number:024x}", "conversation_id": f"{number % MEMBERS:024x}",
                           "user_id": f"{number % MEMBERS:024x}", "sender": "user", "content": f"Said {number} times",
                           "created_at": "2026-03-04T05:06:07Z"}
                print(json.dumps(message), file=lines)
        self.server.command("ingest", records, "--org", self.org.slug, "--quiet")

    def elsewhere(self):
        return OTHER if self.place == "main" else "main"

    def move(self, target, *flags, check=True):
        done = self.server.command("org", "move", self.org.slug, "--to", target, "--json", *flags, check=check)
        if done.returncode == 0:
            self.place = target
            return json.loads(done.stdout)
        return done

    def begin(self, target):
        command = [binary(), "org", "move", self.org.slug, "--to", target, *self.server.place]
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, text=True, env=clean_environment(), **pipes)

    def all_members(self):
        """Everybody, page by page."""
        emails, token = [], 0
        while True:
            answer = self.org.admin.get("/user/", params={"limit": 200, "continuation_token": token})
            assert answer.status_code == 200, answer.text
            page = answer.json()
            emails += [user["email"] for user in page["users"]]
            token = page["continuation_token"]
            if not page["has_more"]:
                return emails

    def check(self, load):
        """Everything that was acknowledged is there once, and nothing else."""
        assert sorted(self.all_members()) == sorted(self.emails + [email for _, email in load.added])
        self.server.command("check")


@pytest.fixture
def house(start, tmp_path):
    made = House(start, tmp_path)
    yield made
    made.org.close()


def rows_of(house):
    """How many members the file of the second cluster has."""
    with closing(sqlite3.connect(f"file:{house.file}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT count(*) FROM users").fetchone()[0]


def test_an_organization_moves_while_its_users_read_and_write(house):
    with Load(house.org) as load:
        first = house.org.admin.get("/user/", params={"limit": 100}).json()
        there = house.move(OTHER)
        assert there["source"] == "main" and there["target"] == OTHER
        tables = {table["table"]: table["rows"] for table in there["tables"]}
        assert tables["message"] == MESSAGES and tables["users"] > MEMBERS
        assert there["rows"] == sum(tables.values())
        assert rows_of(house) >= tables["users"]
        before = len(load.added)
        eventually(lambda: len(load.added) > before + 3 or load.faults, what="members who are added after the move")
        # A list that was begun before the move goes on after it.
        params = {"limit": 100, "continuation_token": first["continuation_token"]}
        second = house.org.admin.get("/user/", params=params).json()
        assert [user["email"] for user in first["users"] + second["users"]] == house.emails[:200]
        found = house.org.admin.search(house.emails[700])
        assert [user["email"] for user in found] == [house.emails[700]]
        shown = json.loads(house.server.command("cluster", "list", "--json").stdout)
        assert {one["name"]: one["organizations"] for one in shown} == {"main": 0, OTHER: 1}
        back = house.move("main")
        assert back["rows"] >= there["rows"]
    house.check(load)
    # What is left behind is erased by a job, which waits for late readers.
    house.server.command("job", "retry", "--all")
    eventually(lambda: rows_of(house) == 0, seconds=30, what="the end of the rows that were left behind")
    house.check(load)


def test_moves_that_make_no_sense_are_refused_and_change_nothing(house):
    slug = house.org.slug

    def refused(*arguments):
        done = house.server.command("org", "move", *arguments, check=False)
        assert done.returncode == 1, done.stdout
        return done.stderr

    assert "there is no such organization" in refused("nobody", "--to", OTHER)
    assert "there is no cluster elsewhere" in refused(slug, "--to", "elsewhere")
    assert "lives in the cluster main already" in refused(slug, "--to", "main")
    assert "nobody is moving the organization" in refused(slug, "--cancel")
    mover = house.begin(OTHER)
    eventually(lambda: mover.poll() is not None or is_moving(house), what="a move under way")
    if mover.poll() is None:
        again = house.server.command("org", "move", slug, "--to", OTHER, check=False)
        # It may have ended meanwhile.
        assert "somebody else is moving" in again.stderr or "already" in again.stderr, again.stderr
    assert mover.wait(timeout=60) == 0, mover.stderr.read()


def is_moving(house):
    shown = json.loads(house.server.command("cluster", "list", "--json").stdout)
    return any(one["moves"] for one in shown)


def test_whoever_kills_the_mover_finds_everything_in_one_place(house):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    killed = 0
    with Load(house.org) as load:
        copying = house.move(OTHER)["refused_seconds"]
        for attempt in range(4):
            before = load.refused
            mover = house.begin(house.elsewhere())
            # Most of them while writes are refused: from then on rows are copied and compared, and the map is switched.
            if attempt != 1:
                eventually(lambda: mover.poll() is not None or load.refused > before, what="a write that is refused")
            time.sleep(rng.uniform(0, 1.2) * copying)
            mover.kill()
            mover.wait(timeout=10)
            if mover.returncode == 0:
                house.place = house.elsewhere()
                continue
            killed += 1
            if attempt == 2:
                # Nobody does anything: whoever writes opens the gate when the mover was not heard of for half a minute.
                before = len(load.added)
                eventually(lambda: len(load.added) > before + 20 or load.faults, seconds=45, what="writes after a lapse")
                house.place = place(house)
                continue
            cancelled = house.server.command("org", "move", house.org.slug, "--cancel", check=False)
            if "has arrived" in cancelled.stderr:
                house.place = house.elsewhere()
            elif cancelled.returncode:
                # It had not begun, or had ended.
                assert "nobody is moving" in cancelled.stderr, cancelled.stderr
                house.place = place(house)
        house.place = place(house)
        house.move(house.elsewhere())
    assert killed >= 2, "too few movers were met at their work"
    assert load.refused > 0
    house.check(load)


def place(house):
    shown = json.loads(house.server.command("cluster", "list", "--json").stdout)
    (name,) = [one["name"] for one in shown if one["organizations"]]
    return name
