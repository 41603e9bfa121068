"""PostgreSQL dies with all its processes under a write load, again and again, and denizen goes on by itself."""

import os
import random
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

import stores
from support import REPOSITORY, Server, eventually, unique

pytestmark = pytest.mark.engine("postgres", reason="SQLite has no process of its own that could die")

ROUNDS = 6
WRITERS = 8
REQUEST_SECONDS = 5
# A crash recovery of so little data takes a fraction of a second; the rest is for denizen to notice.
BACK_SECONDS = 10


class Cluster:
    """A PostgreSQL of the test's own, which syncs to the disk, because what is demanded is that nothing is lost."""

    SCRIPT = REPOSITORY / "scripts/postgres.sh"

    def __init__(self, log):
        self.folder = Path(self._run("create", log, "fsync=on", "full_page_writes=on").strip())
        self.url = (self.folder / "url").read_text().strip()

    def _run(self, command, *arguments):
        done = subprocess.run(
            [self.SCRIPT, command, *map(str, arguments)], stdout=subprocess.PIPE, text=True, timeout=100
        )
        assert done.returncode == 0, f"scripts/postgres.sh {command} failed"
        return done.stdout

    def crash(self):
        """`kill -9` of the postmaster and of every process that it had begun; returns when none of them is left."""
        postmaster = int((self.folder / "data/postmaster.pid").read_text().split()[0])
        # Stopped first, so that it begins no process that would be missed.
        os.kill(postmaster, signal.SIGSTOP)
        processes = [postmaster, *children(postmaster)]
        assert len(processes) > 4, "a running PostgreSQL has several background processes"
        for pid in processes:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not any(map(is_alive, processes)), what="the end of PostgreSQL's processes")

    def start(self):
        self._run("start", self.folder)

    def remove(self):
        self._run("remove", self.folder)


def state_and_parent(pid):
    """The fields 3 and 4 of /proc/PID/stat; None when there is no such process. Its name may hold spaces."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0], int(fields[1])


def children(pid):
    every = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [one for one in every if (found := state_and_parent(one)) and found[1] == pid]


def is_alive(pid):
    """A dead process that nobody has collected yet holds no memory and no files."""
    found = state_and_parent(pid)
    return found is not None and found[0] not in "ZX"


@pytest.fixture
def cluster(tmp_path):
    made = Cluster(tmp_path / "postgres.log")
    yield made
    made.remove()


@dataclass
class Call:
    """One call of the load, with its times by the monotonic clock."""

    begun: float
    ended: float
    status: int
    text: str


class Load:
    """Threads that invite or read without a pause, and write down how every call ended."""

    def __init__(self, org):
        self.org = org
        self.headers = {"Authorization": f"Bearer {org.admin.token}"}
        # Address → id, and the addresses whose call was answered with an error: those may exist or not.
        self.acknowledged, self.doubtful = {}, set()
        self.writes, self.reads = [], []
        self.failures = []
        self.end = threading.Event()
        jobs = [self.write] * WRITERS + [self.read] * 2
        self.threads = [threading.Thread(target=self.run, args=(job,)) for job in jobs]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        for thread in self.threads:
            thread.join()

    def run(self, job):
        try:
            # More than the server's own limit: that it keeps to it is what the test looks at.
            with self.org.server.client(headers=self.headers, timeout=REQUEST_SECONDS + 20) as http:
                while not self.end.is_set():
                    job(http)
        except (AssertionError, httpx.HTTPError) as error:
            # A thread's exception would be lost; the test looks at these.
            self.failures.append(repr(error))

    def call(self, calls, wanted, send):
        """Sends one request; True when it was answered as wanted, False when with an error of the server's."""
        begun = time.monotonic()
        answer = send()
        calls.append(Call(begun, time.monotonic(), answer.status_code, answer.text))
        if answer.status_code == wanted:
            return answer
        # Anything else would be a lie: nobody's sign-in has ended, and no address is taken.
        assert answer.status_code >= 500, (answer.status_code, answer.text)
        assert isinstance(answer.json()["detail"], str) and answer.json()["detail"], answer.text
        # Only what certainly was not done may be repeated without a look.
        is_safe = "outcome is unknown" not in answer.text and answer.status_code == 503 and "within" not in answer.text
        assert ("retry-after" in answer.headers) == is_safe, (answer.status_code, answer.text, answer.headers)
        # Errors come fast while the database is away.
        time.sleep(0.02)
        return None

    def write(self, http):
        email = f"{unique('w')}@example.com"
        body = {"first_name": "Ada", "last_name": email, "email": email, "role_name": "DefaultUserRole"}
        self.doubtful.add(email)
        answer = self.call(self.writes, 201, lambda: http.post(f"/v1/{self.org.slug}/user/", json=body))
        if answer:
            self.acknowledged[email] = answer.json()["user_id"]
            self.doubtful.discard(email)

    def read(self, http):
        answer = self.call(self.reads, 200, lambda: http.get(f"/v1/{self.org.slug}/user/", params={"limit": 1}))
        assert answer is None or len(answer.json()["users"]) == 1


