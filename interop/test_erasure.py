"""What was known of a deleted user is gone: from every answer, every row and every byte of the data folder."""

import json
import secrets
import time

import pytest

import stores
from identity_platform import PROJECT, Emulator
from support import free_port

NEIGHBOURS = 2_000
# Their conversations, so that the tables have pages enough for rows to be moved between.
MESSAGES_EACH = 2
# Waits between attempts at an account's deletion, and a machine that is busy.
PATIENCE = 120

# Words that nobody else uses, one for each thing that is known.
FIRST_NAME, LAST_NAME, EMAIL = "Thessalonike", "Przybyszewska", "thessalonike.p@quuxwick.example.com"
# What was written over before the deletion.
EARLIER = {"name": "Xyzzyvorka", "message": "was-said-first-jjkqz"}
WORDS = {
    "timezone": "Pacific/Chatham",
    "keyterm": "vrbtsklon",
    "open": "vegetarian-grzmnl",
    "secret": "card-4111-qwtzk",
    "context": "fears-spiders-plmqx",
    "title": "about-the-divorce-wzrkv",
    "message": "i-am-so-lonely-hhvtx",
    "long": "long-story-nnbgw",
    "memory": "is-lonely-ccdrp",
    "background": "since-the-divorce-ttwlq",
    "model": "needs-company-ffkbz",
    "insight": "insight-rrgxm",
    "dimension": "solitude-ddpwv",
    "event": "ran-a-marathon-kkzlh",
    "transcript": "congratulations-bbqjn",
}
PLACES = ["Berlin", "Córdoba", "Łódź", "東京"]


def hex_id():
    return secrets.token_hex(12)


class Platform:
    """A conversation platform that sends what it knows, many records at a time."""

    def __init__(self, org):
        self.org = org
        self.lines = []

    def add(self, kind, **record):
        self.lines.append(json.dumps({"type": kind, **record}))

    def send(self):
        """Everything is taken in."""
        body = "\n".join(self.lines).encode() + b"\n"
        path = f"/admin/v1/{self.org.slug}/ingest"
        answer = self.org.admin.http.post(path, content=body, timeout=120)
        assert answer.status_code == 200, answer.text
        *_, last = answer.text.splitlines()
        summary = json.loads(last)["summary"]
        assert summary["lines"] == len(self.lines) and summary["refused"] == 0, summary
        self.lines = []

    def talk(self, user_id, messages):
        """A conversation of a user; the ids of its messages."""
        conversation_id, started_at = hex_id(), "2026-01-05T10:00:00Z"
        ids = [hex_id() for _ in messages]
        self.add("conversation", conversation_id=conversation_id, user_id=user_id, started_at=started_at)
        for message_id, content in zip(ids, messages, strict=True):
            self.message(message_id, conversation_id, user_id, content)
        return conversation_id, ids

    def message(self, message_id, conversation_id, user_id, content):
        self.add(
            "message",
            message_id=message_id,
            conversation_id=conversation_id,
            user_id=user_id,
            created_at="2026-01-05T10:00:00Z",
            sender="user",
            content=content,
        )


def neighbour(number, place):
    return {
        "user_id": f"{number:024x}",
        "email": f"neighbour{number}@example.org",
        "first_name": f"Neighbour{number}",
        "last_name": f"From {place}",
        "is_verified": True,
    }


