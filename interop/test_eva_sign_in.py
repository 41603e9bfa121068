"""Operators sign in as the product does it, with the clients of OpenID Connect that people use: Authlib and python-keycloak."""

import base64
import json
import re
import threading
import time
import uuid

import httpx
import pytest
from authlib.integrations.requests_client import OAuth2Session, OAuthError
from authlib.oidc.core import IDToken
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError
from joserfc.jwk import KeySet
from keycloak import KeycloakAuthenticationError, KeycloakGetError, KeycloakOpenID, KeycloakPostError

import stores
from cockpit import CLIENT, NOBODY, PASSWORD, Cockpit, Office, Realm, refused, told
from support import Server, address, eventually, unique

WRONG = "Invalid user credentials"


def keycloak(office, **options):
    return KeycloakOpenID(server_url=f"{office.server.url}/auth/", realm_name=office.slug, client_id=CLIENT, **options)


def authlib(office, **options):
    made = OAuth2Session(CLIENT, token_endpoint=office.realm.token_url, **options)
    made.trust_env = False
    return made


def claims_of(token):
    """What a token says, believed without a look at its signature."""
    body = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))


@pytest.fixture(scope="module")
def operator(office):
    """One who is no administrator."""
    made = office.operator(environments=[{"role": "SUPERVISOR", "environment": office.sales}])
    made.email = made.taken("GET", "/me")["email"]
    return made


# ---- The token endpoint ------------------------------------------------------------------------


def test_tokens_have_the_published_members_and_may_be_kept_nowhere(office):
    answer = office.realm.ask_by_password(office.email, office.password)
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"].startswith("application/json")
    tokens = answer.json()
    assert tokens["token_type"] == "Bearer" and "id_token" not in tokens
    assert (tokens["expires_in"], tokens["refresh_expires_in"]) == (300, 1800)
    assert tokens["scope"] == "email profile"
    for name in ("access_token", "refresh_token"):
        assert tokens[name].count(".") == 2 and len(tokens[name]) <= 800, "as long as the product's at most"


def test_no_token_to_call_with_says_anything_personal(office):
    for scope in ({}, {"scope": "openid"}, {"scope": "openid profile email"}):
        tokens = office.realm.sign_in(office.email, office.password, **scope)
        for name in ("access_token", "refresh_token"):
            said = json.dumps(claims_of(tokens[name]))
            assert office.email not in said and "@" not in said, said
        # But the ID token, which is there for it.
        assert ("id_token" in tokens) == bool(scope)
        assert not scope or claims_of(tokens["id_token"])["email"] == office.email


@pytest.mark.parametrize("prefix", ["/auth", ""])
@pytest.mark.parametrize("name", ["slug", "uuid", "UPPER"])
def test_the_realm_is_the_slug_or_the_uuid_with_and_without_the_beginning(office, prefix, name):
    named = {"slug": office.slug, "uuid": office.uuid, "UPPER": office.uuid.upper()}[name]
    tokens = Realm(office.server, named, prefix).sign_in(office.email.upper(), office.password)
    assert Cockpit(office.server, office.uuid, tokens).taken("GET", "/me")["email"] == office.email


@pytest.mark.parametrize("client", [CLIENT, "eva-api", "a-shop's script"])
def test_any_client_signs_operators_in_and_is_named_in_the_token(office, client):
    tokens = office.realm.sign_in(office.email, office.password, client_id=client, scope="openid profile email")
    assert claims_of(tokens["access_token"])["azp"] == client
    identity = claims_of(tokens["id_token"])
    assert identity["aud"] == client and identity["email"] == office.email and identity["name"]


