"""Starts the real binary, runs its commands, and signs callers in.

It must not know what any test asserts: a helper here asserts only that its own step worked.
"""

import asyncio
import inspect
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from amigo_sdk import AmigoClient, AsyncAmigoClient

import stores
from conformance import watcher

REPOSITORY = Path(__file__).resolve().parent.parent
ORIGIN = "https://app.example.com"


def binary():
    """The binary under test, named by DENIZEN_BIN; there is no default, so nothing stale is tested."""
    path = os.environ.get("DENIZEN_BIN")
    assert path, "set DENIZEN_BIN to the denizen binary, or run ./test interop"
    return str(Path(path).resolve(strict=True))


def clean_environment(**extra):
    """The caller's environment without settings that would leak into the binary or the SDK."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DENIZEN_", "AMIGO_"))}
    return {**kept, **extra}


def run_denizen(*arguments, check=True, env=None, cwd=None):
    """Runs one command of the binary to its end."""
    done = subprocess.run(
        [binary(), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env=env or clean_environment(),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
    )
    if check:
        assert done.returncode == 0, f"denizen {' '.join(map(str, arguments))}: {done.stderr}{done.stdout}"
    return done


def share_certificates():
    """Lets every client of httpx trust one set of certificates: each would read its own, in a fiftieth of a second."""
    trusted = httpx.create_ssl_context()
    for transport in httpx.HTTPTransport, httpx.AsyncHTTPTransport:
        transport.__init__ = _trusting(transport.__init__, trusted)


def _trusting(begin, trusted):
    def begin_trusting(self, verify=True, **options):
        begin(self, verify=trusted if verify is True else verify, **options)

    return begin_trusting


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def unique(prefix):
    return f"{prefix}-{secrets.token_hex(4)}"


def address(name="someone"):
    """A fresh e-mail address in a domain that the SDK's own validation accepts."""
    return f"{name}.{secrets.token_hex(5)}@example.com"


def locations(response):
    """The `loc` lists of a 422 in FastAPI's form, as tuples."""
    assert response.status_code == 422, response.text
    for item in response.json()["detail"]:
        assert isinstance(item["msg"], str) and item["msg"], item
        assert isinstance(item["type"], str) and item["type"], item
    return {tuple(item["loc"]) for item in response.json()["detail"]}


def eventually(condition, seconds=10.0, what="the condition"):
    """Waits for work that the server does after its answer, such as mail."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"{what} did not come true within {seconds} s"
        time.sleep(0.05)


def exchange(server, data, seconds=10.0):
    """Sends raw bytes and reads to the end of the answer or of the connection."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=seconds) as connection:
        connection.sendall(data)
        return read_answer(connection)


def read_answer(connection):
    """The status and the body of one answer; None when the connection ends without any."""
    received = b""
    while b"\r\n\r\n" not in received:
        some = connection.recv(65536)
        if not some:
            assert received == b"", received
            return None
        received += some
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    while lengths and len(body) < int(lengths[0]):
        some = connection.recv(65536)
        assert some, "the answer was cut"
        body += some
    return int(head.split()[1]), body