def everybody(admin):
    found, token = {}, 0
    while True:
        answer = admin.get("/user/", params={"continuation_token": token, "limit": 100})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        for user in body["users"]:
            assert user["email"] not in found, "a user is listed twice"
            found[user["email"]] = user["user_id"]
        if not body["has_more"]:
            return found
        token = body["continuation_token"]


@pytest.mark.timeout(300)
def test_postgres_killed_under_load_loses_no_acknowledged_write_and_denizen_answers_again_by_itself(cluster, tmp_path):
    seed = random.randrange(10**9)
    chance = random.Random(seed)
    config = f"[limits]\nrequest_seconds = {REQUEST_SECONDS}\n"
    with Server(tmp_path / "data", config=config, store=stores.create_database(cluster.url)) as running:
        org = running.create_org()
        acknowledged, doubtful = {org.admin_email: org.admin.user_id}, set()
        for number in range(ROUNDS):
            where = f"round {number}, seed {seed}"
            load = crash(cluster, org, chance, where)
            acknowledged |= load.acknowledged
            doubtful |= load.doubtful
            listed = everybody(org.admin)
            lost = acknowledged.items() - listed.items()
            assert not lost, f"{where}: {len(lost)} acknowledged users are lost: {sorted(lost)[:3]}"
            invented = listed.keys() - acknowledged.keys() - doubtful
            assert not invented, f"{where}: users whom nobody invited: {sorted(invented)[:3]}"
            # What is there now stays there, and what is not never comes.
            acknowledged, doubtful = listed, set()
        running.command("check")
        org.close()


def crash(cluster, org, chance, where):
    """One round: load, crash, a time without a database, restart, load again."""
    process = org.server.process
    with Load(org) as load:
        # The connections are made when they are first needed, which takes a while on a busy machine.
        eventually(
            lambda: any(call.status == 201 for call in list(load.writes)), seconds=BACK_SECONDS, what=f"{where}: a write"
        )
        time.sleep(chance.uniform(0.2, 0.8))
        killed = time.monotonic()
        cluster.crash()
        time.sleep(chance.uniform(0.2, 1.0))
        assert httpx.get(org.server.url + "/livez", trust_env=False, timeout=5).status_code == 200
        assert httpx.get(org.server.url + "/readyz", trust_env=False, timeout=20).status_code == 503
        cluster.start()
        started = time.monotonic()
        for calls in (load.writes, load.reads):
            good = (200, 201)
            eventually(
                lambda calls=calls: any(call.begun > started and call.status in good for call in list(calls)),
                seconds=BACK_SECONDS,
                what=f"{where}: an answer after the restart, {load.failures[:2]}",
            )
        # Every connection of the pool was broken, and not only the first one may be noticed.
        time.sleep(1)
    assert not load.failures, f"{where}: {load.failures[:3]}"
    assert process.poll() is None, f"{where}: the server ended: {org.server.log()}"
    longest = max(call.ended - call.begun for call in load.writes + load.reads)
    assert longest < 2 * REQUEST_SECONDS, f"{where}: a call took {longest:.1f} s"
    assert any(call.status == 201 and call.ended < killed for call in load.writes), f"{where}: no write before the crash"
    assert any(call.status >= 500 for call in load.writes), f"{where}: the crash met no write"
    late = [call for call in load.writes + load.reads if call.begun > started + BACK_SECONDS and call.status >= 500]
    assert not late, f"{where}: still errors {BACK_SECONDS} s after the restart: {late[:3]}"
    return load
