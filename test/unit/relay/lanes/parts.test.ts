import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { batchBody } from "../../../../src/relay/turns/batch-wire.ts";
import { batchSize } from "../../../../src/relay/lanes/batch-size.ts";
import { Budget } from "../../../../src/relay/lanes/budget.ts";
import { Lane, type Entry } from "../../../../src/relay/lanes/lane.ts";
import { ReadyLanes } from "../../../../src/relay/lanes/ready.ts";
import {
  failingShare,
  mayStart,
  mustYield,
  slowAfter,
  type InFlight,
  type Repute,
} from "../../../../src/relay/lanes/share.ts";
import { envelopeOf as storedEnvelope } from "../../../../src/relay/lanes/stored.ts";
import { encodeEnvelope } from "../../../../src/shared/log/schema/envelope.ts";
import { CodedError } from "../../../../src/shared/base/errors.ts";
import type { EventAddress } from "../../../../src/shared/log/schema/subjects.ts";
import { entryOf, envelopeOf } from "./world.ts";

const SOURCE = { mayForward: () => true, verify: () => Promise.resolve(true), settle() {} };

function entry(seq: number, bytes = 10): Entry {
  return entryOf({ seq, session: "s" }, bytes, SOURCE, seq, 0);
}

function seqs(entries: readonly Entry[]): number[] {
  return entries.map(({ seq }) => seq);
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function heapUsed(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

describe("Lane", () => {
  type Step = { do: "push" | "take" | "settle" | "back" | "clear" | "drop" | "renew"; count: number };
  const step: fc.Arbitrary<Step> = fc.record({
    do: fc.constantFrom("push", "push", "take", "settle", "back", "clear", "drop", "renew"),
    count: fc.integer({ min: 1, max: 400 }),
  });

  test("BOUND-1: what was taken does not stay with a lane", () => {
    const before = heapUsed();
    const lanes = Array.from({ length: 1000 }, (_, i) => new Lane(`t${i}`, `s${i}`, 0));
    for (const lane of lanes) {
      for (let seq = 1; seq <= 250; seq++) {
        lane.push(entry(seq));
        lane.take(1);
      }
      lane.inFlight = [];
    }
    expect(heapUsed() - before).toBeLessThan(5 * 1024 * 1024); // 250 entries of each are 30 MB
    expect(lanes.map((lane) => lane.length)).toEqual(lanes.map(() => 0));
  });

  test("ORDER-1: behaves like a list with a part of its head in flight", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const lane = new Lane("t", "s", 0);
        let queue: number[] = [];
        let flying: { seq: number; stale: boolean }[] = [];
        let seq = 0;
        for (const it of steps) {
          switch (it.do) {
            case "push":
              for (let i = 0; i < it.count; i++) {
                lane.push(entry(++seq));
                queue.push(seq);
              }
              break;
            case "take":
              if (flying.length > 0) break;
              expect(seqs(lane.take(it.count))).toEqual(queue.slice(0, it.count));
              flying = queue.splice(0, it.count).map((s) => ({ seq: s, stale: false }));
              break;
            case "settle":
              lane.inFlight = [];
              flying = [];
              break;
            case "back": {
              const left = lane.putBack(lane.inFlight);
              expect(seqs(left)).toEqual(flying.filter((e) => e.stale).map((e) => e.seq));
              queue.unshift(...flying.filter((e) => !e.stale).map((e) => e.seq));
              flying = [];
              break;
            }
            case "clear":
              expect(seqs(lane.clear())).toEqual(queue);
              queue = [];
              flying = flying.map((e) => ({ ...e, stale: true }));
              break;
            case "drop":
              expect(seqs(lane.drop())).toEqual(queue);
              queue = [];
              break;
            case "renew":
              for (const e of lane.inFlight) e.stale = false;
              flying = flying.map((e) => ({ ...e, stale: false }));
              break;
          }
          expect(seqs(lane.entries())).toEqual(queue);
          expect(lane.length).toBe(queue.length);
          expect(lane.bytes).toBe(queue.length * 10);
          expect(lane.peek()?.seq).toBe(queue[0]);
          expect(lane.peek(1)?.seq).toBe(queue[1]);
          expect(lane.inFlight.map((e) => [e.seq, e.stale])).toEqual(flying.map((e) => [e.seq, e.stale]));
        }
      }),
    );
  });

  test("counts the time of failure only while others succeed", () => {
    const lane = new Lane("t", "s", 0);
    lane.failed(1000, 5, "a");
    lane.failed(2000, 5, "b"); // nobody succeeded in between
    expect([lane.failedForMs, lane.attempts, lane.repute]).toEqual([0, 2, "failing"]);
    lane.failed(5000, 6, "c");
    expect(lane.failedForMs).toBe(3000);
    lane.succeeded();
    expect([lane.failedForMs, lane.attempts, lane.repute]).toEqual([0, 0, "proven"]);
    lane.failed(9000, 7, "d"); // the first of a new head
    expect(lane.failedForMs).toBe(0);
  });
});