def test_what_is_no_request_for_tokens_is_told_as_the_standard_says(office):
    ask, realm = office.realm.ask, office.realm
    known = {"username": office.email, "password": office.password}
    for grant in ("client_credentials", "authorization_code", "x"):
        refused(ask(grant_type=grant, **known), 400, "unsupported_grant_type")
    refused(ask(**known), 400, "invalid_request")
    refused(ask(grant_type="password", username=office.email), 400, "invalid_request")
    refused(ask(grant_type="password", password="x"), 400, "invalid_request")
    refused(ask(grant_type="refresh_token"), 400, "invalid_request")
    for token in ("x", "a.b.c", office.admin.tokens["access_token"], office.admin.tokens["refresh_token"] + "x"):
        refused(ask(grant_type="refresh_token", refresh_token=token), 400, "invalid_grant")
    for other in (unique("nobody"), NOBODY, "a b"):
        answer = Realm(office.server, other).ask_by_password(office.email, office.password)
        assert answer.status_code == 404 and list(answer.json())[0] == "error", answer.text
        assert Realm(office.server, other).http.get(Realm(office.server, other).url).status_code == 404
    assert realm.http.get(realm.token_url).status_code == 405
    assert realm.http.post(realm.token_url, json=known).status_code in (400, 415)


def test_a_token_of_one_kind_is_not_taken_for_the_other(office):
    stranger = Cockpit(office.server, office.uuid, {"access_token": office.admin.tokens["refresh_token"]})
    told(stranger.get("/me"), 401)
    signed_in = office.realm.sign_in(office.email, office.password, scope="openid")
    told(Cockpit(office.server, office.uuid, {"access_token": signed_in["id_token"]}).get("/me"), 401)
    refused(office.realm.ask(grant_type="refresh_token", refresh_token=signed_in["id_token"]), 400, "invalid_grant")


def test_wrong_unknown_and_deleted_are_the_same_to_whoever_asks(office):
    gone = office.admin.create(password=PASSWORD)
    office.realm.sign_in(gone["email"])
    office.admin.delete(f"/{gone['uuid']}")
    linked = office.admin.create()
    cases = [(office.email, "Wrong-Horse-7"), (address(), PASSWORD), (gone["email"], PASSWORD), (linked["email"], PASSWORD)]
    answers = []
    for email, password in cases:
        before = hashes_of(office.server)
        answer = office.realm.ask_by_password(email, password)
        assert refused(answer, 401, "invalid_grant") == WRONG
        # A sign-in that skipped the hash would tell by its quickness that there is no such password.
        assert hashes_of(office.server) == before + 1, email
        kept = {k.lower(): v for k, v in answer.headers.items() if k.lower() not in ("date", "x-request-id")}
        answers.append((kept, answer.text))
    assert all(answer == answers[0] for answer in answers)


def hashes_of(server):
    """How many passwords the server has hashed."""
    text = httpx.get(server.url + "/metrics", trust_env=False).text
    return int(re.search(r"^denizen_password_hashes_total (\d+)$", text, re.MULTILINE)[1])


# ---- Authlib -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["none", "client_secret_post", "client_secret_basic"])
def test_authlib_signs_in_calls_and_refreshes_however_it_names_the_client(office, method):
    secret = None if method == "none" else "a secret that nobody looks at"
    renewed = []
    keep = {"update_token": lambda token, **_: renewed.append(token), "leeway": 0}
    with authlib(office, client_secret=secret, token_endpoint_auth_method=method, scope="openid email", **keep) as client:
        token = client.fetch_token(username=office.email, password=office.password)
        assert claims_of(token["access_token"])["azp"] == CLIENT
        me = f"{office.server.url}/eva-user/org/{office.uuid}/users/me"
        assert client.get(me).json()["email"] == office.email
        fresh = client.refresh_token()
        assert fresh["access_token"] != token["access_token"]
        assert claims_of(fresh["access_token"])["sid"] == claims_of(token["access_token"])["sid"]
        assert client.get(me).json()["email"] == office.email
        # The client takes a token that has run out for a reason to refresh by itself.
        client.token = {**fresh, "expires_at": int(time.time()) - 1}
        assert client.get(me).status_code == 200 and len(renewed) == 2


