"""The second vendor's two published clients, unmodified, pointed at a server on this machine.

The newer one runs in this process, the older one in an interpreter of its own: their modules have the same name.
"""

import json
import logging
import os
import subprocess
from pathlib import Path

import requests
from dixa import Dixa
from dixa.api.v1 import CustomAttributeResource

from conformance import watcher
from support import clean_environment

# The client logs every request and answer; that is for whoever looks for an error in a test.
_quiet = logging.getLogger("dixa under test")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False


def dixa_client(server, token, **options):
    """The newer client. It takes its address from a class, so that each of its resources is told another."""
    session = requests.Session()
    session.trust_env = False
    client = Dixa(token, session=session, logger=_quiet, **options)
    client.v1.CustomAttribute = CustomAttributeResource(client.client)
    for resource in vars(client.v1).values():
        resource.base_url = server.url
    # The answers in their order, as they come by below the client.
    client.seen = []
    session.hooks["response"].append(lambda answer, **_: client.seen.append(answer))
    return client


class Client2021:
    """The older client, driven by calls of a name and keyword arguments; each answer comes back as plain data."""

    def __init__(self, server, token):
        python = os.environ.get("DENIZEN_DIXA_2021")
        assert python, (
            "set DENIZEN_DIXA_2021 to a Python with interop/requirements-dixa-2021.txt, or run ./test interop"
        )
        driver = Path(__file__).with_name("dixa_2021_driver.py")
        self.process = subprocess.Popen(
            [python, driver, server.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=clean_environment(NO_PROXY="*"),
        )
        # Not as an argument, which is for all to see.
        self._write(token)

    def _write(self, value):
        self.process.stdin.write(json.dumps(value) + "\n")
        self.process.stdin.flush()

    def __getattr__(self, method):
        def call(**arguments):
            self._write({"method": method, "arguments": arguments})
            line = self.process.stdout.readline()
            assert line, f"the driver ended with {self.process.wait(timeout=10)}"
            told = json.loads(line)
            for path, exchange in told["exchanges"]:
                watcher.saw(
                    exchange["method"], path, exchange["status"], exchange["headers"], exchange["body"].encode()
                )
            if "error" in told:
                raise Error2021(**told["error"])
            return told["result"]

        return call

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(timeout=30) == 0

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.close()
        else:
            self.process.kill()
            self.process.wait()


class Error2021(Exception):
    """An exception that the older client has raised: the name of its class, its text, and the answer's status."""

    def __init__(self, name, text, status):
        super().__init__(f"{name}: {text}")
        self.name, self.text, self.status = name, text, status
