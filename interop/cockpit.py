"""An operator's side: sign-in at the organization's realm, and the calls of a program that manages operators.

Over `requests`, as the vendor's users write their programs. It must not know what any test asserts: a helper here asserts
only that its own step worked.
"""

import json
import uuid

import requests

from support import address, unique

CLIENT = "eva-cockpit"
# An id of nobody and of nothing.
NOBODY = "9deb936b-52e5-4c44-828d-4c8d48fe0c7e"
PASSWORD = "Correct-Horse-7"
HEADER = "email;name;company;role;password;environmentUuid;environmentName;bot"


def told(answer, status):
    """The message of a StandardError, which has to say what the answer itself says."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    assert answer.headers["content-type"].startswith("application/json")
    body = answer.json()
    members = ["timestamp", "status", "error", "message", "path"]
    assert [name for name in body if name != "errors"] == members, body
    assert body["status"] == status and body["error"] == answer.raw.reason
    assert body["path"] == answer.request.path_url.partition("?")[0]
    assert answer.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)
    return body["message"]


def refused(answer, status, error):
    """The description of an OAuth error, which nobody may keep."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert list(body) == ["error", "error_description"] and body["error"] == error, body
    return body["error_description"]


def session():
    """A client that takes nothing from the environment, such as a proxy."""
    made = requests.Session()
    made.trust_env = False
    return made


class Realm:
    """Where the operators of an organization sign in."""

    def __init__(self, server, name, prefix="/auth"):
        self.url = f"{server.url}{prefix}/realms/{name}"
        self.token_url = f"{self.url}/protocol/openid-connect/token"
        self.http = session()

    def ask(self, **fields):
        """A token request as it is; `client_id` is the cockpit's unless it is given."""
        return self.http.post(self.token_url, data={"client_id": CLIENT, **fields}, timeout=30)

    def ask_by_password(self, email, password, **fields):
        return self.ask(grant_type="password", username=email, password=password, **fields)

    def sign_in(self, email, password=PASSWORD, **fields):
        answer = self.ask_by_password(email, password, **fields)
        assert answer.status_code == 200, f"{email}: {answer.status_code} {answer.text}"
        return answer.json()

    def discovery(self):
        answer = self.http.get(f"{self.url}/.well-known/openid-configuration", timeout=30)
        answer.raise_for_status()
        return answer.json()

    def keys(self):
        answer = self.http.get(f"{self.url}/protocol/openid-connect/certs", timeout=30)
        answer.raise_for_status()
        return answer.json()["keys"]


class Cockpit:
    """A signed-in operator, who calls below `{prefix}/org/{orgUUID}/users`."""

    def __init__(self, server, organization, tokens, prefix="/eva-user"):
        self.server, self.organization, self.prefix, self.tokens = server, organization, prefix, tokens
        self.http = session()
        self.http.headers["Authorization"] = f"Bearer {tokens['access_token']}"

    def path(self, path="", organization=None):
        return f"{self.prefix}/org/{organization or self.organization}/users{path}"

    def request(self, method, path="", *, organization=None, **options):
        options.setdefault("timeout", 30)
        return self.http.request(method, self.server.url + self.path(path, organization), **options)

    def get(self, path="", **options):
        return self.request("GET", path, **options)

    def post(self, path="", json=None, **options):
        return self.request("POST", path, json=json, **options)

    def put(self, path="", json=None, **options):
        return self.request("PUT", path, json=json, **options)

    def delete(self, path="", **options):
        return self.request("DELETE", path, **options)

    def taken(self, method, path="", status=200, **options):
        """The body of an answer that succeeds."""
        answer = self.request(method, path, **options)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def page(self, **params):
        return self.taken("GET", params=params)

    def user(self, user_id):
        return self.taken("GET", f"/{user_id}")

    def create(self, **fields):
        """A new operator, with a password where one is given."""
        place = "/password" if "password" in fields else ""
        return self.taken("POST", place, status=201, json=person(**fields))

    def upload(self, text, place="/csv/silent", *, headers=None, params=None, name="users.csv", kind="text/csv"):
        """Sends a file of operators in the part `file`."""
        data = text if isinstance(text, bytes) else text.encode()
        part = {"file": (name, data, kind)}
        return self.request("POST", place, files=part, headers=headers, params=params, timeout=120)


