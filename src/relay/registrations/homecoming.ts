import { errorText } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { Leaving } from "./leaving.ts";
import type { Registered, Registrations } from "./registrations.ts";
import { runnerIdOf } from "./runner-id.ts";

/** What becomes of a report whose runner the coordinator does not know. */
export type Homecoming =
  /** The coordinator knows the runner now: at once again. */
  | { kind: "again" }
  | { kind: "wait"; afterMs: number; reason: string }
  /** Nobody will take it. */
  | { kind: "dead"; reason: string };

/**
 * So long a report whose runner is unknown is tried, of the time in which the coordinator is there: a runner that lives registers itself within one poll or
 * two, and the session behind the report is to go on within a minute of the coordinator's return.
 */
export const HOME_WITHIN_MS = 30_000;
/** Between two tries. */
export const HOME_PAUSE_MS = 2000;

/** What is known of such a report. */
export type Unregistered = {
  session: string;
  body: Uint8Array;
  /** Since the coordinator said for the first time that it does not know the runner; its absence does not count. */
  forMs: number;
  /** The coordinator took the registration, and refused the report again. */
  tried: boolean;
};

/** Decides. `runner` is undefined where the report names none. Pure. */
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

/** Brings reports of runners home that the coordinator forgot: registers them again from what is kept. */
export function createHomecoming(deps: {
  registrations: Registrations;
  leaving: Pick<Leaving, "note">;
  withinMs?: number;
  log: Logger;
}): (report: Unregistered) => Promise<Homecoming> {
  const { registrations, leaving, withinMs = HOME_WITHIN_MS, log } = deps;

  /** Who looks at `status` sees it, and a runner that we register is removed again. That it could not be written must not hold the report up. */
  async function note(...noted: Parameters<Leaving["note"]>): Promise<void> {
    await leaving
      .note(...noted)
      .catch((error: unknown) => log.warn({ err: errorText(error) }, "runner that is gone not noted"));
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
