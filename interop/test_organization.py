"""The organization: shown to anybody, created, modified, deleted; and its user dimensions."""

import httpx
import pytest
from amigo_sdk.generated.model import OrganizationGetOrganizationResponse, OrganizationGetUserDimensionsResponse

from desk import Desk, conversation, told
from images import ico, png
from support import address, locations, unique

DIMENSIONS = [{"description": "How active", "tags": ["calm", "sporty"]}, {"description": "Diet", "tags": []}]
PREFERENCES = {
    "enable_response_recommendation": True,
    "preferred_language": "eng",
    "conversations_visible_to_admins": False,
    "user_model_visible_to_admins": True,
    "timezone": "Europe/London",
    "audio_keyterms": ["tea"],
}


def new_organization(**changes):
    fields = {
        "org_name": "Ēvalds & Söhne",
        "title": "Welcome",
        "main_description": "What we do",
        "sub_description": "And how",
        "user_dimensions": DIMENSIONS,
        "logo": png(400, 160),
        "square_logo": png(40, 40),
        "favicon": ico(48, 48),
        "signup_page_headshot": png(292, 400),
        "onboarding_instructions": ["first", "then"],
        "azure_devops_team_name": "team-a",
    }
    return {name: value for name, value in {**fields, **changes}.items() if value is not ...}


def anonymous(org, slug=None):
    return httpx.get(f"{org.server.url}/v1/{slug or org.slug}/organization/", trust_env=False)


def create(org, slug, body):
    """A caller of one organization creates another, so `X-ORG-ID` names the token's organization."""
    return org.admin.http.put(f"/v1/{slug}/organization/", json=body, headers={"X-ORG-ID": org.slug})


def test_anybody_sees_the_public_part_and_the_administrator_the_rest(org, admin):
    public = anonymous(org)
    assert public.status_code == 200
    parsed = OrganizationGetOrganizationResponse.model_validate_json(public.text)
    assert (parsed.org_id, parsed.org_name) == (org.slug, f"Organization {org.slug}")
    assert public.json()["default_user_preferences"] is None and public.json()["tenant_id"] is None
    for field, kind in {"title": str, "main_description": str, "sub_description": str}.items():
        assert isinstance(public.json()[field], kind)
    assert isinstance(public.json()["onboarding_instructions"], list)
    known = admin.get("/organization/").json()
    assert known["default_user_preferences"] == {
        "enable_response_recommendation": False,
        "preferred_language": None,
        "conversations_visible_to_admins": True,
        "user_model_visible_to_admins": True,
        "timezone": None,
        "audio_keyterms": [],
    }
    assert {**known, "default_user_preferences": None, "tenant_id": None} == public.json()


def test_a_caller_without_the_permission_sees_only_the_public_part(org):
    caller = org.member(org.role("User:GetUserInfo"))
    assert caller.get("/organization/").json() == anonymous(org).json()


def test_an_unknown_organization_is_not_found(org):
    assert anonymous(org, unique("nobody")).status_code == 404


