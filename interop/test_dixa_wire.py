"""The second dialect's transport: credentials, spellings of paths, statuses, the one form of errors, and what a body may be."""

import json

import httpx
import pytest

from desk import NOBODY, NOT_FOUND, Desk, conversation, message, text_definition, told
from support import Server, address, eventually, exchange

# ---- Credentials -------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["", "Bearer ", "bearer ", "BEARER ", "bEaReR  "])
def test_token_is_taken_raw_and_after_its_scheme_in_any_letter_case(desk, scheme):
    made = desk.create(displayName="Ada")
    answer = desk.get("/endusers", headers={"Authorization": scheme + desk.token})
    assert answer.status_code == 200 and answer.json() == {"data": [made]}


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Basic {token}",
        "Bearer Bearer {token}",
        "{token}x",
        "x{token}",
        "{slug}",
        "{slug}.",
        "{slug}.{slug}",
        ".{secret}",
        "{other}.{secret}",
        "nobody.{secret}",
        "{secret}",
        "é.ü",
    ],
)
def test_whoever_has_no_token_is_unauthorized_and_told_no_more(desk, other_org, header):
    slug, _, secret = desk.token.partition(".")
    http = desk.org.server.client()
    if header is not None:
        value = header.format(token=desk.token, slug=slug, secret=secret, other=other_org.slug)
        http.headers = {"Authorization": value.encode()}
    for answer in (http.get("/v1/endusers"), http.post("/v1/endusers", json={}), http.get(f"/v1/endusers/{NOBODY}")):
        assert told(answer, 401) == "Unauthorized"
    http.close()


def test_credentials_of_the_first_dialect_are_none_here(org, desk):
    admin = org.admin
    for headers in ({"Authorization": f"Bearer {admin.token}"}, {**admin.key_headers(), "Authorization": ""}):
        assert told(httpx.get(f"{org.server.url}/v1/endusers", headers=headers, trust_env=False), 401) == "Unauthorized"
    answer = httpx.get(
        f"{org.server.url}/v1/{org.slug}/user/", headers={"Authorization": f"Bearer {desk.token}"}, trust_env=False
    )
    assert answer.status_code == 401, "nor is a token of this one there"


def make_token(org, role, *more):
    made = json.loads(
        org.server.command(
            "key", "create", "--org", org.slug, "--dialect", "dixa", "--role", role, *more, "--json"
        ).stdout
    )
    org.server.confidential.add(made["dixa_token"])
    return made


def test_tokens_are_made_listed_and_revoked_on_the_command_line(org, desk):
    made = make_token(org, "DefaultAdministratorRole", "--name", "the shop")
    with Desk(org, made["dixa_token"]) as shop:
        contact = shop.create(displayName="Ada")
        request = shop.data("PATCH", f"/endusers/{shop.create()['id']}/anonymize", status=202)
        assert request["requestedBy"] == made["dixa_token_id"]
        assert desk.contact(contact["id"]) == contact
        listed = org.server.command("key", "list", "--org", org.slug, "--dialect", "dixa", "--json").stdout
        assert made["dixa_token"] not in listed and made["dixa_token"].split(".", 1)[1] not in listed
        assert "the shop" in listed
        org.server.command("key", "revoke", "--org", org.slug, "--dialect", "dixa", made["dixa_token_id"])
        eventually(lambda: shop.get("/endusers").status_code == 401, seconds=5, what="the end of a revoked token")
        assert told(shop.get("/endusers"), 401) == "Unauthorized"
        with pytest.raises(AssertionError, match="has no Dixa token"):
            org.server.command("key", "revoke", "--org", org.slug, "--dialect", "dixa", made["dixa_token_id"])
    assert desk.get("/endusers").status_code == 200


READ = "Directory:ReadContact"
WRITE = "Directory:WriteContact"
ANONYMIZE = "Directory:AnonymizeContact"
UNAUTHORIZED = "User is unauthorized to perform an underlying operation"


