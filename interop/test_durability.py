"""Nothing acknowledged is lost and nothing is half done, whatever moment the process dies at."""

import random
import threading
import time

import httpx
import pytest

import stores
from support import Server, address, grant, unique

ROUNDS = 50
WRITERS = 4


def test_64_clients_invite_the_same_address_and_one_of_them_succeeds(org):
    for _ in range(3):
        email = address("contested")
        body = {"first_name": "Only", "last_name": "One", "email": email, "role_name": "DefaultUserRole"}
        barrier = threading.Barrier(64)
        statuses = []

        def invite(number, email=email, body=body, barrier=barrier, statuses=statuses):
            with org.server.client(headers={"Authorization": f"Bearer {org.admin.token}"}) as http:
                # Connected beforehand, so that the calls themselves meet.
                http.get("/livez")
                barrier.wait()
                spelling = email if number % 2 else email.upper()
                statuses.append(http.post(f"/v1/{org.slug}/user/", json={**body, "email": spelling}).status_code)

        org.admin.users()
        threads = [threading.Thread(target=invite, args=(number,)) for number in range(64)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [201] + [409] * 63
        assert len(org.admin.users(email=email)) == 1


class Writer:
    """Writes its own users and roles until the server dies, and knows what must be true afterwards.

    A user's state is one number, its version, written into several places by one call; a state that
    shows two versions is half applied. The call that the crash interrupted may have happened or not.
    """

    def __init__(self, org, number, seed):
        self.org, self.number = org, number
        self.random = random.Random(seed)
        self.users = {}
        self.roles = {}
        self.doubt = None
        self.touched = set()
        self.acknowledged = 0
        self.failure = None

    def run(self, url, token):
        self.touched = set()
        try:
            with httpx.Client(
                base_url=f"{url}/v1/{self.org.slug}",
                headers={"Authorization": f"Bearer {token}"},
                trust_env=False,
                timeout=20,
            ) as http:
                while True:
                    self.step(http)
        except httpx.TransportError:
            # The server was killed: what this writer was doing is now in doubt.
            return
        except AssertionError as error:
            # A thread's exception would be lost; the round looks at this one.
            self.failure = error

    def step(self, http):
        known = list(self.users)
        # Roles are never deleted, so they are made seldom.
        weights = {"invite": 6, "update": 5, "variables": 5, "delete": 3, "role": 1} if known else {"invite": 1}
        action = self.random.choices(list(weights), list(weights.values()))[0]
        version = self.random.randrange(10**9)
        if action == "invite":
            email = f"{unique('w')}@example.com"
            body = {
                "first_name": f"first{version}",
                "last_name": f"last{version}",
                "email": email,
                "role_name": "DefaultUserRole",
                "nonsensitive_user_variables": {"one": str(version), "two": str(version)},
            }
            self.call(("invite", email, version), http, "POST", "/user/", body, 201)
            return
        email = self.random.choice(known)
        user = self.users[email]
        if action == "update":
            body = {"first_name": f"first{version}", "last_name": f"last{version}"}
            self.call(("update", email, version), http, "POST", f"/user/{user['id']}", body, 204)
        elif action == "variables":
            upserts = [{"name": name, "value": str(version), "is_secret": False} for name in ("one", "two")]
            self.call(
                ("variables", email, version), http, "POST", f"/user/{user['id']}/variable", {"upserts": upserts}, 204
            )
        elif action == "delete":
            self.call(("delete", email, None), http, "DELETE", f"/user/{user['id']}", None, 200)
        else:
            name = unique("role")
            body = {
                "role_name": name,
                "description": str(version),
                "permission_grants": [grant("User:GetUserInfo", email=f"{version}@example.com")],
                "frontend_view": "client",
            }
            self.call(("role", name, version), http, "POST", "/role/", body, 201)

    def call(self, change, http, method, path, body, status):
        self.doubt = change
        answer = http.request(method, path, json=body)
        assert answer.status_code == status, (change, answer.status_code, answer.text)
        self.apply(change, answer.json().get("user_id") if change[0] == "invite" else None)
        self.doubt = None
        self.acknowledged += 1

    def apply(self, change, user_id=None):
        action, name, version = change
        self.touched.add(name)
        if action == "invite":
            self.users[name] = {"id": user_id, "names": version, "variables": version}
        elif action == "update":
            self.users[name]["names"] = version
        elif action == "variables":
            self.users[name]["variables"] = version
        elif action == "delete":
            del self.users[name]
        else:
            self.roles[name] = version

    def settle(self, listed, roles):
        """Decides the call in doubt by what is found, so that everything else can be demanded."""
        if self.doubt is None:
            return
        action, name, version = self.doubt
        found = listed.get(name)
        happened = {
            "invite": lambda: found is not None,
            "update": lambda: found and found["first_name"] == f"first{version}",
            "variables": lambda: found and found["nonsensitive_variables"]["one"] == str(version),
            "delete": lambda: found is None,
            "role": lambda: name in roles,
        }[action]()
        if happened:
            self.apply(self.doubt, found["user_id"] if action == "invite" else None)
        self.doubt = None

    def check(self, listed, roles, admin):
        for email, user in self.users.items():
            found = listed.get(email)
            assert found is not None, f"an acknowledged user is lost: {email}"
            assert found["user_id"] == user["id"]
            assert (found["first_name"], found["last_name"]) == (f"first{user['names']}", f"last{user['names']}")
            variables = str(user["variables"])
            assert found["nonsensitive_variables"] == {"one": variables, "two": variables}
        for name, version in self.roles.items():
            assert roles[name]["description"] == str(version)
            assert roles[name]["permission_grants"][0]["conditions"]["email"]["value"] == f"{version}@example.com"
        # Searching for everybody would make rounds longer and longer; the last writes are what a crash can halve.
        for email in sorted(self.touched - set(self.roles))[:8]:
            if email in self.users:
                by_name = admin.search(f"first{self.users[email]['names']} last{self.users[email]['names']}")
                assert [user["email"] for user in by_name] == [email], "the search entry is not the user's"
            else:
                assert admin.search(email) == [], "a search entry outlives its user"


@pytest.mark.timeout(400)
def test_kill_9_at_any_moment_loses_and_halves_no_acknowledged_write(tmp_path):
    seed = random.randrange(10**9)
    chance = random.Random(seed)
    with Server(tmp_path / "data") as running:
        org = running.create_org()
        writers = [Writer(org, number, seed + number) for number in range(WRITERS)]
        interrupted = 0
        for number in range(ROUNDS):
            interrupted += crash(running, writers, chance, where=f"round {number}, seed {seed}")
        org.close()
    acknowledged = sum(writer.acknowledged for writer in writers)
    assert interrupted >= ROUNDS, "the kills must meet calls in flight"
    assert acknowledged >= ROUNDS * WRITERS, f"only {acknowledged} writes were acknowledged"


def crash(running, writers, chance, where):
    """One round: load, `kill -9`, integrity check, restart, comparison. Returns the calls that the kill interrupted."""
    org = writers[0].org
    token = org.admin.token
    threads = [threading.Thread(target=writer.run, args=(running.url, token)) for writer in writers]
    for thread in threads:
        thread.start()
    time.sleep(chance.uniform(0.02, 0.5))
    running.kill()
    for thread in threads:
        thread.join()
    failures = [writer.failure for writer in writers if writer.failure]
    assert not failures, f"{where}: {failures}"
    interrupted = sum(writer.doubt is not None for writer in writers)

    stores.wait_until_left(running.data)
    checked = running.command("check", check=False)
    assert checked.returncode == 0, f"{where}: {checked.stdout}{checked.stderr}"
    running.start()
    listed = {user["email"]: user for user in everybody(org.admin)}
    roles = org.roles(return_permission_grants="true")
    for writer in writers:
        writer.settle(listed, roles)
    expected = {email for writer in writers for email in writer.users} | {org.admin_email}
    assert set(listed) == expected, where
    for writer in writers:
        writer.check(listed, roles, org.admin)
    trim(writers, org.admin)
    return interrupted


def everybody(admin):
    token = 0
    while True:
        body = admin.get("/user/", params={"continuation_token": token}).json()
        yield from body["users"]
        if not body["has_more"]:
            return
        token = body["continuation_token"]


def trim(writers, admin):
    """Keeps the population small, so that the fiftieth round costs what the first did."""
    for writer in writers:
        for email in list(writer.users)[60:]:
            assert admin.delete(f"/user/{writer.users.pop(email)['id']}").status_code == 200


def test_a_second_server_on_the_same_data_is_refused_or_consistent(start):
    first = start()
    org = first.create_org()
    second = Server(first.data)
    second.stderr, second.stdout = first.data.with_suffix(".err2"), first.data.with_suffix(".out2")
    try:
        second.start()
    except AssertionError:
        assert stores.ENGINE != "postgres", f"several processes over one database are what it is for: {second.log()}"
        assert second.process.poll() not in (None, 0), "a refusal is an exit with an error"
        assert second.log().strip(), "a refusal says why"
        return
    # Served by two processes, each sees at once what the other acknowledged.
    user_id = org.invite()
    headers = {"Authorization": f"Bearer {org.admin.token}"}
    with second.client(headers=headers) as http:
        assert len(http.get(f"/v1/{org.slug}/user/", params={"user_id": user_id}).json()["users"]) == 1
    second.stop()
    org.close()
