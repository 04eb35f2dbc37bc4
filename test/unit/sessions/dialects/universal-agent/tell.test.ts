import { expect, test } from "vitest";
import { createTeller } from "../../../../../src/sessions/dialects/universal-agent/tell.ts";
import { encodeSessionEnvelope } from "../../../../../src/shared/session-log/event/session-envelope.ts";
import type { StoredEvent } from "../../../../../src/shared/session-log/follow/stored-event.ts";

const log = "l";

function stored(seq: number, side: "in" | "out", kind: string, turn: string, data: object): StoredEvent {
  const owned = side === "out" ? { epoch: 1, n: seq } : {};
  const envelope = encodeSessionEnvelope({
    id: `e${seq}`,
    source: side === "out" ? "worker" : "user",
    kind,
    session: "s1",
    turn,
    at: 0,
    body: Buffer.from(JSON.stringify(data)),
    ...owned,
  });
  const subject = side === "out" ? `rr.ses.n1.out.${kind}` : `rr.ses.n1.in.${kind}.x`;
  return { seq, subject, data: envelope };
}

test("a cancellation's reason comes back with the end, also when another client gave it", () => {
  const teller = createTeller(() => 0);
  expect(
    teller.frames({ kind: "event", log, event: stored(1, "in", "cancel", "A", { reason: "late" }) }),
  ).toEqual([]);
  const end = stored(2, "out", "turn_ended", "A", { outcome: "cancelled" });
  expect(teller.frames({ kind: "event", log, event: end }).at(-1)?.data).toMatchObject({ reason: "late" });
});

test("a socket waits for its own turn until that ends", () => {
  const teller = createTeller(() => 0);
  const end = (seq: number, turn: string): string[] =>
    teller
      .frames({ kind: "event", log, event: stored(seq, "out", "turn_ended", turn, { outcome: "finished" }) })
      .map(({ type }) => type);
  teller.waitFor("B");
  expect(end(1, "A")).toEqual(["status"]);
  expect(end(2, "B")).toEqual(["query_complete"]);
  expect(teller.waiting()).toBeUndefined();
  expect(end(3, "C")).toEqual(["query_complete"]);
});

test("WATCH-1: what is missing is said by a status, and its place is no place to come back to", () => {
  const teller = createTeller(() => 0);
  expect(teller.frames({ kind: "gap", log, from: 3, to: 9 })).toMatchObject([
    { type: "status", data: { status: "gap", from: 3, to: 9 } },
  ]);
  expect(teller.frames({ kind: "reset", log })).toMatchObject([
    { type: "status", data: { status: "reset" } },
  ]);
  expect(teller.frames({ kind: "caught_up", log, last: 9 })).toEqual([]);
  const broken = { ...stored(4, "out", "text", "A", {}), data: Buffer.from("nonsense") };
  expect(teller.frames({ kind: "event", log, event: broken })).toMatchObject([
    { type: "status", data: { status: "unreadable" }, seq: 4 },
  ]);
});

test("what runs is known while the client is told of things as they come", () => {
  const teller = createTeller(() => 0);
  const see = (seq: number, kind: string, turn: string): string | undefined => {
    teller.frames({ kind: "event", log, event: stored(seq, "out", kind, turn, { outcome: "finished" }) });
    return teller.running();
  };
  teller.begin("A");
  expect(teller.running()).toBeUndefined();
  expect(see(1, "turn_started", "A")).toBeUndefined();
  teller.frames({ kind: "caught_up", log, last: 1 });
  expect(teller.running()).toBe("A");
  expect(see(2, "turn_ended", "B")).toBe("A");
  expect(see(3, "turn_ended", "A")).toBeUndefined();
  expect(see(4, "turn_started", "B")).toBe("B");
  teller.begin(undefined);
  expect(teller.running()).toBeUndefined();
});
