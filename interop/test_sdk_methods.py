"""Every method of the published client that denizen serves, on both client classes.

Each answer passes through the SDK's own models: a missing key or a naive time raises there.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from amigo_sdk import AsyncAmigoClient
from amigo_sdk.models import (
    GetUsersParametersQuery,
    UserCreateInvitedUserRequest,
    UserGetUserModelResponse,
    UserGetUsersResponse,
    UserUpdateUserInfoRequest,
)

from support import Sdk, address


def invitation(**changes):
    fields = {
        "first_name": "Grace",
        "last_name": "Hopper",
        "email": address("grace"),
        "role_name": "DefaultUserRole",
    }
    return UserCreateInvitedUserRequest(**{**fields, **changes})


def only(listing):
    assert len(listing.users) == 1
    return listing.users[0]


@pytest.mark.parametrize("names", [("create_user", "get_users"), ("create", "list")])
def test_a_created_user_is_found_at_once_by_id_and_by_email(sdk, org, names):
    create, listing = (getattr(sdk.users, name) for name in names)
    body = invitation()
    created = create(body)
    assert created.user_id and created.verify_link is None

    by_id = only(listing(GetUsersParametersQuery(user_id=[created.user_id])))
    by_email = only(listing(GetUsersParametersQuery(email=[body.email])))
    assert by_id == by_email
    assert by_id.org_id == org.slug
    assert by_id.user_id == created.user_id
    assert (by_id.first_name, by_id.last_name, by_id.email) == ("Grace", "Hopper", body.email)
    assert by_id.role == org.roles()["DefaultUserRole"]["id"]
    assert (by_id.user_stats.num_conversations, by_id.user_stats.num_messages) == (0, 0)
    assert by_id.user_stats.last_message_time is None
    assert by_id.nonsensitive_variables == {} and by_id.sensitive_variables == []
    assert by_id.preferences.conversations_visible_to_admins is True
    assert by_id.preferences.user_model_visible_to_admins is True
    assert by_id.preferences.enable_response_recommendation is False
    assert by_id.preferences.preferred_language is None


def test_get_users_without_parameters_lists_the_administrator(sdk, org):
    listing = sdk.users.get_users()
    assert isinstance(listing, UserGetUsersResponse)
    assert [user.user_id for user in listing.users] == [org.made["member_id"]]
    assert listing.users[0].email == org.admin_email
    assert listing.has_more is False and listing.continuation_token is None


def test_paging_with_the_clients_own_defaults_ends(sdk):
    first = sdk.users.get_users(GetUsersParametersQuery())
    assert first.has_more is False


@pytest.mark.parametrize("name", ["update_user", "update"])
def test_an_update_writes_what_is_set_and_keeps_the_rest(sdk, name):
    user_id = sdk.users.create_user(invitation()).user_id
    body = UserUpdateUserInfoRequest(
        first_name="Rear Admiral",
        timezone="America/New_York",
        preferred_language="eng",
        conversations_visible_to_admins=False,
        audio_keyterms=["cobol", "nano second"],
    )
    assert getattr(sdk.users, name)(user_id, body) is None
    # The SDK always carries `{}` for the two fields that are not set, which must keep them.
    sdk.users.update_user(user_id, UserUpdateUserInfoRequest(last_name="Murray"))

    user = only(sdk.users.get_users(GetUsersParametersQuery(user_id=[user_id])))
    assert (user.first_name, user.last_name) == ("Rear Admiral", "Murray")
    assert user.preferences.timezone is not None
    assert user.preferences.preferred_language is not None
    assert user.preferences.conversations_visible_to_admins is False
    assert user.preferences.user_model_visible_to_admins is True


@pytest.mark.parametrize("name", ["delete_user", "delete"])
def test_a_deleted_user_is_absent_and_its_address_is_free(sdk, name):
    body = invitation()
    user_id = sdk.users.create_user(body).user_id
    assert getattr(sdk.users, name)(user_id) is None
    assert sdk.users.get_users(GetUsersParametersQuery(user_id=[user_id])).users == []
    assert sdk.users.get_users(GetUsersParametersQuery(email=[body.email])).users == []
    again = sdk.users.create_user(body)
    assert again.user_id != user_id


@pytest.mark.parametrize("name", ["get_user_model", "get_model"])
def test_the_user_model_is_empty_but_shows_the_additional_context(sdk, name):
    user_id = sdk.users.create_user(invitation()).user_id
    model = getattr(sdk.users, name)(user_id)
    assert isinstance(model, UserGetUserModelResponse)
    assert model.user_models == [] and model.additional_context == []
    sdk.users.update_user(user_id, UserUpdateUserInfoRequest(additional_context=["likes ships", "prefers mail"]))
    assert getattr(sdk.users, name)(user_id).additional_context == ["likes ships", "prefers mail"]


def test_the_organization_shows_its_details_to_the_administrator(sdk, org):
    organization = sdk.organizations.get()
    assert organization.org_id == org.slug
    assert organization.org_name == f"Organization {org.slug}"
    assert organization.default_user_preferences is not None


def test_a_client_that_never_signed_in_signs_in_by_itself_once(kind, admin):
    seen = []
    with Sdk(kind, admin.settings(), on_request=lambda request: seen.append(request.headers["authorization"])) as sdk:
        sdk.users.get_users()
        sdk.users.get_users()
    assert len(seen) == 2 and seen[0] == seen[1], "the token is kept, so its life is longer than five minutes"


def test_a_base_url_with_a_trailing_slash_works(kind, admin):
    settings = {**admin.settings(), "base_url": admin.org.server.url + "/"}
    with Sdk(kind, settings) as sdk:
        assert len(sdk.users.get_users().users) == 1


def test_the_client_configures_itself_from_the_environment(monkeypatch, kind, admin):
    for name, value in admin.settings().items():
        monkeypatch.setenv(f"AMIGO_{name.upper()}", value)
    with Sdk(kind, {}) as sdk:
        assert sdk.organizations.get().org_id == admin.org.slug


def test_one_client_serves_many_calls_at_once(kind, admin):
    bodies = [invitation() for _ in range(48)]
    if kind == "sync":
        with Sdk(kind, admin.settings()) as sdk, ThreadPoolExecutor(16) as pool:
            made = list(pool.map(sdk.users.create_user, bodies))
    else:

        async def create_together():
            async with AsyncAmigoClient(**admin.settings(), trust_env=False) as client:
                return await asyncio.gather(*(client.users.create_user(body) for body in bodies))

        made = asyncio.run(create_together())
    expected = {(created.user_id, body.email) for created, body in zip(made, bodies, strict=True)}
    assert len(expected) == 48
    assert expected == {(user["user_id"], user["email"]) for user in admin.users() if user["user_id"] != admin.user_id}


def test_every_method_of_the_clients_user_and_organization_resources_has_its_test(sdk):
    methods = {
        f"{name}.{method}"
        for name in ("users", "organizations")
        for method in dir(getattr(sdk.client, name))
        if not method.startswith("_")
    }
    users = {
        *("create_user", "create", "get_users", "list", "update_user", "update"),
        *("delete_user", "delete", "get_user_model", "get_model"),
    }
    assert methods == {"organizations.get", *(f"users.{name}" for name in users)}
