"""What a conversation platform sends comes in by the native API and goes out through the vendor's models.

One platform's records are taken in once, in an order of no meaning, users after what is known of them included; each
test below asks for something else of them, and compares with what the records themselves say.
"""

import json
import random
from dataclasses import dataclass

import pytest
from amigo_sdk.generated.model import UserGetMemoriesResponse
from amigo_sdk.models import GetUsersParametersQuery, UserGetUserModelResponse

from support import Org, Sdk, address, grant, locations

STATISTICS = {
    "num_conversations": lambda of: of["num_conversations"],
    "num_messages": lambda of: of["num_messages"],
    # Who has no message stands before everybody who has one.
    "last_message_time": lambda of: of["last_message_time"] or "",
}


def ingest(caller, records):
    """Sends records, one in each line; the answer's lines but for the last, and the summary that it is."""
    body = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    answer = caller.http.post(
        f"/admin/v1/{caller.org.slug}/ingest",
        content=body.encode(),
        headers={"content-type": "application/x-ndjson"},
    )
    assert answer.status_code == 200, answer.text
    *lines, last = (json.loads(line) for line in answer.text.splitlines())
    assert [line["line"] for line in lines] == list(range(1, len(records) + 1))
    return lines, last["summary"]


@dataclass
class Platform:
    """Everything that a platform knows of a few users, as records."""

    rng: random.Random
    users: dict
    conversations: dict
    messages: dict
    memories: dict
    models: dict

    @classmethod
    def made(cls, seed):
        rng = random.Random(seed)
        new_id = lambda: f"{rng.getrandbits(96):024x}"
        at = lambda: f"2026-0{rng.randint(1, 9)}-{rng.randint(10, 28)}T{rng.randint(10, 23)}:00:{rng.randint(10, 59)}Z"
        users = {
            (user_id := new_id()): {
                "type": "user",
                "user_id": user_id,
                "email": address(f"person{number}"),
                "first_name": f"Person {number}",
                "last_name": "Ünïcode 李",
                "is_verified": True,
            }
            for number in range(8)
        }
        conversations, messages, memories, models = {}, {}, {}, {}
        # The last of them has said nothing yet.
        for user_id in list(users)[:-1]:
            own = []
            for _ in range(rng.randint(1, 5)):
                conversation_id = new_id()
                conversations[conversation_id] = {
                    "type": "conversation",
                    "conversation_id": conversation_id,
                    "user_id": user_id,
                    "started_at": at(),
                }
                for _ in range(rng.randint(0, 6)):
                    message_id = new_id()
                    messages[message_id] = {
                        "type": "message",
                        "message_id": message_id,
                        "conversation_id": conversation_id,
                        "user_id": user_id,
                        "created_at": at(),
                        "sender": rng.choice(["user", "agent"]),
                        "content": "I like tea 🍵",
                    }
                    own.append(message_id)
            for _ in range(rng.randint(0, 12)):
                memory_id = new_id()
                memories[memory_id] = {
                    "type": "memory",
                    "memory_id": memory_id,
                    "user_id": user_id,
                    "conversation_id": rng.choice(
                        [id for id, conversation in conversations.items() if conversation["user_id"] == user_id]
                    ),
                    "created_at": at(),
                    "references": rng.sample(own, min(len(own), rng.randint(0, 3))),
                    "content": f"Likes tea \u0007 “{memory_id}”",
                    "context": "",
                }
            for number in range(rng.randint(0, 3)):
                model_id = new_id()
                models[model_id] = {
                    "type": "user_model",
                    "user_model_id": model_id,
                    "user_id": user_id,
                    "content": f"A drinker of tea, {number}",
                    "insight_ids": [new_id()],
                    "dimensions": [{"description": "Drinks", "tags": ["tea", "hot"]}],
                    "created_at": f"2026-01-0{9 - number}T00:00:00Z",
                }
        return cls(rng, users, conversations, messages, memories, models)

    def records(self):
        """All of them in a new order."""
        kinds = (self.users, self.conversations, self.messages, self.memories, self.models)
        records = [record for kind in kinds for record in kind.values()]
        self.rng.shuffle(records)
        return records

    def of(self, kind, user_id):
        return [record for record in kind.values() if record["user_id"] == user_id]

    def statistics(self, user_id):
        times = [message["created_at"] for message in self.of(self.messages, user_id)]
        return {
            "num_conversations": len(self.of(self.conversations, user_id)),
            "num_messages": len(times),
            "last_message_time": max(times, default=None),
        }

    def readable(self, user_id, may):
        """The ids of the memories of a user all of whose messages may be read. One that refers to no message is read like
        any message of its conversation."""

        def drawn_from(memory):
            return [self.messages[reference] for reference in memory["references"]] or [memory | {"message_id": None}]

        return {
            memory["memory_id"]
            for memory in self.of(self.memories, user_id)
            if all(may(message) for message in drawn_from(memory))
        }


