import type { NatsConnection } from "@nats-io/nats-core";
import { expect, test } from "vitest";
import { createStatePublisher } from "../../../../src/relay/report/state.ts";
import { decodeState, STATE_INTERVAL_MS, type RelayState } from "../../../../src/shared/relay-state.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

const STATE: Omit<RelayState, "v" | "relay"> = {
  shards: [],
  coordinator: { state: "up" },
  backlog: [],
  overflow: false,
};

function setUp(): {
  clock: ReturnType<typeof createFakeClock>;
  said: RelayState[];
  publisher: ReturnType<typeof createStatePublisher>;
} {
  const clock = createFakeClock();
  const said: RelayState[] = [];
  const nc = {
    isClosed: () => false,
    publish(_subject: string, text: string) {
      const state = decodeState(text);
      if (state !== undefined) said.push(state);
    },
  } as unknown as NatsConnection;
  const publisher = createStatePublisher({ nc, clock, relay: "r", state: () => STATE });
  return { clock, said, publisher };
}

test("the state is told every second, and once for changes that come together", async () => {
  const { clock, said, publisher } = setUp();
  publisher.start();
  await clock.pass(2 * STATE_INTERVAL_MS);
  expect(said).toHaveLength(3);
  for (let i = 0; i < 10; i++) publisher.changed();
  await clock.pass(5);
  expect(said).toHaveLength(4);
  await clock.pass(STATE_INTERVAL_MS);
  expect(said).toHaveLength(5);
});

test("its last word is that it stops: what changes during the drain does not call it alive again", async () => {
  const { clock, said, publisher } = setUp();
  publisher.start();
  publisher.changed();
  publisher.stop();
  publisher.changed();
  await clock.pass(10 * STATE_INTERVAL_MS);
  expect(said.map(({ stopping }) => stopping)).toEqual([undefined, true]);
  expect(clock.pending()).toBe(0);
});
