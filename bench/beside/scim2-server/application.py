"""The application of the `scim2-server` command over the storage that comes with it, filled with people at its start."""

import gc
import json
import os
from pathlib import Path

from scim2_models import Meta
from scim2_server.memory import InMemoryStorage, utcnow
from scim2_server.testserver.application import BearerTokenApplication
from scim2_server.utils import load_default_provider

DATA = Path(os.environ["PEOPLE_DATA"])

provider = load_default_provider()
User = provider.model_for_endpoint("/Users")
storage = InMemoryStorage()


def user(line):
    person = json.loads(line)
    first, last = person["first_name"], person["last_name"]
    made = User.model_validate(
        {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "id": person["id"],
            "userName": person["email"],
            "displayName": f"{first} {last}",
            "name": {"givenName": first, "familyName": last},
            "emails": [{"value": person["email"], "primary": True}],
            "active": True,
        }
    )
    now = utcnow()
    made.meta = Meta(resource_type="User", created=now, last_modified=now, version=storage.next_version())
    return made


with (DATA / "people").open() as lines:
    storage.resources = [user(line) for line in lines]
# What is here stays, and need not be looked through at every collection.
gc.freeze()

token = (DATA / "headers").read_text().split()[-1]
application = BearerTokenApplication(storage, provider, bearer_tokens=[token])