def fill(org, account_id):
    """Two thousand neighbours and one user of whom everything is known; the user's id."""
    platform = Platform(org)
    user_id = hex_id()
    told = {"role_name": "DefaultUserRole", "is_verified": True}
    for number in range(NEIGHBOURS):
        platform.add("user", **neighbour(number, PLACES[0]))
        platform.talk(f"{number:024x}", [f"said by {number}: " + "x" * (number % 700) for _ in range(MESSAGES_EACH)])
        if number == NEIGHBOURS // 2:
            platform.add(
                "user", user_id=user_id, email=EMAIL, first_name=EARLIER["name"], last_name=LAST_NAME, **told
            )
            conversation_id, messages = platform.talk(
                user_id, [EARLIER["message"], *(f"{WORDS['message']} {n} " * 20 for n in range(300))]
            )
    platform.send()
    # Everything moves: rows grow, names change, texts are written over.
    for number in range(NEIGHBOURS):
        variables = {"note": "y" * (number % 250 + 1)}
        platform.add("user", **neighbour(number, PLACES[1 + number % 3]), nonsensitive_variables=variables)
    platform.add(
        "user",
        user_id=user_id,
        email=EMAIL,
        first_name=FIRST_NAME,
        last_name=LAST_NAME,
        **told,
        preferences={"timezone": WORDS["timezone"], "audio_keyterms": [WORDS["keyterm"]]},
        nonsensitive_variables={"diet": WORDS["open"]},
        sensitive_variables={"card": WORDS["secret"]},
        additional_context=[WORDS["context"]],
        google_account={"account_id": account_id},
    )
    started_at = "2026-01-05T10:00:00Z"
    platform.add(
        "conversation",
        conversation_id=conversation_id,
        user_id=user_id,
        started_at=started_at,
        ended_at="2026-01-05T11:00:00Z",
        title=WORDS["title"],
    )
    platform.message(messages[0], conversation_id, user_id, f"{WORDS['long']} " * 3_000)
    for number in range(20):
        platform.add(
            "memory",
            memory_id=hex_id(),
            user_id=user_id,
            conversation_id=conversation_id,
            created_at=started_at,
            references=messages[number : number + 3],
            content=f"{WORDS['memory']} {number}",
            context=WORDS["background"],
        )
        platform.add(
            "external_event",
            external_event_id=hex_id(),
            user_id=user_id,
            event_type=WORDS["event"],
            starts_at=started_at,
            ends_at="2026-01-05T12:00:00Z",
            description=WORDS["event"],
            transcript=f"{WORDS['transcript']} " * (number * 100 + 1),
        )
    platform.add(
        "user_model",
        user_model_id=hex_id(),
        user_id=user_id,
        content=WORDS["model"],
        insight_ids=[WORDS["insight"]],
        dimensions=[{"description": WORDS["dimension"], "tags": [WORDS["dimension"]]}],
    )
    platform.send()
    return user_id


def traces(data, words):
    """Which of the words are somewhere in what is stored, case aside, and where."""
    found = set()
    for name, content in stores.contents(data):
        content = content.lower()
        found |= {(name, word) for word in words if word.lower().encode() in content}
    return found


def jobs(org):
    return json.loads(org.server.command("job", "list", "--org", org.slug, "--json").stdout)


def wait_for_jobs(org, *left):
    """Waits until only jobs of these kinds are left."""
    end = time.monotonic() + PATIENCE
    while [job for job in jobs(org) if job["kind"] not in left]:
        assert time.monotonic() < end, jobs(org)
        time.sleep(0.2)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    one = Emulator(tmp_path_factory.mktemp("erasure") / "emulator").start()
    yield one
    one.stop()


def test_no_byte_of_the_data_folder_holds_anything_of_a_deleted_user(start, emulator):
    # Nobody listens there, so that the mail to the user waits.
    mail = f'[mail]\nsmtp_url = "smtp://127.0.0.1:{free_port()}"\n'
    identity = f'[identity]\ngoogle_project = "{PROJECT}"\ngoogle_url = "{emulator.url}"\n'
    running = start(config=mail + identity)
    org = running.create_org()
    account_id = emulator.create_account()
    user_id = fill(org, account_id)
    body = {"redirect_link": "https://app.example.com/in", "email": EMAIL}
    assert org.admin.post("/user/signin", body).status_code == 200
    wait_for_jobs(org, "mail.magic_link")
    # Where most of it is before the deletion: otherwise nothing is shown by its absence.
    words = [FIRST_NAME, LAST_NAME, EMAIL, account_id, *WORDS.values()]
    before = {word for _, word in traces(running.data, words)}
    assert before == set(words)
    assert org.admin.search(LAST_NAME)

    answer = org.admin.delete(f"/user/{user_id}")
    assert answer.status_code == 200 and answer.json() == {"not_deletable_reasons": []}
    assert org.admin.user(user_id) is None and org.admin.search(LAST_NAME) == []
    wait_for_jobs(org)
    assert not emulator.has_account(account_id)
    words += EARLIER.values()
    assert traces(running.data, words) == set(), "while the server runs"
    running.kill()
    stores.wait_until_left(running.data)
    assert traces(running.data, words) == set(), "after it was killed"
    running.start()
    assert traces(running.data, words) == set(), "when it has started again"
    assert len(org.admin.users(user_id=f"{NEIGHBOURS // 2:024x}")) == 1
    assert len(org.admin.search("Neighbour")) == 1_000, "as many as a search answers"
    # What comes late about the user is not taken in.
    late = {"type": "conversation", "conversation_id": hex_id(), "user_id": user_id, "started_at": "2026-01-05T10:00:00Z"}
    answer = org.admin.http.post(f"/admin/v1/{org.slug}/ingest", content=json.dumps(late) + "\n")
    assert json.loads(answer.text.splitlines()[0])["result"] == "refused", answer.text
    checked = running.command("check")
    assert checked.returncode == 0
    org.close()
