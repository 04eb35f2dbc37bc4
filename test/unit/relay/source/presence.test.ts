import { describe, expect, test } from "vitest";
import { headers, type Msg, type MsgHdrs, type NatsConnection } from "@nats-io/nats-core";
import { createPresence, type Presence } from "../../../../src/relay/source/presence.ts";
import { sharesOf, turnsOf } from "../../../../src/relay/source/shares.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

const SHARDS = 16;
/** The broker gives a shard up after this without a pull. */
const PIN_MS = 3000;

type Place = { pinned: string | undefined; pulling: Set<string>; gotBy: string[] };

/** Relays on one clock and a broker that gives a free shard to the relay that has waited longest, other than the preferred one. */
function stage(): {
  clock: ReturnType<typeof createFakeClock>;
  places: Place[];
  /** `name`: what it says it is called, if another one has that name. */
  join(relay: string, name?: string): Presence;
  kill(relay: string): void;
  /** A relay of before, which takes no shard, says that it is there. */
  beat(relay: string, text: string, process?: string): void;
  /** Anything on a subject. */
  say(subject: string, text: string): void;
  alive: Set<string>;
  /** Relays that gave way to another one of their name. */
  gone: string[];
} {
  const clock = createFakeClock();
  const places = Array.from({ length: SHARDS }, (): Place => {
    return { pinned: undefined, pulling: new Set(), gotBy: [] };
  });
  const alive = new Set<string>();
  const gone: string[] = [];
  const listeners: { relay: string; parts: number; hear: (error: null, msg: Msg) => void }[] = [];

  /** The worst case: the preferred relay is taken only if nobody else waits. */
  function pin(place: Place, shard: number): void {
    if (place.pinned !== undefined) return;
    const waiting = [...place.pulling].filter((relay) => alive.has(relay));
    const owner = sharesOf([...alive].sort(), SHARDS)[shard];
    const next = waiting.find((relay) => relay !== owner) ?? waiting[0];
    if (next === undefined) return;
    place.pinned = next;
    place.gotBy.push(next);
  }

  function tell(subject: string, text: string, head?: MsgHdrs): void {
    const parts = subject.split(".").length;
    const msg = { subject, headers: head, string: () => text } as Msg;
    for (const listener of listeners)
      if (listener.parts === parts && alive.has(listener.relay)) listener.hear(null, msg);
  }

  const connectionOf = (relay: string): Pick<NatsConnection, "publish" | "subscribe" | "isClosed"> => ({
    isClosed: () => !alive.has(relay),
    publish(subject, payload, options) {
      if (alive.has(relay)) tell(subject, String(payload), options?.headers);
    },
    subscribe(subject, options) {
      const hear = options?.callback as (error: null, msg: Msg) => void;
      listeners.push({ relay, parts: subject.split(".").length, hear });
      return { unsubscribe: () => undefined } as ReturnType<NatsConnection["subscribe"]>;
    },
  });

  return {
    clock,
    places,
    alive,
    gone,
    join(relay, name = relay) {
      alive.add(relay);
      const shards = places.map((place, shard) => ({
        shard,
        start() {
          if (!alive.has(relay)) throw new Error("closed connection");
          place.pulling.add(relay);
          pin(place, shard);
        },
        async stop() {
          place.pulling.delete(relay);
          if (place.pinned !== relay) return;
          place.pinned = undefined;
          clock.after(0, () => pin(place, shard)); // the hand-over takes a while
        },
        status() {
          const phase: "active" | "waiting" | "handed_over" =
            place.pinned === relay ? "active" : place.pulling.has(relay) ? "waiting" : "handed_over";
          return { shard, phase, behind: false, pending: 0, floor: 0, delivered: 0 };
        },
      }));
      const presence = createPresence({
        nc: connectionOf(relay),
        clock,
        log: silentLogger(),
        shards,
        relay: name,
        instance: relay.replaceAll("-", ""),
        giveWay: () => void gone.push(relay),
      });
      presence.start();
      return presence;
    },
    beat(relay, text, process) {
      const head = headers();
      if (process !== undefined) head.set("Rr-Process", process);
      tell(`rr.presence.${relay}`, text, head);
    },
    say: tell,
    kill(relay) {
      alive.delete(relay);
      for (const [shard, place] of places.entries()) {
        place.pulling.delete(relay);
        if (place.pinned !== relay) continue;
        clock.after(PIN_MS, () => {
          place.pinned = undefined;
          pin(place, shard);
        });
      }
    },
  };
}