class Server:
    """One server process with its own data folder, output files and port.

    Its database is the data folder's, on the engine that the tests run on, unless `store` is the URL of another.
    """

    def __init__(self, data, *flags, config=None, rate_limits=False, env=None, store=None):
        self.data = Path(data)
        self.place = ["--data", str(self.data), *(["--store", store] if store else stores.arguments(data))]
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.flags = [*flags, *([] if rate_limits else ["--no-rate-limits"])]
        if config is not None:
            path = self.data.with_suffix(".toml")
            path.write_text(config)
            self.flags += ["--config", str(path)]
        self.env = clean_environment(**(env or {}))
        self.stdout = self.data.with_suffix(".stdout")
        self.stderr = self.data.with_suffix(".stderr")
        self.confidential = set()
        self.process = None

    def start(self):
        arguments = ["serve", *self.place, "--listen", f"127.0.0.1:{self.port}", *self.flags]
        with self.stdout.open("ab") as out, self.stderr.open("ab") as err:
            self.process = subprocess.Popen(
                [binary(), *arguments], stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=self.env
            )
        self.wait_until_ready()
        watcher.learn(self.url)
        return self

    def wait_until_ready(self, seconds=30.0):
        end = time.monotonic() + seconds
        while True:
            code = self.process.poll()
            assert code is None, f"the server ended with {code}: {self.log()}"
            try:
                if httpx.get(self.url + "/readyz", timeout=1).status_code == 200:
                    return
            except httpx.TransportError:
                # Not listening yet; the deadline below decides when that is a failure.
                pass
            assert time.monotonic() < end, f"not ready after {seconds} s: {self.log()}"
            time.sleep(0.01)

    def stop(self):
        """Asks for a graceful stop, by pid, and demands a clean exit."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        assert code == 0, f"exit code {code} after SIGTERM: {self.log()}"

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=10)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if self.process.poll() is not None:
            return
        if kind is None:
            self.stop()
        else:
            self.kill()

    def log(self):
        return self.stderr.read_text(errors="replace") if self.stderr.exists() else ""

    def output(self):
        return self.stdout.read_text(errors="replace") if self.stdout.exists() else ""

    def command(self, *arguments, **options):
        return run_denizen(*arguments, *self.place, **options)

    def create_org(self, slug=None, origins=(ORIGIN,)):
        """Creates an organization whose magic links may lead to `origins`.

        Given at the creation, because a running server may take seconds to see a later change.
        """
        slug = slug or unique("org")
        email = address("admin")
        arguments = ["--name", f"Organization {slug}", "--admin-email", email, "--json"]
        for origin in origins:
            arguments += ["--allow-origin", origin]
        made = json.loads(self.command("org", "create", slug, *arguments).stdout)
        self.confidential |= {email, made["api_key"], made["dixa_token"], made["operator_password"]}
        return Org(self, made, email)

    def client(self, **options):
        options.setdefault("timeout", 20)
        return httpx.Client(base_url=self.url, trust_env=False, **options)


@dataclass
class Caller:
    """A signed-in user: raw HTTP for paths below `/v1/{organization}`."""

    org: "Org"
    user_id: str
    api_key_id: str
    api_key: str
    http: httpx.Client = field(repr=False)

    @property
    def token(self):
        return self.http.headers["authorization"].removeprefix("Bearer ")

    def _path(self, path):
        return f"/v1/{self.org.slug}{path}"

    def get(self, path, **options):
        return self.http.get(self._path(path), **options)

    def post(self, path, json=None, **options):
        return self.http.post(self._path(path), json=json, **options)

    def put(self, path, json=None, **options):
        return self.http.put(self._path(path), json=json, **options)

    def delete(self, path, **options):
        return self.http.delete(self._path(path), **options)

    def users(self, **params):
        answer = self.get("/user/", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()["users"]

    def user(self, user_id):
        """One user as the list shows it, or None when it is absent."""
        users = self.users(user_id=user_id)
        assert len(users) <= 1
        return users[0] if users else None

    def search(self, query, **params):
        answer = self.get("/user/search/", params={"query": query, **params})
        assert answer.status_code == 200, answer.text
        return answer.json()["users"]

    def settings(self):
        """What the SDK's clients take."""
        return {
            "api_key": self.api_key,
            "api_key_id": self.api_key_id,
            "user_id": self.user_id,
            "organization_id": self.org.slug,
            "base_url": self.org.server.url,
        }

    def key_headers(self):
        return {"X-API-KEY": self.api_key, "X-API-KEY-ID": self.api_key_id, "X-USER-ID": self.user_id}


