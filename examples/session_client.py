"""Runs a turn in a session and prints its events, with nothing but Python's standard library (3.9 or newer).

The server is named in RUNNER_RELAY_SESSIONS_URL, its key in RUNNER_RELAY_SESSIONS_API_KEY. Broken connections are opened again at the
last event, so that each event comes once. This file is also a small client to copy: create_session, execute, watch, decide, cancel.

  python3 examples/session_client.py ses_demo 'Say hello'
"""

import http.client
import json
import os
import random
import sys
import time
import urllib.error
import urllib.request
import uuid
from urllib.parse import quote

SERVER = os.environ.get("RUNNER_RELAY_SESSIONS_URL", "http://127.0.0.1:8002").rstrip("/")
KEY = os.environ.get("RUNNER_RELAY_SESSIONS_API_KEY", "")
ATTEMPT_SECONDS = 10
SILENCE_SECONDS = 45  # the server says something every 15 s
PATIENCE_SECONDS = 60  # longer than a restart of the server
LATER = (408, 425, 429, 502, 503, 504)
BROKEN = (OSError, http.client.HTTPException)  # no connection, or it broke, or no answer in time


class Refused(Exception):
    """The server's answer is no. `code` is from its catalogue of errors."""

    def __init__(self, status, code, detail):
        super().__init__(f"{code or status}: {detail}")
        self.status, self.code = status, code


class Attempts:
    """Waits between attempts, and gives up when the server stays away for too long."""

    def __init__(self):
        self.end, self.delay = None, 0.2

    def succeeded(self):
        self.__init__()

    def wait(self, error, asked=0.0):
        self.end = self.end or time.monotonic() + PATIENCE_SECONDS
        if time.monotonic() + asked > self.end:
            raise error
        time.sleep(max(asked, random.uniform(0, self.delay)))
        self.delay = min(2 * self.delay, 2)


def request(method, path, body=None, accept="application/json", timeout=ATTEMPT_SECONDS):
    headers = {"Authorization": f"Bearer {KEY}", "Accept": accept}
    data = None
    if body is not None:
        data = json.dumps(body).encode()
        headers["Content-Type"] = "application/json"
    return urllib.request.urlopen(
        urllib.request.Request(SERVER + path, data=data, headers=headers, method=method), timeout=timeout
    )


def refusal(error):
    """The error of an answer, and how many seconds the server wants to be left alone; None if no further attempt helps."""
    with error:
        try:
            problem = json.loads(error.read(65536))
        except ValueError:
            problem = {}
    refused = Refused(error.code, problem.get("code"), problem.get("detail", error.reason))
    if error.code not in LATER:
        return refused, None
    asked = error.headers.get("Retry-After") or "0"
    return refused, float(asked) if asked.isdigit() else 0.0


def call(method, path, body=None):
    """Sends a request until it is answered. All that are sent here may be carried out twice: they carry ids of their own."""
    attempts = Attempts()
    while True:
        try:
            with request(method, path, body) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            refused, asked = refusal(error)
            if asked is None:
                raise refused from None
            attempts.wait(refused, asked)
        except BROKEN as error:
            attempts.wait(error)


def at(session_id, *rest):
    return "/".join(["/sessions", quote(session_id, safe=""), *(quote(part, safe="") for part in rest)])


def create_session(session_id=None, **fields):
    """Makes a session, or finds the one that there is with this id."""
    return call("POST", "/sessions", {"session_id": session_id or f"ses_{uuid.uuid4().hex}", **fields})


def messages(stream):
    """Messages of a stream of server-sent events: (id, data)."""
    ident, data = None, []
    for line in stream:
        name, _, value = line.decode().rstrip("\r\n").partition(":")
        value = value[1:] if value.startswith(" ") else value
        if name == "" and value == "" and line.strip() == b"":
            if data:
                yield ident, "\n".join(data)
            ident, data = None, []
        elif name == "data":
            data.append(value)
        elif name == "id":
            ident = value


def watch(session_id, after="0"):
    """Yields everything behind the cursor `after`, each event once and in order. An event's `cursor` is where to come back to."""
    attempts, last = Attempts(), 0
    while True:
        try:
            path = f"{at(session_id, 'events')}?after={quote(str(after))}"
            with request("GET", path, accept="text/event-stream", timeout=SILENCE_SECONDS) as stream:
                for ident, text in messages(stream):
                    attempts.succeeded()
                    event = json.loads(text)
                    if ident is None:  # a notice: gap, reset, caught_up, closed
                        if event["type"] == "reset":
                            after, last = "0", 0
                        if event["type"] == "closed" and event.get("reason") == "stopping":
                            break  # another server is there, or this one's next run
                        yield event
                        if event["type"] == "closed":
                            return
                    elif event["seq"] > last:
                        after, last = ident, event["seq"]
                        yield {**event, "cursor": ident}
            attempts.wait(ConnectionError("the server ended the stream"))
        except urllib.error.HTTPError as error:
            refused, asked = refusal(error)
            if asked is None:
                raise refused from None
            attempts.wait(refused, asked)
        except BROKEN as error:
            attempts.wait(error)


def execute(session_id, user_input, turn_id=None):
    """Runs a turn and yields its events until its end. A repeat with the same `turn_id` is the same turn."""
    turn = {"user_input": user_input, "client_turn_id": turn_id or uuid.uuid4().hex}
    accepted = call("POST", at(session_id, "turns"), turn)
    for event in watch(session_id, accepted["seq"]):
        if event["type"] in ("closed", "reset"):
            raise Refused(0, event["type"], f"it is not known what became of the turn: {event}")
        if event.get("turn_id") == accepted["turn_id"] or event["type"] == "gap":
            yield event
        if event.get("turn_id") == accepted["turn_id"] and event["type"] == "turn_ended":
            return


def decide(session_id, request_id, allow, message=None):
    """Answers a `permission_request`."""
    answer = {"allow": allow} if message is None else {"allow": allow, "message": message}
    return call("POST", at(session_id, "permissions", request_id), answer)


def cancel(session_id, turn_id):
    return call("POST", at(session_id, "turns", turn_id, "cancel"), {})


def main():
    session = create_session(sys.argv[1] if len(sys.argv) > 1 else None)["session_id"]
    for event in execute(session, sys.argv[2] if len(sys.argv) > 2 else "Say hello"):
        if event["type"] == "text":
            print(event["data"]["text"], end="", flush=True)
        elif event["type"] == "permission_request":
            decide(session, event["data"]["request_id"], False, "nobody is there to be asked")
        elif event["type"] == "turn_ended":
            print(f"\n{event['data']['outcome']} at {event['cursor']}")


if __name__ == "__main__":
    main()