@pytest.fixture(scope="module")
def known(server):
    """An organization that knows what a platform has sent, twice."""
    org: Org = server.create_org()
    platform = Platform.made(4)
    server.confidential |= {user["email"] for user in platform.users.values()}
    records = platform.records()
    lines, summary = ingest(org.admin, records)
    assert {line["result"] for line in lines} == {"created"}, [line for line in lines if line["result"] != "created"]
    assert summary == {"lines": len(records), "created": len(records), "updated": 0, "unchanged": 0, "refused": 0}
    lines, summary = ingest(org.admin, platform.records())
    assert {line["result"] for line in lines} == {"unchanged"}
    assert summary["unchanged"] == len(records)
    yield org, platform
    org.close()


def memories(caller, user_id, **params):
    """Every page of a user's memories, each parsed by the vendor's model, which is stricter than ours."""
    token, found = 0, []
    while token is not None:
        answer = caller.get(f"/user/{user_id}/memory", params={**params, "continuation_token": token})
        assert answer.status_code == 200, answer.text
        page = UserGetMemoriesResponse.model_validate_json(answer.text)
        assert page.has_more == (page.continuation_token is not None)
        for memory, shown in zip(page.memories, answer.json()["memories"], strict=True):
            assert shown["timestamp"] == shown["created_at"] and memory.created_at.tzinfo
        found += page.memories
        token = page.continuation_token
    return found


def test_every_memory_comes_back_as_it_was_sent(known):
    org, platform = known
    for user_id in platform.users:
        found = memories(org.admin, user_id, limit=3)
        sent = {memory["memory_id"]: memory for memory in platform.of(platform.memories, user_id)}
        assert len(found) == len(sent) == len({memory.id for memory in found})
        for memory in found:
            record = sent[memory.id]
            assert memory.references == record["references"]
            assert (memory.conversation_id, memory.content) == (record["conversation_id"], record["content"])
            assert memory.context == record["context"]
            assert memory.created_at.isoformat() == record["created_at"].replace("Z", "+00:00")


@pytest.mark.parametrize("sign", "+-")
@pytest.mark.parametrize("name", ["created_at", "timestamp", "conversation_id"])
def test_memories_are_sorted_by_either_generations_names(known, sign, name):
    org, platform = known
    user_id = max(platform.users, key=lambda user: len(platform.of(platform.memories, user)))
    field = "created_at" if name == "timestamp" else name
    expected = [memory[field] for memory in platform.of(platform.memories, user_id)]
    found = memories(org.admin, user_id, limit=2, sort_by=sign + name)
    times = {memory["memory_id"]: memory[field] for memory in platform.of(platform.memories, user_id)}
    assert [times[memory.id] for memory in found] == sorted(expected, reverse=sign == "-")


def test_memories_are_found_by_ids_and_conversations(known):
    org, platform = known
    user_id = max(platform.users, key=lambda user: len(platform.of(platform.memories, user)))
    sent = platform.of(platform.memories, user_id)
    two = [sent[0]["memory_id"], sent[1]["memory_id"]]
    found = memories(org.admin, user_id, id=[*two, two[0], "0" * 24])
    assert {memory.id for memory in found} == set(two)
    conversation = sent[0]["conversation_id"]
    found = memories(org.admin, user_id, conversation_id=[conversation, conversation])
    assert {memory.id for memory in found} == {
        memory["memory_id"] for memory in sent if memory["conversation_id"] == conversation
    }
    refused = org.admin.get(f"/user/{user_id}/memory", params={"id": "x", "conversation_id": "Y", "limit": 51})
    assert locations(refused) >= {("query", "id", 0), ("query", "conversation_id", 0), ("query", "limit")}


def test_a_role_decides_which_memories_are_read(known):
    org, platform = known
    conversations = platform.rng.sample(list(platform.conversations), 4)
    hidden = platform.rng.choice(list(platform.messages))
    someone = next(iter(platform.users))
    shown = 0
    for conditions, may in [
        (
            [grant("Conversation:GetMessage", conversation_id={"type": "In", "values": conversations})],
            lambda message: message["conversation_id"] in conversations,
        ),
        (
            [grant("Conversation:GetMessage", user_id=someone)],
            lambda message: message["user_id"] == someone,
        ),
        (
            [
                grant("Conversation:GetMessage"),
                grant("Conversation:GetMessage", action="Deny", message_id=hidden),
            ],
            lambda message: message["message_id"] != hidden,
        ),
    ]:
        reader = org.member(org.role("User:GetUserInfo", *conditions))
        for user_id in platform.users:
            found = {memory.id for memory in memories(reader, user_id, limit=2)}
            expected = platform.readable(user_id, may)
            assert found == expected
            shown += len(expected)
    assert shown > 5
    blind = org.member(org.role("User:GetUserInfo"))
    assert all(memories(blind, user_id) == [] for user_id in platform.users)
    unseeing = org.member(org.role("Conversation:GetMessage", grant("User:GetUserInfo", user_id="{self_user_id}")))
    assert unseeing.get(f"/user/{someone}/memory").status_code == 404


