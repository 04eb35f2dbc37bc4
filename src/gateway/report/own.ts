import type { IncomingMessage, ServerResponse } from "node:http";
import type { NatsConnection } from "@nats-io/transport-node";
import type { Clock } from "../../shared/base/clock.ts";
import type { Durability } from "../../shared/log/durability/durability.ts";
import type { Refusal } from "../../shared/log/append/acceptance.ts";
import type { Metrics } from "./metrics.ts";
import { openApi } from "./openapi.ts";
import { askReceipt, questionOf } from "./receipts.ts";
import type { Health, Index, Readiness } from "../contract/answers.ts";
import { writeLines } from "../contract/writes.ts";
import type { BacklogLimits } from "../writes/backlog-limits.ts";
import type { Relays } from "../writes/relays.ts";
import { refuseMethod, send, sendProblem } from "../../shared/http/reply.ts";
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
  backlog: Pick<BacklogLimits, "total">;
  mismatches: () => Mismatch[];
  /** Runners whose removal is still pending at this gateway. */
  leaving: () => KeptRemoval[];
  metrics: Metrics;
  clock: Pick<Clock, "now" | "wall">;
};

/** The gateway's own resources below `/_relay`, by name. */
const LINKS = {
  openapi: "/_relay/openapi.json",
  health: "/_relay/health",
  ready: "/_relay/ready",
  metrics: "/_relay/metrics",
  receipt: "/_relay/deliveries/{event_id}?seq={stream_seq}",
};

/** Serves `/`, `/_relay` and `/_relay/…`: what is here, health, readiness, receipts, metrics and the OpenAPI description. */
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
    const [name, id, ...rest] = segments;
    if (rest.length > 0 || (id !== undefined) !== (name === "deliveries")) return notFound();
    if (!isResource(name)) return notFound();
    if (request.method !== "GET" && request.method !== "HEAD")
      return refuseMethod(request, response, "GET, HEAD");
    switch (name) {
      case undefined:
        return json(response, 200, indexOf(deps));
      case "health": {
        const health: Health = { status: "ok", version: deps.version, gateway: deps.gateway };
        return json(response, 200, health);
      }
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
    }
  };
}

const RESOURCES = ["health", "ready", "metrics", "openapi.json", "deliveries"] as const;

/** True for what is below `/_relay`, and for `/_relay` itself. */
function isResource(name: string | undefined): name is (typeof RESOURCES)[number] | undefined {
  return name === undefined || (RESOURCES as readonly string[]).includes(name);
}

function indexOf({ version, gateway }: OwnDeps): Index {
  return {
    service: "runner-relay gateway",
    version,
    gateway,
    about:
      "Stores writes in a durable log and delivers them to the Agent Coordinator in order. Every other path passes through to the coordinator.",
    writes: writeLines(),
    links: LINKS,
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
  const { relay, coordinator, reason, silentMs } = deps.relays.summary(deps.clock.now());
  const since = silentMs === undefined ? {} : { since: new Date(deps.clock.wall() - silentMs).toISOString() };
  const isReady = log.state === "up" && !deps.stopping();
  const readiness: Readiness = {
    ready: isReady,
    ...(deps.stopping() ? { stopping: true as const } : {}),
    dependencies: {
      log,
      relay: relay === "up" ? { state: relay } : { state: relay, ...since, waiting: deps.backlog.total() },
      coordinator: { state: coordinator, ...(reason === undefined ? {} : { reason }) },
    },
    durability: deps.durability(),
    ...(mismatches.length === 0 ? {} : { runner_mismatches: mismatches }),
    ...(leaving.length === 0 ? {} : { leaving_runners: leaving }),
  };
  json(response, isReady ? 200 : 503, readiness);
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
