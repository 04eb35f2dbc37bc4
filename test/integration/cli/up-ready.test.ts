import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { findExecutable } from "../../../src/embedded/command.ts";
import { bareEnv } from "../../support/bare-env.ts";
import { natsServerPath } from "../../support/broker.ts";
import { dataFolder, startUp, without } from "../../support/up.ts";
import { mainOf } from "../../support/bundle/main-of.ts";

/** What is true when `up` says that it is ready, and on which ports. */

async function folder(): Promise<string> {
  const it = await dataFolder();
  onTestFinished(() => it[Symbol.asyncDispose]());
  return it.path;
}

function firstEvents(gateway: string, many: number): Promise<number[]> {
  const event = async (session: string): Promise<number> => {
    const answer = await fetch(`${gateway}/events`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        session_id: session,
        event_type: "message",
        timestamp: "2026-01-01T00:00:00Z",
      }),
    });
    return answer.status;
  };
  return Promise.all(Array.from({ length: many }, (_, n) => event(`s${n}`)));
}

test("the first events after a start have the coordinator's own answer, at the first start and at later ones", async () => {
  const where = await folder();
  for (const start of ["first", "second", "third"]) {
    const up = startUp(where, { args: ["--answer-wait", "30s"] }); // a slow machine is no reason for a 202
    const { gateway } = await up.ready();
    expect(await firstEvents(gateway, 24), start).toEqual(Array.from({ length: 24 }, () => 201));
    expect((await up.stop()).code).toBe(0);
  }
});

/** A program that uses a port. */
async function takenPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

test.each([
  ["--port", "the gateway's"],
  ["--admin-port", "the relay's admin"],
])("a taken port fails the start in one sentence, with the flag: %s", async (flag, name) => {
  const port = await takenPort();
  const up = startUp(await folder(), { args: [flag, String(port)] });
  const [code] = (await once(up.process, "close")) as [number];
  expect(code).toBe(78);
  const last = up.output.stderr.trimEnd().split("\n").at(-1);
  expect(last).toMatch(
    new RegExp(
      `^port_taken: ${name} port ${port} is used by another program; stop it, or choose another port with ${flag} `,
    ),
  );
  expect(up.processes()).toEqual([]);
});

const MAIN = mainOf("cli");

/** What `up` shows on a terminal until it is ready and was stopped. */
async function screenOfUp(where: string, args: string): Promise<string> {
  const command = `${process.execPath} ${MAIN} up --data ${join(where, "data")} ${args}`;
  // otherwise a home without one has the broker fetched, or even built
  const NATS_SERVER_BIN = await natsServerPath();
  const env = { ...bareEnv(), ...without([]), HOME: where, NATS_SERVER_BIN, TERM: "xterm" };
  const terminal = spawn("script", ["-qec", command, "/dev/null"], { env, stdio: "pipe" });
  let shown = "";
  terminal.stdout.on("data", (chunk: Buffer) => (shown += chunk.toString()));
  await expect.poll(() => shown).toMatch(/^ {2}stop /m);
  terminal.stdin.write("\u0003"); // Ctrl-C
  await once(terminal, "close");
  return stripVTControlCharacters(shown);
}

test.runIf(findExecutable("script", process.env["PATH"]) !== undefined)(
  "on a terminal there are no JSON lines, unless they are asked for",
  async () => {
    const where = await folder();
    expect(await screenOfUp(where, "")).not.toContain('{"level"');
    const chosen = await screenOfUp(where, "--log-level info");
    expect(chosen).not.toContain('{"level"');
    expect(chosen).toMatch(/^\d\d:\d\d:\d\d relay relay ready/m);
    expect(await screenOfUp(where, "--log-format json")).toContain('{"level"');
  },
);

test("a test that waits for `up` hears that it has ended, and why", async () => {
  const up = startUp(await folder(), { args: ["--answer-wait", "soon"] });
  await expect(up.ready()).rejects.toThrow(/^up ended with \d+: .*--answer-wait/s);
});
