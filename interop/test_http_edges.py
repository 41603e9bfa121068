"""What HTTP itself can get wrong: routes, methods, bodies, headers, slow clients, load, and the graceful stop."""

import json
import signal
import socket
import threading
import time

import httpx
import pytest

from support import address, exchange, locations, read_answer

INVITATION = {"first_name": "Ada", "last_name": "L", "role_name": "DefaultUserRole"}


def detail(answer):
    assert answer.headers["content-type"].startswith("application/json"), answer.text
    text = answer.json()["detail"]
    assert isinstance(text, str) and text
    return text


@pytest.mark.parametrize("path", ["/v1/{org}/", "/v1/{org}/nothing", "/v1/{org}/user/a/b/c", "/v2/{org}/user/", "/v1"])
def test_an_unknown_route_is_not_found(org, path):
    answer = org.admin.http.get(path.format(org=org.slug))
    assert answer.status_code == 404
    detail(answer)


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/user/"), ("PATCH", "/user/x"), ("GET", "/user/signin"), ("DELETE", "/role/")]
)
def test_a_wrong_method_is_not_allowed_and_the_right_ones_are_named(org, method, path):
    answer = org.admin.http.request(method, f"/v1/{org.slug}{path}")
    assert answer.status_code == 405
    detail(answer)
    allowed = {name.strip() for name in answer.headers["allow"].split(",")}
    assert allowed and method not in allowed


def test_slashes_too_many_or_too_few_are_tolerated(org):
    http = org.admin.http
    expected = http.get(f"/v1/{org.slug}/user/").json()
    for path in (f"/v1/{org.slug}/user", f"//v1/{org.slug}/user/", f"//v1/{org.slug}/user"):
        answer = httpx.get(org.server.url + path, headers=http.headers, trust_env=False)
        assert (answer.status_code, answer.json()) == (200, expected), path
    user_id = org.made["member_id"]
    for path in (f"/user/{user_id}/user_model/", f"/user/{user_id}/user_model", "/role", "/role/", "/organization"):
        assert org.admin.get(path).status_code == 200, path
    assert org.admin.get("/user/search", params={"query": "x"}).status_code == 200


@pytest.mark.parametrize(
    "body",
    [b"{", b'{"first_name": }', b"nonsense", b"\xff\xfe", b'{"first_name": "\xff"}', b'{"a":1} trailing', b'"\\ud800"'],
    ids=repr,
)
def test_malformed_json_is_a_validation_error_in_fastapis_form(org, body):
    answer = org.admin.http.post(f"/v1/{org.slug}/user/", content=body, headers={"Content-Type": "application/json"})
    assert all(place[0] == "body" for place in locations(answer))


def test_a_body_over_the_limit_is_too_large_and_one_below_it_is_not(start):
    running = start(config="[limits]\nbody_bytes = 2048\n")
    org = running.create_org()
    fits = {**INVITATION, "email": address(), "padding": "x" * 1500}
    assert org.admin.post("/user/", fits).status_code == 201
    answer = org.admin.post("/user/", {**fits, "email": address(), "padding": "x" * 2048})
    assert answer.status_code == 413
    detail(answer)

    def chunks():
        yield b'{"padding":"'
        for _ in range(30):
            yield b"x" * 100
        yield b'"}'

    # Without a declared length the limit holds as well.
    streamed = org.admin.http.post(f"/v1/{org.slug}/user/", content=chunks())
    assert streamed.status_code == 413
    org.close()


def test_json_nested_too_deeply_is_a_validation_error(org):
    for depth in (200, 100_000):
        nested = b'{"first_name":' + b"[" * depth + b"]" * depth + b"}"
        answer = org.admin.http.post(
            f"/v1/{org.slug}/user/", content=nested, headers={"Content-Type": "application/json"}
        )
        assert locations(answer)


@pytest.mark.parametrize("shape", ["one header", "many headers", "long address"])
def test_headers_over_the_limit_are_too_large_in_the_form_of_the_dialect(start, shape):
    running = start(config="[limits]\nheader_bytes = 4096\nheader_count = 20\n")
    lines = {
        "one header": "X-Padding: " + "x" * 5000,
        "many headers": "\r\n".join(f"X-Padding-{number}: x" for number in range(30)),
        "long address": "X-Padding: x",
    }[shape]
    query = "?query=" + "x" * 5000 if shape == "long address" else ""
    request = f"GET /v1/acme/user/search/{query} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n\r\n"
    status, body = exchange(running, request.encode())
    assert status == 431
    assert isinstance(json.loads(body)["detail"], str)


@pytest.mark.parametrize(
    ("padding", "read"),
    [
        ("X-Padding: " + "x" * 40_000, True),
        ("X-Padding: " + "x" * 100_000, False),
        ("\r\n".join(f"X-Padding-{number}: x" for number in range(150)), True),
        ("\r\n".join(f"X-Padding-{number}: x" for number in range(250)), False),
    ],
    ids=["40 kB", "100 kB", "150 lines", "250 lines"],
)
def test_a_head_far_over_the_limits_is_refused_without_being_read(start, padding, read):
    # The bounds are twice the limits, and 64 KiB; beyond them no request is known, so nor is its dialect.
    running = start(config="[limits]\nheader_bytes = 16384\n")
    status, body = exchange(running, f"GET /v1/acme/user/ HTTP/1.1\r\nHost: localhost\r\n{padding}\r\n\r\n".encode())
    assert status == 431
    if read:
        assert isinstance(json.loads(body)["detail"], str)
    else:
        assert body == b""
    with running.client() as http:
        assert http.get("/livez").status_code == 200


