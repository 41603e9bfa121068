"""PostgreSQL's primary dies, freezes, or loses its standby, under two processes of denizen: no acknowledged write is lost.

`pair` is a primary with a synchronous standby. Each test leaves one behind, though the two may have changed places.
"""

import threading
import time
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

import stores
from clusters import Cluster
from load import Load, everybody
from support import Server, address, eventually

pytestmark = pytest.mark.engine("postgres", reason="SQLite has no standby")

REQUEST_SECONDS, PATIENCE_SECONDS = 5, 1
CONFIG = f"""
[limits]
request_seconds = {REQUEST_SECONDS}
[postgres]
patience_seconds = {PATIENCE_SECONDS}
"""
# To connect anew, and some for a machine that is busy with other tests.
BACK_SECONDS = 15


class Pair:
    def __init__(self, folder):
        # What pg_rewind asks for.
        settings = ["wal_log_hints=on", "full_page_writes=on", "wal_keep_size=512MB"]
        self.primary = Cluster(folder / "one.log", *settings)
        self.both = [self.primary]
        self.standby = self.primary.standby(folder / "two.log")
        self.both.append(self.standby)
        self.primary.demand(1)

    def database(self):
        """A fresh database. Its URL names both servers, in an order that knows of no failover."""
        url = urlsplit(stores.create_database(self.primary.url))
        role = url.netloc.rpartition("@")[0]
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self.both)
        return url._replace(netloc=f"{role}@{hosts}").geturl()

    def fail_over(self):
        """The standby takes over. Until there is another one it waits for none, as whatever promotes it would set it."""
        self.standby.promote()
        self.primary, self.standby = self.standby, self.primary

    def mend(self):
        """What was the primary follows the other one, which waits for it from now on."""
        self.standby.rejoin(self.primary)
        self.primary.demand(1)

    def remove(self):
        for one in (self.standby, self.primary):
            one.remove()


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    made = Pair(tmp_path_factory.mktemp("pair"))
    yield made
    made.remove()


@pytest.fixture
def serve(tmp_path):
    """`serve(store, 2)` starts so many processes over one store."""
    with ExitStack() as running:

        def begin(store, number=1, config=CONFIG):
            names = (tmp_path / f"server{len(list(tmp_path.glob('*.stderr')))}-{n}" for n in range(number))
            return [running.enter_context(Server(name, config=config, store=store)) for name in names]

        yield begin


@contextmanager
def under_load(org, servers):
    """A load on each process, which is looked at when it is over: it met no lie, and nobody waited for too long."""
    loads = [Load(org, seconds=REQUEST_SECONDS + 20, server=server, writers=4) for server in servers]
    with ExitStack() as running:
        for load in loads:
            running.enter_context(load)
        every_one_answers(loads, since=0)
        yield loads
    for load in loads:
        assert not load.failures, load.failures[:3]
        assert load.server.process.poll() is None, load.server.log()
        longest = max(call.ended - call.begun for call in load.writes + load.reads)
        assert longest < 2 * REQUEST_SECONDS, f"a call took {longest:.1f} s"


def every_one_answers(loads, since):
    """Waits until each process has answered a write and a read that began after a moment."""
    for load in loads:
        for calls in (load.writes, load.reads):
            eventually(
                lambda load=load, calls=calls: load.failures
                or any(call.begun > since and call.status in (200, 201) for call in list(calls)),
                seconds=BACK_SECONDS,
                what="a write and a read by each process",
            )


class Books:
    """Who was promised to be there, and who may be there, over all loads of a test."""

    def __init__(self, org):
        self.org = org
        self.promised, self.doubtful = {org.admin_email: org.admin.user_id}, set()

    def add(self, loads):
        for load in loads:
            self.promised |= load.acknowledged
            self.doubtful |= load.doubtful

    def compare(self):
        listed = everybody(self.org.admin)
        lost = self.promised.items() - listed.items()
        assert not lost, f"{len(lost)} acknowledged users are lost: {sorted(lost)[:3]}"
        invented = listed.keys() - self.promised.keys() - self.doubtful
        assert not invented, f"users whom nobody invited: {sorted(invented)[:3]}"
        # What is there now stays there, and what is not never comes.
        self.promised, self.doubtful = listed, set()


