import type { Clock } from "../../shared/base/clock.ts";
import { readBody, refusalOf } from "../../shared/http/body.ts";
import type { BodyBudget } from "../../shared/http/budget.ts";
import { bodyForm } from "../../shared/http/media-type.ts";
import type { FoundSession, Runs } from "../runner/index.ts";
import type { Refused, WriteCall, WriteRoute } from "./write-call.ts";

/** A body that is here. Its end gives its share of the memory back. */
export type Arrived = Disposable & { kind: "body"; type: string; bytes: Uint8Array };

export type ArrivalDeps = {
  /** Largest body at the moment, bytes. */
  bodyLimit: () => number;
  /** How long a body may take to arrive, milliseconds. */
  bodyMs: number;
  budget: BodyBudget;
  clock: Clock;
};

/** Reads a write's body. `gone`: its sender left, so no answer is needed. */
export function bodyOf(
  { request }: WriteCall,
  start: () => void,
  deps: ArrivalDeps,
): Promise<Arrived | Refused | { kind: "gone" }> {
  const { headers } = request;
  const form = bodyForm(headers["content-type"], headers["content-encoding"]);
  if (!form.ok)
    return Promise.resolve({ kind: "refused", code: "media_type_unsupported", detail: form.detail });
  const { budget, clock } = deps;
  const limit = deps.bodyLimit();
  return new Promise((resolve) => {
    readBody(request, { limit, limitMs: deps.bodyMs, budget, clock, start }, (result) => {
      if (result.kind === "aborted") resolve({ kind: "gone" });
      else if (result.kind !== "body") resolve({ kind: "refused", ...refusalOf(result.kind, limit) });
      else
        resolve({
          kind: "body",
          type: form.type,
          bytes: result.bytes,
          [Symbol.dispose]: result.release,
        });
    });
  });
}

/**
 * The session that a write names. A run report names its run only; the session, behind whose events it must stay, is known from polls or requested. Undefined: it is
 * in the body.
 */
export function sessionOf(
  { run, session }: WriteRoute,
  { runs, findRun }: { runs: Runs; findRun: (run: string) => Promise<FoundSession> },
): string | undefined | Promise<string | Refused> {
  return run === undefined ? session : (runs.sessionOf(run.id) ?? answered(findRun(run.id)));
}

async function answered(asked: Promise<FoundSession>): Promise<string | Refused> {
  const found = await asked;
  switch (found.kind) {
    case "found":
      return found.session;
    case "unknown":
      return { kind: "refused", code: "run_unknown", detail: "Run not found" };
    case "away":
      return {
        kind: "refused",
        code: "run_session_unknown",
        detail: "the run's session cannot be determined right now",
      };
  }
}
