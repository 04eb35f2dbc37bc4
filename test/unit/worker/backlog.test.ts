import { expect, test } from "vitest";
import { createBacklog, MOST_WAITING } from "../../../src/worker/backlog.ts";

/** A backlog that is full. */
function fullBacklog() {
  const ended = new AbortController();
  const backlog = createBacklog(ended.signal);
  const stored = Array.from({ length: MOST_WAITING }, () => Promise.withResolvers<void>());
  for (const { promise } of stored) backlog.add(promise);
  let hasRoom = false;
  const room = backlog.room().then(() => (hasRoom = true));
  return { ended, backlog, stored, room, hasRoom: () => hasRoom };
}

test("BOUND-1: there is room until too many events wait, and again when one is stored or refused", async () => {
  await createBacklog(new AbortController().signal).room();
  const { stored, room, hasRoom, backlog } = fullBacklog();
  await new Promise(setImmediate);
  expect(hasRoom()).toBe(false);
  stored[3]?.resolve();
  await room;
  const refused = Promise.withResolvers<void>();
  backlog.add(refused.promise);
  const again = backlog.room();
  refused.reject(new Error("refused"));
  await again;
});

test("an ended turn holds its agent up no longer", async () => {
  const { ended, room, backlog } = fullBacklog();
  ended.abort();
  await room;
  await backlog.room();
});
