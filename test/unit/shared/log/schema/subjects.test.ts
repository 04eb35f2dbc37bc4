import {
  SHARDS,
  deadSubject,
  eventSubject,
  sessionFilter,
  shardOf,
} from "../../../../support/eight-shards.ts";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sessionIdProblem } from "../../../../../src/shared/log/schema/session-id.ts";
import {
  answerInbox,
  askingGateway,
  gatewayInbox,
  inboxOwner,
  isAnswerTo,
  isOperatorInbox,
  KINDS,
  parseEventSubject,
  questionSubject,
  RECEIPT_SUBJECT,
} from "../../../../../src/shared/log/schema/subjects.ts";

const id = fc
  .oneof(
    fc.string({ minLength: 1, maxLength: 40 }),
    fc.string({ unit: "grapheme", minLength: 1, maxLength: 10 }),
  )
  .filter((it) => sessionIdProblem(it) === undefined);
const kind = fc.constantFrom(...KINDS);
const origin = fc.constantFrom("ev" as const, "replay" as const);

/** As the broker matches. */
function matches(filter: string, subject: string): boolean {
  const parts = subject.split(".");
  const wanted = filter.split(".");
  return parts.length === wanted.length && wanted.every((token, i) => token === "*" || token === parts[i]);
}

describe("subjects of events", () => {
  test("contain everything that was put into them", () => {
    fc.assert(
      fc.property(id, id, kind, origin, (runner, session, what, from) => {
        const subject = eventSubject(runner, session, what, from);
        expect(parseEventSubject(subject)).toEqual({
          origin: from,
          partition: shardOf(session),
          runner,
          session,
          kind: what,
        });
      }),
    );
  });

  test("a session's filter matches its events, live and replayed, and no other's", () => {
    fc.assert(
      fc.property(id, id, id, kind, origin, (runner, session, other, what, from) => {
        expect(matches(sessionFilter(session), eventSubject(runner, session, what, from))).toBe(true);
        fc.pre(other !== session);
        expect(matches(sessionFilter(session), eventSubject(runner, other, what, from))).toBe(false);
      }),
    );
  });

  test.each([
    "",
    "rr",
    "rr.ev.1.r.s",
    "rr.ev.1.r.s.event.more",
    "rr.ev.1.r.s.other",
    "rr.dead.1.r.s.event",
    "xx.ev.1.r.s.event",
    "rr.ev..r.s.event",
    "rr.ev.1.r..event",
    "rr.ev.1.r.=zz.event",
    "rr.ev.1.r.=C3.event",
    "rr.ev.1.=.s.event",
    "rr.ev.1.r.é.event",
  ])("%j is none, and no reason to throw", (subject) => {
    expect(parseEventSubject(subject)).toBeUndefined();
  });

  test("whatever is published, it is read or it is none", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.constantFrom("rr", "ev", "1", "event", "=FF")), { maxLength: 7 }),
        (tokens) => {
          parseEventSubject(tokens.join("."));
        },
      ),
    );
  });

  test("a dead letter's begins with the event's id", () => {
    expect(deadSubject("e1", "r", "a b", "bind")).toBe(`rr.dead.e1.${shardOf("a b")}.r.a=20b.bind`);
  });
});

describe("shards", () => {
  test("of a session never change: they are part of every stored subject", () => {
    expect(["a", "s1", "ses_4f1b", "é", ""].map(shardOf)).toMatchInlineSnapshot(`
      [
        7,
        5,
        6,
        0,
        1,
      ]
    `);
  });

  test("are spread evenly, also for ids that differ at the end only", () => {
    for (const name of [
      (i: number) => `ses_${i}`,
      (i: number) => `${i}-0000-4000-8000`,
      (i: number) => `x${String(i).padStart(12, "0")}`,
    ]) {
      const counts = Array.from({ length: SHARDS }, () => 0);
      for (let i = 0; i < 8000; i++) counts[shardOf(name(i))]! += 1;
      expect(Math.min(...counts)).toBeGreaterThan(800); // 1000 each
      expect(Math.max(...counts)).toBeLessThan(1200);
    }
  });

  test("are numbers that exist, for any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (session) => {
        const shard = shardOf(session);
        expect(Number.isInteger(shard) && shard >= 0 && shard < SHARDS).toBe(true);
      }),
    );
  });
});

