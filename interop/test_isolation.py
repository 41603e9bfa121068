"""Every operation of every served API, with ids and credentials that lead nowhere: nothing is told and nothing changed.

The operations come from the documents that the server serves, so that a new one is tried without being named here; one
whose ids or body are not known here fails.
"""

import json
import re
import time
import uuid
from dataclasses import dataclass, field

import httpx
import pytest

from desk import NOBODY, Desk, conversation, message, text_definition
from images import ico, png
from support import ORIGIN, address, unique

DIALECTS = ("amigo", "admin", "dixa")
METHODS = {"get", "put", "post", "delete", "patch"}

# Whoever holds a mailed link may use it: crates/http/tests/amigo/isolation.rs has the links of other organizations.
LINKS = {"open-link", "use-link"}
# Anybody may ask for these, and is told the same whoever asks.
PUBLIC = {"sign-in-with-email", "get-organization", *LINKS}
# Its credentials are what it is asked with: crates/http/tests/amigo has them.
SIGN_IN = {"sign-in-with-api-key"}

# Ids that stand in bodies.
BODY_IDS = {
    "assign-role": ["user_id"],
    "create-temporary-permission-grant": ["user_id"],
    "postAnonymization": ["userId"],
}
# Of an anonymized contact it is told that it was there, and the request that made it so; it cannot be changed any more.
ANONYMIZED = {
    "getEndusersUserid",
    "getEndusersUseridConversations",
    "patchEndusersUseridAnonymize",
    "postAnonymization",
}

VISIT = {
    "type": "visit",
    "starts_at": "2026-01-01T12:00:00Z",
    "ends_at": "2026-01-01T12:30:00Z",
    "description": "A visit",
}
GRANT = {"permission_name": "User:GetUserInfo", "conditions": {}}


def bodies(things):
    """A valid body for each operation that has one."""
    person = {"first_name": "A", "last_name": "B", "email": address(), "role_name": things["role_name"]}
    return {
        "sign-in-with-email": {"email": address(), "redirect_link": f"{ORIGIN}/x"},
        "create-invited-user": person,
        "update-user-info": {"first_name": "Changed"},
        "verify-user": {"first_name": "Changed"},
        "modify-user-variables": {"upserts": [{"name": "plan", "value": "gold", "is_secret": False}]},
        "create-external-event": VISIT,
        "create-role": {
            "role_name": unique("role"),
            "description": "x",
            "frontend_view": "client",
            "permission_grants": [],
        },
        "modify-role": {"description": "Changed"},
        "assign-role": {"user_id": things["user_id"]},
        "create-temporary-permission-grant": {
            "user_id": things["user_id"],
            "duration": "PT1H",
            "permission_grant": GRANT,
            "tags": {},
            "justification": "to be refused, as it is hoped",
        },
        "create-api-key": {"name": None, "duration": "P3D", "role_name": things["role_name"]},
        "create-organization": {
            "org_name": "N",
            "title": "T",
            "main_description": "M",
            "sub_description": "S",
            "user_dimensions": [{"description": "D", "tags": ["t"]}],
            "logo": png(400, 160),
            "square_logo": png(40, 40),
            "favicon": ico(40, 40),
            "signup_page_headshot": png(292, 400),
            "onboarding_instructions": ["I"],
            "azure_devops_team_name": "team",
        },
        "modify-organization": {"title": "Changed"},
        "put-google-account": {"account_id": unique("account")},
        # One line is a stream, too.
        "ingest": {
            "type": "conversation",
            "conversation_id": "c" * 24,
            "user_id": things["user_id"],
            "started_at": "2026-01-01T12:00:00Z",
        },
        "postEndusers": {"displayName": "New"},
        "postEndusersBulk": {"data": [{"displayName": "New"}]},
        "patchEndusers": {"data": [{"id": things["userId"], "firstName": "Changed"}]},
        "putEndusers": {"data": [{"id": things["userId"], "displayName": "Changed"}]},
        "patchEndusersUserid": {"firstName": "Changed"},
        "putEndusersUserid": {"displayName": "Changed"},
        "patchEndusersUseridCustom-attributes": {},
        "patchConversationsConversationidCustom-attributes": {},
        "postAnonymization": {"entityId": things["userId"], "_type": "User"},
    }


