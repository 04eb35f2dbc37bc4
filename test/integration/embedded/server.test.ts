import { readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { describe, expect, test } from "vitest";
import { orphanGuard } from "../../../src/embedded/orphan.ts";
import { startBroker, type Broker } from "../../../src/embedded/server.ts";
import { readSyncAlways } from "../../../src/shared/log/durability/sync-always.ts";
import { connectBroker } from "../../../src/shared/log/broker.ts";
import { silentLogger } from "../../../src/shared/base/logger.ts";
import { ADMIN_INBOX } from "../../../src/shared/log/schema/subjects.ts";
import { natsServerPath, startTestBroker } from "../../support/broker.ts";
import { temporaryFolder } from "./folder.ts";
import { eventually } from "../../support/eventually.ts";

async function start(dataDir: string, binary?: string): Promise<Broker> {
  return startBroker({
    binary: binary ?? (await natsServerPath()),
    dataDir,
    gateways: [{ gateway: "gw1", runner: "r" }],
    log: silentLogger(),
    guard: orphanGuard(process.platform, process.env["PATH"]),
  });
}

describe("a broker that runs", () => {
  test("a restart after kill -9 keeps the port, the users and what was acknowledged (DURABLE-1)", async () => {
    await using broker = await startTestBroker();
    const admin = await broker.connect("admin");
    const manager = await jetstreamManager(admin);
    await manager.streams.add({ name: "S", subjects: ["rr.ev.>"] });
    const gateway = await broker.connect("gateway");
    const ack = await jetstream(gateway).publish("rr.ev.1.r.s.event", "kept");
    expect(ack.seq).toBe(1);

    const { url } = broker;
    const before = broker.pid();
    await broker.kill9();
    await broker.restart();
    expect(broker.url).toBe(url);
    expect(broker.pid()).not.toBe(before);

    // the connection of before comes back by itself, as the same user
    await eventually(() => gateway.rtt());
    const again = await broker.connect("admin");
    const stored = await (await jetstreamManager(again)).streams.getMessage("S", { seq: 1 });
    expect(stored?.string()).toBe("kept");
  });

  test("reports how it ended, and runs again after a restart", async () => {
    await using folder = await temporaryFolder();
    const broker = await start(folder.path);
    try {
      process.kill(broker.pid(), "SIGKILL");
      expect(await broker.exited).toEqual({ code: null, signal: "SIGKILL" });
      await broker.restart();
      process.kill(broker.pid(), "SIGTERM");
      expect(await broker.exited).toEqual({ code: 0, signal: null });
      await broker.restart();
    } finally {
      await broker.stop();
    }
  });

  test("writes its secrets for its own user only, and none into the configuration that others read (HONEST-1)", async () => {
    await using folder = await temporaryFolder();
    const broker = await start(folder.path);
    try {
      const home = dirname(broker.configFile);
      const { password = "" } = broker.access("relay");
      expect(password.length).toBeGreaterThan(20);
      const config = await readFile(broker.configFile, "utf8");
      expect(config).not.toContain(password);
      expect(readSyncAlways(config)).toBe(true);
      expect((await stat(home)).mode & 0o777).toBe(0o700);
      for (const name of ["users.conf", "kept.json"]) {
        expect(await readFile(join(home, name), "utf8")).toContain(password);
        expect((await stat(join(home, name))).mode & 0o777).toBe(0o600);
      }
    } finally {
      await broker.stop();
    }
  });

  test("refuses strangers and wrong passwords", async () => {
    await using broker = await startTestBroker();
    const options = { name: "stranger", inboxPrefix: ADMIN_INBOX };
    await expect(connectBroker({ servers: [broker.url] }, options)).rejects.toMatchObject({
      code: "broker_refused",
    });
    const access = { ...broker.access("admin"), password: "guess" };
    await expect(connectBroker(access, options)).rejects.toMatchObject({ code: "broker_refused" });
    expect(() => broker.access("gateway", "nobody")).toThrow("no user for gateway nobody");
  });
});

describe("a later start", () => {
  test("chooses another port when the old one is taken, with the same passwords", async () => {
    await using folder = await temporaryFolder();
    const first = await start(folder.path);
    await first.stop();
    const intruder = createServer();
    const port = Number(new URL(first.url).port);
    await new Promise<void>((listening) => intruder.listen(port, "127.0.0.1", listening));
    try {
      const second = await start(folder.path);
      expect(second.url).not.toBe(first.url);
      expect(second.access("relay").password).toBe(first.access("relay").password);
      await second.stop();
    } finally {
      await new Promise((closed) => intruder.close(closed));
    }
  });

  test("survives a file of ours that was cut short", async () => {
    await using folder = await temporaryFolder();
    const first = await start(folder.path);
    await first.stop();
    await writeFile(join(dirname(first.configFile), "kept.json"), '{"port":');
    const second = await start(folder.path);
    await second.stop();
  });
});

describe("a start that fails says why", () => {
  test("the server's last words", async () => {
    await using folder = await temporaryFolder();
    const binary = join(folder.path, "nats-server");
    await writeFile(binary, "#!/bin/sh\necho '[FTL] no luck today' >&2\nexit 3\n", { mode: 0o755 });
    const data = join(folder.path, "data");
    await expect(start(data, binary)).rejects.toMatchObject({
      code: "broker_failed",
      message: expect.stringMatching(/ended with code 3\n.*no luck today/s) as string,
    });
    // and gives the folder back
    const broker = await start(data);
    await broker.stop();
  });

  test("a binary that is not there", async () => {
    await using folder = await temporaryFolder();
    await expect(start(join(folder.path, "data"), join(folder.path, "none"))).rejects.toMatchObject({
      code: "broker_failed",
      message: expect.stringContaining("No such file") as string,
    });
  });

  test("a data folder that is a file", async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "file");
    await writeFile(file, "");
    await expect(start(file)).rejects.toMatchObject({ code: "data_unusable" });
  });
});
