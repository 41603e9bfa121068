"""Every way to authenticate, and what a token is made of."""

import base64
import json
from datetime import UTC, datetime, timedelta

import httpx
import jwt
import pytest
from amigo_sdk.generated.model import UserSearchUsersResponse, UserSignInWithApiKeyResponse

from support import exchange, locations

UNKNOWN_ID = "0123456789abcdef01234567"


@pytest.fixture
def bare(server):
    """A client without credentials."""
    with server.client() as http:
        yield http


def users_of(org):
    return f"/v1/{org.slug}/user/"


def test_signing_in_answers_a_token_for_an_hour(org, bare):
    caller = org.admin
    answer = bare.post(f"/v1/{org.slug}/user/signin_with_api_key", headers=caller.key_headers())
    assert answer.status_code == 200 and set(answer.json()) == {"id_token", "expires_at"}
    token = UserSignInWithApiKeyResponse.model_validate_json(answer.text)
    left = token.expires_at - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(minutes=60)


@pytest.mark.parametrize("missing", ["X-API-KEY", "X-API-KEY-ID", "X-USER-ID"])
def test_a_missing_sign_in_header_is_named(org, bare, missing):
    headers = org.admin.key_headers()
    del headers[missing]
    found = locations(bare.post(f"/v1/{org.slug}/user/signin_with_api_key", headers=headers))
    assert found == {("header", missing.lower())}


@pytest.mark.parametrize(
    "change",
    [
        {"X-API-KEY": "wrong"},
        {"X-API-KEY-ID": "5c0f4b1e-6a0e-4f6f-9d53-0d8a3b0c7e21"},
        {"X-API-KEY-ID": "no uuid"},
        {"X-USER-ID": UNKNOWN_ID},
        {"X-USER-ID": "no id"},
    ],
    ids=str,
)
def test_wrong_sign_in_headers_are_told_apart_by_nothing(org, bare, change):
    headers = {**org.admin.key_headers(), **change}
    answer = bare.post(f"/v1/{org.slug}/user/signin_with_api_key", headers=headers)
    wrong_key = bare.post(
        f"/v1/{org.slug}/user/signin_with_api_key", headers={**org.admin.key_headers(), "X-API-KEY": "x"}
    )
    assert answer.status_code == 401
    assert answer.json() == wrong_key.json()
    direct = bare.get(users_of(org), headers=headers)
    assert direct.status_code == 401


def test_a_key_of_another_organization_does_not_sign_in(org, other_org, bare):
    headers = {**org.admin.key_headers(), "X-USER-ID": other_org.made["member_id"]}
    assert bare.post(f"/v1/{other_org.slug}/user/signin_with_api_key", headers=headers).status_code == 401


def test_bearer_basic_and_the_direct_key_headers_all_serve(org, bare):
    caller = org.admin
    bearer = bare.get(users_of(org), headers={"Authorization": f"Bearer {caller.token}"})
    basic = bare.get(users_of(org), auth=(f"{org.slug}_{caller.user_id}", caller.token))
    direct = bare.get(users_of(org), headers=caller.key_headers())
    lower = bare.get(users_of(org), headers={"Authorization": f"bearer {caller.token}"})
    named = bare.get(users_of(org), headers={"Authorization": f"Bearer {caller.token}", "X-ORG-ID": org.slug})
    for answer in (bearer, basic, direct, lower, named):
        assert answer.status_code == 200
        assert answer.json() == bearer.json()


def test_headers_of_the_published_client_surroundings_are_ignored(org, bare):
    headers = {
        **org.admin.key_headers(),
        "x-mongo-cluster-name": "elsewhere",
        "Sec-WebSocket-Protocol": "a, b",
    }
    assert bare.get(users_of(org), headers=headers).status_code == 200


def credentials_that_fail(org):
    token = org.admin.token
    head, payload, signature = token.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    tampered = base64.urlsafe_b64encode(b'{"sub":"x","exp":99999999999}').rstrip(b"=").decode()
    bearer = {
        "nonsense": "nonsense",
        "unsigned": f"{none}.{payload}.",
        "other payload": f"{head}.{tampered}.{signature}",
        "other signature": f"{head}.{payload}.{'A' * len(signature)}",
        "cut": token[:-10],
        "two dots": "..",
        "long": "x" * 4000,
    }
    yield "none", {}
    yield "unknown scheme", {"Authorization": f"Token {token}"}
    yield "basic without colon", {"Authorization": "Basic " + base64.b64encode(b"nothing").decode()}
    yield "basic of nonsense", {"Authorization": "Basic ???"}
    for user in (f"{org.slug}_{UNKNOWN_ID}", f"other_{org.admin.user_id}", org.slug, ""):
        pair = base64.b64encode(f"{user}:{token}".encode()).decode()
        yield f"basic as {user!r}", {"Authorization": f"Basic {pair}"}
    for name, value in bearer.items():
        yield name, {"Authorization": f"Bearer {value}"}