@dataclass
class Operation:
    dialect: str
    id: str
    method: str
    path: str
    needs_body: bool
    query: dict = field(default_factory=dict)

    @property
    def parameters(self):
        return [name for name in re.findall(r"\{(\w+)\}", self.path) if name != "organization"]

    @property
    def names_organization(self):
        """In the other dialect the credentials do."""
        return "{organization}" in self.path

    def client(self, org):
        """Of an administrator, or of a program that may do everything."""
        return org.desk.http if self.dialect == "dixa" else org.admin.http

    def send(self, client, things, headers):
        known = bodies(things)
        assert not self.needs_body or self.id in known, f"no body is known for {self.id}"
        path = re.sub(r"\{(\w+)\}", lambda match: things[match[1]], self.path)
        answer = client.request(self.method, path, params=self.query, json=known.get(self.id), headers=headers)
        # Everything that a caller could tell two answers apart by, but for their number and time.
        told = {"content-type", "www-authenticate", "location", "allow"}
        return answer.status_code, answer.content, {k: v for k, v in answer.headers.items() if k in told}


def operations(server):
    found = []
    for dialect in DIALECTS:
        document = httpx.get(f"{server.url}/docs/{dialect}/openapi.json", trust_env=False).raise_for_status().json()
        for path, item in document["paths"].items():
            for method, operation in item.items():
                if method not in METHODS:
                    continue
                required = [p for p in operation.get("parameters", []) if p.get("in") == "query" and p.get("required")]
                query = {parameter["name"]: "a" for parameter in required}
                body = operation.get("requestBody", {}).get("required", False)
                # Another place of an operation has its id with a number.
                name = re.sub(r"-\d+$", "", operation["operationId"])
                found.append(Operation(dialect, name, method.upper(), path, body, query))
    return found


def things_of(org):
    """One of everything that a path can name."""
    admin = org.admin
    user_id, role_name = org.invite(), org.role("User:GetUserInfo")
    event = admin.post(f"/user/{user_id}/external_event", VISIT)
    assert event.status_code == 201, event.text
    key = admin.post("/organization/api_key/", {"name": None, "duration": "P3D", "role_name": "DefaultUserRole"}).json()
    account = admin.http.put(
        f"/admin/v1/{org.slug}/user/{user_id}/google_account", json={"account_id": unique("account")}
    )
    assert account.status_code == 204, account.text
    org.server.confidential.add(key["api_key"])
    return {
        **desk_things_of(org),
        "organization": org.slug,
        "user_id": user_id,
        "requested_user_id": user_id,
        "role_name": role_name,
        "api_key_id": key["api_key_id"],
        "external_event_id": event.json()["external_event_id"],
    }


def desk_things_of(org):
    """The same of what the other dialect names."""
    desk = org.desk
    contact, definition = desk.create(displayName="Ada", email=address()), text_definition()
    talk = conversation(contact["id"])
    note = message(talk["conversation_id"])
    desk.take_in(definition, talk, note)
    request = desk.data("PATCH", f"/endusers/{desk.create()['id']}/anonymize", status=202)
    # What is seen afterwards is to be the same as before.
    desk.processed(request["id"])
    return {
        "userId": contact["id"],
        "conversationId": str(talk["conversation_id"]),
        "messageId": note["message_id"],
        "requestId": request["id"],
        "customAttributeId": definition["definition_id"],
    }


UNKNOWN = {
    "userId": NOBODY,
    "conversationId": "404",
    "messageId": NOBODY,
    "requestId": NOBODY,
    "customAttributeId": NOBODY,
    "user_id": "0" * 24,
    "requested_user_id": "0" * 24,
    "role_name": "NoSuchRole",
    "api_key_id": "01234567-89ab-4def-8123-456789abcdef",
    "external_event_id": "0" * 24,
}


def state(org, things):
    """What there is, as an administrator sees it."""
    user = f"/v1/{org.slug}/user/{things['user_id']}"
    paths = [
        f"/v1/{org.slug}/user/",
        f"/v1/{org.slug}/role/?return_permission_grants=true",
        f"/v1/{org.slug}/role/temporary_permission_grants/",
        f"/v1/{org.slug}/organization/",
        f"/v1/{org.slug}/organization/api_key/",
        f"/v1/{org.slug}/organization/user_dimensions/",
        f"{user}/external_event",
        f"{user}/memory",
        f"{user}/user_model",
        f"/admin/v1/{org.slug}/user/{things['user_id']}/google_account",
    ]
    seen = {}
    for path in paths:
        answer = org.admin.http.get(path)
        assert answer.status_code == 200, answer.text
        seen[path] = answer.text
    contact = f"/endusers/{things['userId']}"
    talk = f"/conversations/{things['conversationId']}"
    definition = f"/custom-attributes/{things['customAttributeId']}"
    request = f"/anonymization/request/{things['requestId']}"
    for path in ("/endusers", contact, f"{contact}/conversations", talk, definition, request, "/custom-attributes"):
        seen[path] = json.dumps(org.desk.data("GET", path))
    return seen