describe("ISOLATE-1: fair share", () => {
  const connections = fc.integer({ min: 1, max: 64 });
  const record = fc.constantFrom<Repute>("proven", "unproven", "failing");

  test("whatever starts and ends: never more than the connections, failing ones a quarter, the last quarter for proven ones", () => {
    fc.assert(
      fc.property(
        connections,
        fc.array(fc.record({ record, start: fc.boolean() }), { maxLength: 200 }),
        (n, steps) => {
          const inFlight: InFlight = { proven: 0, unproven: 0, failing: 0 };
          for (const it of steps) {
            if (it.start && mayStart(it.record, inFlight, n)) inFlight[it.record]++;
            else if (!it.start && inFlight[it.record] > 0) inFlight[it.record]--;
            const { proven, unproven, failing } = inFlight;
            expect(proven + unproven + failing).toBeLessThanOrEqual(n);
            expect(failing).toBeLessThanOrEqual(failingShare(n));
            if (n > 1) expect(unproven + failing).toBeLessThanOrEqual(n - failingShare(n));
            if (unproven + failing + proven < n) expect(mayStart("proven", inFlight, n)).toBe(true);
          }
        },
      ),
    );
  });

  test("everybody may start on an idle relay", () => {
    fc.assert(
      fc.property(connections, record, (n, it) => {
        expect(mayStart(it, { proven: 0, unproven: 0, failing: 0 }, n)).toBe(true);
      }),
    );
  });

  test("the oldest of the slow ones yield, beyond the failing share, and nobody who is not slow", () => {
    const ages = fc.array(fc.nat(3000), { maxLength: 64 });
    fc.assert(
      fc.property(ages, fc.option(fc.nat(200), { nil: undefined }), connections, (list, typical, n) => {
        const yields = mustYield(list, typical, n);
        const limit = slowAfter(typical);
        const slow = list.filter((age) => age > limit);
        expect(yields).toHaveLength(Math.max(0, slow.length - failingShare(n)));
        const given = yields.map((i) => list[i] ?? 0);
        expect(given.every((age) => age > limit)).toBe(true);
        const kept = list.filter((age, i) => age > limit && !yields.includes(i));
        expect(Math.min(Infinity, ...given)).toBeGreaterThanOrEqual(Math.max(0, ...kept));
      }),
    );
  });

  test("slow is ten times the usual, but at least 250 ms", () => {
    expect([slowAfter(undefined), slowAfter(1), slowAfter(25), slowAfter(100)]).toEqual([
      250, 250, 250, 1000,
    ]);
  });
});

describe("ReadyLanes", () => {
  const lane = (name: string, repute: Repute): Lane => {
    const it = new Lane(name, name, 0);
    it.repute = repute;
    it.phase = { name: "ready" };
    return it;
  };
  const next = (ready: ReadyLanes, inFlight?: InFlight): string | undefined => {
    const it = ready.next(inFlight, 8);
    if (it !== undefined)
      it.phase = { name: "sending", turn: { since: 0, repute: it.repute, over: Promise.resolve() } };
    return it?.token;
  };

  test("first come, first served, whatever their record", () => {
    const ready = new ReadyLanes();
    for (const [name, record] of [
      ["a", "failing"],
      ["b", "proven"],
      ["c", "unproven"],
      ["d", "failing"],
    ] as const)
      ready.add(lane(name, record));
    const idle: InFlight = { proven: 0, unproven: 0, failing: 0 };
    expect([
      next(ready, idle),
      next(ready, idle),
      next(ready, idle),
      next(ready, idle),
      next(ready, idle),
    ]).toEqual(["a", "b", "c", "d", undefined]);
  });

  test("whoever may not start is passed by, and keeps its place", () => {
    const ready = new ReadyLanes();
    ready.add(lane("sick", "failing"));
    ready.add(lane("good", "proven"));
    const crowded: InFlight = { proven: 0, unproven: 0, failing: 2 };
    expect(next(ready, crowded)).toBe("good");
    expect(next(ready, crowded)).toBeUndefined();
    expect(next(ready)).toBe("sick"); // a probe asks for no share
  });

  test("lanes that were emptied meanwhile are skipped, and no lane starts twice", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("add", "next", "empty"), { maxLength: 2000 }), (steps) => {
        const ready = new ReadyLanes();
        const waiting = new Set<string>();
        const all = new Map<string, Lane>();
        for (const [i, it] of steps.entries()) {
          if (it === "add") {
            const added = lane(`l${i}`, (["proven", "unproven", "failing"] as const)[i % 3] ?? "proven");
            ready.add(added);
            all.set(added.token, added);
            waiting.add(added.token);
          } else if (it === "empty") {
            const [first] = waiting;
            const emptied = all.get(first ?? "");
            if (emptied !== undefined) emptied.phase = { name: "idle" };
            waiting.delete(first ?? "");
          } else {
            const [first] = waiting;
            expect(next(ready)).toBe(first);
            waiting.delete(first ?? "");
          }
        }
      }),
    );
  });
});

