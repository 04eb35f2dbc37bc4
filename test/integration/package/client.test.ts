import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DeliveryState } from "../../../src/client/index.ts";
import type { Receipt } from "../../../src/shared/messages/receipt.ts";
import { networkOf } from "../../support/machine.ts";
import { startUp, type Up } from "../../support/up.ts";

// The client as an author of an executor gets it: packed, and installed alone into an empty folder.

const ROOT = resolve(import.meta.dirname, "../../..");
const BIN = join(ROOT, "node_modules", ".bin");
const NPM_MS = 5 * 60_000;
const run = promisify(execFile);

let home: string;
let folder: string;
let tarball: string;
let env: Record<string, string>;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "rr-client-"));
  folder = join(home, "executor");
  await mkdir(folder);
  const { PATH = "", HOME = home } = process.env;
  env = { ...networkOf(process.env), PATH: [dirname(process.execPath), PATH].join(delimiter), HOME };
  await run(process.execPath, [join(ROOT, "scripts", "build-client.mjs")], { env });
  const source = join(ROOT, "packages", "client", "dist");
  const { stdout } = await run("npm", ["pack", "--json", "--pack-destination", home, source], { env });
  tarball = join(home, (JSON.parse(stdout) as { filename: string }[])[0]?.filename ?? "");
  await run("npm", ["install", "--offline", "--no-audit", "--no-fund", tarball], { cwd: folder, env });
}, NPM_MS);
afterAll(() => rm(home, { recursive: true, force: true, maxRetries: 5 }));

test("it has no dependencies, the product's version, and nothing but what it needs", async () => {
  const lock = JSON.parse(await readFile(join(folder, "node_modules", ".package-lock.json"), "utf8")) as {
    packages: Record<string, { version: string; dependencies?: object }>;
  };
  const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as { version: string };
  expect(Object.keys(lock.packages)).toEqual(["node_modules/runner-relay-client"]);
  expect(lock.packages["node_modules/runner-relay-client"]).toMatchObject({ version, license: "Apache-2.0" });
  expect(lock.packages["node_modules/runner-relay-client"]?.dependencies).toBeUndefined();
});

test("every kind of resolution finds its types, and those fit the code", async () => {
  const { stdout } = await run(process.execPath, [join(BIN, "attw"), tarball, "--format", "json"], { env });
  const { analysis, problems } = JSON.parse(stdout) as {
    analysis: { entrypoints: Record<string, { resolutions: Record<string, { resolution?: object }> }> };
    problems?: object;
  };
  expect(problems ?? {}).toEqual({});
  for (const entry of [".", "./sessions"]) {
    const { resolutions } = analysis.entrypoints[entry] ?? { resolutions: {} };
    const found = Object.entries(resolutions).filter(([, { resolution }]) => resolution !== undefined);
    const kinds = found.map(([kind]) => kind).toSorted();
    expect(kinds, entry).toEqual(["bundler", "node10", "node16-cjs", "node16-esm"]);
  }
});

const PROGRAM = `import { createSessionClient, SessionClientError, type WriteResult } from "runner-relay-client";
import { ConnectionError, GatewayError, openSessions, type TurnItem } from "runner-relay-client/sessions";

async function main(baseUrl: string): Promise<void> {
  const client = createSessionClient({ baseUrl });
  await client.bind("ses_1", { executorSessionId: "abc", projectDir: "/p" });
  const content = [{ type: "text", text: "hi" }];
  const written: WriteResult = await client.addEvent("ses_1", { event_type: "message", role: "user", content });
  const { status } = await client.getSession("ses_1");
  const code = await client.getSession("..").catch((error: unknown) =>
    error instanceof SessionClientError ? error.code : "other",
  );
  await using sessions = openSessions({ url: "http://127.0.0.1:9", key: "k", retry: { totalMs: 0 } });
  const away = await sessions.resume("a").catch((error: unknown) => error instanceof ConnectionError && error.code);
  const odd = await sessions.resume("/").catch((error: unknown) => error instanceof GatewayError && error.code);
  const turn: AsyncIterable<TurnItem> = sessions.execute("ses_1", "hi");
  console.log(JSON.stringify({ accepted: written.accepted, status, code, away, odd, turn: typeof turn }));
}

void main(process.argv[2] ?? "");
`;

describe("a program that was compiled with it alone", () => {
  let up: Up;
  beforeAll(() => {
    up = startUp(join(home, "up"), { env });
  });
  afterAll(() => up.stop());

  test.each([
    ["ES modules, resolved as Node does", "module", { module: "nodenext" }],
    ["CommonJS, resolved as Node does", "commonjs", { module: "nodenext" }],
    ["for a bundler", "module", { module: "esnext", moduleResolution: "bundler" }],
  ])("%s", async (_, type, options) => {
    const compilerOptions = { target: "es2022", strict: true, types: [], skipLibCheck: false, ...options };
    const files = ["program.ts", "process.d.ts"];
    await writeFile(join(folder, "package.json"), JSON.stringify({ type }));
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
    await writeFile(join(folder, "program.ts"), PROGRAM);
    await writeFile(join(folder, "process.d.ts"), "declare const process: { argv: string[] };");
    await run(process.execPath, [join(BIN, "tsc"), "-p", "."], { cwd: folder, env });
    const { gateway } = await up.ready();
    const { stdout } = await run(process.execPath, ["program.js", gateway], { cwd: folder, env });
    expect(JSON.parse(stdout)).toEqual({
      accepted: expect.any(Boolean) as boolean, // by whether the coordinator answered in time
      status: "running",
      code: "session_id_invalid",
      away: "unreachable",
      odd: "id_invalid",
      turn: "object",
    });
  });
});

test.each(["client.md", "sessions/client.md", "sessions/come-back.md"])(
  "the examples of %s compile",
  async (name) => {
    const page = await readFile(join(ROOT, "docs", name), "utf8");
    const blocks = [...page.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code = ""]) => code);
    expect(blocks.length).toBeGreaterThan(0);
    const compilerOptions = { target: "es2022", strict: true, types: [], module: "nodenext", noEmit: true };
    await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }));
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["page.ts"] }));
    await writeFile(join(folder, "page.ts"), blocks.join(""));
    await run(process.execPath, [join(BIN, "tsc"), "-p", "."], { cwd: folder, env });
  },
);

test("the product re-exports the same files, for every kind of resolution", async () => {
  const read = async (path: string): Promise<Record<string, unknown>> =>
    JSON.parse(await readFile(join(ROOT, path), "utf8")) as Record<string, unknown>;
  const { exports, typesVersions } = await read("package.json");
  const own = await read("packages/client/package.json");
  const inProduct = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value).replaceAll('"./', '"./packages/client/dist/'));
  const entries = own["exports"] as Record<string, unknown>;
  expect(exports).toMatchObject({
    "./client": inProduct(entries["."]),
    "./sessions": inProduct(entries["./sessions"]),
  });
  const { "*": below } = own["typesVersions"] as Record<string, Record<string, unknown>>;
  expect(typesVersions).toEqual({
    "*": { client: inProduct([own["types"]]), sessions: inProduct(below?.["sessions"]) },
  });
});

test("it knows every state of a receipt", () => {
  const known: Record<DeliveryState, true> = {
    pending: true,
    delivered: true,
    superseded: true,
    dead: true,
    dropped: true,
    lost: true,
    gone: true,
    unknown: true,
  } satisfies Record<Receipt["state"], true>;
  expect(Object.keys(known)).toHaveLength(8);
});
