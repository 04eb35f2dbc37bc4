import type { NatsConnection } from "@nats-io/nats-core";
import { pino } from "pino";
import { expect, test } from "vitest";
import { keepProvisioned } from "../../../../src/cli/up/provisioning.ts";
import { codedError } from "../../../../src/shared/base/errors.ts";
import { createFakeClock } from "../../../support/fake-clock.ts";

/** A log whose making goes as a test says, on a connection that comes and goes. */
function madeLog(options: { own?: boolean } = {}) {
  const clock = createFakeClock();
  const said: string[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => void said.push(line) });
  const turns: PromiseWithResolvers<void>[] = [];
  let happened = Promise.withResolvers<void>();
  const statuses: string[] = [];
  async function* status() {
    for (;;) {
      const type = statuses.shift();
      if (type === undefined) await happened.promise;
      else yield { type };
    }
  }
  const provisioning = keepProvisioned({
    theLog: {
      admin: { closed: () => new Promise(() => {}), status } as unknown as NatsConnection,
      make() {
        const turn = Promise.withResolvers<void>();
        turns.push(turn);
        return turn.promise;
      },
    },
    own: options.own ?? true,
    clock,
    log,
  });
  return {
    provisioning,
    clock,
    said: () => said.map((line) => (JSON.parse(line) as { code?: string; msg: string }).code ?? "well"),
    turns,
    async startAgain() {
      statuses.push("disconnect", "reconnect");
      happened.resolve();
      happened = Promise.withResolvers();
      await clock.pass(0);
    },
  };
}

const refusal = codedError("log_gone", "the log is gone");

test("the log is made at the start, and again each time that the broker was started again", async () => {
  const { provisioning, turns, startAgain, said } = madeLog();
  turns[0]?.resolve();
  await provisioning.first;
  await startAgain();
  expect(turns).toHaveLength(2);
  turns[1]?.resolve();
  expect(said()).toEqual([]);
  provisioning.stop();
});

test("a refusal at the start is the start's; a later one is said once, tried again, and its end is said", async () => {
  const first = madeLog();
  first.turns[0]?.reject(refusal);
  await expect(first.provisioning.first).rejects.toBe(refusal);

  const { provisioning, turns, startAgain, said, clock } = madeLog();
  turns[0]?.resolve();
  await provisioning.first;
  await startAgain();
  for (const at of [1, 2, 3]) {
    turns[at]?.reject(refusal);
    await clock.pass(5000);
  }
  expect(said()).toEqual(["log_gone"]);
  turns[4]?.resolve();
  await clock.pass(0);
  expect(said()).toEqual(["log_gone", "well"]);
  expect(turns).toHaveLength(5);
  provisioning.stop();
});

test("what fails because the broker died again says nothing: its next start has a turn of its own", async () => {
  const { provisioning, turns, startAgain, said, clock } = madeLog();
  await startAgain();
  turns[0]?.reject(new Error("timeout"));
  turns[1]?.resolve();
  await provisioning.first;
  await clock.pass(5000);
  expect(said()).toEqual([]);
  expect(turns).toHaveLength(2);
  provisioning.stop();
});

test("a stop ends the tries, and your own broker is left alone", async () => {
  const { provisioning, turns, startAgain, said, clock } = madeLog();
  turns[0]?.resolve();
  await provisioning.first;
  await startAgain();
  provisioning.stop();
  turns[1]?.reject(refusal);
  await clock.pass(60_000);
  expect(said()).toEqual([]);
  const others = madeLog({ own: false });
  others.turns[0]?.resolve();
  await others.provisioning.first;
  await others.startAgain();
  expect(others.turns).toHaveLength(1);
  others.provisioning.stop();
});
