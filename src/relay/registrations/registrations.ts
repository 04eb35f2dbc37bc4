import type { KV } from "@nats-io/kv";
import type { Clock } from "../../shared/base/clock.ts";
import { errorText } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { sessionToken } from "../../shared/log/schema/session-id.ts";
import { stateKey } from "../../shared/log/schema/topology.ts";
import type { Credentials } from "../../shared/credentials/index.ts";
import { readAnswerObject } from "../coordinator/answer-body.ts";
import type { Coordinator, CoordinatorRequest } from "../coordinator/client.ts";
import type { AttemptResult } from "../coordinator/verdict.ts";

/** The result of registering a runner again. */
export type Registered =
  /** The coordinator knows the runner, now or already before. */
  | { kind: "known" }
  /** What the runner registered is not kept here. */
  | { kind: "nothing_kept" }
  | { kind: "refused"; reason: string }
  | { kind: "unanswered"; reason: string };

/** What runners registered, kept in the state bucket, to register them again with a coordinator that forgot them. */
export type Registrations = {
  /** Keeps what a runner registered, for all relays. */
  keep(runner: string, body: Uint8Array): Promise<void>;
  has(runner: string): Promise<boolean>;
  /** Registers a runner again. Calls for the same runner share one attempt. Never rejects. */
  again(runner: string): Promise<Registered>;
};

/** How long a registration may take. It usually takes milliseconds, and a lane or a poll waits for it. */
const REGISTER_MS = 10_000;
/** Longest reason of a refusal that is passed on, characters. */
const MAX_REASON = 300;
/** Statuses about credentials, time and patience, which say nothing about the registration. */
const NO_REFUSAL = new Set([401, 403, 408, 425, 429]);

function isDuplicate(detail: unknown): boolean {
  return (
    typeof detail === "object" && detail !== null && "error" in detail && detail.error === "duplicate_runner"
  );
}

/** The coordinator's message in a refusal that is an object. */
function messageOf(detail: unknown): string | undefined {
  if (typeof detail !== "object" || detail === null || !("message" in detail)) return undefined;
  return typeof detail.message === "string" ? detail.message : undefined;
}

/** What an answer to a registration means. Pure. */
export function registeredBy(result: AttemptResult, runner: string): Registered {
  if (result.kind === "failed") return { kind: "unanswered", reason: `${result.cause}: ${result.text}` };
  const { status } = result;
  const answer = readAnswerObject(result.body);
  if (status >= 200 && status < 300) {
    if (answer?.["runner_id"] === runner) return { kind: "known" };
    return { kind: "refused", reason: `${status}, as another runner` };
  }
  const detail = answer?.["detail"];
  if (status === 409 && isDuplicate(detail)) return { kind: "known" };
  if (status < 400 || status >= 500 || NO_REFUSAL.has(status))
    return { kind: "unanswered", reason: `status ${status}` };
  const words = typeof detail === "string" ? detail : (messageOf(detail) ?? "");
  return { kind: "refused", reason: `${status} ${words.slice(0, MAX_REASON)}`.trim() };
}

/** Sends a request with credentials, and ends it after a time. A credential that is refused is renewed for the next request. */
export async function askAs(
  deps: { coordinator: Coordinator; credentials: Credentials; clock: Clock },
  request: Omit<CoordinatorRequest, "headers">,
  limitMs: number,
): Promise<AttemptResult> {
  const pass = deps.credentials.current() ?? (await deps.credentials.headers());
  if (pass.kind === "unavailable") return { kind: "failed", cause: "connect", text: pass.reason };
  const headers = {
    accept: "application/json",
    ...(request.body === undefined ? {} : { "content-type": "application/json" }),
    ...pass.headers,
  };
  const attempt = deps.coordinator.send({ ...request, headers });
  const cancel = deps.clock.after(limitMs, () => attempt.abort("timeout"));
  try {
    const result = await attempt.result;
    if (result.kind === "response" && (result.status === 401 || result.status === 403))
      deps.credentials.refused(pass.generation);
    return result;
  } finally {
    cancel();
  }
}

export function createRegistrations(deps: {
  kv: KV;
  clock: Clock;
  log: Logger;
  coordinator: Coordinator;
  credentials: Credentials;
  /** Counts registrations by their result. */
  registered: (how: Registered["kind"]) => void;
}): Registrations {
  const { kv, log } = deps;
  const underWay = new Map<string, Promise<Registered>>();

  async function kept(runner: string): Promise<Uint8Array | undefined> {
    const entry = await kv.get(stateKey.runner(sessionToken(runner)));
    return entry?.operation === "PUT" ? entry.value : undefined;
  }

  async function register(runner: string): Promise<Registered> {
    try {
      const body = await kept(runner);
      if (body === undefined) return { kind: "nothing_kept" };
      // the server may have closed a kept connection just then; this request may be sent twice
      const request = { method: "POST", path: "/runner/register", body, fresh: true } as const;
      return registeredBy(await askAs(deps, request, REGISTER_MS), runner);
    } catch (error) {
      return { kind: "unanswered", reason: errorText(error) };
    }
  }

  return {
    keep: async (runner, body) => void (await kv.put(stateKey.runner(sessionToken(runner)), body)),
    has: async (runner) => (await kept(runner)) !== undefined,
    again(runner) {
      let under = underWay.get(runner);
      if (under === undefined) {
        under = register(runner).finally(() => underWay.delete(runner));
        underWay.set(runner, under);
        void under.then((registered) => {
          deps.registered(registered.kind);
          log.info({ runner, ...registered }, "registered a runner again");
        });
      }
      return under;
    },
  };
}
