import { errorText } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { Leaving } from "./leaving.ts";
import type { Registered, Registrations } from "./registrations.ts";
import { runnerIdOf } from "./runner-id.ts";

/** What to do with a report whose runner the coordinator does not know. */
export type Homecoming =
  /** The coordinator knows the runner now: the report is sent again at once. */
  | { kind: "again" }
  | { kind: "wait"; afterMs: number; reason: string }
  /** The coordinator will never take the report. */
  | { kind: "dead"; reason: string };

/**
 * How long a report whose runner is unknown is tried, counting only the time in which the coordinator is there. A runner that lives is registered again
 * within one or two polls, and the session behind the report should go on within a minute of the coordinator's return.
 */
export const HOME_WITHIN_MS = 30_000;
/** Between two tries. */
export const HOME_PAUSE_MS = 2000;

/** A report that the coordinator refused because it does not know the runner. */
export type Unregistered = {
  session: string;
  body: Uint8Array;
  /** Time since the coordinator first said that it does not know the runner, without the time in which it was away. */
  forMs: number;
  /** True if the coordinator accepted a registration since then, and refused the report again. */
  tried: boolean;
};

/** Pure. */
function whyNot(registered: Registered): string {
  switch (registered.kind) {
    case "known":
      return "refuses its report though it took its registration";
    case "nothing_kept":
      return "what it registered is not kept";
    case "refused":
      return `its registration is refused: ${registered.reason}`;
    case "unanswered":
      return `its registration is not answered: ${registered.reason}`;
  }
}

/** Decides about the report. `runner` is undefined if the report names none. Pure. */
export function homecomingOf(
  registered: Registered,
  known: { runner: string | undefined; forMs: number; tried: boolean; withinMs: number },
): Homecoming {
  if (registered.kind === "known" && !known.tried) return { kind: "again" };
  const reason = `runner ${known.runner ?? "without a name"} is gone: the coordinator does not know it, and ${whyNot(registered)}`;
  const leftMs = known.withinMs - known.forMs;
  return leftMs > 0
    ? { kind: "wait", afterMs: Math.min(HOME_PAUSE_MS, leftMs), reason }
    : { kind: "dead", reason };
}

/** Registers runners again that the coordinator forgot, from what is kept of them, so that it accepts their reports. */
export function createHomecoming(deps: {
  registrations: Registrations;
  leaving: Pick<Leaving, "note">;
  withinMs?: number;
  log: Logger;
}): (report: Unregistered) => Promise<Homecoming> {
  const { registrations, leaving, withinMs = HOME_WITHIN_MS, log } = deps;

  /** Writes that the runner is gone, for `status`, and so that a runner that we register is removed again. A failure to write must not hold the report up. */
  async function note(...noted: Parameters<Leaving["note"]>): Promise<void> {
    await leaving
      .note(...noted)
      .catch((error: unknown) =>
        log.warn({ err: errorText(error) }, "the record of a runner that is gone could not be written"),
      );
  }

  return async ({ session, body, forMs, tried }) => {
    const runner = await runnerIdOf(body);
    const known = { runner, forMs, tried, withinMs };
    if (runner === undefined) return homecomingOf({ kind: "nothing_kept" }, known);
    // before it is registered: a relay that dies in between must not leave it there
    if (await registrations.has(runner).catch(() => true))
      await note(runner, "returned", { session, onlyFirst: true });
    const registered = await registrations.again(runner);
    if (registered.kind === "known") await note(runner, "returned", { session });
    else if (registered.kind !== "unanswered")
      await note(runner, "missing", { session, text: whyNot(registered) });
    return homecomingOf(registered, known);
  };
}