class Org:
    """An organization made by `denizen org create`, with its administrator signed in."""

    def __init__(self, server, made, admin_email):
        self.server = server
        self.slug = made["org_id"]
        self.made = made
        self.admin_email = admin_email
        self._clients = []
        self._admin = None

    @property
    def admin(self):
        if self._admin is None:
            self._admin = self.sign_in(self.made["member_id"])
        return self._admin

    def sign_in(self, user_id, api_key_id=None, api_key=None):
        api_key_id, api_key = api_key_id or self.made["api_key_id"], api_key or self.made["api_key"]
        http = self.server.client()
        self._clients.append(http)
        caller = Caller(self, user_id, api_key_id, api_key, http)
        answer = caller.post("/user/signin_with_api_key", headers=caller.key_headers())
        assert answer.status_code == 200, answer.text
        token = answer.json()["id_token"]
        http.headers["Authorization"] = f"Bearer {token}"
        self.server.confidential |= {token, api_key}
        return caller

    def invite(self, first_name="Ada", last_name="Lovelace", email=None, role="DefaultUserRole", **more):
        """Invites a user and returns its id."""
        email = email or address()
        body = {"first_name": first_name, "last_name": last_name, "email": email, "role_name": role, **more}
        answer = self.admin.post("/user/", body)
        assert answer.status_code == 201, answer.text
        self.server.confidential.add(email)
        return answer.json()["user_id"]

    def verify(self, user_id):
        answer = self.admin.post(f"/user/{user_id}/verify", {})
        assert answer.status_code == 204, answer.text

    def member(self, role="DefaultUserRole", **more):
        """Invites, verifies and signs in a user of a role."""
        user_id = self.invite(role=role, **more)
        self.verify(user_id)
        return self.sign_in(user_id)

    def role(self, *grants, name=None, view="client"):
        """Creates a role from whole grants, or permission names that hold in the caller's organization.

        Without that condition only a super administrator has greater privileges than the role.
        """
        name = name or unique("role")
        body = {
            "role_name": name,
            "description": "Made by a test",
            "permission_grants": [grant(g, org_id="{self_org_id}") if isinstance(g, str) else g for g in grants],
            "frontend_view": view,
        }
        answer = self.admin.post("/role/", body)
        assert answer.status_code == 201, answer.text
        return name

    def roles(self, **params):
        answer = self.admin.get("/role/", params=params)
        assert answer.status_code == 200, answer.text
        return {role["name"]: role for role in answer.json()["roles"]}

    def set(self, *arguments):
        """`denizen org set`, which another process does: the server follows within seconds."""
        self.server.command("org", "set", self.slug, *arguments)

    def close(self):
        for client in self._clients:
            client.close()


def grant(permission, action="Allow", **conditions):
    """A permission grant; a plain condition value means Equals."""
    return {
        "permission_name": permission,
        "action": action,
        "conditions": {
            name: value if isinstance(value, dict) else {"type": "Equals", "value": value}
            for name, value in conditions.items()
        },
    }


class _Blocking:
    """A resource of the async client, called as if it were the sync one's."""

    def __init__(self, target, run):
        self._target, self._run = target, run

    def __getattr__(self, name):
        method = getattr(self._target, name)
        if inspect.iscoroutinefunction(method):
            return lambda *args, **kwargs: self._run(method(*args, **kwargs))
        return method


class Sdk:
    """One face for both client classes, so that each test runs against each.

    `on_request` and `on_response` are plain functions, given to httpx as event hooks through the
    keyword arguments that the SDK passes on.
    """

    def __init__(self, kind, settings, on_request=None, on_response=None, **httpx_options):
        self.kind = kind
        wrap = (lambda hook: hook) if kind == "sync" else _awaitable
        hooks = {
            "request": [wrap(on_request)] if on_request else [],
            "response": [wrap(on_response)] if on_response else [],
        }
        options = {"timeout": 20, "trust_env": False, "event_hooks": hooks, **httpx_options}
        if kind == "sync":
            self.client = AmigoClient(**settings, **options)
            self.users, self.organizations = self.client.users, self.client.organizations
            return
        self._loop = asyncio.new_event_loop()
        self.client = AsyncAmigoClient(**settings, **options)
        run = self._loop.run_until_complete
        self.users = _Blocking(self.client.users, run)
        self.organizations = _Blocking(self.client.organizations, run)

    def close(self):
        if self.kind == "sync":
            self.client.close()
        else:
            self._loop.run_until_complete(self.client.aclose())
            self._loop.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _awaitable(hook):
    async def call(message):
        hook(message)

    return call