def test_bad_credentials_are_all_refused_alike(org, bare):
    for name, headers in credentials_that_fail(org):
        answer = bare.get(users_of(org), headers=headers)
        assert answer.status_code == 401, name
        assert isinstance(answer.json()["detail"], str), name


@pytest.mark.parametrize("value", ["Bearer", "Bearer ", "Bearer   ", "", " ", "Basic ", "Basic Og=="])
def test_empty_credentials_are_refused(org, value):
    # httpx refuses to send some of these, so they go out as bytes.
    request = f"GET {users_of(org)} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {value}\r\n\r\n"
    status, body = exchange(org.server, request.encode())
    assert status == 401 and isinstance(json.loads(body)["detail"], str)


def test_a_refused_call_has_no_side_effect(org, bare):
    body = {"first_name": "A", "last_name": "B", "email": "x@example.com", "role_name": "DefaultUserRole"}
    assert bare.post(users_of(org), json=body).status_code == 401
    assert bare.delete(f"{users_of(org)}{org.made['member_id']}").status_code == 401
    assert [user["user_id"] for user in org.admin.users()] == [org.made["member_id"]]


def test_a_token_serves_its_own_organization_unless_it_is_named(org, other_org):
    http = org.admin.http
    assert http.get(users_of(other_org)).status_code == 401
    assert http.get(users_of(other_org), headers={"X-ORG-ID": other_org.slug}).status_code == 401
    assert http.get(users_of(org), headers={"X-ORG-ID": other_org.slug}).status_code == 401
    # Named rightly, the caller is known, and reaches no organization but its own and those that it made.
    target = other_org.invite()
    for caller in (org.admin, org.member("DefaultAdministratorRole")):
        named = {"X-ORG-ID": org.slug}
        listed = caller.http.get(users_of(other_org), headers=named)
        unknown = caller.http.get("/v1/nobody/user/", headers=named)
        assert listed.status_code == unknown.status_code == 404
        assert listed.json() == unknown.json(), "whether an organization exists is not told"
        assert caller.http.delete(f"{users_of(other_org)}{target}", headers=named).status_code == 404
    assert other_org.admin.user(target) is not None


def test_the_published_key_set_verifies_a_token_that_carries_nothing_personal(org, bare):
    member = org.member(first_name="Personalia", last_name="Privatissima", email="very.private@example.com")
    answer = bare.get("/.well-known/jwks.json")
    assert answer.status_code == 200
    keys = jwt.PyJWKSet.from_dict(answer.json())
    for item in answer.json()["keys"]:
        assert "d" not in item, "the private half of the key must never be published"
    header = jwt.get_unverified_header(member.token)
    assert header["alg"] == "EdDSA"
    key = keys[header["kid"]]
    claims = jwt.decode(member.token, key, algorithms=["EdDSA"], options={"verify_aud": False, "require": ["exp"]})
    assert claims["exp"] > datetime.now(UTC).timestamp()
    content = json.dumps([header, claims], ensure_ascii=False).lower()
    for personal in ("personalia", "privatissima", "very.private", "example.com"):
        assert personal not in content
    broken = member.token[:-6] + ("AAAAAA" if not member.token.endswith("AAAAAA") else "BBBBBB")
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(broken, key, algorithms=["EdDSA"], options={"verify_aud": False})


def test_a_token_survives_a_restart_of_the_server(start):
    running = start()
    org = running.create_org()
    caller = org.admin
    assert caller.get("/user/").status_code == 200
    running.stop()
    running.start()
    assert caller.get("/user/").status_code == 200
    org.close()


def test_the_life_of_a_token_is_configurable(start):
    running = start(config="[amigo]\ntoken_minutes = 7\n")
    org = running.create_org()
    answer = org.admin.post("/user/signin_with_api_key", headers=org.admin.key_headers())
    left = UserSignInWithApiKeyResponse.model_validate_json(answer.text).expires_at - datetime.now(UTC)
    assert timedelta(minutes=6) < left <= timedelta(minutes=7)
    org.close()


def test_raw_answers_pass_through_the_sdks_own_models(org):
    org.invite(first_name="Modelled")
    answer = org.admin.get("/user/search/", params={"query": "modelled"})
    assert UserSearchUsersResponse.model_validate_json(answer.text).users[0].first_name == "Modelled"


def test_reading_an_organization_with_bad_credentials_is_not_anonymous_success_with_details(org, bare):
    answer = httpx.get(
        f"{org.server.url}/v1/{org.slug}/organization/", headers={"Authorization": "Bearer x"}, trust_env=False
    )
    # The contract documents no 401 here: a bad token is the same as none.
    assert answer.status_code == 200 and answer.json()["default_user_preferences"] is None
