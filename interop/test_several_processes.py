"""Three server processes over one database of PostgreSQL: what one of them does holds in all, and each may be replaced."""

import itertools
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from desk import Desk, phone
from postbox import SmtpServer
from support import ORIGIN, Server, address, eventually, unique

pytestmark = pytest.mark.engine("postgres", reason="SQLite is for one machine, where one process serves as well as three")

# "Within about a second", and some for a machine that is busy with other tests.
SEEN_SECONDS = 2.5
DRAIN_SECONDS = 2
# How often the balancer looks; far less than the drain lasts.
CHECK_SECONDS = 0.25


class Fleet:
    """Several processes over one database, each with a data folder of its own, as on machines of their own."""

    def __init__(self, folder, number=3, config=""):
        self.folder, self.config = folder, config
        first = Server(folder / "server0", config=config)
        store = first.place[first.place.index("--store") + 1]
        others = [Server(folder / f"server{n}", config=config, store=store) for n in range(1, number)]
        self.servers = [first, *others]

    def __enter__(self):
        try:
            # At once, on an empty database: one of them makes the tables, and the others wait for it.
            with ThreadPoolExecutor() as pool:
                list(pool.map(Server.start, self.servers))
        except BaseException:
            self.__exit__(AssertionError)
            raise
        return self

    def __exit__(self, kind, *_):
        for server in self.servers:
            if server.process:
                server.__exit__(kind)

    def __getitem__(self, number):
        return self.servers[number]

    def __iter__(self):
        return iter(self.servers)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    with Fleet(tmp_path_factory.mktemp("fleet")) as running:
        yield running


@pytest.fixture
def fleet_org(fleet):
    made = fleet[0].create_org()
    yield made
    made.close()


def call(server, org, method, path, token, **options):
    headers = {"Authorization": f"Bearer {token}", **options.pop("headers", {})}
    url = f"{server.url}/v1/{org.slug}{path}"
    return httpx.request(method, url, headers=headers, trust_env=False, timeout=20, **options)


def get_users(server, org, token, **params):
    return call(server, org, "GET", "/user/", token, params=params)


def refused_everywhere(fleet, org, token, status):
    """Waits until every process answers a token so, and says how long the slowest took."""
    begun = time.monotonic()
    eventually(
        lambda: all(get_users(server, org, token).status_code == status for server in fleet),
        seconds=SEEN_SECONDS,
        what=f"{status} from every process",
    )
    return time.monotonic() - begun


def used_everywhere(fleet, org, token):
    """Every process has the caller's session in its memory now."""
    for server in fleet:
        answer = get_users(server, org, token)
        assert answer.status_code == 200, answer.text


