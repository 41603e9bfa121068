"""Update, verify and delete over raw HTTP."""

import pytest

from support import address, eventually, locations

UNKNOWN_ID = "0123456789abcdef01234567"


@pytest.fixture
def user_id(org):
    return org.invite(
        user_preferences={"preferred_language": "fra", "timezone": "Europe/Paris", "audio_keyterms": ["croissant"]}
    )


def preferences(admin, user_id):
    return admin.user(user_id)["preferences"]


@pytest.mark.parametrize("suffix", ["", "/user", "/"])
def test_each_generation_of_the_path_updates_and_answers_nothing(admin, user_id, suffix):
    answer = admin.post(f"/user/{user_id}{suffix}", {"first_name": " Zoë "})
    assert (answer.status_code, answer.content) == (204, b"")
    assert admin.user(user_id)["first_name"] == "Zoë"


@pytest.mark.parametrize("field", ["preferred_language", "timezone"])
@pytest.mark.parametrize("suffix", ["", "/user"])
def test_a_three_way_field_is_kept_erased_or_set(admin, user_id, field, suffix):
    path = f"/user/{user_id}{suffix}"
    before = preferences(admin, user_id)
    value = {"preferred_language": "ita", "timezone": "Europe/Rome"}[field]
    for body, expected in [
        ({}, before[field]),
        ({field: {}}, before[field]),
        ({field: value}, value),
        ({field: {}}, value),
        ({field: None}, None),
        ({field: {}}, None),
        ({}, None),
    ]:
        assert admin.post(path, body).status_code == 204
        assert preferences(admin, user_id) == {**before, field: expected}


@pytest.mark.parametrize(
    "field",
    [
        "first_name",
        "last_name",
        "enable_response_recommendation",
        "conversations_visible_to_admins",
        "user_model_visible_to_admins",
        "additional_context",
        "audio_keyterms",
    ],
)
def test_null_keeps_every_other_field(admin, user_id, field):
    assert admin.post(f"/user/{user_id}", {"additional_context": ["one"]}).status_code == 204
    before = admin.user(user_id), admin.get(f"/user/{user_id}/user_model").json()
    assert admin.post(f"/user/{user_id}", {field: None}).status_code == 204
    assert (admin.user(user_id), admin.get(f"/user/{user_id}/user_model").json()) == before


def test_lists_are_replaced_whole(admin, user_id):
    for terms in (["alpha", "beta-blocker"], ["gamma ray burst"], []):
        assert admin.post(f"/user/{user_id}", {"audio_keyterms": terms}).status_code == 204
        assert preferences(admin, user_id)["audio_keyterms"] == terms
    for context in (["first", "second"], ["  third "], []):
        assert admin.post(f"/user/{user_id}", {"additional_context": context}).status_code == 204
        shown = admin.get(f"/user/{user_id}/user_model").json()
        assert shown == {"user_models": [], "additional_context": [item.strip() for item in context]}


def test_short_lived_fields_of_other_generations_are_ignored(admin, user_id):
    body = {"enable_azure_devops_access": True, "actions_development_enabled": None}
    assert admin.post(f"/user/{user_id}", body).status_code == 204


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"first_name": " "}, "first_name"),
        ({"last_name": 3}, "last_name"),
        ({"enable_response_recommendation": {}}, "enable_response_recommendation"),
        ({"preferred_language": "english"}, "preferred_language"),
        ({"preferred_language": {"set": "eng"}}, "preferred_language"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"timezone": {"name": "UTC"}}, "timezone"),
        ({"timezone": 1}, "timezone"),
        ({"additional_context": ["fine", " "]}, "additional_context"),
        ({"additional_context": "text"}, "additional_context"),
        ({"audio_keyterms": ["Upper"]}, "audio_keyterms"),
        ({"audio_keyterms": ["one two three four"]}, "audio_keyterms"),
        ({"audio_keyterms": ["term"] * 21}, "audio_keyterms"),
    ],
    ids=str,
)
def test_an_invalid_update_is_refused_and_changes_nothing(admin, user_id, body, field):
    before = admin.user(user_id)
    found = locations(admin.post(f"/user/{user_id}", {"conversations_visible_to_admins": False, **body}))
    assert any(place[:2] == ("body", field) for place in found), found
    assert admin.user(user_id) == before


@pytest.mark.parametrize("zone", ["Zulu", "UTC", "Asia/Kolkata", "America/Argentina/Buenos_Aires"])
def test_time_zones_of_the_iana_list_are_kept_as_sent(admin, user_id, zone):
    assert admin.post(f"/user/{user_id}", {"timezone": zone}).status_code == 204
    assert preferences(admin, user_id)["timezone"] == zone


