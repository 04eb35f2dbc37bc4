import { readAnswer } from "./answer-body.ts";
import type { AttemptResult } from "./verdict.ts";

/**
 * What `GET /health` says about the address. `unknown`: something that speaks JSON answers and does not know the route, which not every coordinator has.
 * Anything that answers with HTML or redirects is not a coordinator.
 */
export type Health =
  | { kind: "well" }
  | { kind: "unknown" }
  | { kind: "away"; text: string; connection: boolean }
  | { kind: "wrong_address"; text: string }
  /** The coordinator was not asked, because there is no credential. */
  | { kind: "no_credential"; text: string };

function isJsonStructure(body: Uint8Array): boolean {
  const value = readAnswer(body);
  return typeof value === "object" && value !== null;
}

/** Decides on an answer to `GET /health`. Pure. */
export function healthOf(result: AttemptResult): Exclude<Health, { kind: "no_credential" }> {
  if (result.kind === "failed")
    return { kind: "away", text: `${result.cause}: ${result.text}`, connection: result.cause === "connect" };
  const { status } = result;
  if (status >= 500 || status === 429 || result.broken)
    return { kind: "away", text: `status ${status}`, connection: false };
  if (status === 407)
    return { kind: "wrong_address", text: "GET /health is answered by a proxy that asks for a login (407)" };
  if (status >= 300 && status < 400)
    return { kind: "wrong_address", text: `GET /health answers with a redirect (${status})` };
  if (!isJsonStructure(result.body))
    return { kind: "wrong_address", text: `GET /health answers ${status} without JSON` };
  return status < 300 ? { kind: "well" } : { kind: "unknown" };
}