def test_authlib_validates_tokens_by_what_is_discovered(office):
    found = office.realm.discovery()
    assert found["issuer"] == office.realm.url
    assert found["token_endpoint"] == office.realm.token_url
    assert {"password", "refresh_token"} <= set(found["grant_types_supported"])
    assert found["id_token_signing_alg_values_supported"] == ["ES256"]
    with authlib(office, scope="openid profile email") as client:
        token = client.fetch_token(found["token_endpoint"], username=office.email, password=office.password)
        keys = KeySet.import_key_set(client.get(found["jwks_uri"], withhold_token=True).json())
        assert client.get(found["userinfo_endpoint"]).json()["email"] == office.email
    identity = jwt.decode(token["id_token"], keys)
    assert identity.header["alg"] == "ES256" and identity.header["kid"] in {key.kid for key in keys.keys}
    rules = {"iss": {"essential": True, "value": found["issuer"]}, "aud": {"essential": True, "value": CLIENT}}
    claims = IDToken(identity.claims, identity.header, rules, {"client_id": CLIENT, "access_token": token["access_token"]})
    claims.validate(leeway=0)
    access = jwt.decode(token["access_token"], keys)
    assert access.claims["iss"] == found["issuer"] and access.claims["typ"] == "Bearer"
    assert access.claims["sub"] == identity.claims["sub"] == office.admin.taken("GET", "/me")["uuid"]
    assert 0 < access.claims["exp"] - access.claims["iat"] <= 300 and access.claims["jti"]
    jwt.JWTClaimsRegistry(iss={"essential": True, "value": found["issuer"]}, exp={"essential": True}).validate(access.claims)


def test_a_token_that_somebody_changed_is_valid_nowhere(office):
    keys = KeySet.import_key_set({"keys": office.realm.keys()})
    head, body, signature = office.realm.sign_in(office.email, office.password)["access_token"].split(".")
    said = claims_of(f"{head}.{body}.{signature}") | {"sub": NOBODY}
    forged = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
    nothing = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    for token in (f"{head}.{forged}.{signature}", f"{nothing}.{body}.", f"{head}.{body}.{'A' * 86}", f"{head}.{body}."):
        told(Cockpit(office.server, office.uuid, {"access_token": token}).get("/me"), 401)
    with pytest.raises(BadSignatureError):
        jwt.decode(f"{head}.{forged}.{signature}", keys)


def test_authlib_is_told_what_is_wrong_in_its_own_terms(office):
    with authlib(office) as client:
        with pytest.raises(OAuthError, match="invalid_grant: " + WRONG):
            client.fetch_token(username=office.email, password="Wrong-Horse-7")
        with pytest.raises(OAuthError, match="unsupported_grant_type"):
            client.fetch_token(grant_type="client_credentials")


# ---- python-keycloak ---------------------------------------------------------------------------


def test_python_keycloak_signs_in_refreshes_and_knows_who_it_is(office, operator):
    client = keycloak(office)
    token = client.token(operator.email, PASSWORD)
    assert token["scope"] == "openid email profile", "it asks for openid alone, by itself"
    person = client.userinfo(token["access_token"])
    assert (person["sub"], person["email"], person["name"]) == (operator.user_id, operator.email, "Ada Lovelace")
    assert person["preferred_username"] == operator.email
    said = client.decode_token(token["access_token"])
    assert said["sub"] == operator.user_id and said["azp"] == CLIENT and said["iss"] == office.realm.url
    identity = client.decode_token(token["id_token"])
    assert (identity["aud"], identity["email"], identity["name"]) == (CLIENT, operator.email, "Ada Lovelace")
    fresh = client.refresh_token(token["refresh_token"])
    assert client.decode_token(fresh["access_token"])["sub"] == operator.user_id
    assert client.well_known()["issuer"] == office.realm.url
    assert [key["alg"] for key in client.certs()["keys"]] == ["ES256"]
    with pytest.raises(KeycloakAuthenticationError):
        client.token(operator.email, "Wrong-Horse-7")
    with pytest.raises(KeycloakAuthenticationError):
        client.userinfo("x.y.z")
    with pytest.raises(KeycloakPostError, match="invalid_grant"):
        client.refresh_token("x")
    nowhere = KeycloakOpenID(server_url=f"{office.server.url}/auth/", realm_name=unique("nobody"), client_id=CLIENT)
    with pytest.raises(KeycloakPostError):
        nowhere.token(operator.email, PASSWORD)
    with pytest.raises(KeycloakGetError):
        nowhere.well_known()


# ---- The end of rights -------------------------------------------------------------------------


