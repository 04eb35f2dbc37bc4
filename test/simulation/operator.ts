import { jetstreamManager } from "@nats-io/jetstream";
import { isCoded } from "../../src/shared/base/errors.ts";
import { createControl, type Control } from "../../src/shared/log/state/control.ts";
import { OPERATOR_INBOX } from "../../src/shared/log/schema/subjects.ts";
import { SimConnection } from "./broker/connection.ts";
import type { SimProcess } from "./schedule.ts";
import type { World } from "./world.ts";

const AGAIN_MS = 200;

/** Runs commands of an operator in a process of their own, each until the broker takes it. */
function operate(
  world: World,
  commands: (
    control: Control,
    rest: (ms: number) => Promise<void>,
    carryOut: (what: () => Promise<unknown>) => Promise<void>,
  ) => Promise<void>,
): void {
  const { broker, clock, schedule } = world;
  const process: SimProcess = { name: "operator", alive: true, stoppedUntil: 0 };
  const connection = new SimConnection(broker, process, OPERATOR_INBOX);
  const nc = connection.asConnection();
  const rest = (ms: number): Promise<void> =>
    new Promise((resolve) => void schedule.after(ms, resolve, process));
  const carryOut = async (what: () => Promise<unknown>): Promise<void> => {
    for (;;) {
      try {
        return void (await what());
      } catch (error) {
        if (isCoded(error, "nothing_found")) return;
        await rest(AGAIN_MS);
      }
    }
  };
  const act = async (): Promise<void> => {
    const jsm = await jetstreamManager(nc, { checkAPI: false });
    await commands(createControl({ nc, jsm, clock }), rest, carryOut);
    connection.close();
  };
  schedule.after(0, () => void act(), process);
}

/** Pauses a session, or everything, and resumes it after a time. */
export function pauseFor(world: World, session: string | undefined, ms: number): void {
  operate(world, async (control, rest, carryOut) => {
    await carryOut(() =>
      session === undefined ? control.pauseAll("maintenance") : control.pauseSession(session, "maintenance"),
    );
    await rest(ms);
    await carryOut(() => (session === undefined ? control.resumeAll() : control.resumeSession(session)));
  });
}

/** Resumes whatever stands still, as an operator does after the alarm. */
export function resumeAll(world: World, sessions: readonly string[]): void {
  operate(world, async (control, _, carryOut) => {
    await carryOut(() => control.resumeAll());
    for (const session of sessions) await carryOut(() => control.resumeSession(session));
  });
}
