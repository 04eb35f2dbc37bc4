import { expect, test } from "vitest";
import { createPlaces } from "../../../../../src/shared/session-log/follow/places.ts";
import { promises } from "../../../../support/fake-clock.ts";

test("runs a limited number at the same time, and the others in order, also behind one that fails", async () => {
  const places = createPlaces(2);
  const started: number[] = [];
  const gates = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  const done = gates.map((gate, i) =>
    places.run(async () => {
      started.push(i);
      await gate.promise;
    }),
  );
  await promises();
  expect(started).toEqual([0, 1]);
  gates[1]?.reject(new Error("no"));
  await expect(done[1]).rejects.toThrow("no");
  await promises();
  expect(started).toEqual([0, 1, 2]);
  for (const gate of gates) gate.resolve();
  await Promise.allSettled(done);
  expect(started).toEqual([0, 1, 2, 3, 4]);
});