def test_each_operation_asks_for_its_permission(org, desk):
    definition = text_definition()
    contact = desk.create(displayName="Ada")
    talk = conversation(contact["id"])
    note = message(talk["conversation_id"])
    desk.take_in(definition, talk, note)
    request = desk.data("PATCH", f"/endusers/{desk.create()['id']}/anonymize", status=202)
    one, spoken = f"/endusers/{contact['id']}", f"/conversations/{talk['conversation_id']}"
    # Whose status the vendor lists is 401; of the others it lists none, and the usual one is 403.
    operations = [
        (READ, 403, "GET", "/endusers", None),
        (WRITE, 403, "POST", "/endusers", {}),
        (WRITE, 403, "POST", "/endusers/bulk", {"data": [{}]}),
        (WRITE, 403, "PATCH", "/endusers", {"data": [{"id": contact["id"], "firstName": "x"}]}),
        (WRITE, 403, "PUT", "/endusers", {"data": [{"id": contact["id"], "displayName": "x"}]}),
        (READ, 403, "GET", one, None),
        (WRITE, 403, "PATCH", one, {"firstName": "x"}),
        (WRITE, 403, "PUT", one, {"displayName": "x"}),
        (ANONYMIZE, 403, "PATCH", f"{one}/anonymize", None),
        (WRITE, 401, "PATCH", f"{one}/custom-attributes", {}),
        (READ, 403, "GET", f"{one}/conversations", None),
        (READ, 403, "GET", "/custom-attributes", None),
        (READ, 403, "GET", f"/custom-attributes/{definition['definition_id']}", None),
        (ANONYMIZE, 401, "GET", f"/anonymization/request/{request['id']}", None),
        (ANONYMIZE, 403, "POST", "/anonymization", {"entityId": contact["id"], "_type": "User"}),
        (ANONYMIZE, 403, "PATCH", f"{spoken}/anonymize", None),
        (ANONYMIZE, 403, "PATCH", f"{spoken}/messages/{note['message_id']}/anonymize", None),
        (WRITE, 401, "PATCH", f"{spoken}/custom-attributes", {}),
        (READ, 403, "GET", spoken, None),
    ]
    before = desk.list()
    for permission in (READ, WRITE, ANONYMIZE):
        role = org.role(permission)
        with Desk(org, make_token(org, role, "--name", role)["dixa_token"]) as limited:
            for needed, status, method, path, body in operations:
                if needed != permission:
                    text = told(limited.request(method, path, body), status)
                    assert status == 403 or text == UNAUTHORIZED
                elif needed == READ:
                    assert limited.get(path).status_code == 200, path
    assert desk.list() == before


def test_organization_of_the_token_is_told(org, desk):
    assert desk.data("GET", "/organization") == {
        "id": org.made["org_uuid"],
        "name": f"Organization {org.slug}",
        "subdomain": org.slug,
        "status": "Active",
    }


# ---- Paths -------------------------------------------------------------------------------------


def test_older_prefix_and_a_slash_more_mean_the_same(desk):
    made = desk.create(displayName="Ada")
    for path in ("/v1/endusers", "/v1/endusers/", "/beta/endusers", "/beta/endusers/", "//v1/endusers"):
        answer = desk.http.get(desk.org.server.url + path)
        assert (answer.status_code, answer.json()) == (200, {"data": [made]}), path
    for path in (f"/v1/endusers/{made['id']}/", f"/beta/endusers/{made['id'].upper()}"):
        assert desk.http.get(path).json() == {"data": made}, path
    with Desk(desk.org, prefix="/beta") as beta:
        other = beta.create(displayName="Other")
        outcomes = beta.data("POST", "/endusers/bulk/", {"data": [{"displayName": "Third"}]}, status=201)
        assert beta.data("PATCH", f"/endusers/{other['id']}", {"firstName": "O"})["firstName"] == "O"
        assert beta.data("GET", "/organization") == desk.data("GET", "/organization")
    assert [one["id"] for one in desk.list()] == [made["id"], other["id"], outcomes[0]["data"]["id"]]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/endusers/{id}/nothing",
        "/v1/endusers/{id}/conversations/1",
        "/v1/custom-attributes/a/b",
        "/v1/anonymization/nothing/{id}",
        "/v1/conversations",
        "/v1/conversations/1/messages",
        "/v1/organization/x",
        "/beta/nothing",
        "/beta",
    ],
)
def test_unknown_route_is_not_found_in_the_form_of_this_dialect(desk, path):
    assert told(desk.http.get(path.format(id=NOBODY)), 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/endusers"),
        ("DELETE", f"/endusers/{NOBODY}"),
        ("POST", f"/endusers/{NOBODY}/anonymize"),
        ("PUT", f"/endusers/{NOBODY}/custom-attributes"),
        ("POST", "/custom-attributes"),
        ("GET", "/anonymization"),
        ("POST", "/organization"),
    ],
)
def test_wrong_method_is_not_allowed_and_the_right_ones_are_named(desk, method, path):
    answer = desk.request(method, path)
    told(answer, 405)
    allowed = {name.strip() for name in answer.headers["allow"].split(",")}
    assert allowed and method not in allowed


def test_bulk_call_sent_to_the_wrong_path_names_the_path_parameter(desk):
    for method, body in (("PATCH", {"data": []}), ("PUT", {"data": []}), ("GET", None)):
        assert "path parameter userId" in told(desk.request(method, "/endusers/bulk", body), 400)


