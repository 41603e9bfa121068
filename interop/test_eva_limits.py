"""What is counted and bounded: wrong passwords, hashes at once, sizes, and what passwords have to be; all of it is configured."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from cockpit import HEADER, PASSWORD, Office, failures, person, refused, table, told
from support import Server, address

CONFIG = """
[limits]
address_header = "x-forwarded-for"
[passwords]
queue = 1
[eva]
image_bytes = 100
csv_bytes = 2048
password_min_length = 9
password_needs_upper = false
access_seconds = 60
refresh_seconds = 120
session_seconds = 90
account_attempts = 3
account_attempt_seconds = 3600
address_attempts = 6
address_attempt_seconds = 3600
"""


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("strict") / "data", config=CONFIG) as running:
        made = Office(running)
        yield made
        made.close()


def try_from(office, source, email, password):
    form = {"client_id": "eva-cockpit", "grant_type": "password", "username": email, "password": password}
    return office.realm.http.post(office.realm.token_url, data=form, headers={"X-Forwarded-For": source}, timeout=30)


@pytest.mark.parametrize("is_known", [True, False])
def test_an_account_is_closed_after_wrong_passwords_be_it_there_or_not(strict, is_known):
    email = strict.admin.create(password=PASSWORD)["email"] if is_known else address()
    # From as many places as there are tries: it is the account that is counted.
    place = iter(f"192.0.2.{number + 100 * is_known}" for number in range(100))
    for _ in range(3):
        refused(try_from(strict, next(place), email, "Wrong-Horse-7"), 401, "invalid_grant")
    for password in ("Wrong-Horse-7", PASSWORD):
        closed = try_from(strict, next(place), email.upper(), password)
        refused(closed, 429, "temporarily_unavailable")
        assert 0 < int(closed.headers["retry-after"]) <= 3600
    assert strict.realm.ask_by_password(strict.email, strict.password).status_code == 200, "nobody else's is"


def test_a_place_that_tries_many_accounts_is_turned_away_and_other_places_are_not(strict):
    for _ in range(6):
        refused(try_from(strict, "198.51.100.7", address(), "Wrong-Horse-7"), 401, "invalid_grant")
    refused(try_from(strict, "198.51.100.7", strict.email, strict.password), 429, "temporarily_unavailable")
    assert try_from(strict, "198.51.100.8", strict.email, strict.password).status_code == 200


def test_right_passwords_are_not_counted(strict):
    for _ in range(8):
        assert try_from(strict, "203.0.113.9", strict.email, strict.password).status_code == 200


def test_who_comes_when_too_many_wait_for_a_hash_is_told_so_and_reads_go_on(strict):
    def sign_in(number):
        # Of each account and from each place once, so that nothing else is counted.
        return try_from(strict, f"203.0.113.{number + 100}", address(), PASSWORD)

    with ThreadPoolExecutor(24) as pool:
        answers = pool.map(sign_in, range(24))
        assert strict.admin.get("/me").status_code == 200
        statuses = []
        for answer in answers:
            statuses.append(answer.status_code)
            if answer.status_code == 503:
                refused(answer, 503, "temporarily_unavailable")
                assert int(answer.headers["retry-after"]) >= 1
    assert set(statuses) == {401, 503}, statuses
    assert strict.realm.ask_by_password(strict.email, strict.password).status_code == 200


def test_tokens_live_as_long_as_is_configured_and_not_longer_than_the_sign_in(strict):
    tokens = strict.realm.sign_in(strict.email, strict.password)
    assert (tokens["expires_in"], tokens["refresh_expires_in"]) == (60, 90)


def test_sizes_and_the_policy_of_passwords_are_as_configured(strict):
    assert "image" in told(strict.admin.post("", person(image="x" * 101)), 400)
    assert strict.admin.post("", person(image="x" * 100)).status_code == 201
    for password, is_fine in [("abcdef-78", True), ("Abcdef-7", False), ("ABCDEF-789", False), ("abcdefghi", False)]:
        answer = strict.admin.post("/password", person(password=password))
        assert (answer.status_code == 201) == is_fine, (password, answer.text)
    row = strict.row(password="Abcdef-7")
    assert failures(strict.admin.upload(table(row)), 400) == [
        (row["email"], "The password does not meet the password policy")
    ]
    filler = ";" * (2048 - len(table(row)))
    assert failures(strict.admin.upload(table(row) + filler, "/csv/validate")), "as many bytes as may be"
    large = table(row) + filler + ";"
    assert len(large) == 2049 and large.startswith(HEADER)
    told(strict.admin.upload(large, "/csv/validate"), 413)