describe("ADR 0018: the subject names the asker, which gets the answer", () => {
  const ask = (gateway: string): string => questionSubject(RECEIPT_SUBJECT, gateway);
  const inbox = (gateway: string): string => `${gatewayInbox(gateway)}.x.y`;

  test("a gateway asks in its own name, and no other login in that name", () => {
    fc.assert(
      fc.property(id, id, (one, other) => {
        const token = gatewayInbox(one).slice("_INBOX_gw.".length);
        expect(askingGateway(RECEIPT_SUBJECT, ask(one), inbox(one))).toBe(token);
        expect(askingGateway(RECEIPT_SUBJECT, RECEIPT_SUBJECT, inbox(one))).toBe(token); // older ones
        if (one !== other) expect(askingGateway(RECEIPT_SUBJECT, ask(one), inbox(other))).toBeUndefined();
      }),
    );
  });

  test.each([
    undefined,
    "",
    "_INBOX_gw",
    "_INBOX_gw.a",
    "_INBOX_gw.a.",
    "_INBOX_gw.a.>",
    "_INBOX_gw.*.x",
    "_INBOX_gw.a b.x",
    "_INBOX_gw.a.x\r\n",
    "x_INBOX_gw.a.x",
    "_INBOX_gwx.a.x",
    "_INBOX_op.a.x",
    "_INBOX_rl.a.x",
    "$KV.RR_STATE.paused",
    "rr.state.a",
  ])("an answer to %s is for no gateway", (reply) => {
    expect(inboxOwner(reply)).toBeUndefined();
    for (const subject of [ask("a"), RECEIPT_SUBJECT])
      expect(askingGateway(RECEIPT_SUBJECT, subject, reply)).toBeUndefined();
  });

  test.each(["rr.rpc.receipt.a.b", "rr.rpc.http.a", "rr.rpc.receipts", "rr.rpc"])(
    "%s is no such question",
    (subject) => expect(askingGateway(RECEIPT_SUBJECT, subject, inbox("a"))).toBeUndefined(),
  );

  test("operators have inboxes of their own", () => {
    expect(["_INBOX_op.a", "_INBOX_op.a.b"].map(isOperatorInbox)).toEqual([true, true]);
    const others = ["_INBOX_op", "_INBOX_op.", "_INBOX_op.>", "_INBOX_opx.a", "_INBOX_gw.a.b", undefined];
    expect(others.filter(isOperatorInbox)).toEqual([]);
  });
});

describe("ADR 0018: the answer to an event goes to its own runner's gateways", () => {
  const subject = (runner: string): string => eventSubject(runner, "s", "event");

  test("and to the request that it was", () => {
    fc.assert(
      fc.property(id, id, id, (gateway, runner, other) => {
        const answer = `${answerInbox(gateway, runner, "token")}.e1`;
        expect(isAnswerTo(answer, subject(runner), "e1")).toBe(true);
        expect(isAnswerTo(answer, subject(runner), "e2")).toBe(false);
        expect(isAnswerTo(answer, subject(other), "e1")).toBe(other === runner);
      }),
    );
  });

  test.each([
    "_INBOX_gw.g.r.t.ack.e1",
    "_INBOX_gw.g.t.ack.1.0",
    "_INBOX_gw.g.t.tunnel.e1",
    "_INBOX_gw.g.r.t.answer",
    "_INBOX_gw.g.r.t.answer.e1.x",
    "_INBOX_gw.g.r.answer.e1",
    "_INBOX_gw.g.e1",
    "_INBOX_op.g.r.t.answer.e1",
    "$KV.RR_STATE.r.t.answer.e1",
    "_INBOX_gw.g.r.>.answer.e1",
    "_INBOX_gw.g.abcdefghij0123456789.answer.e1", // a token of today's length has a runner before it
  ])("%s is no place for one", (answer) => expect(isAnswerTo(answer, subject("r"), "e1")).toBe(false));

  test("of gateways of before, which listen without their runner's name, it is still taken", () => {
    const answer = "_INBOX_gw.g.abcdefghij012345.answer.abcdefghij012345-a";
    expect(isAnswerTo(answer, subject("r"), "abcdefghij012345-a")).toBe(true);
    expect(isAnswerTo(answer, subject("r"), "abcdefghij012345-b")).toBe(false);
  });
});
