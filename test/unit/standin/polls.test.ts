import { expect, test } from "vitest";
import { done, NO_CONTENT, type Reply } from "../../../src/standin/call.ts";
import { createPolls } from "../../../src/standin/polls.ts";
import { createFakeClock, promises } from "../../support/fake-clock.ts";

const FOUND = done(200, { found: true });

test("a poll is answered at once, at a wake or with 204 at the end of its time", async () => {
  const clock = createFakeClock();
  const polls = createPolls(clock);
  let ready: Reply | undefined = FOUND;
  const look = (): Reply | undefined => {
    const found = ready;
    ready = undefined;
    return found;
  };
  expect(await polls.hold(look, 1000).reply).toBe(FOUND);

  const oldest = polls.hold(look, 1000);
  const newest = polls.hold(look, 2000);
  ready = FOUND;
  polls.wake();
  expect(await oldest.reply).toBe(FOUND);

  let ended = false;
  void newest.reply.then(() => (ended = true));
  await clock.pass(1999);
  expect(ended).toBe(false);
  await clock.pass(1);
  expect(await newest.reply).toBe(NO_CONTENT);
  expect(clock.pending()).toBe(0);
});

test("a poll that was ended takes nothing more", async () => {
  const polls = createPolls(createFakeClock());
  let looks = 0;
  const look = (): undefined => void looks++;
  const gone = polls.hold(look, 1000);
  polls.hold(look, 1000);
  gone.end();
  polls.wake();
  expect(looks).toBe(3);
  polls.endAll();
  polls.wake();
  await promises();
  expect(looks).toBe(3);
});
