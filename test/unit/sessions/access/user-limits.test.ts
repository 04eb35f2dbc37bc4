import { expect, test } from "vitest";
import type { Caller, Refusal, Scope } from "../../../../src/sessions/access/caller.ts";
import { createUserGate, type Place, type UserGate } from "../../../../src/sessions/access/user-limits.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

const caller = (user: string, ...scopes: Scope[]): Caller => ({
  user,
  scopes: new Set(scopes),
  open: false,
  ended: new AbortController().signal,
});
const ann = caller("ann", "read", "write", "user");
const proxy = caller("proxy", "admin");
const open = { ...ann, open: true };

const clock = createFakeClock();
function gate(open: Map<string, number> = new Map()): UserGate {
  return createUserGate({
    limits: { watchers: 2, turns: 2, sessions: 2, writes: 2 },
    clock,
    countSessions: async () => 1,
    openTurns: async (session) => open.get(session) ?? 0,
  });
}
const codeOf = (it: Place | Refusal | undefined): string =>
  it !== undefined && "code" in it ? it.code : "ok";

test("watchers are counted while they last", () => {
  const { watch } = gate();
  const places = [watch(ann), watch(ann)];
  expect(places.map(codeOf)).toEqual(["ok", "ok"]);
  expect(codeOf(watch(ann))).toBe("too_many_watchers");
  expect(codeOf(watch(caller("bob", "read")))).toBe("ok");
  for (const place of [places[0], places[0]])
    if (place !== undefined && "giveBack" in place) place.giveBack();
  expect([watch(ann), watch(ann)].map(codeOf)).toEqual(["ok", "too_many_watchers"]);
});

test("writes are counted by the second", async () => {
  const { write } = gate();
  expect([write(ann, 1), write(ann, 1), write(ann, 1)].map(codeOf)).toEqual(["ok", "ok", "too_many_writes"]);
  expect(codeOf(write(caller("bob", "write"), 2))).toBe("ok");
  await clock.pass(1000);
  expect([write(ann, 3), write(ann, 2)].map(codeOf)).toEqual(["too_many_writes", "ok"]);
});

test("sessions are those that the log has", async () => {
  const { session } = gate();
  const first = await session(ann, "ann");
  expect([codeOf(first), codeOf(await session(ann, "ann"))]).toEqual(["ok", "too_many_sessions"]);
});

test("a turn that has ended makes room for the next one", async () => {
  const started = new Map<string, number>();
  const { turn } = gate(started);
  expect(codeOf(await turn(ann, "ann", "s1"))).toBe("ok");
  expect(codeOf(await turn(ann, "ann", "s2"))).toBe("ok");
  for (const session of ["s1", "s2"]) started.set(session, 1);
  await clock.pass(1000);
  expect(codeOf(await turn(ann, "ann", "s3"))).toBe("too_many_turns");
  started.set("s1", 0);
  await clock.pass(1000);
  expect(codeOf(await turn(ann, "ann", "s3"))).toBe("ok");
});

test("a proxy that speaks for all users, and an open server, have no limit", async () => {
  const { watch, write, session, turn } = gate();
  for (const free of [proxy, open])
    for (let i = 0; i < 5; i += 1) {
      expect(codeOf(watch(free))).toBe("ok");
      expect(codeOf(write(free, 9))).toBe("ok");
      expect(codeOf(await session(free, "ann"))).toBe("ok");
      expect(codeOf(await turn(free, "ann", "s1"))).toBe("ok");
    }
});