def test_another_password_ends_what_was_signed_before(office):
    one = office.operator()
    email = one.taken("GET", "/me")["email"]
    body = {"name": "Ada", "email": email, "password": "Other-Horse-8", "passwordConfirmation": "Other-Horse-8"}
    assert office.admin.put(f"/{one.user_id}", body).status_code == 200
    told(one.get("/me"), 401)
    refused(office.realm.ask(grant_type="refresh_token", refresh_token=one.tokens["refresh_token"]), 400, "invalid_grant")
    assert refused(office.realm.ask_by_password(email, PASSWORD), 401, "invalid_grant") == WRONG
    assert office.sign_in(email, "Other-Horse-8").taken("GET", "/me")["uuid"] == one.user_id


def test_a_deleted_operator_is_refused_at_once_and_another_flag_is_felt_at_once(office):
    one = office.operator()
    mine = one.taken("GET", "/me")
    assert one.get().status_code == 200
    change = {"name": mine["name"], "email": mine["email"]}
    sales = [{"role": "SUPERVISOR", "environment": office.sales}]
    for is_admin, status in [(False, 403), (True, 200), (False, 403)]:
        changed = {**change, "admin": is_admin} | ({} if is_admin else {"environments": sales})
        assert office.admin.put(f"/{one.user_id}", changed).status_code == 200
        assert one.get().status_code == status, "with the token of before"
    assert office.admin.delete(f"/{one.user_id}").status_code == 204
    told(one.get("/me"), 401)
    told(one.get("/configuration", params={"key": "x"}), 401)
    refused(office.realm.ask(grant_type="refresh_token", refresh_token=one.tokens["refresh_token"]), 400, "invalid_grant")


# ---- Rotation ----------------------------------------------------------------------------------


def kid_of(token):
    head = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]


def test_keys_are_rotated_without_one_failed_call(tmp_path):
    with Server(tmp_path / "data") as running:
        office = Office(running)
        old = office.admin.tokens
        stop, calls, failed = threading.Event(), [], []

        def call():
            # As a service of another language would: each token is validated by the keys that were published last.
            caller, keys = office.admin, KeySet.import_key_set({"keys": office.realm.keys()})
            while not stop.is_set():
                answer = caller.get("/me")
                renewed = office.realm.ask(grant_type="refresh_token", refresh_token=caller.tokens["refresh_token"])
                calls.append(answer.status_code)
                if answer.status_code != 200 or renewed.status_code != 200:
                    failed.append((answer.text, renewed.text))
                    return
                caller = Cockpit(running, office.uuid, renewed.json())
                try:
                    jwt.decode(caller.tokens["access_token"], keys)
                except (BadSignatureError, InvalidKeyIdError) as error:
                    failed.append(repr(error))
                    return
                keys = KeySet.import_key_set({"keys": office.realm.keys()})

        caller = threading.Thread(target=call)
        caller.start()
        before = {key["kid"] for key in office.realm.keys()}
        running.command("signing-key", "rotate")
        published = eventually(lambda: {key["kid"] for key in office.realm.keys()} - before, seconds=5, what="the new key")
        (new,) = published
        assert kid_of(office.realm.sign_in(office.email, office.password)["access_token"]) in before, "it waits a while"
        # Instead of the minutes that lie between: they are over.
        stores.execute_beside(running.data, f"UPDATE signing_key SET signs_from = 0 WHERE kid = '{new}'")
        stores.execute_beside(running.data, f"UPDATE signing_key SET signs_from = -1 WHERE kid <> '{new}'")
        tokens = eventually(
            lambda: (made := office.realm.sign_in(office.email, office.password))
            and kid_of(made["access_token"]) == new
            and made,
            seconds=5,
            what="a token of the new key",
        )
        stop.set()
        caller.join(timeout=30)
        assert failed == [] and len(calls) > 10
        assert Cockpit(running, office.uuid, tokens).get("/me").status_code == 200
        assert Cockpit(running, office.uuid, old).get("/me").status_code == 200, "the old key verifies on"
        shown = running.command("signing-key", "list").stdout
        assert new in shown and all(kid in shown for kid in before)
        for kid in before:
            running.command("signing-key", "retire", kid)
        eventually(
            lambda: Cockpit(running, office.uuid, old).get("/me").status_code == 401,
            seconds=5,
            what="the end of the retired key",
        )
        assert Cockpit(running, office.uuid, tokens).get("/me").status_code == 200
        assert {key["kid"] for key in office.realm.keys()} == {new}
        office.close()