def test_the_clients_model_of_a_user_shows_what_was_concluded_the_oldest_first(known, kind):
    org, platform = known
    with Sdk(kind, org.admin.settings()) as sdk:
        for user_id in platform.users:
            found = sdk.users.get_user_model(user_id)
            assert isinstance(found, UserGetUserModelResponse)
            sent = sorted(platform.of(platform.models, user_id), key=lambda model: model["created_at"])
            assert [model.content for model in found.user_models] == [model["content"] for model in sent]
            assert [model.insight_ids for model in found.user_models] == [model["insight_ids"] for model in sent]
            dimensions = [[one.model_dump() for one in model.dimensions] for model in found.user_models]
            assert dimensions == [model["dimensions"] for model in sent]


def shown_statistics(user):
    last = user.user_stats.last_message_time
    return {
        "num_conversations": user.user_stats.num_conversations,
        "num_messages": user.user_stats.num_messages,
        "last_message_time": last.isoformat().replace("+00:00", "Z") if last else None,
    }


def test_statistics_follow_what_was_sent(known, kind):
    org, platform = known
    with Sdk(kind, org.admin.settings()) as sdk:
        users = sdk.users.get_users(GetUsersParametersQuery(user_id=list(platform.users))).users
    assert len(users) == len(platform.users)
    for user in users:
        assert shown_statistics(user) == platform.statistics(user.user_id)


@pytest.mark.parametrize("sign", "+-")
@pytest.mark.parametrize("name", STATISTICS)
def test_users_are_sorted_by_their_statistics_through_the_client(known, kind, sign, name):
    org, platform = known
    everybody = list(platform.users)
    expected = sorted((STATISTICS[name](platform.statistics(user)) for user in everybody), reverse=sign == "-")
    found, token = [], 0
    with Sdk(kind, org.admin.settings()) as sdk:
        while token is not None:
            # The vendor's list of sort fields is narrower in its types than in its words.
            query = GetUsersParametersQuery(
                user_id=everybody, limit=3, continuation_token=token, sort_by=[f"{sign}user_stats.{name}"]
            )
            page = sdk.users.get_users(query)
            found += page.users
            token = page.continuation_token
    assert [STATISTICS[name](shown_statistics(user)) for user in found] == expected
    assert {user.user_id for user in found} == set(everybody)


def test_what_was_known_of_a_deleted_user_is_gone_and_does_not_come_back(org, admin):
    platform = Platform.made(5)
    org.server.confidential |= {user["email"] for user in platform.users.values()}
    ingest(admin, platform.records())
    user_id = max(platform.users, key=lambda user: len(platform.of(platform.memories, user)))
    assert memories(admin, user_id)
    assert admin.delete(f"/user/{user_id}").status_code == 200
    for path in (f"/user/{user_id}/memory", f"/user/{user_id}/user_model"):
        gone, never = admin.get(path), admin.get(path.replace(user_id, "0" * 24))
        assert gone.status_code == 404 and gone.text == never.text
    lines, summary = ingest(admin, records := platform.records())
    late = [at for at, record in enumerate(records) if record["user_id"] == user_id]
    assert [at for at, line in enumerate(lines) if line["result"] == "refused"] == late
    assert summary["unchanged"] == len(records) - len(late)
    assert admin.get(f"/user/{user_id}/memory").status_code == 404


def test_who_hides_conversations_reads_the_own_memories_alone(org, admin):
    platform = Platform.made(6)
    org.server.confidential |= {user["email"] for user in platform.users.values()}
    ingest(admin, platform.records())
    user_id = max(platform.users, key=lambda user: len(platform.of(platform.memories, user)))
    own = org.sign_in(user_id)
    everything = platform.readable(user_id, lambda message: True)
    role = org.role("User:GetUserInfo", "User:UpdateUserInfo", "Conversation:GetMessage")
    assert admin.post(f"/role/{role}/assign", {"user_id": user_id}).status_code == 200
    assert admin.post(f"/user/{user_id}", {"conversations_visible_to_admins": False}).status_code == 204
    assert memories(admin, user_id) == []
    assert {memory.id for memory in memories(own, user_id)} == everything