const NAMES = Array.from({ length: 6 }, (_, i) => `relay-${String(i).padStart(2, "0")}`);

describe("two relays with one name", () => {
  test("the one that began later gives way before it says anything else, and the first one keeps its shards", async () => {
    const { clock, places, join, gone } = stage();
    join("first", "hub");
    await clock.pass(1000);
    expect(gone).toEqual([]);
    for (const place of places) place.pinned = undefined; // the later one gets some before it knows
    join("later", "hub");
    expect(places.some(({ gotBy }) => gotBy.includes("later"))).toBe(true);
    await clock.pass(10);
    expect(gone, "at once").toEqual(["later"]);
    await clock.pass(500);
    expect(places.every(({ pinned }) => pinned === "first")).toBe(true);
    await clock.pass(5000);
    expect(gone).toEqual(["later"]);
  });

  test("of two that began in the same moment, one stays", async () => {
    const { clock, join, gone } = stage();
    join("b", "hub");
    join("a", "hub");
    await clock.pass(10);
    expect(gone).toEqual(["b"]);
  });

  test("beats without a process, or with one that cannot be read, are of nobody", async () => {
    const { clock, join, beat, gone, places } = stage();
    join("hub");
    for (const header of [undefined, "", "0", "-1 a", `1 ${"a".repeat(41)}`, "1 a b", "x y"]) {
      beat("hub", "here, with briefs and shares", header);
      await clock.pass(10);
    }
    expect(gone).toEqual([]);
    expect(places.every(({ pinned }) => pinned === "hub")).toBe(true);
  });
});

test("what is no gift moves no shard", async () => {
  const { clock, places, join, say } = stage();
  join("a");
  join("b");
  await clock.pass(10_000);
  const pulling = (): string[] => places.map((place) => [...place.pulling].sort().join());
  const before = pulling();
  for (const text of ["", " ", "0", "0 ", "1e0 c", "-1 c", "99 c", "0 c d", "0x1 c", "9".repeat(30), "NaN c"])
    say("rr.presence.c.gives", text);
  expect(pulling()).toEqual(before);
});

describe("many relays", () => {
  test("a relay that dies: each of its shards goes to its next owner at once, not from one relay to another", async () => {
    const { clock, places, join, kill, alive } = stage();
    for (const name of NAMES) join(name);
    await clock.pass(10_000);
    const owners = (): (string | undefined)[] => places.map(({ pinned }) => pinned);
    const wanted = (): string[] => [...sharesOf([...alive].sort(), SHARDS)];
    expect(owners()).toEqual(wanted());
    for (const place of places) place.gotBy = [];
    kill("relay-03");
    await clock.pass(PIN_MS + 100);
    expect(owners()).toEqual(wanted());
    expect(Math.max(...places.map(({ gotBy }) => gotBy.length))).toBe(1);
  });

  test("a shard that comes to another relay than it should goes on to the right one, and to no third", async () => {
    const { clock, places, join } = stage();
    for (const name of NAMES) join(name);
    await clock.pass(10_000);
    for (const [shard, place] of places.entries()) {
      place.gotBy = ["relay-03"];
      place.pinned = "relay-03";
      place.pulling.add("relay-03");
      expect(place.pulling.size, `all others stand by for ${shard}`).toBe(NAMES.length);
    }
    await clock.pass(1000);
    expect(places.map(({ pinned }) => pinned)).toEqual(sharesOf(NAMES, SHARDS));
    expect(Math.max(...places.map(({ gotBy }) => gotBy.length))).toBe(2);
  });

  test("a relay whose connection ends while it stands aside does not come back", async () => {
    const { clock, places, join, kill } = stage();
    for (const name of NAMES) join(name);
    await clock.pass(1000);
    expect(places.some(({ pulling }) => !pulling.has("relay-03"))).toBe(true);
    kill("relay-03");
    await clock.pass(10_000);
    expect(places.some(({ pulling }) => pulling.has("relay-03"))).toBe(false);
  });

  test("beside a relay of before they share as it does", async () => {
    const { clock, places, join, beat } = stage();
    join("b");
    join("c");
    for (let i = 0; i < 20; i++) {
      beat("a", "here, with briefs");
      await clock.pass(500);
    }
    const wanted = turnsOf(["a", "b", "c"], SHARDS);
    // what the old one should have stays free of others only for as long as it takes them to return
    for (const [shard, place] of places.entries())
      if (wanted[shard] !== "a") expect(place.pinned).toBe(wanted[shard]);
  });
});
