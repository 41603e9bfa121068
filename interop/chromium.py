"""A real browser without scripts, driven as a person would: pages are opened, fields filled, buttons pressed.

It speaks Chromium's own protocol over a pipe. Pages run no script, and no host but the server is reached.
"""

import json
import os
import shutil
import subprocess
import time

import pytest


def path():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.fail("no Chromium: ./test installs it with apt-get install chromium")


class Chromium:
    """One tab."""

    def __init__(self, profile, languages="en"):
        from_browser, to_us = os.pipe()
        from_us, to_browser = os.pipe()
        options = [
            "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", f"--user-data-dir={profile}", f"--accept-lang={languages}",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--remote-debugging-pipe",
        ]  # fmt: skip
        # The browser reads from descriptor 3 and writes to 4, whatever numbers ours have.
        script = f'exec "$@" 3<&{from_us} 4>&{to_us}'
        self._process = subprocess.Popen(
            ["bash", "-c", script, "bash", path(), *options],
            pass_fds=(from_us, to_us),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(from_us)
        os.close(to_us)
        self._out = open(to_browser, "wb", buffering=0)
        self._in = open(from_browser, "rb", buffering=0)
        self._rest, self._number, self._session, self._loaded = b"", 0, None, 0
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._ask("Page.enable")
        self._ask("DOM.enable")
        self._ask("Emulation.setScriptExecutionDisabled", value=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._out.close()
        self._in.close()

    def _receive(self):
        while b"\0" not in self._rest:
            piece = os.read(self._in.fileno(), 1 << 16)
            assert piece, "the browser has ended"
            self._rest += piece
        text, self._rest = self._rest.split(b"\0", 1)
        message = json.loads(text)
        self._loaded += message.get("method") == "Page.loadEventFired"
        return message

    def _ask(self, method, **params):
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        while (answer := self._receive()).get("id") != self._number:
            pass
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def _find(self, selector):
        root = self._ask("DOM.getDocument")["root"]["nodeId"]
        node = self._ask("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        assert node, f"there is no {selector} in {self.page()}"
        return node

    def _until_loaded(self, act):
        before = self._loaded
        act()
        deadline = time.monotonic() + 60
        while self._loaded == before:
            assert time.monotonic() < deadline, "the page does not load"
            self._receive()

    def page(self):
        """The document as it stands."""
        root = self._ask("DOM.getDocument")["root"]["nodeId"]
        return self._ask("DOM.getOuterHTML", nodeId=root)["outerHTML"]

    def open(self, url):
        self._until_loaded(lambda: self._ask("Page.navigate", url=url))
        return self.page()

    def type(self, selector, text):
        self._ask("DOM.focus", nodeId=self._find(selector))
        self._ask("Input.insertText", text=text)

    def press(self, selector):
        """Clicks into the middle of something, and waits for the page to which that leads."""
        node = self._find(selector)
        self._ask("DOM.scrollIntoViewIfNeeded", nodeId=node)
        corners = self._ask("DOM.getContentQuads", nodeId=node)["quads"][0]
        place = {"x": sum(corners[::2]) / 4, "y": sum(corners[1::2]) / 4, "button": "left", "clickCount": 1}

        def click():
            self._ask("Input.dispatchMouseEvent", type="mousePressed", **place)
            self._ask("Input.dispatchMouseEvent", type="mouseReleased", **place)

        self._until_loaded(click)
        return self.page()
