"""A load that invites and reads without a pause, and what became of every call, while the database comes and goes.

It must not know when that happens, nor what a test asserts of it.
"""

import threading
import time
from dataclasses import dataclass

import httpx

from support import unique


@dataclass
class Call:
    """One call of the load, with its times by the monotonic clock."""

    begun: float
    ended: float
    status: int
    text: str


class Callers:
    """Threads that each do their job without a pause, as an organization's administrator, from `with` to its end."""

    def __init__(self, org, jobs, seconds, server=None):
        self.org, self.seconds, self.server = org, seconds, server or org.server
        self.headers = {"Authorization": f"Bearer {org.admin.token}"}
        self.failures = []
        self.end = threading.Event()
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
            with self.server.client(headers=self.headers, timeout=self.seconds) as http:
                while not self.end.is_set():
                    job(http)
        except (AssertionError, httpx.HTTPError) as error:
            # A thread's exception would be lost; the test looks at these.
            self.failures.append(repr(error))


class Load(Callers):
    """Threads that invite or read, and write down how every call ended."""

    def __init__(self, org, seconds, server=None, writers=8):
        """`seconds` is more than the server's own limit: that it keeps to it is what is looked at."""
        super().__init__(org, [self.write] * writers + [self.read] * 2, seconds, server)
        # Address → id, and the addresses whose call was answered with an error: those may exist or not.
        self.acknowledged, self.doubtful = {}, set()
        self.writes, self.reads = [], []

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