def test_bulk_calls_may_be_sent_there_where_it_is_configured(tmp_path):
    with Server(tmp_path / "data", config="[dixa]\nbulk_alias = true\n") as running:
        org = running.create_org()
        with Desk(org) as desk:
            made = desk.create(displayName="Ada")

            def send(method, item):
                # Below what compares answers with the documents, which have no place for this.
                body = json.dumps({"data": [{"id": made["id"], **item}]})
                head = f"{method} /v1/endusers/bulk HTTP/1.1\r\nHost: x\r\nAuthorization: {desk.token}\r\n"
                answer = exchange(running, f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
                return answer[0], json.loads(answer[1])

            patched = {"data": {**made, "firstName": "A"}, "_type": "BulkActionSuccess"}
            assert send("PATCH", {"firstName": "A"}) == (200, {"data": [patched]})
            updated = {"data": {**made, "displayName": "B"}, "_type": "BulkActionSuccess"}
            assert send("PUT", {"displayName": "B"}) == (200, {"data": [updated]})
            assert "path parameter userId" in told(desk.get("/endusers/bulk"), 400)
        org.close()


@pytest.mark.parametrize("identifier", ["1", "x", f"{NOBODY}x", NOBODY.replace("-", ""), "%20", "{" + NOBODY + "}"])
def test_id_of_a_wrong_form_names_its_parameter(desk, identifier):
    for path, name in (
        (f"/endusers/{identifier}", "userId"),
        (f"/endusers/{identifier}/conversations", "userId"),
        (f"/anonymization/request/{identifier}", "requestId"),
        (f"/custom-attributes/{identifier}", "customAttributeId"),
    ):
        assert f"path parameter {name}" in told(desk.get(path), 400)
    assert "path parameter userId" in told(desk.patch(f"/endusers/{identifier}/anonymize"), 400)


@pytest.mark.parametrize("identifier", ["x", "1.5", "9223372036854775808", NOBODY])
def test_conversation_id_of_a_wrong_form_names_its_parameter(desk, identifier):
    assert "path parameter conversationId" in told(desk.get(f"/conversations/{identifier}"), 400)
    assert "path parameter conversationId" in told(desk.patch(f"/conversations/{identifier}/anonymize"), 400)


@pytest.mark.parametrize("version", [1, 3, 4, 5, 7])
def test_uuid_of_any_version_is_an_id(desk, version):
    nobody = NOBODY[:14] + str(version) + NOBODY[15:]
    assert told(desk.get(f"/endusers/{nobody}"), 404) == NOT_FOUND


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/endusers/{NOBODY}"),
        ("PATCH", f"/endusers/{NOBODY}/anonymize"),
        ("GET", f"/endusers/{NOBODY}/conversations"),
        ("GET", "/conversations/404"),
        ("PATCH", "/conversations/404/anonymize"),
        ("PATCH", f"/conversations/404/messages/{NOBODY}/anonymize"),
        ("GET", f"/anonymization/request/{NOBODY}"),
        ("GET", f"/custom-attributes/{NOBODY}"),
    ],
)
def test_what_is_not_there_is_not_found(desk, method, path):
    assert told(desk.request(method, path), 404) == NOT_FOUND


# ---- Bodies ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b'{"displayName": "\xff"}',
        b'{"displayName": 1}',
        b'{"displayName": ["x"]}',
        b'{"email": {}}',
        b'{"additionalEmails": "a@b.de"}',
        b'{"additionalEmails": [1]}',
        b'{"middleNames": [null]}',
        b'{"displayName": "\\ud800"}',
        b"{} {}",
    ],
    ids=repr,
)
def test_body_that_cannot_be_decoded_is_an_invalid_body(desk, body):
    answer = desk.http.post("/v1/endusers", content=body, headers={"Content-Type": "application/json"})
    assert told(answer, 400).startswith("Invalid value for: body")
    assert desk.list() == []


def test_members_of_no_meaning_are_ignored(desk):
    made = desk.create(
        displayName="Ada", givenName="A", familyName="L", id=NOBODY, createdAt="x", customAttributes=[{}]
    )
    assert made["id"] != NOBODY and set(made) & {"givenName", "familyName"} == set() and made["customAttributes"] == []
    assert desk.data("PATCH", f"/endusers/{made['id']}", {"firstName": "A", "nothing": [1]})["firstName"] == "A"


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "text/plain", "application/xml", None])
def test_body_is_json_whatever_its_type_says(desk, content_type):
    headers = {"Content-Type": content_type} if content_type else {}
    answer = desk.http.post("/v1/endusers", content=b'{"displayName":"Ada"}', headers=headers)
    assert answer.status_code == 201, answer.text