def person(**fields):
    """The body for an operator: an administrator unless environments are given, and one whom nobody else is."""
    body = {"name": "Ada Lovelace", "email": address("ada"), **fields}
    if "environments" not in body:
        body.setdefault("admin", True)
    if "password" in body:
        body.setdefault("passwordConfirmation", body["password"])
    return body


def place(environment, *bots, role="EDITOR"):
    """What an operator may do in an environment."""
    return {"role": role, "environment": {"uuid": environment["uuid"]}, "bots": [{"uuid": bot["uuid"]} for bot in bots]}


class Office:
    """An organization with its first administrator signed in, and with two environments: `sales` has two bots, `care` one."""

    def __init__(self, server, **options):
        self.server = server
        self.org = server.create_org(**options)
        made = self.org.made
        self.slug, self.email, self.password = made["org_id"], made["operator_email"], made["operator_password"]
        self.uuid = made["org_uuid"]
        server.confidential |= {self.password}
        self.realm = Realm(server, self.slug)
        self.admin = self.sign_in(self.email, self.password)
        self.sales, self.care = ({"uuid": str(uuid.uuid4()), "name": name} for name in ("Sales", "Customer care"))
        self.seller, self.closer, self.carer = ({"uuid": str(uuid.uuid4()), "name": n} for n in ("Seller", "Closer", "Carer"))
        self.take_in(
            environment(self.sales),
            environment(self.care),
            bot(self.seller, self.sales),
            bot(self.closer, self.sales),
            bot(self.carer, self.care),
        )

    def sign_in(self, email, password=PASSWORD, **options):
        tokens = self.realm.sign_in(email, password)
        self.server.confidential |= {email, tokens["access_token"], tokens["refresh_token"]}
        return Cockpit(self.server, self.uuid, tokens, **options)

    def operator(self, **fields):
        """A new operator with a password, signed in; the operator's id is `user_id`."""
        fields.setdefault("password", PASSWORD)
        made = self.admin.create(**fields)
        signed_in = self.sign_in(made["email"], fields["password"])
        signed_in.user_id = made["uuid"]
        return signed_in

    def take_in(self, *records):
        """Has records ingested, all of which are taken in."""
        body = "".join(json.dumps(record) + "\n" for record in records)
        answer = self.org.admin.http.post(f"/admin/v1/{self.slug}/ingest", content=body.encode())
        assert answer.status_code == 200, answer.text
        *lines, last = [json.loads(line) for line in answer.text.splitlines()]
        assert last["summary"]["lines"] == len(records) and last["summary"]["refused"] == 0, lines

    def row(self, email=None, name="Grace Hopper", role="EDITOR", **cells):
        """A line of a file, in the order of the layout line."""
        columns = {
            "email": address("grace") if email is None else email,
            "name": name,
            "company": "Navy",
            "role": role,
            "password": PASSWORD,
            "environmentUuid": self.sales["uuid"],
            "environmentName": self.sales["name"],
            "bot": self.seller["uuid"],
        }
        if role.upper() == "ADMIN":
            columns |= {"environmentUuid": "", "environmentName": "", "bot": ""}
        return columns | cells

    def close(self):
        self.org.close()


def environment(one, is_active=True):
    """The record of an environment."""
    return {"type": "environment", "environment_id": one["uuid"], "name": one["name"], "is_active": is_active}


def bot(one, home, is_active=True):
    """The record of a bot in an environment."""
    return {
        "type": "bot",
        "bot_id": one["uuid"],
        "environment_id": home["uuid"],
        "name": one["name"],
        "is_active": is_active,
    }


def table(*rows, separator=";", columns=None, header=True, end="\n"):
    """A file of lines with these columns, quoted where a cell needs it."""
    columns = columns or HEADER.split(";")
    lines = ([columns] if header else []) + [[row[column] for column in columns] for row in rows]
    return "".join(separator.join(quoted(cell, separator) for cell in line) + end for line in lines)


def quoted(cell, separator):
    if any(special in cell for special in (separator, '"', "\n", "\r")):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def failures(answer, status=200):
    """The failures that an upload was answered with, as pairs of address and message in their order."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    if status != 200:
        told(answer, status)
    else:
        assert list(answer.json()) == ["errors"]
    errors = answer.json()["errors"]
    assert all(list(error) == ["email", "message"] for error in errors)
    return [(error["email"], error["message"]) for error in errors]


def fresh_name():
    """A name that nobody else in the suite has."""
    return unique("Zoë").replace("-", " ")
