import { expect, test } from "vitest";
import { runCuts } from "../../faults/cuts.ts";
import { startCountingAgent } from "../../support/counting-agent.ts";
import { dataFolder, startUp } from "../../support/up.ts";

const KEY = "key-of-the-test-of-cuts";

test("WATCH-1, TURN-1: through a proxy that breaks its connections a client yields each event once, and runs each turn once", async () => {
  await using agent = await startCountingAgent({ events: 20, everyMs: 5 });
  await using folder = await dataFolder();
  const up = startUp(folder.path, {
    also: ["sessions"],
    env: {
      RUNNER_RELAY_AGENT: "http",
      RUNNER_RELAY_AGENT_HTTP_URL: agent.url,
      RUNNER_RELAY_SESSIONS_API_KEY: KEY,
    },
  });
  try {
    const { sessions: url = "" } = await up.ready();
    const seed = Math.floor(Math.random() * 1e9);
    const found = await runCuts({ url, key: KEY, agent }, { seed, cuts: 8, meanBytes: 3000, events: 20 });
    expect(found, `seed ${seed}`).toMatchObject({ cuts: 8, wrong: [] });
    expect(found.events).toBeGreaterThan(20);
  } finally {
    await up.stop();
  }
});