def test_empty_body_of_json_is_none_where_none_is_expected(desk):
    made = desk.create()
    headers = {"Content-Type": "application/json", "Content-Length": "0"}
    assert desk.http.get(f"/v1/endusers/{made['id']}", headers=headers).status_code == 200
    answer = desk.http.patch(f"/v1/endusers/{made['id']}/anonymize", content=b"", headers=headers)
    assert answer.status_code == 202


def test_body_over_the_limit_is_too_large_and_bulk_calls_have_their_own(desk):
    over = "x" * (1 << 20)
    told(desk.post("/endusers", {"displayName": "Ada", "padding": over}), 413)
    data = [{"displayName": "Ada", "padding": over} for _ in range(9)]
    assert desk.post("/endusers/bulk", {"data": data}).status_code == 201
    told(desk.post("/endusers/bulk", {"data": [*data, *data[:2]]}), 413)
    assert len(desk.list()) == 9


def test_head_that_is_too_large_is_told_in_this_form(desk):
    answer = desk.http.get("/v1/endusers", headers={"X-Long": "x" * 20_000})
    told(answer, 431)


def test_answers_are_json_with_a_length_and_an_id(desk):
    for answer in (desk.post("/endusers", {}), desk.get("/endusers"), desk.get(f"/endusers/{NOBODY}")):
        assert answer.headers["content-type"].startswith("application/json")
        assert int(answer.headers["content-length"]) == len(answer.content)
        assert answer.headers["x-request-id"]


def test_head_request_is_answered_like_a_get_without_its_body(desk):
    answer = desk.http.head("/v1/endusers")
    assert (answer.status_code, answer.content) == (200, b"")


# ---- Rates -------------------------------------------------------------------------------------


def test_calls_beyond_the_rate_of_a_token_are_too_many(tmp_path):
    config = "[dixa]\nrequests_per_second = 2\nburst = 3\n"
    with Server(tmp_path / "data", config=config, rate_limits=True) as running:
        org, neighbour = running.create_org(), running.create_org()
        with Desk(org) as desk, Desk(neighbour) as other:
            answers = [desk.get("/organization") for _ in range(10)]
            statuses = [answer.status_code for answer in answers]
            assert statuses[:3] == [200] * 3 and 429 in statuses
            refused = next(answer for answer in answers if answer.status_code == 429)
            assert told(refused, 429) == "Too Many Requests"
            assert 1 <= int(refused.headers["retry-after"]) <= 2
            assert other.get("/organization").status_code == 200, "each token has its own"
            # Not every operation has its own: what is refused here is refused there.
            assert desk.get("/endusers").status_code == 429
        org.close()
        neighbour.close()


def test_rates_are_off_in_a_server_without_limits(desk):
    answers = [desk.get("/organization") for _ in range(40)]
    assert {answer.status_code for answer in answers} == {200}


def test_another_organization_sees_nothing_of_this_one(desk, other_org):
    made = desk.create(displayName="Ada", email=address(), externalId="x")
    with Desk(other_org) as other:
        assert other.list() == [] == other.list(email=made["email"]) == other.list(externalId="x")
        assert told(other.get(f"/endusers/{made['id']}"), 404) == NOT_FOUND
        # What is unique is so in each organization.
        twin = other.create(email=made["email"])
        assert twin["id"] != made["id"]


@pytest.mark.parametrize("slug", ["conversations", "custom-attributes", "anonymization", "organization"])
def test_organization_may_have_a_name_that_is_a_word_of_this_dialect(start, slug):
    running = start()
    org = running.create_org(slug=slug)
    invited = org.invite(first_name="Ada")
    assert org.admin.user(invited)["first_name"] == "Ada"
    assert org.admin.get("/organization/").status_code == 200
    with Desk(org) as desk:
        made = desk.create(displayName="Ada")
        assert desk.list() == [made] == [desk.contact(made["id"])]
        assert desk.data("GET", "/organization")["subdomain"] == slug
        assert "path parameter userId" in told(desk.get("/endusers/nobody"), 400)
    org.close()


def test_contacts_and_members_do_not_meet(org, desk):
    name = "Xenokleia"
    email = address("both")
    contact = desk.create(displayName=name, firstName=name, email=email)
    assert org.admin.search(name) == [] == org.admin.search(email)
    assert org.admin.users(email=email) == []
    # An address that a contact has is free for a member, and the other way round.
    member = org.invite(first_name=name, email=email)
    assert [user["user_id"] for user in org.admin.search(name)] == [member]
    assert desk.list(email=email) == [contact] == desk.list()
    assert desk.create(email=org.admin_email)["email"] == org.admin_email
    assert org.admin.delete(f"/user/{member}").status_code == 200
    desk.processed(desk.data("PATCH", f"/endusers/{contact['id']}/anonymize", status=202)["id"])
    assert org.admin.search(name) == []
