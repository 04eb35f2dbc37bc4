import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { findBroker, type Fetcher } from "../../../src/embedded/binary.ts";
import { fetchRelease } from "../../../src/embedded/fetch-release.ts";
import { silentLogger } from "../../../src/shared/base/logger.ts";
import { temporaryFolder } from "./folder.ts";

const log = silentLogger();
const COMMAND_ENV = { PATH: process.env["PATH"] ?? "" };

/** A program that says what a nats-server of that version says. */
async function fake(file: string, version: string): Promise<string> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\necho "nats-server: v${version}"\n`, { mode: 0o755 });
  return file;
}

const nothing: Fetcher[] = [
  { step: "moon", fetch: () => Promise.reject(new Error("too far away")) },
  { step: "sea", fetch: () => Promise.reject(new Error("too deep")) },
];

describe("where a nats-server is found", () => {
  test("NATS_SERVER_BIN, then PATH, then the cache", async () => {
    await using folder = await temporaryFolder();
    const named = await fake(join(folder.path, "named"), "2.15.9");
    const inPath = await fake(join(folder.path, "bin/nats-server"), "2.15.8");
    const cached = await fake(join(folder.path, ".cache/runner-relay/nats-server"), "2.15.7");
    const find = (env: object): Promise<unknown> =>
      findBroker({ env: { path: "/nowhere", home: folder.path, ...env }, log, fetchers: nothing });
    expect(await find({ natsServerBin: named, path: dirname(inPath) })).toEqual({
      path: named,
      version: "2.15.9",
      how: "NATS_SERVER_BIN",
    });
    expect(await find({ path: dirname(inPath) })).toEqual({ path: inPath, version: "2.15.8", how: "PATH" });
    expect(await find({})).toMatchObject({ path: cached, version: "2.15.7", how: "cache" });
  });

  test("one that is too old, or does not run, is passed over", async () => {
    await using folder = await temporaryFolder();
    const old = await fake(join(folder.path, "old/nats-server"), "2.13.9");
    const cached = join(folder.path, "cache/runner-relay/nats-server");
    await mkdir(dirname(cached), { recursive: true });
    await writeFile(cached, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    const fetched: Fetcher = {
      step: "shop",
      fetch: (into) => fake(join(into, "deep/nats-server"), "2.15.2"),
    };
    const env = { path: dirname(old), home: folder.path, cache: join(folder.path, "cache") };
    expect(await findBroker({ env, log, fetchers: [...nothing, fetched] })).toEqual({
      path: cached,
      version: "2.15.2",
      how: "shop",
    });
    expect(await readdir(dirname(cached))).toEqual(["nats-server"]); // nothing else is left
    expect(await findBroker({ env, log, fetchers: nothing })).toMatchObject({ path: cached, how: "cache" });
  });

  test("fetchers at the same moment do not break each other", async () => {
    await using folder = await temporaryFolder();
    const env = { path: "/nowhere", home: folder.path };
    const fetcher: Fetcher = { step: "shop", fetch: (into) => fake(join(into, "nats-server"), "2.15.2") };
    const found = await Promise.all([1, 2, 3].map(() => findBroker({ env, log, fetchers: [fetcher] })));
    expect(new Set(found.map(({ path }) => path)).size).toBe(1);
  });
});

describe("when none is found", () => {
  test("broker_missing lists everything that was tried, and what to do", async () => {
    await using folder = await temporaryFolder();
    const env = { path: "/nowhere", home: folder.path };
    const message = await findBroker({ env, log, fetchers: nothing }).catch((error: Error) => error.message);
    for (const part of [
      "PATH: ",
      "cache: none at",
      "moon: too far away",
      "sea: too deep",
      "NATS_SERVER_BIN",
    ]) {
      expect(message).toContain(part);
    }
    await expect(findBroker({ env, log, fetchers: nothing })).rejects.toMatchObject({
      code: "broker_missing",
    });
  });

  test("too old (broker_too_old)", async () => {
    await using folder = await temporaryFolder();
    const old = await fake(join(folder.path, "nats-server"), "2.13.0");
    const env = { path: dirname(old), home: folder.path };
    await expect(findBroker({ env, log, fetchers: nothing })).rejects.toMatchObject({
      code: "broker_too_old",
      message: expect.stringContaining(`${old} is 2.13.0, 2.14.0 is needed`) as string,
    });
  });

  test.each([
    ["missing", undefined, "broker_missing"],
    ["no nats-server", "#!/bin/sh\necho hello\n", "broker_missing"],
    ["too old", "#!/bin/sh\necho 'nats-server: v2.10.0'\n", "broker_too_old"],
  ])("NATS_SERVER_BIN is an order: %s", async (_, script, code) => {
    await using folder = await temporaryFolder();
    const inPath = await fake(join(folder.path, "bin/nats-server"), "2.15.2");
    const natsServerBin = join(folder.path, "named");
    if (script !== undefined) await writeFile(natsServerBin, script, { mode: 0o755 });
    const env = { natsServerBin, path: dirname(inPath), home: folder.path };
    await expect(findBroker({ env, log })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(natsServerBin) as string,
    });
  });
});

describe("the official release", () => {
  const version = "2.15.0";
  const target = "linux-amd64";

  async function serve(listener: RequestListener): Promise<Server & AsyncDisposable & { url: string }> {
    const server = createServer(listener);
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return Object.assign(server, { url });
  }

  async function archive(folder: string): Promise<Buffer> {
    await fake(join(folder, `nats-server-v${version}-${target}/nats-server`), version);
    await promisify(execFile)("tar", ["-czf", "a.tgz", `nats-server-v${version}-${target}`], { cwd: folder });
    return readFile(join(folder, "a.tgz"));
  }

  test("is unpacked if its sum is the pinned one, else refused", async () => {
    await using folder = await temporaryFolder();
    const bytes = await archive(folder.path);
    const asked: (string | undefined)[] = [];
    await using server = await serve((request, response) => {
      asked.push(request.url);
      response.end(bytes);
    });
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const into = join(folder.path, "into");
    await mkdir(into);
    const file = await fetchRelease(into, COMMAND_ENV, { version, target, sha256 }, server.url);
    expect(asked).toEqual([`/v${version}/nats-server-v${version}-${target}.tar.gz`]);
    expect(await readFile(file, "utf8")).toContain(version);

    const pinned = { version, target, sha256: "0".repeat(64) };
    await expect(fetchRelease(into, COMMAND_ENV, pinned, server.url)).rejects.toThrow("wrong SHA-256");
  });

  test("a platform without one, and a server without it", async () => {
    await using folder = await temporaryFolder();
    await expect(fetchRelease(folder.path, COMMAND_ENV, undefined)).rejects.toThrow("no archive is known");
    await using server = await serve((_, response) => response.writeHead(404).end());
    const wanted = { version, target, sha256: "" };
    await expect(fetchRelease(folder.path, COMMAND_ENV, wanted, server.url)).rejects.toThrow("answers 404");
  });
});
