import { describe, expect, onTestFinished, test, vi } from "vitest";
import { Command } from "commander";
import { command as configCommand } from "../../../src/cli/config.ts";
import { COMMANDS } from "../../../src/cli/commands.ts";
import type { Context } from "../../../src/cli/context.ts";
import { addFlags, flagsOf, flagVariables } from "../../../src/cli/flags.ts";
import { PLAIN } from "../../../src/cli/render/screen.ts";
import { runCommandLine } from "../../../src/cli/run.ts";
import { restartDelay } from "../../../src/cli/up/child.ts";
import { readyUrl } from "../../../src/cli/up/child-run.ts";
import { isWriteFailure } from "../../../src/cli/up/log-home.ts";
import { UP_TABLE } from "../../../src/cli/up/table.ts";
import { codedError } from "../../../src/shared/base/errors.ts";

function recording(env: Record<string, string> = {}) {
  const out: string[] = [];
  const err: string[] = [];
  const context: Context = {
    env,
    print: (text) => void out.push(text),
    write: (text) => void out.push(text),
    redraw: (text) => void out.push(text),
    mustFinish() {},
    journal: false,
    serve: () => ({ write() {}, dropped: () => 0, hasRoom: () => true, onRoom: () => () => {}, flush() {} }),
    warn: (text) => void err.push(text),
    ask: () => Promise.resolve(undefined),
    screen: PLAIN,
    errors: { terminal: false, screen: PLAIN },
    readStdin: () => Promise.resolve(new Uint8Array()),
  };
  return { context, out, err };
}

function failing(error: Error) {
  const command = (): Command =>
    new Command("fail").action(() => {
      throw error;
    });
  return { fail: { group: "Run", summary: "fails", example: "", load: async () => ({ command }) } };
}

/** What is written to a stream until the test ends. */
function captured(stream: NodeJS.WriteStream): { text(): string } {
  let text = "";
  const write = vi.spyOn(stream, "write").mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  onTestFinished(() => write.mockRestore());
  return { text: () => text };
}

describe("exit codes", () => {
  test("1 and `code: message` for what went wrong", async () => {
    const { context, err } = recording();
    expect(await runCommandLine(["fail"], failing(codedError("data_locked", "x is used")), context)).toBe(1);
    expect(err).toEqual(["data_locked: x is used"]);
  });
  test("2 for a command line that makes no sense", async () => {
    const { context } = recording();
    const commands = failing(codedError("usage", "no"));
    expect(await runCommandLine(["fail"], commands, context)).toBe(2);
    expect(await runCommandLine(["fail", "--nope"], commands, context)).toBe(2);
    expect(await runCommandLine(["nope"], commands, context)).toBe(2);
    expect(await runCommandLine(["constructor"], commands, context)).toBe(2);
  });
  test("78 for `up` where starting again changes nothing", async () => {
    const { context, err } = recording();
    try {
      expect(await runCommandLine(["up", "--port", "99999"], COMMANDS, context)).toBe(78);
      expect(err).toEqual([expect.stringMatching(/^config_invalid: --port/)]);
    } finally {
      process.exitCode = undefined;
    }
  });
  test("0 for help", async () => {
    const { context } = recording();
    expect(await runCommandLine(["--help"], {}, context)).toBe(0);
  });
  test("`help X` is `X --help`, and not understood where X is none", async () => {
    const { context } = recording();
    const out = captured(process.stdout);
    const err = captured(process.stderr);
    expect(await runCommandLine(["help", "dead", "redrive"], COMMANDS, context)).toBe(0);
    expect(out.text()).toMatch(/^Usage: runner-relay dead redrive .*--dry-run/s);
    expect(await runCommandLine(["help"], COMMANDS, context)).toBe(0);
    expect(out.text()).toMatch(/\nSee:\n {2}status /);
    expect(await runCommandLine(["help", "nope"], COMMANDS, context)).toBe(2);
    expect(err.text()).toContain("unknown command 'nope'");
  });
});

describe("flags", () => {
  test("every flag of the settings is offered, and comes back as a flag or a variable", () => {
    const command = addFlags(new Command(), UP_TABLE);
    command.parse(["--port", "7", "--require-durable", "--answer-wait", "1s"], { from: "user" });
    const flags = flagsOf(command, UP_TABLE);
    expect(flags).toEqual({ port: "7", "require-durable": true, "answer-wait": "1s" });
    expect(flagVariables(UP_TABLE, flags)).toEqual({
      RUNNER_RELAY_PORT: "7",
      RUNNER_RELAY_REQUIRE_DURABLE: "true",
      RUNNER_RELAY_ANSWER_WAIT: "1s",
    });
  });
});

test("CRED-1: config never prints a secret", async () => {
  const { context, out } = recording({
    NATS_PASSWORD: "hunter22",
    NATS_URL: "nats://me:hunter22@host:4222",
    RUNNER_RELAY_API_KEY: "hunter22",
    XDG_STATE_HOME: "/state",
  });
  const commands = {
    config: { group: "", summary: "", example: "", load: () => Promise.resolve({ command: configCommand }) },
  };
  expect(await runCommandLine(["config", "--json"], commands, context)).toBe(0);
  const shown = JSON.parse(out.join("\n")) as Record<string, unknown>;
  expect(shown).toMatchObject({
    NATS_PASSWORD: "set",
    RUNNER_RELAY_API_KEY: "set",
    NATS_URL: "nats://[secret]@host:4222",
    RUNNER_RELAY_OIDC_CLIENT_SECRET: "unset",
    RUNNER_RELAY_RETENTION: "7d", // as it could be set: a bare number would be seconds there
    RUNNER_RELAY_MAX_BODY: "4MiB",
    RUNNER_RELAY_DATA: "/state/runner-relay",
  });
  expect(out.join("\n")).not.toContain("hunter22");
});

test("config lists every problem at once", async () => {
  const { context, err } = recording({ RUNNER_RELAY_PORT: "x", RUNNER_RELAY_PROTOCOL: "1" });
  const commands = {
    config: { group: "", summary: "", example: "", load: () => Promise.resolve({ command: configCommand }) },
  };
  expect(await runCommandLine(["config"], commands, context)).toBe(1);
  expect(err.join()).toMatch(/^config_invalid: .*RUNNER_RELAY_PROTOCOL.*RUNNER_RELAY_PORT/s);
});

test("a child's ready line differs from any other", () => {
  expect(readyUrl('{"ready":true,"url":"http://127.0.0.1:1"}')).toBe("http://127.0.0.1:1");
  expect(readyUrl('{"ready":true}')).toBe(""); // it listens nowhere
  for (const line of ["", "{}", "null", '{"ready":false,"url":"x"}', "ready"]) {
    expect(readyUrl(line)).toBeUndefined();
  }
});

test("restarts: at once the first time, then slower", () => {
  expect([1, 2, 3, 4, 8, 99].map((it) => restartDelay(it))).toEqual([50, 100, 200, 400, 5000, 5000]);
});

test("a full disk is known by the server's words", () => {
  expect(
    isWriteFailure("[1] [ERR] Filestore [RR_EVENTS] Critical write error: write x: no space left on device"),
  ).toBe(true);
  expect(isWriteFailure("[1] [ERR] 127.0.0.1:1 - cid:8 - authentication error")).toBe(false);
});
