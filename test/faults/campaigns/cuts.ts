import { startCountingAgent } from "../../support/counting-agent.ts";
import { runCuts, type CutsOptions } from "../cuts.ts";
import type { Report } from "../report.ts";
import { startSupervisedUp } from "../supervised-up.ts";

const KEY = "key-of-the-campaign-cuts";

/** A client of sessions behind a proxy that breaks its connections while turns run: its consumer gets each event exactly once (WATCH-1, TURN-1). */
export async function cuts(options: CutsOptions & { everyMs: number }, report: Report): Promise<void> {
  await using agent = await startCountingAgent(options);
  await using up = await startSupervisedUp([], {
    RUNNER_RELAY_AGENT: "http",
    RUNNER_RELAY_AGENT_HTTP_URL: agent.url,
    RUNNER_RELAY_SESSIONS_API_KEY: KEY,
  });
  const found = await runCuts({ url: up.sessions, key: KEY, agent }, options);
  report.check("connections broken during turns", found.cuts === options.cuts, String(found.cuts));
  report.note("turns", `${found.turns} with ${found.events} events`);
  report.check(
    "events missing, repeated or out of order",
    found.wrong.length === 0,
    found.wrong.slice(0, 5).join("; ") || "0",
  );
}