def p99(calls):
    times = sorted(call.ended - call.begun for call in calls)
    return times[len(times) * 99 // 100] if times else float("inf")


def course(loads, killed, dead, promoting, promoted):
    """What a failover was like for those who wrote meanwhile, in words."""
    writes = sorted((call for load in loads for call in load.writes), key=lambda call: call.ended)
    served = [call for call in writes if call.status == 201]
    usual = p99([call for call in served if killed - 1 < call.ended < killed])
    # What begins when the old primary is dead is acknowledged by the new one.
    firsts = [min(call.ended for call in load.writes if call.status == 201 and call.begun > dead) for load in loads]
    end, at = max(call.ended for call in writes), min(firsts)
    while at < end - 0.5 and p99([call for call in served if at <= call.ended < at + 0.5]) > 2 * usual:
        at += 0.05
    again = f"{at - promoting:.2f} s" if at < end - 0.5 else f"more than {end - promoting:.2f} s"
    return (
        f"{promoting - killed:.2f} s from the kill to the order to promote, which took {promoted - promoting:.2f} s; "
        f"after the order: first writes by the processes {min(firsts) - promoting:.2f} and {max(firsts) - promoting:.2f} s, "
        f"p99 within twice that of before ({1000 * usual:.0f} ms) {again}; "
        f"{len(served)} writes acknowledged, {len(writes) - len(served)} answered 5xx"
    )


def fail_over_under_load(pair, org, servers, books, wait_for):
    with under_load(org, servers) as loads:
        time.sleep(0.5)
        killed = time.monotonic()
        pair.primary.crash()
        dead = time.monotonic()
        wait_for(loads)
        promoting = time.monotonic()
        pair.fail_over()
        promoted = time.monotonic()
        every_one_answers(loads, since=promoted)
        # Every connection was broken, and not only the first one may be noticed.
        time.sleep(1)
    books.add(loads)
    books.compare()
    late = [call for load in loads for call in load.writes + load.reads if call.begun > promoted + BACK_SECONDS]
    assert not [call for call in late if call.status >= 500], late[:3]
    return course(loads, killed, dead, promoting, promoted)


def test_when_the_primary_dies_nothing_acknowledged_is_lost_there_and_back(pair, serve, record_property):
    servers = serve(pair.database(), 2)
    org = servers[0].create_org()
    books = Books(org)
    keys = servers[0].command("signing-key", "list").stdout

    def refused(loads):
        """The outage lasts until every process has said that it cannot read and cannot write."""
        for load in loads:
            for calls in (load.writes, load.reads):
                eventually(
                    lambda calls=calls: any(call.status == 503 and "unknown" not in call.text for call in list(calls)),
                    what="a refusal",
                )
            assert httpx.get(load.server.url + "/readyz", trust_env=False, timeout=20).status_code == 503
            assert httpx.get(load.server.url + "/livez", trust_env=False, timeout=5).status_code == 200

    there = fail_over_under_load(pair, org, servers, books, refused)
    record_property("failover, promoted when every process had refused calls", there)
    pair.mend()
    back = fail_over_under_load(pair, org, servers, books, lambda _: None)
    record_property("failover back, promoted at once", back)
    pair.mend()

    # One token has served all the way; new ones are made with the same keys.
    assert servers[0].command("signing-key", "list").stdout == keys
    for server in servers:
        answer = httpx.post(
            f"{server.url}/v1/{org.slug}/user/signin_with_api_key", headers=org.admin.key_headers(), trust_env=False
        )
        assert answer.status_code == 200, answer.text
    servers[0].command("check")
    org.close()


def test_a_primary_that_was_frozen_and_comes_back_after_the_failover_is_believed_no_more(pair, serve):
    store = pair.database()
    servers = serve(store, 2)
    org = servers[0].create_org()
    books = Books(org)
    old = pair.primary
    try:
        with under_load(org, servers) as loads:
            old.freeze()
            # Nothing tells that from a slow one: what was begun waits.
            pair.fail_over()
            every_one_answers(loads, since=time.monotonic())
            old.thaw()
            thawed = time.monotonic()
            every_one_answers(loads, since=thawed)
            late = serve(store)
            time.sleep(1)
        books.add(loads)
        # It still says that it takes writes, and answers none.
        with old.administrator() as other:
            assert other.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)
            waiting = threading.Thread(target=write_to, args=(old, ended := []))
            waiting.start()
            eventually(lambda: waits_for_the_standby(other, "left_behind"), what="a commit that waits for the standby")
        # Read by each process, one of which has met only the new primary and one that was started beside both.
        for server in [*servers, *late]:
            fresh = org.invite(email=address("fresh"))
            books.promised |= {user["email"]: user["user_id"] for user in org.admin.users(user_id=fresh)}
            for one in [fresh, *list(books.promised.values())[:20]]:
                found = httpx.get(
                    f"{server.url}/v1/{org.slug}/user/",
                    params={"user_id": one},
                    headers={"Authorization": f"Bearer {org.admin.token}"},
                    trust_env=False,
                )
                assert [user["user_id"] for user in found.json()["users"]] == [one], found.text
        assert not ended
    finally:
        old.thaw()
    pair.mend()
    waiting.join()
    assert isinstance(ended[0], psycopg.OperationalError), ended
    books.compare()
    org.close()


