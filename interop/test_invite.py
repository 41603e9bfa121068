"""Inviting users over raw HTTP: fields, limits, and errors in FastAPI's form."""

import pytest

from support import ORIGIN, address, eventually, locations, unique


def body(**changes):
    fields = {"first_name": "Ada", "last_name": "L", "email": address(), "role_name": "DefaultUserRole"}
    return {name: value for name, value in {**fields, **changes}.items() if value is not ...}


@pytest.mark.parametrize("path", ["/user/", "/user/invite", "/user", "/user/invite/"])
def test_both_generations_of_the_path_create_an_unverified_user(admin, path):
    sent = body()
    answer = admin.post(path, sent)
    assert answer.status_code == 201
    assert set(answer.json()) == {"user_id", "verify_link"}
    assert answer.json()["verify_link"] is None
    user = admin.user(answer.json()["user_id"])
    assert (user["email"], user["is_verified"]) == (sent["email"], False)


def test_a_new_user_object_has_every_field_of_the_contract(org, admin):
    user = admin.user(org.invite())
    assert {name: user[name] for name in user if name not in ("user_id", "email", "role")} == {
        "org_id": org.slug,
        "first_name": "Ada",
        "last_name": "Lovelace",
        "is_verified": False,
        "user_stats": {"num_conversations": 0, "num_messages": 0, "last_message_time": None},
        "preferences": {
            "enable_response_recommendation": False,
            "preferred_language": None,
            "conversations_visible_to_admins": True,
            "user_model_visible_to_admins": True,
            "timezone": None,
            "audio_keyterms": [],
        },
        "nonsensitive_variables": {},
        "sensitive_variables": [],
        "enable_actions_access": False,
    }
    assert user["role"] == org.roles()["DefaultUserRole"]["id"]


def test_a_verify_link_is_answered_only_with_a_login_link(org, admin):
    answer = admin.post("/user/", body(login_link=f"{ORIGIN}/login"))
    assert answer.status_code == 201
    assert isinstance(answer.json()["verify_link"], str)
    assert admin.post("/user/", body(login_link=None)).json()["verify_link"] is None


def test_names_are_trimmed_and_kept_as_written(admin):
    user_id = admin.post("/user/", body(first_name="  José \t", last_name="\u2003van  der Berg ")).json()["user_id"]
    user = admin.user(user_id)
    assert (user["first_name"], user["last_name"]) == ("José", "van  der Berg")


def test_the_spelling_of_an_address_is_kept_and_its_case_ignored(admin):
    email = address("MiXed.Case")
    assert admin.post("/user/", body(email=email)).status_code == 201
    for same in (email, email.upper(), email.lower()):
        taken = admin.post("/user/", body(email=same))
        assert taken.status_code == 409 and isinstance(taken.json()["detail"], str)
        assert [user["email"] for user in admin.users(email=same)] == [email]


def test_the_same_address_may_be_used_in_another_organization(org, other_org):
    email = address()
    assert org.invite(email=email) != other_org.invite(email=email)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"first_name": ...}, ("body", "first_name")),
        ({"last_name": ...}, ("body", "last_name")),
        ({"email": ...}, ("body", "email")),
        ({"role_name": ...}, ("body", "role_name")),
        ({"first_name": ""}, ("body", "first_name")),
        ({"last_name": " \n\t"}, ("body", "last_name")),
        ({"first_name": None}, ("body", "first_name")),
        ({"first_name": 7}, ("body", "first_name")),
        ({"first_name": "nul\x00l"}, ("body", "first_name")),
        ({"email": "nobody"}, ("body", "email")),
        ({"email": "two@at@example.com"}, ("body", "email")),
        ({"email": "a b@example.com"}, ("body", "email")),
        ({"email": ["a@example.com"]}, ("body", "email")),
        ({"role_name": 1}, ("body", "role_name")),
        ({"login_link": "not a link"}, ("body", "login_link")),
        ({"login_link": ""}, ("body", "login_link")),
        ({"login_link": "https://example.com/" + "a" * 2083}, ("body", "login_link")),
        ({"user_preferences": "loud"}, ("body", "user_preferences")),
        ({"user_preferences": {"timezone": "Mars/Base"}}, ("body", "user_preferences", "timezone")),
        ({"user_preferences": {"preferred_language": "e"}}, ("body", "user_preferences", "preferred_language")),
        (
            {"user_preferences": {"conversations_visible_to_admins": "sometimes"}},
            ("body", "user_preferences", "conversations_visible_to_admins"),
        ),
        (
            {"nonsensitive_user_variables": {f"name_{n}": "x" for n in range(20)}},
            ("body", "nonsensitive_user_variables"),
        ),
        ({"sensitive_user_variables": {f"name_{n}": "x" for n in range(21)}}, ("body", "sensitive_user_variables")),
        ({"nonsensitive_user_variables": {"Bad-Name": "x"}}, ("body", "nonsensitive_user_variables")),
        ({"nonsensitive_user_variables": {"x": "one letter"}}, ("body", "nonsensitive_user_variables")),
        ({"nonsensitive_user_variables": {"user_id": "x"}}, ("body", "nonsensitive_user_variables")),
        ({"sensitive_user_variables": {"9lives": "x"}}, ("body", "sensitive_user_variables")),
        ({"nonsensitive_user_variables": {"age": 7}}, ("body", "nonsensitive_user_variables")),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else "",
)
def test_an_invalid_field_is_named_and_nothing_is_created(admin, changes, place):
    before = len(admin.users())
    found = locations(admin.post("/user/", body(**changes)))
    # A fault inside a map may be located by its key below the field.
    assert any(seen[: len(place)] == place for seen in found), found
    assert len(admin.users()) == before