def test_an_organization_is_created_with_pictures_and_texts_and_then_exists(org):
    slug = unique("new")
    answer = create(org, slug, new_organization(default_user_preferences=PREFERENCES))
    assert (answer.status_code, answer.json()) == (201, {"org_id": slug})
    shown = anonymous(org, slug).json()
    assert (shown["org_id"], shown["org_name"]) == (slug, "Ēvalds & Söhne")
    assert (shown["title"], shown["main_description"], shown["sub_description"]) == ("Welcome", "What we do", "And how")
    assert shown["onboarding_instructions"] == ["first", "then"]
    assert create(org, slug, new_organization()).status_code == 409
    assert org.server.command("org", "show", slug).returncode == 0


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"org_name": ...}, "org_name"),
        ({"title": ...}, "title"),
        ({"user_dimensions": [{"description": " ", "tags": []}]}, "user_dimensions"),
        ({"user_dimensions": [{"description": "x", "tags": [""]}]}, "user_dimensions"),
        ({"logo": "no base64!"}, "logo"),
        ({"logo": png(400, 200)}, "logo"),
        ({"logo": png(200, 80)}, "logo"),
        ({"logo": ico(48, 48)}, "logo"),
        ({"square_logo": png(40, 41)}, "square_logo"),
        ({"square_logo": png(39, 39)}, "square_logo"),
        ({"favicon": png(48, 48)}, "favicon"),
        ({"favicon": ico(32, 32)}, "favicon"),
        ({"signup_page_headshot": png(400, 400)}, "signup_page_headshot"),
        ({"azure_devops_team_name": "Team A"}, "azure_devops_team_name"),
        ({"azure_devops_team_name": "x" * 21}, "azure_devops_team_name"),
        ({"default_user_preferences": {"timezone": "Mars/Base"}}, "default_user_preferences"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_invalid_creation_names_the_field_and_creates_nothing(org, changes, field):
    slug = unique("new")
    found = locations(create(org, slug, new_organization(**changes)))
    assert any(place[:2] == ("body", field) for place in found), found
    assert anonymous(org, slug).status_code == 404


def test_creating_needs_the_permission(org):
    slug = unique("new")
    caller = org.member("DefaultAdministratorRole")
    answer = caller.http.put(f"/v1/{slug}/organization/", json=new_organization(), headers={"X-ORG-ID": org.slug})
    assert answer.status_code == 403
    assert httpx.put(f"{org.server.url}/v1/{slug}/organization/", json=new_organization()).status_code == 401
    assert anonymous(org, slug).status_code == 404


def test_only_given_fields_of_an_organization_are_modified(org, admin):
    before = admin.get("/organization/").json()
    answer = admin.post("/organization/", {"default_user_preferences": PREFERENCES, "user_dimensions": DIMENSIONS})
    assert (answer.status_code, answer.content) == (204, b"")
    assert admin.get("/organization/").json() == {**before, "default_user_preferences": PREFERENCES}
    assert admin.post("/organization/", {"logo": png(500, 200), "favicon": None}).status_code == 204
    assert admin.get("/organization/").json() == {**before, "default_user_preferences": PREFERENCES}
    assert dimensions(admin) == DIMENSIONS
    assert admin.post("/organization/", {}).status_code == 204


def dimensions(caller):
    answer = caller.get("/organization/user_dimensions/")
    assert answer.status_code == 200, answer.text
    OrganizationGetUserDimensionsResponse.model_validate_json(answer.text)
    return answer.json()["user_dimensions"]


def test_user_dimensions_are_replaced_whole_and_never_empty(admin):
    for wanted in (DIMENSIONS, DIMENSIONS[:1]):
        assert admin.post("/organization/", {"user_dimensions": wanted}).status_code == 204
        assert dimensions(admin) == wanted
    found = locations(admin.post("/organization/", {"user_dimensions": []}))
    assert any(place[:2] == ("body", "user_dimensions") for place in found)
    assert dimensions(admin) == DIMENSIONS[:1]


def test_an_invalid_modification_changes_nothing(org, admin):
    before = admin.get("/organization/").json()
    body = {"default_user_preferences": PREFERENCES, "square_logo": png(40, 41)}
    assert any(place[:2] == ("body", "square_logo") for place in locations(admin.post("/organization/", body)))
    assert admin.get("/organization/").json() == before


def test_organization_operations_need_their_permissions(org):
    caller = org.member(org.role("User:GetUserInfo"))
    assert caller.get("/organization/user_dimensions/").status_code == 403
    assert caller.post("/organization/", {}).status_code == 403
    assert caller.delete("/organization/").status_code == 403


def test_a_deleted_organization_is_gone_with_its_users_keys_and_tokens(org, other_org):
    member = other_org.member(other_org.role("User:GetUserInfo"))
    admin = other_org.admin
    with Desk(other_org) as desk:
        contact = desk.create(displayName="Ada", email=address())
        desk.take_in(conversation(contact["id"]))
        answer = admin.delete("/organization/")
        assert (answer.status_code, answer.content) == (204, b"")
        for path in ("/organization", "/endusers", f"/endusers/{contact['id']}"):
            assert told(desk.get(path), 401) == "Unauthorized"
    assert anonymous(other_org).status_code == 404
    assert member.get("/user/").status_code == 401
    assert admin.post("/user/signin_with_api_key", headers=admin.key_headers()).status_code == 404
    assert len(org.admin.users()) == 1
