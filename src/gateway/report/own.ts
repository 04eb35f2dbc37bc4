import type { IncomingMessage, ServerResponse } from "node:http";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Durability } from "../../shared/log/durability/durability.ts";
import type { Refusal } from "../../shared/log/append/acceptance.ts";
import type { Metrics } from "./metrics.ts";
import { openApi } from "./openapi.ts";
import { askReceipt, questionOf } from "./receipts.ts";
import type { Relays } from "../writes/relays.ts";
import { send, sendProblem } from "../../shared/http/reply.ts";
import type { Affinity, Mismatch, KeptRemoval } from "../runner/index.ts";

export type OwnDeps = {
  connection: NatsConnection;
  version: string;
  gateway: string;
  logUp: () => boolean;
  /** Why the log accepts no writes although it is connected. */
  refusal: () => Refusal | undefined;
  durability: () => Durability;
  stopping: () => boolean;
  relays: Relays;
  mismatches: () => Mismatch[];
  /** Runners whose removal is still pending at this gateway. */
  leaving: () => KeptRemoval[];
  metrics: Metrics;
  now: () => number;
};

/** Serves `/_relay/…`: health, readiness, receipts, metrics and the OpenAPI description. */
export function createOwnRoutes(
  deps: OwnDeps,
): (
  request: IncomingMessage,
  response: ServerResponse,
  segments: readonly string[],
  query: string,
) => Promise<void> {
  return async (request, response, segments, query) => {
    const notFound = (): void => {
      sendProblem(response, "not_found", "no such resource");
    };
    if (request.method !== "GET" && request.method !== "HEAD") return notFound();
    const [name = "", id, ...rest] = segments;
    if (rest.length > 0 || (id !== undefined) !== (name === "deliveries")) return notFound();
    switch (name) {
      case "health":
        return json(response, 200, { status: "ok", version: deps.version, gateway: deps.gateway });
      case "ready":
        return ready(deps, response);
      case "metrics": {
        const text = await deps.metrics.render();
        send(response, 200, { "content-type": deps.metrics.contentType }, text);
        return;
      }
      case "openapi.json":
        return json(response, 200, openApi(deps.version));
      case "deliveries": {
        const question = questionOf(id ?? "", query);
        if ("code" in question) {
          sendProblem(response, question.code, question.detail);
          return;
        }
        const answer = await askReceipt(deps.connection, deps.gateway, question);
        if (answer.ok) return json(response, 200, answer.body);
        sendProblem(response, answer.code, answer.detail);
        return;
      }
      default:
        return notFound();
    }
  };
}

/** Ready means that writes can be stored. An absent relay or coordinator is shown, but the log accepts events without them. */
function ready(deps: OwnDeps, response: ServerResponse): void {
  const log = logOf(deps);
  const mismatches = deps.mismatches().map(({ runner, registered, written }) => ({
    runner_id: runner,
    registered: wireOf(registered),
    written: wireOf(written),
  }));
  const leaving = deps.leaving().map(({ runner }) => runner);
  const { relay, coordinator, reason } = deps.relays.summary(deps.now());
  const isReady = log.state === "up" && !deps.stopping();
  json(response, isReady ? 200 : 503, {
    ready: isReady,
    ...(deps.stopping() ? { stopping: true } : {}),
    dependencies: {
      log,
      relay: { state: relay },
      coordinator: { state: coordinator, ...(reason === undefined ? {} : { reason }) },
    },
    durability: deps.durability(),
    ...(mismatches.length === 0 ? {} : { runner_mismatches: mismatches }),
    ...(leaving.length === 0 ? {} : { leaving_runners: leaving }),
  });
}

/** `refusing`: the broker is connected but stores nothing. */
function logOf(deps: OwnDeps): { state: "up" | "down" | "refusing"; reason?: string; detail?: string } {
  if (!deps.logUp()) return { state: "down" };
  const refusal = deps.refusal();
  if (refusal === undefined) return { state: "up" };
  return { state: "refusing", reason: refusal.code, detail: refusal.detail };
}

/** An affinity with the field names of registrations and binds. */
function wireOf({ hostname, profile }: Affinity): { hostname: string; executor_profile: string } {
  return { hostname, executor_profile: profile };
}

function json(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, { "content-type": "application/json" }, JSON.stringify(body));
}
