import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { expect, test } from "vitest";
import { runnerOf } from "../../../src/agents/named.ts";
import { readProfile } from "../../../src/executors/profile.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { loadSettings } from "../../../src/shared/base/config/load.ts";
import { ALL_SETTINGS, WORKER_SETTINGS } from "../../../src/shared/settings/index.ts";
import { invocationOf, startExecutor } from "../../support/executor.ts";
import { serveHttp } from "../../support/http-server.ts";
import { dataFolder } from "../../support/up.ts";

/** What is copied into the folder of a runner. */
const FOLDER = resolve(import.meta.dirname, "../../../deploy/agent-runner");
const PROFILES = join(FOLDER, "profiles");

type ProfileFile = { type: string; command: string; lifecycle?: string; config: Record<string, unknown> };

function profileOf(file: string): ProfileFile {
  return JSON.parse(readFileSync(join(PROFILES, file), "utf8")) as ProfileFile;
}

const files = readdirSync(PROFILES);

test.each(files)("%s is a profile as the runner wants it, of an executor that there is", (file) => {
  expect(basename(file, ".json")).toMatch(/^relay-[a-z-]+$/);
  const { type, command, lifecycle, config, ...rest } = profileOf(file);
  expect(rest).toEqual({});
  expect(type).toBe("autonomous");
  expect(["one_shot", "persistent"]).toContain(lifecycle);
  expect(existsSync(join(FOLDER, command)), "relative to the runner's folder").toBe(true);
  const { agent = "", env } = readProfile(config);
  const named = agent === "claude-code" ? "claude_subprocess" : agent;
  if (agent === "test") return;
  const { values } = loadSettings(WORKER_SETTINGS, { env, known: ALL_SETTINGS });
  const home = { env, folder: undefined, root: false, clock: systemClock };
  expect(runnerOf({ ...values, agent: named }, home).runnerType).toBe(named);
});

test("every agent has a profile", () => {
  const agents = files.map((file) => String(profileOf(file).config["agent"])).toSorted();
  expect(agents).toEqual([
    "acp",
    "claude-code",
    "claude_api",
    "codex",
    "codex_sdk_sidecar",
    "echo",
    "http",
    "test",
  ]);
});

const python = spawnSync("python3", ["--version"]).error === undefined;

test.skipIf(!python)(
  "a runner starts the executor as a Python script, and feeds and stops the command itself",
  async () => {
    await using gateway = await serveHttp((response) => response.writeHead(201).end('{"ok": true}'));
    await using home = await dataFolder();
    const { command, config } = profileOf("relay-echo.json");
    await using executor = startExecutor(
      {
        command: ["python3", join(FOLDER, command)],
        args: [],
        url: gateway.url,
        cwd: home.path,
        env: { RUNNER_RELAY_DATA: join(home.path, "data") },
        lifecycle: "persistent",
      },
      invocationOf("ses_1", { executor_config: config, project_dir: home.path }),
    );
    expect(await executor.turn(1)).toEqual({ type: "turn_complete", result: "hi" });
    executor.process.kill("SIGTERM");
    expect(await executor.ended).toEqual({ code: 143, signal: null });
  },
);
