import { expect, test } from "vitest";
import { Delivered } from "../../../../src/console/watch/delivered.ts";
import type { RelayView } from "../../../../src/shared/messages/standing/relay-view.ts";

const view = (relay: string, instance: string, delivered: number): RelayView => ({
  v: 1,
  relay,
  instance,
  gate: { phase: "up" },
  delivered,
  lanes: [],
  more: 0,
});

test("what relays delivered before they were watched does not count, what they add does", () => {
  const counter = new Delivered();
  counter.take([view("a", "1", 500)], ["a"]);
  expect(counter.total).toBe(0);
  counter.take([view("a", "1", 510), view("b", "1", 9000)], ["a", "b"]);
  counter.take([view("a", "1", 515), view("b", "1", 9003)], ["a", "b"]);
  expect(counter.total).toBe(18);
});

test("one that did not answer catches up; one that was started again counts from its start", () => {
  const counter = new Delivered();
  counter.take([view("a", "1", 10)], ["a"]);
  counter.take([], ["a"]);
  counter.take([view("a", "1", 30)], ["a"]);
  expect(counter.total).toBe(20);
  counter.take([view("a", "2", 4)], ["a"]);
  counter.take([view("a", "2", 6)], ["a"]);
  expect(counter.total).toBe(22);
});

test("one that is gone is forgotten", () => {
  const counter = new Delivered();
  counter.take([view("a b", "1", 10)], ["a b"]);
  counter.take([], []);
  counter.take([view("a b", "1", 90)], ["a b"]);
  expect(counter.total).toBe(0);
});
