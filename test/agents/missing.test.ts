import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { acpRunner } from "../../src/agents/acp/index.ts";
import { claudeSubprocess } from "../../src/agents/claude-subprocess/index.ts";
import { cliSdk } from "../../src/agents/claude-subprocess/cli.ts";
import { codexRunner } from "../../src/agents/codex/index.ts";
import { sidecarRunner } from "../../src/agents/codex-sdk-sidecar/index.ts";
import type { Runner } from "../../src/agents/port.ts";
import { systemClock } from "../../src/shared/base/clock.ts";
import { openSession } from "./world.ts";

// Programs that are not there, are no agents, or are of another version. They are made here, so that nothing is installed for them.

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "rr-programs-"))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function program(name: string, script: string): string {
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return file;
}

const CODEX = { model: undefined, env: {}, settings: [] };
const claude = (executable: string): Runner =>
  claudeSubprocess(
    { model: undefined, apiKey: "k", baseUrl: undefined, folder, executable, root: false },
    systemClock,
    async () => cliSdk(executable, systemClock),
  );
const RUNNERS: [string, (command: string) => Runner][] = [
  ["claude_subprocess without the SDK", claude],
  ["codex", (command) => codexRunner({ ...CODEX, command, exec: false }, systemClock)],
  ["codex exec", (command) => codexRunner({ ...CODEX, command, exec: true }, systemClock)],
  ["acp", (command) => acpRunner({ command: [command], env: {} }, systemClock)],
];

describe.each(RUNNERS)("%s", (_, runnerOf) => {
  async function failureOf(command: string): Promise<Record<string, unknown>> {
    using session = openSession(runnerOf(command));
    const turn = session.turn("Go");
    expect((await turn.over).outcome).toBe("failed");
    const errors = turn.said.filter(({ type }) => type === "error");
    expect(errors).toHaveLength(1);
    return errors[0] ?? {};
  }

  test("a program that is missing", async () => {
    expect(await failureOf(join(folder, "nothing-there"))).toMatchObject({ code: "AGENT_UNAVAILABLE" });
  });

  test("one of another version, which does not know what it is asked", async () => {
    const old = program("old", 'echo "error: unrecognized subcommand" >&2; exit 2');
    expect(await failureOf(old)).toMatchObject({ message: expect.stringContaining("unrecognized") });
  });

  test("one that says nothing but garbage, and ends well", async () => {
    const garbage = program("garbage", 'head -c 100000 /dev/urandom; echo; echo "{}"; echo "[1]"; exit 0');
    expect(await failureOf(garbage)).toMatchObject({ message: expect.stringMatching(/ended|result/) });
  });

  test("one whose line never ends", async () => {
    const endless = program("endless", "exec cat /dev/zero");
    expect(await failureOf(endless)).toMatchObject({ message: expect.stringContaining("line of more than") });
  });

  test("one that heeds no signal is gone when its turn is, and that is soon", async () => {
    const stubborn = program("stubborn", "trap '' TERM INT HUP; while :; do sleep 0.1; done");
    using session = openSession(runnerOf(stubborn));
    const turn = session.turn("Go");
    setTimeout(() => turn.cancel(), 300);
    await turn.over;
    expect(turn.said.filter(({ type }) => type === "error")).toEqual([]);
  });
});

test("a sidecar that is away", async () => {
  using session = openSession(
    sidecarRunner({ url: "http://127.0.0.1:9", token: undefined }, systemClock),
    "bypass",
  );
  const turn = session.turn("Go");
  expect((await turn.over).outcome).toBe("failed");
  expect(turn.said).toMatchObject([{ type: "error", code: "AGENT_UNAVAILABLE" }]);
});
