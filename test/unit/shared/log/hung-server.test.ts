import { expect, test } from "vitest";
import { insteadOf, tickOf, type Silence } from "../../../../src/shared/log/hung-server.ts";

/** Ticks every 250 ms; `heardAt` says how many bytes came by then. Returns when the server was left, milliseconds; undefined for never. */
function leftAt(ticks: number, heardAt: (at: number) => number, stallAt?: number): number | undefined {
  let silence: Silence = { tickedAt: 0, askedAt: undefined, heard: 0 };
  let at = 0;
  for (let i = 0; i < ticks; i++) {
    at += at === stallAt ? 10_000 : 250;
    const { next, does } = tickOf(silence, { at, heard: heardAt(at) });
    silence = next;
    if (does === "leave") return at;
  }
  return undefined;
}

test("a server that neither answers nor sends anything is left within 2 s", () => {
  const at = leftAt(20, () => 0);
  expect(at).toBeGreaterThanOrEqual(1250);
  expect(at).toBeLessThan(2000);
});

test("one that sends, however slowly it answers, is not", () => {
  expect(leftAt(100, (at) => Math.floor(at / 1000))).toBeUndefined();
});

test("nor one whose words this process could not read, because it stood still itself", () => {
  expect(leftAt(6, () => 0, 500)).toBeUndefined();
});

test("after an answer the next question is asked", () => {
  const open: Silence = { tickedAt: 250, askedAt: 250, heard: 0 };
  expect(tickOf(open, { at: 500, heard: 0 }).does).toBe("nothing");
  expect(tickOf({ ...open, askedAt: undefined }, { at: 500, heard: 0 }).does).toBe("ask");
});

test("each of the others is tried before the one that hangs", () => {
  const pool = ["a", "b", "c"].map((listen) => ({ listen, lastConnect: 10 }));
  const left = { listen: "a", at: 100 };
  expect(insteadOf(left, pool)?.listen).toBe("b");
  pool[1] = { listen: "b", lastConnect: 101 };
  expect(insteadOf(left, pool)?.listen).toBe("c");
  pool[2] = { listen: "c", lastConnect: 102 };
  expect(insteadOf(left, pool)).toBeUndefined();
  expect(insteadOf(left, pool.slice(0, 1))).toBeUndefined();
});
