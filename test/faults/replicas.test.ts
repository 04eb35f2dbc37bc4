import { expect, test } from "vitest";
import { findNginx } from "../support/nginx.ts";
import { startReplicas } from "./replicas/home.ts";
import { roll } from "./replicas/roll.ts";

test("WATCH-1, TURN-1: behind nginx both servers are restarted, one after the other: no turn is interrupted, and nobody misses anything", async ({
  annotate,
}) => {
  const nginx = await findNginx();
  if ("missing" in nginx) return void (await annotate(`not run: ${nginx.missing}`, "notice"));
  const plan = { turns: 4, watchers: 6, events: 60, rounds: 1, calmMs: 0, quietMs: 0 };
  await using home = await startReplicas(nginx.path, { ...plan, everyMs: 50, servers: 2, workers: 1 });
  const found = await roll(home, plan);
  expect(found).toMatchObject({ restarts: 2, wrong: [] });
  expect(found.gapsMs.length).toBeGreaterThan(0);
  expect(home.servers.flatMap((it) => it.surprises)).toEqual(["exit 0", "exit 0"]);
});