describe("BOUND-1: the budget of whole messages", () => {
  test("takes what fits, a head in any case", () => {
    const budget = new Budget(100);
    expect(budget.tryTake(60)).toBe(true);
    expect(budget.tryTake(41)).toBe(false);
    expect(budget.tryTake(40)).toBe(true);
    budget.take(500);
    expect(budget.used).toBe(600);
    expect(budget.tryTake(0)).toBe(false);
    budget.give(600);
    expect(budget.used).toBe(0);
  });
});

describe("how many go as one batch", () => {
  const filled = (...entries: Entry[]): Lane => {
    const lane = new Lane("t", "s", 0);
    for (const it of entries) lane.push(it);
    return lane;
  };
  const with_ = (it: Entry, over: Partial<Entry>): Entry => Object.assign(it, over);

  test.each<[string, Lane, number]>([
    ["events up to the limit", filled(...Array.from({ length: 9 }, (_, i) => entry(i))), 5],
    ["up to a thin one", filled(entry(1), entry(2), with_(entry(3), { envelope: undefined })), 2],
    [
      "up to a bind",
      filled(
        entry(1),
        with_(entry(2), { envelope: { ...envelopeOf({ seq: 2, session: "s" }), kind: "bind" } }),
      ),
      1,
    ],
    [
      "a bind alone",
      filled(
        with_(entry(1), { envelope: { ...envelopeOf({ seq: 1, session: "s" }), kind: "bind" } }),
        entry(2),
      ),
      1,
    ],
    ["up to a condemned one", filled(entry(1), with_(entry(2), { death: { reason: "", attempts: 1 } })), 1],
    ["a condemned one alone", filled(with_(entry(1), { death: { reason: "", attempts: 1 } }), entry(2)), 1],
    ["up to a mebibyte", filled(entry(1, 600_000), entry(2, 400_000), entry(3, 100_000)), 2],
    ["a huge one alone", filled(entry(1, 4_000_000), entry(2)), 1],
  ])("%s", (_, lane, count) => {
    expect(batchSize(lane, 5)).toBe(count);
  });
});

describe("the body of a batch", () => {
  const text = fc.oneof(fc.string({ maxLength: 20 }), fc.string({ unit: "grapheme", maxLength: 20 }));
  test("says of each event what it is, with its body byte for byte", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ session: text, epoch: text, seq: fc.nat(), body: fc.json() }), {
          minLength: 1,
          maxLength: 20,
        }),
        (events) => {
          const entries = events.map((event, i) => ({
            ...entry(i),
            envelope: { ...envelopeOf({ seq: i, session: "s" }), ...event, body: Buffer.from(event.body) },
          }));
          const sent = Buffer.from(batchBody(entries)).toString("utf8");
          const parsed = JSON.parse(sent) as { events: unknown[] };
          expect(parsed.events).toEqual(
            events.map(({ session, epoch, seq, body }, i) => ({
              key: `e${i}`,
              session_id: session.toWellFormed(),
              seq: `${epoch.toWellFormed()}-${seq}`,
              body: JSON.parse(body) as unknown,
            })),
          );
          for (const { body } of events) expect(sent).toContain(`"body":${body.toWellFormed()}}`);
        },
      ),
    );
  });
});

describe("what cannot be read", () => {
  const address: EventAddress = { origin: "ev", partition: 1, runner: "r", session: "s", kind: "event" };

  test("a whole envelope is itself", () => {
    const envelope = envelopeOf({ seq: 7, session: "s" });
    expect(storedEnvelope(encodeEnvelope(envelope), address, 3)).toMatchObject({
      envelope: { id: "e7" },
      death: undefined,
    });
  });

  test.each<[string, Uint8Array]>([
    ["bytes that are nothing", Uint8Array.of(0xc1)],
    ["nothing", new Uint8Array()],
    ["another session's envelope", encodeEnvelope(envelopeOf({ seq: 7, session: "other" }))],
    ["another runner's", encodeEnvelope({ ...envelopeOf({ seq: 7, session: "s" }), runner: "other" })],
    ["one of another kind", encodeEnvelope({ ...envelopeOf({ seq: 7, session: "s" }), kind: "bind" })],
  ])("%s gets a shape from its subject, and a reason to be buried", (_, data) => {
    const { envelope, death } = storedEnvelope(data, address, 3);
    expect(envelope).toMatchObject({ id: "seq-3", session: "s", runner: "r", kind: "event" });
    expect(death?.reason).toMatch(/^envelope_invalid: /);
  });

  test("a newer version is no poison: this program is too old", () => {
    const newer = encodeEnvelope({ ...envelopeOf({ seq: 7, session: "s" }), v: 99 });
    expect(() => storedEnvelope(newer, address, 3)).toThrow(CodedError);
  });
});
