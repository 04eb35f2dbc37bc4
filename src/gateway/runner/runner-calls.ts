import type { Opening } from "../../shared/messages/tunnel/opening.ts";
import type { Registering } from "../tunnel/registering.ts";
import type { KnownRunners } from "./known-runners.ts";
import { shortTexts } from "./texts.ts";

/** What a runner's own call says about the runner. */
export type RunnerCall =
  | { kind: "register"; body: Uint8Array }
  /** A poll or a heartbeat. */
  | { kind: "lives"; runner: string }
  /** `DELETE /runners/{id}?self=true`: the runner stops, whatever the coordinator answers. */
  | { kind: "leaves"; runner: string };

/** The parts of a request that have to be known for that. */
export type Asked = Pick<Opening, "method" | "target" | "body">;

/**
 * Which of a runner's calls a request is; undefined for any other request. A registration that comes in frames (larger than 64 KiB) is not read, and
 * nothing is known about its runner then. Pure.
 */
export function runnerCallOf({ method, target, body }: Asked): RunnerCall | undefined {
  const [path = "", query = ""] = target.split("?", 2);
  const whole = body.kind === "whole" ? body.bytes : undefined;
  const [, own] = /^\/runner\/(register|runs|heartbeat)\/?$/.exec(path) ?? [];
  if (method === "GET" && own === "runs") return livesAs(new URLSearchParams(query).get("runner_id"));
  if (method === "POST" && own === "register") return whole && { kind: "register", body: whole };
  if (method === "POST" && own === "heartbeat")
    return livesAs(whole && shortTexts(whole, ["runner_id"]).get("runner_id"));
  const [, runner] = method === "DELETE" ? (/^\/runners\/([\w-]+)$/.exec(path) ?? []) : [];
  if (runner === undefined || new URLSearchParams(query).get("self") !== "true") return undefined;
  return { kind: "leaves", runner };
}

function livesAs(runner: string | null | undefined): RunnerCall | undefined {
  return typeof runner === "string" ? { kind: "lives", runner } : undefined;
}

/** Hands what a request says about its runner to `known`. Returns what becomes of the request if it is a registration. */
export function readCall(known: KnownRunners, opening: Asked): Registering | undefined {
  const call = runnerCallOf(opening);
  switch (call?.kind) {
    case "register":
      return known.registering(call.body);
    case "lives":
      known.heard(call.runner);
      return undefined;
    case "leaves":
      known.left(call.runner);
      return undefined;
    case undefined:
      return undefined;
  }
}
