import { createHash } from "node:crypto";
import type { Clock } from "../shared/base/clock.ts";
import type { JsonObject } from "./validation.ts";

/** A runner as `GET /runners` shows it, without what follows from the time of now. */
export type Runner = {
  runner_id: string;
  registered_at: string;
  last_heartbeat: string;
  hostname: string;
  project_dir: string;
  executor_profile: string;
  executor: JsonObject;
  tags: string[];
  require_matching_tags: boolean;
};

type Identity = Omit<Runner, "runner_id" | "registered_at" | "last_heartbeat">;

export type Runners = ReturnType<typeof createRunners>;

/** Without a heartbeat for this long, a runner is stale: one with the same identity may take its place. Polls do not count. */
const STALE_MS = 120_000;
/** Without a heartbeat for this long, it is removed. */
const REMOVE_MS = 600_000;

/**
 * The registry of runners with the stop commands that wait for them. It is in the coordinator's memory only, and a runner's age is
 * that of its last heartbeat or registration. The real coordinator looks at ages every 30 s, this one at each request.
 */
// oxlint-disable-next-line max-lines-per-function -- each method is short; all of them read and write the one map of runners
export function createRunners(deps: { clock: Clock; stamp: () => string }) {
  const runners = new Map<string, { runner: Runner; beatAt: number; stops: Set<string> }>();
  // Marks are apart from the entries, like in the real coordinator: a mark outlives its runner, and applies to the next one with this identity.
  const marked = new Set<string>();

  const ageOf = (beatAt: number): number => deps.clock.now() - beatAt;

  return {
    get: (id: string): Runner | undefined => runners.get(id)?.runner,

    /** A stale runner with the same identity counts as crashed, and the new one takes its place and id. */
    register(who: Identity): { kind: "registered"; runner: Runner } | { kind: "duplicate"; id: string } {
      const id = runnerId(who);
      const known = runners.get(id);
      if (known !== undefined && ageOf(known.beatAt) < STALE_MS) return { kind: "duplicate", id };
      if (known !== undefined) marked.delete(id);
      const now = deps.stamp();
      const runner = {
        runner_id: id,
        registered_at: known?.runner.registered_at ?? now,
        last_heartbeat: now,
        ...who,
      };
      runners.set(id, { runner, beatAt: deps.clock.now(), stops: known?.stops ?? new Set() });
      return { kind: "registered", runner };
    },

    /** Whether the runner is known. */
    heartbeat(id: string): boolean {
      const entry = runners.get(id);
      if (entry === undefined) return false;
      entry.beatAt = deps.clock.now();
      entry.runner.last_heartbeat = deps.stamp();
      return true;
    },

    list: (): JsonObject[] =>
      Array.from(runners.values(), ({ runner, beatAt }) => ({
        ...runner,
        status: ageOf(beatAt) < STALE_MS ? "online" : "stale",
        seconds_since_heartbeat: ageOf(beatAt) / 1000,
      })),

    /** Whether it was known. */
    remove: (id: string): boolean => runners.delete(id),

    /** Its next poll is answered that it was deregistered. */
    mark(id: string): void {
      marked.add(id);
    },

    /** Whether it was marked; then it is removed. */
    takeMark(id: string): boolean {
      if (!marked.delete(id)) return false;
      runners.delete(id);
      return true;
    },

    /** A command for its next poll; false for an unknown runner. */
    addStop(id: string, sessionId: string): boolean {
      return runners.get(id)?.stops.add(sessionId) !== undefined;
    },

    /** Returns the sessions that it should stop, and forgets them. */
    takeStops(id: string): string[] {
      const stops = runners.get(id)?.stops;
      const taken = Array.from(stops ?? []);
      stops?.clear();
      return taken;
    },

    /** Removes runners that were silent for too long and names them. */
    removeSilent(): string[] {
      const silent = Array.from(runners).filter(([, { beatAt }]) => ageOf(beatAt) >= REMOVE_MS);
      for (const [id] of silent) {
        runners.delete(id);
        marked.delete(id);
      }
      return silent.map(([id]) => id);
    },

    /** Forgets everything, like a restart of the coordinator. */
    forget(): void {
      runners.clear();
      marked.clear();
    },
  };
}

/** The id is made from the identity, so that a runner that comes back has the same one. Pure. */
function runnerId({ hostname, project_dir, executor_profile, executor }: Identity): string {
  const command = executor["command"];
  const identity = [hostname, project_dir, executor_profile, typeof command === "string" ? command : ""];
  return `lnch_${createHash("sha256").update(identity.join(":")).digest("hex").slice(0, 12)}`;
}