@pytest.mark.parametrize("body", [None, {}, {"first_name": None, "preferences": None}])
def test_verifying_makes_a_user_verified_and_may_be_repeated(org, admin, body):
    user_id = org.invite()
    assert admin.user(user_id)["is_verified"] is False
    for _ in range(2):
        answer = admin.post(f"/user/{user_id}/verify", body)
        assert (answer.status_code, answer.content) == (204, b"")
        assert admin.user(user_id)["is_verified"] is True


@pytest.mark.parametrize("key", ["preferences", "user_preferences"])
def test_verifying_may_correct_names_and_preferences(org, admin, key):
    user_id = org.invite(first_name="Wrong", last_name="Kept")
    body = {"first_name": "Right", "last_name": None, key: {"timezone": "Europe/Oslo", "preferred_language": "no"}}
    assert admin.post(f"/user/{user_id}/verify", body).status_code == 204
    user = admin.user(user_id)
    assert (user["first_name"], user["last_name"]) == ("Right", "Kept")
    assert (user["preferences"]["timezone"], user["preferences"]["preferred_language"]) == ("Europe/Oslo", "no")


def test_verifying_an_unknown_user_is_not_found(admin):
    assert admin.post(f"/user/{UNKNOWN_ID}/verify", {}).status_code == 404


def test_an_unverified_user_has_no_access_until_verified(org, admin):
    role = org.role("User:GetUserInfo")
    waiting = org.invite(role=role)
    headers = {**admin.key_headers(), "X-USER-ID": waiting}
    for word, status in (("false", 401), ("true", 200)):
        org.set("--unverified-sign-in", word)
        # Another process made the change, which this server sees within seconds.
        eventually(lambda s=status: admin.post("/user/signin_with_api_key", headers=headers).status_code == s)
    caller = org.sign_in(waiting)
    for path in ("/user/", "/user/search/?query=a", f"/user/{waiting}/user_model", "/role/"):
        assert caller.get(path).status_code == 403, path
    org.verify(waiting)
    assert caller.get("/user/").status_code == 200


def test_deleting_an_ordinary_user_removes_it_without_reasons(org, admin):
    email = address()
    user_id = org.invite(first_name="Gone", email=email, nonsensitive_user_variables={"tier": "gold"})
    answer = admin.delete(f"/user/{user_id}")
    assert (answer.status_code, answer.json()) == (200, {"not_deletable_reasons": []})
    assert_absent(admin, user_id, email, "Gone")
    again = org.invite(email=email)
    assert again != user_id and admin.user(again)["nonsensitive_variables"] == {}


def test_deleting_a_creator_of_api_keys_keeps_a_tombstone_that_nobody_sees(org, admin):
    email = address()
    creator = org.member(role="DefaultAdministratorRole", first_name="Keymaker", email=email)
    made = creator.post("/organization/api_key/", {"name": "k", "duration": "P9D", "role_name": "DefaultUserRole"})
    assert made.status_code == 201, made.text
    answer = admin.delete(f"/user/{creator.user_id}")
    assert answer.status_code == 200
    reasons = answer.json()["not_deletable_reasons"]
    assert reasons and all(isinstance(reason, str) and reason for reason in reasons)
    assert_absent(admin, creator.user_id, email, "Keymaker")
    assert creator.get("/user/").status_code == 401
    assert org.invite(email=email) != creator.user_id


def assert_absent(admin, user_id, email, first_name):
    assert admin.user(user_id) is None
    assert admin.users(email=email) == []
    assert user_id not in {user["user_id"] for user in admin.users()}
    assert admin.search(first_name) == [] and admin.search(email) == []
    assert admin.get(f"/user/{user_id}/user_model").status_code == 404
    assert admin.post(f"/user/{user_id}", {"first_name": "Back"}).status_code == 404
    assert admin.post(f"/user/{user_id}/verify", {}).status_code == 404
    assert admin.post(f"/user/{user_id}/variable", {}).status_code == 404
    assert admin.delete(f"/user/{user_id}").status_code == 404


def test_a_user_of_another_organization_is_not_found(org, other_org):
    foreign = other_org.invite()
    assert org.admin.user(foreign) is None
    for answer in (
        org.admin.post(f"/user/{foreign}", {"first_name": "Mine"}),
        org.admin.delete(f"/user/{foreign}"),
        org.admin.get(f"/user/{foreign}/user_model"),
        org.admin.post(f"/user/{foreign}/verify", {}),
        org.admin.post(f"/user/{foreign}/variable", {}),
    ):
        assert answer.status_code == 404
    assert other_org.admin.user(foreign)["first_name"] == "Ada"