def partial_invitation(org, email):
    """The head and the body of an invitation as raw bytes, to be sent in pieces."""
    body = json.dumps({**INVITATION, "email": email}).encode()
    head = (
        f"POST /v1/{org.slug}/user/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {org.admin.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode(), body


def test_a_body_that_does_not_arrive_in_time_is_given_up(start):
    running = start(config="[limits]\nbody_read_seconds = 1\n")
    org = running.create_org()
    email = address()
    head, body = partial_invitation(org, email)
    begin = time.monotonic()
    status, answered = exchange(running, head + body[:-1])
    assert status == 408 and isinstance(json.loads(answered)["detail"], str)
    assert 0.5 < time.monotonic() - begin < 5
    assert org.admin.users(email=email) == []
    org.close()


def test_headers_that_do_not_arrive_in_time_end_the_connection(start):
    running = start(config="[limits]\nheader_read_seconds = 1\n")
    begin = time.monotonic()
    answer = exchange(running, b"GET /livez HTTP/1.1\r\nHost: loc")
    # No request is known yet that could be answered.
    assert answer is None
    assert time.monotonic() - begin < 5


def test_requests_over_the_concurrency_limit_are_turned_away_and_the_others_served(start):
    running = start(config="[limits]\nconcurrent_requests = 2\nbody_read_seconds = 20\n")
    org = running.create_org()
    emails = [address(), address()]
    pieces = [partial_invitation(org, email) for email in emails]
    held = []
    for head, body in pieces:
        connection = socket.create_connection(("127.0.0.1", running.port), timeout=10)
        connection.sendall(head + body[:5])
        held.append(connection)
    time.sleep(0.3)
    refused = org.admin.get("/user/")
    assert refused.status_code == 503
    detail(refused)
    for connection, (_, body) in zip(held, pieces, strict=True):
        connection.sendall(body[5:])
        assert read_answer(connection)[0] == 201
        connection.close()
    assert len(org.admin.users(email=emails)) == 2
    org.close()


def test_a_request_in_flight_finishes_during_the_stop_and_is_kept(start):
    running = start()
    org = running.create_org()
    email = address()
    head, body = partial_invitation(org, email)
    with socket.create_connection(("127.0.0.1", running.port), timeout=20) as connection:
        connection.sendall(head + body[:10])
        time.sleep(0.3)
        running.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert running.process.poll() is None, "the server did not wait for the request"
        connection.sendall(body[10:])
        assert read_answer(connection)[0] == 201
    assert running.process.wait(timeout=20) == 0
    running.start()
    assert len(org.admin.users(email=email)) == 1
    org.close()


def test_every_answer_carries_its_own_request_id(org):
    seen = set()
    for path in ("/user/", "/user/?limit=-1", "/nothing"):
        request_id = org.admin.get(path).headers["x-request-id"]
        assert request_id
        seen.add(request_id)
    assert len(seen) == 3


def test_the_request_id_of_an_answer_is_in_the_log(org):
    request_id = org.admin.get("/user/").headers["x-request-id"]
    end = time.monotonic() + 5
    while request_id not in org.server.log() + org.server.output():
        assert time.monotonic() < end, "the request id is not logged"
        time.sleep(0.05)


def test_an_unexpected_host_or_query_is_nothing_special(org):
    answer = org.admin.get("/user/", params={"surprise": "yes"}, headers={"Host": "directory.example.com"})
    assert answer.status_code == 200


def test_64_connections_at_once_are_served(org):
    statuses = []

    def call():
        with org.server.client(headers={"Authorization": f"Bearer {org.admin.token}"}) as http:
            statuses.append(http.get(f"/v1/{org.slug}/user/").status_code)

    org.admin.users()
    threads = [threading.Thread(target=call) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 64


def test_liveness_readiness_and_metrics_answer(server):
    with server.client() as http:
        assert http.get("/livez").status_code == 200
        assert http.get("/readyz").status_code == 200
        metrics = http.get("/metrics")
    assert metrics.status_code == 200
    lines = [line for line in metrics.text.splitlines() if line]
    assert any(line.startswith("# TYPE ") for line in lines) and any(line[0] != "#" for line in lines)


@pytest.mark.parametrize("line", ["PATCH /v1/acme/user/", "POST /nothing", "PATCH /eva-user/org/x/users/me", "GET /healthz"])
def test_a_connection_ends_announced_where_nobody_reads_the_body_that_is_still_to_come(server, line):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        head = f"{line} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
        connection.sendall(head.encode())
        answer = connection.recv(65536).lower()
        assert b"\r\nconnection: close\r\n" in answer, "or a client sends its next request into a closed connection"
