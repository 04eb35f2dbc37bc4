import { healthOf } from "./health.ts";
import type { AttemptResult, Verdict } from "./verdict.ts";

/**
 * Whose word was a success in words, the coordinator's or that of somebody in front of it? A server in front says the same to every question, so the
 * address is asked for its health: only a coordinator answers that in JSON (ADR 0021). Asks nothing about any other verdict.
 */
export async function clarified(verdict: Verdict, health: () => Promise<AttemptResult>): Promise<Verdict> {
  if (verdict.kind !== "retry" || verdict.unclear !== true) return verdict;
  const found = healthOf(await health());
  switch (found.kind) {
    case "well":
    case "unknown":
      return { kind: "delivered" };
    case "wrong_address":
      return { kind: "pause", reason: "wrong_address", text: found.text };
    case "away":
      return verdict;
  }
}
