"""An executor that answers every prompt with the prompt, with nothing but Python's standard library (3.9 or newer).

A runner starts it with the gateway's address in AGENT_ORCHESTRATOR_API_URL and exchanges newline-delimited JSON with it. The first
line in is the invocation (start or resume). Then, for a persistent profile, {"type":"turn","parameters":{"prompt":...}} and finally
{"type":"shutdown"}; the end of stdin also ends it. After each turn it writes {"type":"turn_complete","result":...}.

  echo '{"mode":"start","session_id":"ses_1","parameters":{"prompt":"hi"}}' | python3 examples/echo_executor.py
"""

import json
import os
import random
import sys
import time
import urllib.error
import urllib.request
import uuid
from datetime import datetime, timezone
from urllib.parse import quote

GATEWAY = os.environ["AGENT_ORCHESTRATOR_API_URL"].rstrip("/")
ATTEMPT_SECONDS = 5
RETRY_SECONDS = 30  # longer than a restart of the gateway


def send(method, path, body=None):
    """Sends one request and returns the JSON of a 2xx. A write is retried with the same Idempotency-Key, so a retry is not a second event."""
    headers = {"Content-Type": "application/json"}
    if body is not None:
        headers["Idempotency-Key"] = str(uuid.uuid4())
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(GATEWAY + path, data=data, headers=headers, method=method)
    end = time.monotonic() + RETRY_SECONDS
    delay = 0.2
    while True:
        try:
            with urllib.request.urlopen(request, timeout=ATTEMPT_SECONDS) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode(errors="replace")
            wait = float(error.headers.get("Retry-After") or 0)
            if error.code != 503 or body is None or time.monotonic() + wait > end:
                # the gateway's problem+json and the coordinator's refusal both have `detail`
                raise SystemExit(f"{method} {path}: {error.code} {text}") from None
        except OSError as error:  # no connection, or it broke, or no answer in time
            wait = 0
            if body is None or time.monotonic() > end:
                raise SystemExit(f"{method} {path}: {error}") from None
        time.sleep(max(wait, random.uniform(0, delay)))
        delay = min(2 * delay, 5)


def now():
    return datetime.now(timezone.utc).isoformat()


def add_event(session_id, event_type, **members):
    """A 2xx means that the event is on disk: the coordinator's own answer, or 202 if it gets the event later."""
    event = {"session_id": session_id, "event_type": event_type, "timestamp": now(), **members}
    send("POST", "/events", event)


def begin(invocation, session_id):
    resumed = invocation["mode"] == "resume"
    if resumed:
        send("GET", f"/sessions/{quote(session_id, safe='')}")  # fails if the session does not exist
    bind = {"session_id": session_id, "executor_session_id": f"echo-{session_id}"}
    if "project_dir" in invocation:
        bind["project_dir"] = invocation["project_dir"]
    send("POST", "/bind", bind)
    if resumed:
        send("PATCH", "/metadata", {"session_id": session_id, "last_resumed_at": now()})


def turn(session_id, parameters):
    prompt = parameters.get("prompt")
    text = prompt if isinstance(prompt, str) else json.dumps(prompt)
    content = [{"type": "text", "text": text}]
    add_event(session_id, "message", role="user", content=content)
    add_event(session_id, "message", role="assistant", content=content)
    add_event(session_id, "result", result_text=text, result_data=None)
    print(json.dumps({"type": "turn_complete", "result": text}), flush=True)


def main():
    session_id = None
    for line in sys.stdin:
        if not line.strip():
            continue
        instruction = json.loads(line)
        if session_id is None:
            session_id = instruction.get("session_id") or os.environ["AGENT_SESSION_ID"]
            begin(instruction, session_id)
        elif instruction["type"] == "shutdown":
            return
        turn(session_id, instruction.get("parameters") or {})


main()