def test_a_token_of_one_process_is_accepted_by_all(fleet, fleet_org):
    for issuer in fleet:
        answer = httpx.post(
            f"{issuer.url}/v1/{fleet_org.slug}/user/signin_with_api_key",
            headers=fleet_org.admin.key_headers(),
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text
        used_everywhere(fleet, fleet_org, answer.json()["id_token"])


def test_a_revoked_key_is_refused_by_every_process_soon(fleet, fleet_org):
    admin = fleet_org.admin
    body = {"name": "to be revoked", "duration": "P30D", "role_name": "DefaultSuperAdministratorRole"}
    made = admin.post("/organization/api_key/", body)
    assert made.status_code == 201, made.text
    other = fleet_org.sign_in(admin.user_id, made.json()["api_key_id"], made.json()["api_key"])
    headers = other.key_headers()
    for server in fleet:
        answer = httpx.get(f"{server.url}/v1/{fleet_org.slug}/user/", headers=headers, trust_env=False)
        assert answer.status_code == 200, answer.text
    used_everywhere(fleet, fleet_org, other.token)
    gone = admin.delete(f"/organization/api_key/{other.api_key_id}/")
    assert gone.status_code == 200, gone.text
    refused_everywhere(fleet, fleet_org, other.token, 401)
    for server in fleet:
        answer = httpx.get(f"{server.url}/v1/{fleet_org.slug}/user/", headers=headers, trust_env=False)
        assert answer.status_code == 401, answer.text


def test_a_users_new_role_holds_in_every_process_soon(fleet, fleet_org):
    member = fleet_org.member(role="DefaultAdministratorRole")
    invitation = {"first_name": "A", "last_name": "B", "role_name": "DefaultUserRole"}

    def invite(server):
        body = {**invitation, "email": address("by-member")}
        return call(server, fleet_org, "POST", "/user/", member.token, json=body).status_code

    assert [invite(server) for server in fleet] == [201, 201, 201]
    changed = call(
        fleet[1],
        fleet_org,
        "POST",
        "/role/DefaultUserRole/assign",
        fleet_org.admin.token,
        json={"user_id": member.user_id},
    )
    assert changed.status_code == 200, changed.text
    eventually(
        lambda: [invite(server) for server in fleet] == [403, 403, 403],
        seconds=SEEN_SECONDS,
        what="the new role in every process",
    )


def test_a_deleted_user_is_refused_by_every_process_soon(fleet, fleet_org):
    member = fleet_org.member()
    used_everywhere(fleet, fleet_org, member.token)
    gone = call(fleet[2], fleet_org, "DELETE", f"/user/{member.user_id}", fleet_org.admin.token)
    assert gone.status_code == 200, gone.text
    refused_everywhere(fleet, fleet_org, member.token, 401)
    for server in fleet:
        shown = get_users(server, fleet_org, fleet_org.admin.token, user_id=member.user_id)
        assert shown.json()["users"] == []


def test_one_number_becomes_one_contacts_though_every_process_is_asked_at_once(fleet, fleet_org):
    for _ in range(3):
        number = phone()
        barrier, answers = threading.Barrier(48), []

        def create(server, number=number, barrier=barrier, answers=answers):
            with Desk(fleet_org, server=server) as desk:
                desk.http.get("/livez")
                barrier.wait(timeout=60)
                answers.append(desk.post("/endusers", {"additionalPhoneNumbers": [number]}))

        servers = itertools.islice(itertools.cycle(fleet), 48)
        threads = [threading.Thread(target=create, args=(server,)) for server in servers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answer.status_code for answer in answers) == [201] + [400] * 47, answers
        for server in fleet:
            with Desk(fleet_org, server=server) as desk:
                assert len(desk.list(phone=number)) == 1


def test_a_revoked_access_token_is_refused_by_every_process_soon(fleet, fleet_org):
    made = json.loads(
        fleet[0].command("key", "create", "--org", fleet_org.slug, "--dialect", "dixa", "--json").stdout
    )
    desks = [Desk(fleet_org, made["dixa_token"], server=server) for server in fleet]
    assert [desk.get("/organization").status_code for desk in desks] == [200] * 3
    fleet[0].command("key", "revoke", "--org", fleet_org.slug, "--dialect", "dixa", made["dixa_token_id"])
    eventually(
        lambda: all(desk.get("/organization").status_code == 401 for desk in desks),
        seconds=SEEN_SECONDS,
        what="401 from every process",
    )
    for desk in desks:
        desk.close()


def test_a_key_to_a_page_leads_on_in_another_process(fleet, fleet_org):
    desks = [Desk(fleet_org, server=server) for server in fleet]
    made = [desk.create(externalId="pages")["id"] for desk in desks for _ in range(2)]
    seen, query = [], {"externalId": "pages", "pageLimit": 1}
    for desk in itertools.islice(itertools.cycle(desks), 6):
        page = desk.get("/endusers", params=query).json()
        seen += [contact["id"] for contact in page["data"]]
        if link := page.get("meta", {}).get("next"):
            query = parse_qs(urlsplit(link).query)
    assert seen == made
    for desk in desks:
        desk.close()


def test_users_created_through_all_processes_are_counted_right_and_listed_once(fleet, fleet_org):
    created, failures = {}, []
    token = fleet_org.admin.token

    def create(server, count=25):
        with server.client(headers={"Authorization": f"Bearer {token}"}) as http:
            for _ in range(count):
                email = address("many")
                body = {"first_name": "M", "last_name": "N", "email": email, "role_name": "DefaultUserRole"}
                answer = http.post(f"/v1/{fleet_org.slug}/user/", json=body)
                if answer.status_code == 201:
                    created[email] = answer.json()["user_id"]
                else:
                    failures.append(answer.text)

    with ThreadPoolExecutor(max_workers=6) as pool:
        list(pool.map(create, [*fleet, *fleet]))
    assert not failures, failures[:3]
    assert len(created) == 150
    expected = {**created, fleet_org.admin_email: fleet_org.admin.user_id}
    for server in fleet:
        listed = everybody(server, fleet_org, token)
        assert len(listed) == len(expected) and dict(listed) == expected
    shown = fleet[1].command("org", "show", fleet_org.slug, "--json").stdout
    assert f'"members": {len(expected)}' in shown, shown
    fleet[2].command("check")


def everybody(server, org, token):
    """All pairs of address and id, page after page."""
    found, start = [], 0
    while True:
        answer = get_users(server, org, token, continuation_token=start, limit=40)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [(user["email"], user["user_id"]) for user in page["users"]]
        if not page["has_more"]:
            return found
        start = page["continuation_token"]


def test_each_invitation_is_mailed_once_while_every_process_works_on_mails(tmp_path):
    with SmtpServer() as smtp:
        config = f'[mail]\nsmtp_url = "smtp://127.0.0.1:{smtp.port}"\nfrom = "d@example.com"\n'
        with Fleet(tmp_path, config=config) as fleet:
            org = fleet[0].create_org()
            invited = []
            for number, server in zip(range(60), itertools.cycle(fleet)):
                email = address(f"mailed{number}")
                body = {"first_name": "M", "last_name": "N", "email": email, "role_name": "DefaultUserRole"}
                body["login_link"] = f"{ORIGIN}/login"
                answer = call(server, org, "POST", "/user/", org.admin.token, json=body)
                assert answer.status_code == 201, answer.text
                invited.append(email)
            eventually(lambda: len(smtp.messages) >= len(invited), seconds=60, what="all mails")
            # A second one would come at once, or when the others look again.
            time.sleep(6)
            sent = sorted(message["To"] for message in smtp.messages)
            assert len(sent) == len(invited), f"{len(sent)} mails for {len(invited)} invitations"
            assert all(len(smtp.to(email)) == 1 for email in invited)
            assert fleet[1].command("job", "list", "--json").stdout.strip() == "[]"
            org.close()


class Balancer:
    """What stands before several servers: it asks each for its readiness, and sends requests to those that are ready.

    Like a real one it keeps connections open, and repeats nothing: what fails, fails.
    """

    def __init__(self, servers):
        self.servers = list(servers)
        self.ready = set(self.servers)
        self._turn = itertools.count()
        self._end = threading.Event()
        self._checks = [threading.Thread(target=self._check, args=(server,)) for server in self.servers]

    def __enter__(self):
        for check in self._checks:
            check.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for check in self._checks:
            check.join()

    def _check(self, server):
        while not self._end.wait(CHECK_SECONDS):
            try:
                is_ready = httpx.get(server.url + "/readyz", trust_env=False, timeout=5).status_code == 200
            except httpx.TransportError:
                # Not listening: that is what the check is for.
                is_ready = False
            (self.ready.add if is_ready else self.ready.discard)(server)

    def next(self):
        ready = [server for server in self.servers if server in self.ready]
        assert ready, "no server is ready"
        return ready[next(self._turn) % len(ready)]


class Load:
    """Clients that read and write without a pause, through the balancer, and keep how every request ended."""

    def __init__(self, balancer, org, clients=6):
        self.balancer, self.org = balancer, org
        self.created, self.answers, self.failures = [], [], []
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(clients)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number):
        headers = {"Authorization": f"Bearer {self.org.admin.token}"}
        with httpx.Client(headers=headers, trust_env=False, timeout=20) as http:
            while not self._end.is_set():
                server = self.balancer.next()
                try:
                    self._one(http, server, is_write=number % 2 == 0)
                except httpx.HTTPError as error:
                    self.failures.append((time.monotonic(), server.port, repr(error)))
                # Steady rather than as much as goes.
                time.sleep(0.01)

    def _one(self, http, server, is_write):
        url = f"{server.url}/v1/{self.org.slug}/user/"
        if is_write:
            email = f"{unique('rolling')}@example.com"
            body = {"first_name": "R", "last_name": "S", "email": email, "role_name": "DefaultUserRole"}
            answer = http.post(url, json=body)
        else:
            answer = http.get(url, params={"limit": 5})
        self.answers.append((server, answer.status_code))
        if answer.status_code != (201 if is_write else 200):
            self.failures.append((time.monotonic(), server.port, f"{answer.status_code} {answer.text}"))
        elif is_write:
            self.created.append((email, answer.json()["user_id"]))


@pytest.mark.timeout(180)
def test_a_rolling_restart_under_load_fails_no_request(tmp_path):
    with Fleet(tmp_path, config=f"[shutdown]\ndrain_seconds = {DRAIN_SECONDS}\n") as fleet:
        org = fleet[0].create_org()
        org.admin.users()
        with Balancer(fleet) as balancer, Load(balancer, org) as load:
            time.sleep(1)
            for server in fleet:
                before = len(load.answers)
                server.stop()
                assert any(other is not server for other, _ in load.answers[before:])
                server.start()
                eventually(lambda server=server: server in balancer.ready, what="the balancer's notice")
                back = len(load.answers)
                eventually(
                    lambda server=server, back=back: any(other is server for other, _ in load.answers[back:]),
                    what="a request to the server that is back",
                )
        assert not load.failures, f"{len(load.failures)} of {len(load.answers)}: {load.failures[:5]}"
        assert len(load.answers) > 300, f"only {len(load.answers)} requests were made"
        listed = everybody(fleet[2], org, org.admin.token)
        assert sorted(listed) == sorted([*load.created, (org.admin_email, org.admin.user_id)])
        org.close()