def test_every_invalid_field_is_reported_at_once(admin):
    found = locations(admin.post("/user/", {"first_name": " ", "email": "nobody"}))
    assert {("body", "first_name"), ("body", "last_name"), ("body", "email"), ("body", "role_name")} <= found


def test_a_missing_field_is_reported_as_fastapi_does(admin):
    detail = admin.post("/user/", body(email=...)).json()["detail"]
    assert [(item["loc"], item["type"]) for item in detail] == [(["body", "email"], "missing")]
    assert admin.post("/user/").json()["detail"][0]["loc"] == ["body"]
    assert admin.post("/user/", ["a", "list"]).json()["detail"][0]["loc"] == ["body"]


def test_unknown_fields_are_ignored(admin):
    assert admin.post("/user/", body(role="DefaultAdministratorRole", shoe_size=43)).status_code == 201


@pytest.mark.parametrize("name", ["NoSuchRole", "defaultuserrole", ""])
def test_an_unknown_role_is_not_found_and_nothing_is_created(admin, name):
    sent = body(role_name=name)
    answer = admin.post("/user/", sent)
    assert answer.status_code == 404 and isinstance(answer.json()["detail"], str)
    assert admin.users(email=sent["email"]) == []


def test_preferences_and_variables_of_the_invitation_are_kept(org, admin):
    preferences = {
        "enable_response_recommendation": True,
        "preferred_language": "de",
        "conversations_visible_to_admins": False,
        "user_model_visible_to_admins": False,
        "timezone": "Asia/Tokyo",
        "audio_keyterms": ["sake", "go board"],
    }
    user_id = org.invite(
        user_preferences=preferences,
        nonsensitive_user_variables={f"plain_{n}": str(n) for n in range(19)},
        sensitive_user_variables={f"secret_{n}": "hush" for n in range(20)},
    )
    user = admin.user(user_id)
    assert user["preferences"] == preferences
    assert user["nonsensitive_variables"] == {f"plain_{n}": str(n) for n in range(19)}
    assert sorted(user["sensitive_variables"]) == sorted(f"secret_{n}" for n in range(20))


@pytest.mark.parametrize("language", ["de", "deu", "JA", "eng"])
def test_two_and_three_letter_languages_are_kept_as_sent(org, admin, language):
    user = admin.user(org.invite(user_preferences={"preferred_language": language}))
    assert user["preferences"]["preferred_language"] == language


def test_without_preferences_the_organizations_defaults_apply(org, admin):
    defaults = {"preferred_language": "spa", "timezone": "Europe/Madrid", "user_model_visible_to_admins": False}
    assert admin.post("/organization/", {"default_user_preferences": defaults}).status_code == 204
    inherited = admin.user(org.invite())["preferences"]
    assert {name: inherited[name] for name in defaults} == defaults
    own = admin.user(org.invite(user_preferences={"preferred_language": "por"}))["preferences"]
    assert (own["preferred_language"], own["user_model_visible_to_admins"]) == ("por", True)


def test_an_organization_may_verify_its_new_members(org, admin):
    for word, expected in (("true", True), ("false", False)):
        org.set("--verify-new-members", word)
        # Another process made the change, which this server sees within seconds.
        eventually(lambda expected=expected: admin.user(org.invite())["is_verified"] is expected)


def test_an_unknown_organization_is_not_found(admin):
    answer = admin.http.post(f"/v1/{unique('nobody')}/user/signin_with_api_key", headers=admin.key_headers())
    assert answer.status_code == 404 and isinstance(answer.json()["detail"], str)