@dataclass
class Scene:
    ours: object
    theirs: object
    things: dict
    their_things: dict
    operations: list

    def state(self):
        return state(self.ours, self.things), state(self.theirs, self.their_things)


@pytest.fixture
def scene(server, org, other_org):
    with Desk(org) as org.desk, Desk(other_org) as other_org.desk:
        yield Scene(org, other_org, things_of(org), things_of(other_org), operations(server))


def gone(org, things):
    """Ids of what an organization has had."""
    admin = org.admin
    plain = org.invite()
    creator = org.member("DefaultSuperAdministratorRole")
    kept = creator.post("/organization/api_key/", {"name": None, "duration": "P3D", "role_name": "DefaultUserRole"})
    assert kept.status_code == 201, kept.text
    event = admin.post(f"/user/{things['user_id']}/external_event", VISIT).json()["external_event_id"]
    key = admin.post("/organization/api_key/", {"name": None, "duration": "P3D", "role_name": "DefaultUserRole"}).json()
    org.server.confidential |= {kept.json()["api_key"], key["api_key"]}
    for path in (
        f"/user/{plain}",
        f"/user/{creator.user_id}",
        f"/organization/api_key/{key['api_key_id']}/",
        f"/user/{things['user_id']}/external_event/{event}",
    ):
        assert admin.delete(path).status_code in (200, 204)
    contact = org.desk.create(displayName="Gone")["id"]
    org.desk.processed(org.desk.data("PATCH", f"/endusers/{contact}/anonymize", status=202)["id"])
    # The key of the creator, who left a tombstone, is still there, and known to be a key.
    return {
        "user_id": [plain, creator.user_id],
        "requested_user_id": [plain, creator.user_id],
        "api_key_id": [key["api_key_id"]],
        "external_event_id": [event],
        "role_name": [],
        "userId": [contact],
        "conversationId": [],
        "messageId": [],
        "requestId": [],
        "customAttributeId": [],
    }


def test_ids_of_another_organization_and_of_what_is_gone_are_answered_like_ids_that_never_were(scene):
    things = scene.things
    strange = gone(scene.ours, things)
    anonymized = strange["userId"][0]
    for name, value in scene.their_things.items():
        if name != "organization":
            strange[name].append(value)
    for name in ("user_id", "requested_user_id"):
        strange[name].append(scene.theirs.made["member_id"])
    before, tried, wrong = scene.state(), 0, []
    for operation in scene.operations:
        for name in operation.parameters + BODY_IDS.get(operation.id, []):
            if operation.id in LINKS:
                continue
            assert name in strange, f"{operation.id} has ids that are not known here: {name}"
            send = lambda value: operation.send(operation.client(scene.ours), {**things, name: value}, {})
            never = send(UNKNOWN[name])
            assert never[0] == 404, (operation, never)
            for value in strange[name]:
                if value == anonymized and operation.id in ANONYMIZED:
                    continue
                tried += 1
                if send(value) != never:
                    wrong.append((operation.method, operation.path, name, value, send(value), never))
    assert wrong == []
    assert tried >= 80, "the documents list fewer operations than there are"
    assert scene.state() == before


def test_items_and_definitions_of_another_organization_are_answered_like_those_that_never_were(scene):
    desk, before = scene.ours.desk, scene.state()
    theirs = scene.their_things["userId"]
    for method, change in (("PATCH", {"firstName": "x"}), ("PUT", {"displayName": "x"})):
        items = [{"id": one, **change} for one in (theirs, NOBODY)]
        found, never = (outcome["error"] for outcome in desk.data(method, "/endusers", {"data": items}))
        assert json.dumps(found).replace(theirs, NOBODY) == json.dumps(never)
    for path in (f"/endusers/{scene.things['userId']}", f"/conversations/{scene.things['conversationId']}"):
        found, never = (
            desk.patch(f"{path}/custom-attributes", {one: "x"})
            for one in (scene.their_things["customAttributeId"], str(uuid.UUID(NOBODY)))
        )
        assert (found.status_code, never.status_code) == (400, 400)
        assert found.text.replace(scene.their_things["customAttributeId"], NOBODY) == never.text
    # Whose message it is follows from its conversation.
    path = f"/conversations/{scene.things['conversationId']}/messages/{scene.their_things['messageId']}/anonymize"
    assert desk.patch(path).status_code == 404
    assert scene.state() == before