def write_to(cluster, ended):
    """Writes beside denizen, and notes how that ended."""
    try:
        with cluster.administrator() as connection:
            connection.execute("CREATE TABLE left_behind ()")
        ended.append("committed")
    except psycopg.Error as error:
        ended.append(error)


def waits_for_the_standby(connection, text="COMMIT"):
    """The backends that wait for the standby to have what they commit."""
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE %s"
    return [pid for (pid,) in connection.execute(waiting, [f"%{text}%"])]


class Invitation(threading.Thread):
    """An invitation whose answer takes as long as it takes."""

    def __init__(self, org, seconds=30):
        super().__init__()
        self.email, self.answer, self.error = address("waiting"), None, None
        self.send = lambda: httpx.post(
            f"{org.server.url}/v1/{org.slug}/user/",
            json={"first_name": "Ada", "last_name": "L", "email": self.email, "role_name": "DefaultUserRole"},
            headers={"Authorization": f"Bearer {org.admin.token}"},
            timeout=seconds,
            trust_env=False,
        )
        self.start()

    def run(self):
        try:
            self.answer = self.send()
        except httpx.TransportError as error:
            self.error = error


@pytest.mark.parametrize("how", ["pg_cancel_backend", "pg_terminate_backend"])
def test_a_commit_whose_wait_for_the_standby_is_ended_is_not_acknowledged(pair, serve, how):
    (server,) = serve(pair.database(), config="")
    org = server.create_org()
    assert org.admin.token
    pair.standby.freeze()
    try:
        with pair.primary.administrator() as administrator:
            invitation = Invitation(org)
            (pid, *_) = eventually(lambda: waits_for_the_standby(administrator), what="a commit that waits")
            # Cancelled, PostgreSQL says COMMIT, and warns; terminated, it says nothing more.
            administrator.execute(f"SELECT {how}(%s)", [pid])
            invitation.join()
        assert invitation.answer.status_code == 503, invitation.answer.text
        assert "outcome is unknown" in invitation.answer.text
        assert "retry-after" not in invitation.answer.headers
    finally:
        pair.standby.thaw()
    # It was the one commit that was in doubt; the next ones are answered.
    org.invite()
    org.close()


def test_neither_a_statements_time_nor_a_caller_who_goes_cancels_a_commit(pair, serve):
    statement_seconds = 1
    (server,) = serve(pair.database(), config=f"[postgres]\nstatement_seconds = {statement_seconds}\n")
    org = server.create_org()
    assert org.admin.token
    pair.standby.freeze()
    try:
        with pair.primary.administrator() as administrator:
            waits, goes = Invitation(org), Invitation(org, seconds=0.5)
            for long in (waits_for_the_standby, waits_for_long):
                eventually(lambda long=long: len(long(administrator)) >= 2, what="two commits that wait")
            goes.join()
            assert isinstance(goes.error, httpx.ReadTimeout), goes.error
            assert waits.answer is None
            assert len(waits_for_long(administrator)) >= 2, "they still wait"
    finally:
        pair.standby.thaw()
    waits.join()
    assert waits.answer.status_code == 201, waits.answer.text
    assert len(org.admin.users(email=waits.email)) == 1
    eventually(lambda: len(org.admin.users(email=goes.email)) == 1, what="the write of a caller who has gone")
    org.close()


def waits_for_long(connection):
    """As `waits_for_the_standby`, for longer than a statement may take there."""
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND now() - query_start > interval '1.5 s'"
    return connection.execute(waiting).fetchall()
