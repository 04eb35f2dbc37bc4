import { execFile, spawnSync } from "node:child_process";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { installPackage, NPM_MS } from "../../support/package.ts";
import { startUp } from "../../support/up.ts";
import { callTool, newClient } from "../mcp/clients.ts";
import { startCollector } from "../observability/collector.ts";

// The package as a stranger gets it: packed here, installed into an empty folder with npm, and run from there.

const ROOT = resolve(import.meta.dirname, "../../..");
const run = promisify(execFile);

let home: string;
let folder: string;
let command: string;
let env: Record<string, string>;

beforeAll(async () => {
  ({ home, folder, command, env } = await installPackage());
}, NPM_MS);
afterAll(() => rm(home, { recursive: true, force: true, maxRetries: 5 }));

/** The package's command on this Node, or on one that says to be another. */
function commandOn(version: string, ...args: string[]): { status: number | null; out: string; err: string } {
  const entry = join(folder, "node_modules", "runner-relay", "bin", "runner-relay.cjs");
  const other = `Object.defineProperty(process.versions, "node", { value: "${version}" });
    Object.defineProperty(process, "version", { value: "v${version}" });
    process.argv.splice(1, 0, "runner-relay"); // the place of the script, which -e does not fill
    require(${JSON.stringify(entry)});`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["-e", other, "--", ...args], {
    env,
    encoding: "utf8",
  });
  return { status, out: stdout, err: stderr };
}

test("the installed command starts everything, and the installed client is answered by it", async () => {
  const patient = { RUNNER_RELAY_ANSWER_WAIT: "30s" }; // a loaded machine takes longer than executors would wait
  const up = startUp(home, {
    command: [command],
    env: { ...env, ...patient },
    also: ["sessions", "console"],
  });
  onTestFinished(async () => void (await up.stop()));
  const { gateway } = await up.ready();
  const script = join(folder, "executor.mjs");
  await writeFile(
    script,
    `import { createSessionClient } from "runner-relay/client";
     const client = createSessionClient({ baseUrl: process.argv[2] });
     await client.bind("ses_1", { executorSessionId: "abc" });
     const { accepted } = await client.addEvent("ses_1", { event_type: "message", role: "user", content: [] });
     const { status } = await client.getSession("ses_1");
     console.log(JSON.stringify({ accepted, status }));`,
  );
  const { stdout } = await run(process.execPath, [script, gateway], { cwd: folder, env });
  expect(JSON.parse(stdout)).toEqual({ accepted: false, status: "running" });
});

test("the libraries that are bundled work: tools for agents, and traces", async () => {
  await using collector = await startCollector();
  const traced = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: "50" };
  const up = startUp(join(home, "bundled"), { command: [command], env: { ...env, ...traced } });
  onTestFinished(async () => void (await up.stop()));
  await up.ready();
  const client = newClient("auto");
  onTestFinished(() => client.close());
  const args = ["mcp", "--data", up.dataDir];
  await client.connect(new StdioClientTransport({ command, args, env }));
  expect((await callTool(client, "list_agent_blueprints")).texts).toMatchObject([{ name: "echo" }]);
  await expect.poll(() => collector.spans().map(({ name }) => name)).toContain("GET");
  const notices = await readFile(
    join(folder, "node_modules", "runner-relay", "dist", "THIRD-PARTY.txt"),
    "utf8",
  );
  for (const name of ["@modelcontextprotocol/server", "zod", "@opentelemetry/sdk-trace", "fastify"])
    expect(notices).toContain(`${name} `);
});

test("nothing of the development comes with it, and no second Node", async () => {
  const installed = JSON.parse(
    await readFile(join(folder, "node_modules", ".package-lock.json"), "utf8"),
  ) as {
    packages: Record<string, unknown>;
  };
  const names = Object.keys(installed.packages);
  expect(names).toContain("node_modules/runner-relay");
  for (const name of ["node", "typescript", "vitest", "testcontainers", "zod", "@opentelemetry/sdk-trace"])
    expect(names).not.toContain(`node_modules/${name}`);
});

test("it takes at most 60 MB with everything that it needs, and no source map without its sources", async () => {
  let bytes = 0;
  const maps: string[] = [];
  for (const entry of await readdir(join(folder, "node_modules"), { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const { blocks } = await stat(join(entry.parentPath, entry.name));
    bytes += blocks * 512; // what `du` counts
    if (entry.parentPath.includes("/runner-relay/") && entry.name.endsWith(".map")) maps.push(entry.name);
  }
  console.log(`installed: ${(bytes / 1e6).toFixed(1)} MB`);
  expect(bytes).toBeLessThan(60e6);
  expect(maps).toEqual([]);
});

/** A value in `exports`: a file, or what applies under a condition. */
type Target = string | { [condition: string]: Target };

function filesOf(target: Target): string[] {
  return typeof target === "string" ? [target] : Object.values(target).flatMap(filesOf);
}

test("what `exports` and `bin` name is there", async () => {
  const home = join(folder, "node_modules", "runner-relay");
  const { exports, bin, os } = JSON.parse(await readFile(join(home, "package.json"), "utf8")) as {
    exports: Target;
    bin: Record<string, string>;
    os: string[];
  };
  const files = [...Object.values(bin), ...filesOf(exports)];
  expect(files.length).toBeGreaterThan(5);
  for (const file of files) expect((await stat(join(home, file))).isFile(), file).toBe(true);
  expect(os).toEqual(["linux", "darwin"]);
});

test.each(["20.19.4", "18.0.0", "22.11.0", "23.9.0"])("on Node %s it says one clear line", (version) => {
  const { status, out, err } = commandOn(version, "up");
  expect({ status, out }).toEqual({ status: 78, out: "" });
  expect(err).toBe(
    `runner-relay needs Node 24 or newer, and ${process.execPath} is v${version}; install Node 24 (https://nodejs.org) and try again\n`,
  );
});

test.each(["24.0.0", "25.1.0", "100.0.0"])("on Node %s it runs", (version) => {
  expect(commandOn(version, "--help")).toMatchObject({ status: 0, err: "" });
});

test("the entry asks for the Node that package.json asks for", async () => {
  const { engines } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as {
    engines: { node: string };
  };
  const entry = await readFile(join(ROOT, "bin", "runner-relay.cjs"), "utf8");
  expect(engines.node).toBe(`>=${/const needed = (\d+);/.exec(entry)?.[1]}`);
});
