import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { codedError } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { dropDeadLetters } from "../../shared/log/state/drop.ts";
import { redriveAll } from "../../shared/log/state/redrive.ts";
import { overtaken, planRedrive } from "../../shared/log/state/redrive-plan.ts";
import type { Action } from "../views/confirm.ts";
import { href, type Notice } from "../views/layout.ts";
import { selectionParams } from "../views/letters.ts";
import { counted } from "../views/words.ts";
import type { LetterIndex, LetterSelection } from "../watch/letter-index.ts";

/** A browser waits so long for one press of a button. What is left is said, and can be pressed again. */
const MOST_MS = 20_000;

export type GroupAction = "redrive-all" | "drop-all";

/** Actions on many dead letters at once. */
export type LetterGroups = {
  /** What is to be confirmed: those that are there now, and none that come later. Throws `nothing_found`. */
  about(action: GroupAction, selection: LetterSelection): Promise<Action>;
  /** Does it, oldest first. */
  carryOut(action: GroupAction, selection: LetterSelection): Promise<{ path: string; notice: Notice }>;
};

type GroupDeps = {
  nc: NatsConnection;
  jsm: JetStreamManager;
  clock: Clock;
  log: Logger;
  index: LetterIndex;
};

export function createLetterGroups(deps: GroupDeps): LetterGroups {
  const { jsm, clock, log, index } = deps;

  return {
    async about(action, selection) {
      await index.update();
      const letters = index.select(selection);
      const upto = letters.at(-1)?.seq;
      if (upto === undefined) throw codedError("nothing_found", "There is no such dead letter any more.");
      const plan = planRedrive(letters);
      const behind = action === "redrive-all" ? (await overtaken(jsm, plan)).sessions.length : 0;
      return { action, selection: { ...selection, upto }, count: letters.length, overtaken: behind };
    },
    async carryOut(action, selection) {
      await index.update();
      const end = clock.now() + MOST_MS;
      const goesOn = (): boolean => clock.now() <= end;
      const letters = index.select(selection);
      const done =
        action === "redrive-all"
          ? await redriveAll(deps, planRedrive(letters), { goesOn })
          : await dropDeadLetters(
              deps,
              letters.map(({ seq }) => seq),
              { goesOn },
            );
      await index.update();
      const left = index.select(selection).length;
      log.warn({ action, ...selection, done, left, by: "status page" }, "dead letters redriven or dropped");
      const verb = action === "redrive-all" ? "requeued" : "dropped";
      const rest = left === 0 ? "" : ` ${counted(left, "dead letter")} left: press the button again.`;
      const path = left === 0 ? "/dead" : href("/dead", { ...selectionParams(selection), upto: undefined });
      return {
        path,
        notice: { mood: left === 0 ? "good" : "bad", text: `${counted(done, "event")} ${verb}.${rest}` },
      };
    },
  };
}