def credentials(scene):
    """Headers that nobody has any more, or that belong elsewhere."""
    ours, theirs = scene.ours, scene.theirs
    admin = ours.admin
    role = "DefaultSuperAdministratorRole"
    made = admin.post("/organization/api_key/", {"name": None, "duration": "P3D", "role_name": role}).json()
    ours.server.confidential.add(made["api_key"])
    user = ours.invite(role="DefaultUserRole")
    ours.verify(user)
    by_key = ours.sign_in(user, made["api_key_id"], made["api_key"])
    deleted = ours.member(role)
    for path in (f"/user/{deleted.user_id}", f"/organization/api_key/{made['api_key_id']}/"):
        assert admin.delete(path).status_code == 200
    created = ["key", "create", "--org", ours.slug, "--dialect", "dixa", "--json"]
    program = json.loads(ours.server.command(*created).stdout)
    ours.server.confidential.add(program["dixa_token"])
    with Desk(ours, program["dixa_token"]) as revoked:
        assert revoked.get("/organization").status_code == 200
    ours.server.command("key", "revoke", "--org", ours.slug, "--dialect", "dixa", program["dixa_token_id"])
    # Another process did it, which the server sees within about a second.
    time.sleep(1.5)
    yield "a revoked token of the other dialect", {"authorization": f"Bearer {program['dixa_token']}"}
    yield "the token of a deleted user", {"authorization": f"Bearer {deleted.token}"}
    yield "a key, for a deleted user", deleted.key_headers()
    yield "the token of a revoked key", {"authorization": f"Bearer {by_key.token}"}
    yield "a revoked key", by_key.key_headers()
    yield "a key of another organization", theirs.admin.key_headers()
    yield "a key of another organization, for a user of this one", {
        **theirs.admin.key_headers(),
        "X-USER-ID": ours.made["member_id"],
    }
    yield "the token of another organization", {"authorization": f"Bearer {theirs.admin.token}"}
    yield "the name of this organization with a token of another", {
        "authorization": f"Bearer {ours.slug}.{theirs.made['dixa_token'].partition('.')[2]}"
    }
    # Of the one dialect, in the other.
    yield "amigo", {"authorization": f"Bearer {ours.admin.token}"}
    yield "amigo", ours.admin.key_headers()
    yield "dixa", {"authorization": f"Bearer {ours.made['dixa_token']}"}
    yield "dixa", {"authorization": f"Bearer {theirs.made['dixa_token']}"}


def test_credentials_of_the_gone_and_of_another_organization_are_refused_like_nonsense(scene):
    refused = list(credentials(scene))
    before, tried, wrong = scene.state(), 0, []
    with scene.ours.server.client() as client:
        for operation in scene.operations:
            if operation.id in PUBLIC | SIGN_IN:
                continue
            things = {"secret": "none", **scene.things}
            nonsense = operation.send(client, things, {"authorization": "Bearer nonsense"})
            assert nonsense[0] == 401, (operation, nonsense)
            for name, headers in refused:
                # The native API is called with the first dialect's.
                if name == ("amigo" if operation.dialect in ("amigo", "admin") else "dixa"):
                    continue
                tried += 1
                answer = operation.send(client, things, headers)
                if answer != nonsense:
                    wrong.append((operation.method, operation.path, name, answer, nonsense))
    assert wrong == []
    assert tried >= 500, "the documents list fewer operations than there are"
    assert scene.state() == before


def test_an_organization_of_somebody_else_is_like_one_that_never_was(scene):
    stranger = {"authorization": f"Bearer {scene.theirs.admin.token}", "x-org-id": scene.theirs.slug}
    before, wrong = scene.state(), []
    with scene.ours.server.client() as client:
        for operation in scene.operations:
            # An organization that is there cannot be made once more, and that is no secret.
            if operation.id in PUBLIC | SIGN_IN | {"create-organization"} or not operation.names_organization:
                continue
            never = operation.send(client, {**scene.things, "organization": unique("nobody")}, stranger)
            assert never[0] == 404, (operation, never)
            answer = operation.send(client, scene.things, stranger)
            if answer != never:
                wrong.append((operation.method, operation.path, answer, never))
    assert wrong == []
    assert scene.state() == before
