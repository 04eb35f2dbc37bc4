"""A runner pod's client by grpcio, against a running server of sessions.

    pip install grpcio==1.80.0
    python test/faults/pods.py 127.0.0.1:8002 "$(runner-relay sessions key --data DIR)" [CA.pem]

Prints one line for each check, and ends with 1 if one failed. Messages are encoded by hand, as a runner pod does it.
"""

import itertools
import sys
import threading
import time
import uuid

import grpc

SERVICE = "/ambient.v1.SessionService/"


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def text(field: int, value: str) -> bytes:
    raw = value.encode()
    return varint(field << 3 | 2) + varint(len(raw)) + raw if raw else b""


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def message(data: bytes) -> dict:
    names = {1: "id", 2: "session_id", 3: "seq", 4: "event_type", 5: "payload", 6: "created_at"}
    found, at = {"seq": 0, "payload": ""}, 0
    while at < len(data):
        tag, at = read_varint(data, at)
        if tag & 7 == 0:
            value, at = read_varint(data, at)
        else:
            length, at = read_varint(data, at)
            value, at = data[at : at + length], at + length
            if tag >> 3 != 6:
                value = value.decode()
        found[names[tag >> 3]] = value
    return found


class Pod:
    def __init__(self, target: str, token: str, ca: str | None):
        self.token = token
        if ca is None:
            self.channel = grpc.insecure_channel(target)
        else:
            with open(ca, "rb") as file:
                tls = grpc.ssl_channel_credentials(file.read())
            # the token comes twice then, as it does from a real pod
            call = grpc.access_token_call_credentials(token)
            both = grpc.composite_channel_credentials(tls, call) if token else tls
            self.channel = grpc.secure_channel(target, both)

    def head(self):
        return [("authorization", f"Bearer {self.token}")] if self.token else []

    def push(self, session: str, kind: str, payload: str) -> dict:
        call = self.channel.unary_unary(SERVICE + "PushSessionMessage", response_deserializer=message)
        return call(text(1, session) + text(2, kind) + text(3, payload), timeout=5, metadata=self.head())

    def watch(self, session: str, after: int = 0, timeout: float | None = None):
        request = text(1, session) + (varint(2 << 3) + varint(after) if after else b"")
        call = self.channel.unary_stream(SERVICE + "WatchSessionMessages", response_deserializer=message)
        return call(request, metadata=self.head(), timeout=timeout)


def status(action) -> str:
    try:
        action()
        return "OK"
    except grpc.RpcError as error:
        return error.code().name


failures = 0


def check(name: str, passed: bool, found: object = "") -> None:
    global failures
    failures += not passed
    print("ok  " if passed else "FAIL", name, found)


def main(target: str, token: str, ca: str | None = None) -> int:
    pod = Pod(target, token, ca)
    session = f"py-{uuid.uuid4()}"
    waiting = pod.watch(session)
    first = pod.push(session, "assistant", "hello \u00e4 \U0001f600\n")
    check("a watch of an unknown session gets the first push", next(waiting) == first, first["seq"])
    waiting.cancel()
    check("a cancelled watch ends with it", status(lambda: next(waiting)) == "CANCELLED")
    check("the payload comes as it went", first["payload"] == "hello \u00e4 \U0001f600\n")
    rest = [pod.push(session, "RUN_STARTED", '{"type": "RUN_STARTED", "timestamp": null}') for _ in range(20)]
    after = list(itertools.islice(pod.watch(session, first["seq"]), 20))
    check("a watch behind a place gets what follows", after == rest)
    check("places grow", all(a["seq"] < b["seq"] for a, b in itertools.pairwise([first, *rest])))
    found = status(lambda: list(pod.watch(session, rest[-1]["seq"], timeout=0.5)))
    check("a deadline ends a watch with its status", found == "DEADLINE_EXCEEDED", found)
    for name, bad in (("missing", ""), ("wrong", "x" * 20)):
        stranger = Pod(target, bad, ca)
        check(f"push, {name} token", status(lambda: stranger.push(session, "assistant", "x")) == "UNAUTHENTICATED")
        found = status(lambda: next(stranger.watch(session)))
        check(f"watch, {name} token", found == "UNAUTHENTICATED", found)
    for args in (("", "assistant", "x"), (session, "", "x"), (session, "turn_ended", "x")):
        found = status(lambda args=args: pod.push(*args))
        check(f"push of {args}", found == "INVALID_ARGUMENT", found)
    for size in (1_100_000, 4_194_304, 5_000_000):
        found = status(lambda size=size: pod.push(session, "assistant", "x" * size))
        check(f"push of {size} bytes", found == "RESOURCE_EXHAUSTED", found)
    large = pod.push(session, "assistant", "x" * 900_000)
    check("the largest messages are watched", next(pod.watch(session, rest[-1]["seq"])) == large)
    health = pod.channel.unary_unary("/grpc.health.v1.Health/Check")
    check("health", health(b"") == b"\x08\x01")
    rate(pod, session, large["seq"])
    return 1 if failures else 0


def rate(pod: Pod, session: str, after: int, threads: int = 8, each: int = 100) -> None:
    """Pushes at once, and one watch that sees all of them."""
    pushed: list[int] = []
    times: list[float] = []

    def work() -> None:
        for _ in range(each):
            begun = time.perf_counter()
            pushed.append(pod.push(session, "assistant", "x" * 300)["seq"])
            times.append(time.perf_counter() - begun)

    watch = pod.watch(session, after)
    begun = time.perf_counter()
    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    seen = [it["seq"] for it in itertools.islice(watch, threads * each)]
    for worker in workers:
        worker.join()
    watch.cancel()
    seconds = time.perf_counter() - begun
    times.sort()
    half, most = times[len(times) // 2] * 1000, times[int(len(times) * 0.99)] * 1000
    check(f"{threads} writers, one watch: all, in order", seen == sorted(pushed))
    print(f"     {len(pushed) / seconds:.0f} pushes/s, p50 {half:.1f} ms, p99 {most:.1f} ms")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]))
