import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { sessionIdProblem } from "../../shared/log/schema/session-id.ts";
import type { Registering } from "../tunnel/registering.ts";
import { affinityOf, flagsFor, sameAffinity, showAffinity, type Affinity } from "./affinity.ts";
import { shortTexts } from "./texts.ts";

/**
 * A runner that was silent for this long counts as gone. The coordinator has the same limit, after which another runner may take the place. A
 * runner polls every 30 s and sends a heartbeat every 60 s.
 */
export const RUNNER_SILENCE_MS = 120_000;
/** Most runners that are known. A machine has a few, so more of them are made-up ids; the oldest is forgotten. */
const MAX_RUNNERS = 100;

/** A runner that registered another hostname or profile than this gateway writes into binds, so that its sessions are resumed elsewhere. */
export type Mismatch = { runner: string; registered: Affinity; written: Affinity };

/** Runners behind this gateway, and what they registered. */
export type KnownRunners = {
  registering(body: Uint8Array): Registering;
  /** A poll or heartbeat of this runner came. */
  heard(runner: string): void;
  /** It said that it ends. */
  left(runner: string): void;
  /** Of runners that are alive. */
  mismatches(): Mismatch[];
};

/** Keeps them beyond the life of a gateway: a runner registers once, and then polls a gateway that was started again. */
export type KeptRunners = {
  read(): [runner: string, registered: Affinity][];
  write(runners: [runner: string, registered: Affinity][]): void;
};

/**
 * Whether a runner may register behind a gateway that serves these others: they must be alike, because one gateway writes one hostname and
 * one profile into the binds of all of them. Returns the one that stands against it. Pure.
 */
export function conflictOf(asked: Affinity, others: Iterable<Affinity>): Affinity | undefined {
  for (const other of others) if (!sameAffinity(asked, other)) return other;
  return undefined;
}

/**
 * Knows runners by what they registered through this gateway, also before it was started again. A runner that polls and never registered here counts
 * as alike. `heardAt` is undefined until this process has heard the runner: one that is only remembered is no reason to refuse another.
 */
// oxlint-disable-next-line max-lines-per-function -- each method is short; all of them read and write the one map of runners
export function createKnownRunners(deps: {
  written: Affinity;
  kept: KeptRunners;
  clock: Clock;
  logger: Logger;
}): KnownRunners {
  const { written, kept, clock, logger } = deps;
  const known = new Map<string, { registered: Affinity; heardAt: number | undefined }>();
  for (const [runner, registered] of kept.read()) known.set(runner, { registered, heardAt: undefined });
  /** Registrations under way. */
  const asking = new Set<Affinity>();

  function isAlive(heardAt: number | undefined): boolean {
    return heardAt !== undefined && clock.now() - heardAt < RUNNER_SILENCE_MS;
  }

  function alive(): [string, Affinity][] {
    return [...known].flatMap(([runner, { registered, heardAt }]) =>
      isAlive(heardAt) ? [[runner, registered]] : [],
    );
  }

  function keep(): void {
    kept.write([...known].map(([runner, { registered }]) => [runner, registered]));
  }

  function warn(runner: string, registered: Affinity): void {
    if (sameAffinity(registered, written)) return;
    logger.warn(
      { code: "runner_mismatch", runner, registered, written, set: flagsFor(registered, written) },
      "the runner registered a different hostname or profile than this gateway writes into binds; its sessions will not resume on it",
    );
  }

  function took(runner: string, registered: Affinity): void {
    const before = known.get(runner)?.registered;
    known.delete(runner); // the newest stands last
    known.set(runner, { registered, heardAt: clock.now() });
    const [oldest] = known.keys();
    if (known.size > MAX_RUNNERS && oldest !== undefined) known.delete(oldest);
    warn(runner, registered);
    if (before === undefined || !sameAffinity(before, registered)) keep();
  }

  return {
    registering(body) {
      const asked = affinityOf(body);
      if (asked === undefined) return { kind: "passed", answered() {} };
      const other = conflictOf(asked, [...alive().map(([, registered]) => registered), ...asking]);
      if (other !== undefined) {
        logger.warn({ code: "runner_conflict", asked, other }, "refused a second runner");
        return { kind: "refused", detail: conflictText(asked, other) };
      }
      asking.add(asked);
      return {
        kind: "passed",
        answered(answer) {
          if (!asking.delete(asked) || answer === undefined) return;
          const runner = shortTexts(answer.body, ["runner_id"]).get("runner_id");
          if (answer.status < 200 || answer.status > 299 || runner === undefined) return;
          if (sessionIdProblem(runner) === undefined) took(runner, asked);
        },
      };
    },
    heard(runner) {
      const it = known.get(runner);
      if (it === undefined) return;
      if (!isAlive(it.heardAt)) warn(runner, it.registered);
      it.heardAt = clock.now();
    },
    left(runner) {
      if (known.delete(runner)) keep();
    },
    mismatches: () =>
      alive()
        .filter(([, registered]) => !sameAffinity(registered, written))
        .map(([runner, registered]) => ({ runner, registered, written })),
  };
}

function conflictText(asked: Affinity, other: Affinity): string {
  return (
    `this gateway serves a runner with ${showAffinity(other)}; one with ${showAffinity(asked)} needs a gateway of its own, ` +
    `started with ${flagsFor(asked, other)} and another --gateway-id. ` +
    `If the first one was killed, wait ${RUNNER_SILENCE_MS / 1000} s`
  );
}
