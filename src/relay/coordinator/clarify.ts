import { healthOf } from "./health.ts";
import type { AttemptResult, Verdict } from "./verdict.ts";

/**
 * Did the coordinator answer an unclear success, or a server in front of it? Such a server gives the same answer to every request, so the address is asked
 * for its health: only a coordinator answers that in JSON (ADR 0021). For any other verdict nothing is asked.
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
