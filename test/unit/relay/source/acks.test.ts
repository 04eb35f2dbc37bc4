import { expect, test } from "vitest";
import { createAcks, GATHER_MS } from "../../../../src/relay/source/acks.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

function acksOf(clock = createFakeClock()) {
  const sent: { at: number; seq: number }[] = [];
  const make = () => createAcks({ clock, send: (_deliverySeq, seq) => sent.push({ at: clock.now(), seq }) });
  return { clock, sent, make };
}

test("acks wait for others, at most as long as they are gathered, and go out in their order", () => {
  const { clock, sent, make } = acksOf();
  const acks = make();
  const from = clock.now();
  acks.add(1, 11);
  clock.jump(3);
  acks.add(2, 12);
  expect(sent).toEqual([]);
  clock.jump(GATHER_MS);
  expect(sent.map(({ seq }) => seq)).toEqual([11, 12]);
  expect(sent[0]?.at).toBeLessThanOrEqual(from + GATHER_MS);
});

test("acks of different shards go out in the same moment, whenever each of them began", () => {
  const { clock, sent, make } = acksOf();
  const [a, b] = [make(), make()];
  a.add(1, 11);
  clock.jump(10);
  b.add(1, 21);
  clock.jump(GATHER_MS);
  expect(sent).toHaveLength(2);
  expect(new Set(sent.map(({ at }) => at)).size).toBe(1);
});

test("acks of deliveries that do not count any more are dropped, and a flush sends what waits at once", () => {
  const { clock, sent, make } = acksOf();
  const acks = make();
  acks.add(1, 11);
  acks.drop();
  acks.add(2, 12);
  acks.flush();
  expect(sent.map(({ seq }) => seq)).toEqual([12]);
  clock.jump(2 * GATHER_MS);
  expect(sent).toHaveLength(1);
});
