import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { seededRandom } from "../faults/random.ts";
import { SimBroker } from "./broker/broker.ts";
import { SimConnection } from "./broker/connection.ts";
import { Questioner, type Peer } from "./differential.ts";
import { scriptOf } from "./script.ts";
import { startRealBroker } from "./real-broker.ts";
import { Schedule } from "./schedule.ts";

const SCRIPTS = Number(process.env["SIMULATION_SCRIPTS"] ?? 6);
const FIRST = Number(process.env["SIMULATION_SEED"] ?? 1);
const LENGTH = 60;

function simulated(): Peer {
  const schedule = new Schedule();
  const broker = new SimBroker(schedule, seededRandom(1), { syncAlways: true });
  const client = { name: "client", alive: true, stoppedUntil: 0 };
  const until = async (check: () => boolean, ms: number): Promise<void> => {
    const end = schedule.now() + ms;
    // step by step, so that promises settle in between
    while (schedule.now() < end && !check()) {
      schedule.runUntil(Math.min(end, schedule.now() + 1));
      await Promise.resolve();
    }
  };
  return {
    nc: new SimConnection(broker, client, "_INBOX").asConnection(),
    until,
    async during(what) {
      let over = false;
      const done = what.finally(() => (over = true));
      await until(() => over, 60_000);
      return done;
    },
  };
}

test("the simulated broker says what the real one says", async () => {
  await using broker = await startRealBroker();
  const real: Peer = {
    nc: broker.nc,
    during: (what) => what,
    async until(check, ms) {
      for (let waited = 0; waited < ms && !check(); waited += 5) await delay(5);
    },
  };
  for (let seed = FIRST; seed < FIRST + SCRIPTS; seed++) {
    const asked = { real: new Questioner(real, seed), simulated: new Questioner(simulated(), seed) };
    await Promise.all([asked.real.begin(), asked.simulated.begin()]);
    const script = scriptOf(seed, LENGTH);
    for (const [i, ask] of script.entries()) {
      const said = await asked.real.ask(ask);
      expect(await asked.simulated.ask(ask), `seed ${seed}, question ${i}: ${JSON.stringify(ask)}`).toEqual(
        said,
      );
    }
    await asked.real.end();
  }
});
