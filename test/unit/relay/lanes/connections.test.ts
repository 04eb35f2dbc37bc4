import * as fc from "fast-check";
import { expect, test } from "vitest";
import { ownConnections, shareConnections } from "../../../../src/relay/lanes/connections.ts";

test("a relay that serves one log has all of them", () => {
  const own = ownConnections(32);
  own.used(20, true);
  expect(own.most()).toBe(32);
});

test("a log that is alone in wanting more has all that the others leave, and rivals get the same", () => {
  const part = shareConnections(32);
  const [a, b, c] = [part(), part(), part()];
  a.used(32, true);
  expect([a.most(), b.most()], "a newcomer has some at once").toEqual([32, 4]);
  b.used(4, true);
  expect([a.most(), b.most()], "the first one starts none beyond its half").toEqual([16, 4]);
  a.used(16, true);
  expect(b.most()).toBe(16);
  b.used(16, true);
  c.used(1, false);
  expect([a.most(), b.most()], "what a third one uses is not divided").toEqual([15, 15]);
  b.used(0, false);
  expect(a.most()).toBe(31);
});

test("a log keeps three connections for sessions that are well, however many logs there are", () => {
  const part = shareConnections(32);
  const logs = Array.from({ length: 20 }, () => part());
  for (const log of logs) log.used(4, true);
  expect(logs.map((log) => log.most())).toEqual(logs.map(() => 4));
  const few = shareConnections(2)();
  expect(few.most()).toBe(2);
});

test("whatever starts and ends: never more in use than there are, but for four of each log; and nobody waits while some are free", () => {
  const turn = fc.record({ log: fc.nat(5), starts: fc.boolean(), wanting: fc.boolean() });
  fc.assert(
    fc.property(fc.integer({ min: 4, max: 64 }), fc.array(turn, { maxLength: 200 }), (total, turns) => {
      const part = shareConnections(total);
      const logs = Array.from({ length: 6 }, () => ({ share: part(), inUse: 0 }));
      const sum = (): number => logs.reduce((all, { inUse }) => all + inUse, 0);
      for (const { log, starts, wanting } of turns) {
        const it = logs[log] as (typeof logs)[number];
        if (starts && it.inUse < it.share.most()) it.inUse++;
        else if (!starts && it.inUse > 0) it.inUse--;
        it.share.used(it.inUse, wanting);
        const beyond = logs.filter(({ inUse }) => inUse > 0).length * 4;
        expect(sum()).toBeLessThanOrEqual(total + beyond);
        expect(it.share.most()).toBeGreaterThanOrEqual(Math.min(4, total));
      }
      for (const { share, inUse } of logs) share.used(inUse, false);
      for (const { share, inUse } of logs) expect(share.most()).toBeGreaterThanOrEqual(total - sum() + inUse);
    }),
  );
});
