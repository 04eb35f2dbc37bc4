import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { headers, type NatsConnection } from "@nats-io/nats-core";
import { describe, expect, onTestFinished, test } from "vitest";
import { orphanGuard } from "../../../src/embedded/orphan.ts";
import { startBroker, type Broker } from "../../../src/embedded/server.ts";
import { batchesFolder, createStaging, linkedTo } from "../../../src/embedded/staging.ts";
import { stagingFolder } from "../../../src/embedded/staging-folder.ts";
import { connectBroker } from "../../../src/shared/log/broker.ts";
import { provision } from "../../../src/shared/log/provision/provision.ts";
import { silentLogger } from "../../../src/shared/base/logger.ts";
import { ADMIN_INBOX, gatewayInbox } from "../../../src/shared/log/schema/subjects.ts";
import { natsServerPath } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { temporaryFolder } from "./folder.ts";

const canStage = existsSync("/dev/shm");

function noting(codes: string[]): ReturnType<typeof silentLogger> {
  return Object.assign(silentLogger(), {
    warn: ({ code, why }: { code?: string; why?: string }) => {
      if (code !== undefined) codes.push(`${code}: ${why}`);
    },
  });
}

/** A broker with the log on it, and what it warned of. */
async function startLog(
  dataDir: string,
  staging: "memory" | "disk" = "memory",
): Promise<{ broker: Broker; gateway: NatsConnection; warned: string[]; end: () => Promise<void> }> {
  const warned: string[] = [];
  const broker = await startBroker({
    binary: await natsServerPath(),
    dataDir,
    gateways: [{ gateway: "gw1", runner: "r" }],
    log: noting(warned),
    guard: orphanGuard(process.platform, process.env["PATH"]),
    staging,
  });
  const admin = await connectBroker(broker.access("admin"), { name: "test", inboxPrefix: ADMIN_INBOX });
  const gateway = await connectBroker(broker.access("gateway", "gw1"), {
    name: "test gateway",
    inboxPrefix: gatewayInbox("gw1"),
  });
  let ending: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await Promise.all([admin.close(), gateway.close()]);
    await broker.stop();
  };
  const end = (): Promise<void> => (ending ??= close());
  onTestFinished(end);
  await provision(admin, { logBytes: 64 * 1024 * 1024 });
  await broker.staging.link();
  return { broker, gateway, warned, end };
}

let batches = 0;
/** The broker's answer to one batch. */
async function batch(
  nc: NatsConnection,
  bytes = 10,
  count = 3,
): Promise<{ count?: number; error?: { err_code: number } }> {
  const id = `b${++batches}`;
  const head = (n: number) => {
    const lines = headers();
    lines.set("Nats-Batch-Id", id);
    lines.set("Nats-Batch-Sequence", String(n));
    if (n === count) lines.set("Nats-Batch-Commit", "1");
    return { headers: lines };
  };
  const payload = new Uint8Array(bytes);
  for (let n = 1; n < count; n++) nc.publish("rr.ev.1.r.s.event", payload, head(n));
  return (await nc.request("rr.ev.1.r.s.event", payload, { ...head(count), timeout: 5000 })).json();
}

describe.runIf(canStage)("batches in memory", () => {
  test("the link is made with the log and after each start, and nothing stays behind", async () => {
    await using folder = await temporaryFolder();
    const { broker, gateway, end } = await startLog(folder.path);
    const memory = stagingFolder(folder.path);
    const link = batchesFolder(folder.path);
    expect(broker.staging.where()).toBe("memory");
    expect(linkedTo(link)).toBe(memory);
    expect(lstatSync(memory).mode & 0o777).toBe(0o700);
    expect(await batch(gateway)).toMatchObject({ count: 3 });

    writeFileSync(join(memory, "left"), "by a server that was killed");
    process.kill(broker.pid(), "SIGKILL");
    await broker.exited;
    await broker.restart();
    expect(linkedTo(link)).toBe(memory);
    expect(readdirSync(memory)).toEqual([".of"]);
    await eventually(async () => expect(await batch(gateway)).toMatchObject({ count: 3 }));

    await end();
    expect(existsSync(memory)).toBe(false);
    expect(lstatSync(link, { throwIfNoEntry: false })).toBeUndefined();
  });

  test("a folder that was removed is noticed by a look: the disk is used, and said", async () => {
    await using folder = await temporaryFolder();
    const { broker, gateway, warned } = await startLog(folder.path);
    rmSync(stagingFolder(folder.path), { recursive: true });
    expect(await batch(gateway)).toMatchObject({ error: { err_code: 10176 } });
    await broker.staging.look();
    expect(warned).toEqual(["staging_on_disk: its folder in /dev/shm was removed"]);
    expect(await batch(gateway)).toMatchObject({ count: 3 });
    expect(linkedTo(batchesFolder(folder.path))).toBeUndefined();

    await broker.restart();
    expect(broker.staging.where()).toBe("memory");
  });

  test("the setting keeps it on the disk, without a warning", async () => {
    await using folder = await temporaryFolder();
    const { broker, gateway, warned } = await startLog(folder.path, "disk");
    expect(broker.staging.where()).toBe("disk");
    expect(await batch(gateway)).toMatchObject({ count: 3 });
    await broker.staging.look();
    expect(existsSync(stagingFolder(folder.path))).toBe(false);
    expect(warned).toEqual([]);
  });

  test("a folder that holds a batch of the server's is not touched, and replaced once it is empty", async () => {
    await using folder = await temporaryFolder();
    const { broker } = await startLog(folder.path);
    const link = batchesFolder(folder.path);
    rmSync(link);
    mkdirSync(join(link, "open"), { recursive: true });
    const linking = broker.staging.link();
    expect(existsSync(join(link, "open"))).toBe(true);
    rmSync(join(link, "open"), { recursive: true });
    await linking;
    expect(linkedTo(link)).toBe(stagingFolder(folder.path));
  });
});

describe.runIf(canStage)("a start removes what brokers left that were killed", () => {
  const start = (dataDir: string) => createStaging({ dataDir, asked: "memory", log: silentLogger() });

  /** What a broker leaves that is killed. */
  function leave(folder: string, name: string): { dataDir: string; memory: string } {
    const dataDir = join(folder, name);
    mkdirSync(dataDir);
    const memory = stagingFolder(dataDir);
    onTestFinished(() => rmSync(memory, { recursive: true, force: true }));
    start(dataDir).prepare();
    expect(existsSync(memory)).toBe(true);
    return { dataDir, memory };
  }

  /** What another start leaves. It is made first: a folder that is removed leaves its number to the next one. */
  function anotherStart(folder: string): (left: readonly { memory: string }[]) => boolean[] {
    const dataDir = join(folder, "another");
    mkdirSync(dataDir);
    return (left) => {
      const another = start(dataDir);
      another.prepare();
      another.remove();
      return left.map(({ memory }) => existsSync(memory));
    };
  }

  test("if the data folder is gone, or another one is in its place", async () => {
    await using folder = await temporaryFolder();
    const kept = anotherStart(folder.path);
    const left = ["gone", "replaced", "there"].map((name) => leave(folder.path, name));
    rmSync(join(folder.path, "gone"), { recursive: true });
    renameSync(join(folder.path, "replaced"), join(folder.path, "elsewhere"));
    mkdirSync(join(folder.path, "replaced"));
    expect(kept(left)).toEqual([false, false, true]);
  });

  test.each(["no note", "a note by the mounts of another container", "a note that was cut off"])(
    "but not with %s",
    async (what) => {
      await using folder = await temporaryFolder();
      const kept = anotherStart(folder.path);
      const left = leave(folder.path, "gone");
      const note = join(left.memory, ".of");
      if (what === "no note") rmSync(note);
      else if (what.endsWith("off")) writeFileSync(note, readFileSync(note, "utf8").slice(0, -1));
      else writeFileSync(note, JSON.stringify({ mounts: "mnt:[1]", dataDir: left.dataDir }));
      rmSync(left.dataDir, { recursive: true });
      expect(kept([left])).toEqual([true]);
    },
  );
});

describe.runIf(canStage)("what is in the place of the folder", () => {
  test.each(["a link", "a folder that others may enter", "a file"])("%s is not used", async (what) => {
    await using folder = await temporaryFolder();
    const memory = stagingFolder(folder.path);
    onTestFinished(() => rmSync(memory, { recursive: true, force: true }));
    const target = join(folder.path, "target");
    mkdirSync(target);
    writeFileSync(join(target, "kept"), "");
    if (what === "a link") symlinkSync(target, memory);
    else if (what === "a file") writeFileSync(memory, "");
    else mkdirSync(memory);
    if (what.startsWith("a folder")) chmodSync(memory, 0o755);
    const warned: string[] = [];
    const staging = createStaging({ dataDir: folder.path, asked: "memory", log: noting(warned) });
    staging.prepare();
    expect(staging.where()).toBe("disk");
    expect(warned).toEqual(["staging_on_disk: its folder in /dev/shm is not ours alone"]);
    staging.remove();
    expect(existsSync(memory)).toBe(true);
    expect(readdirSync(target)).toEqual(["kept"]);
  });
});

test("no tmpfs, and one that is small", async ({ skip }) => {
  await using folder = await temporaryFolder();
  const warned: string[] = [];
  const at = (memory: string) =>
    createStaging({ dataDir: folder.path, asked: "memory", log: noting(warned), memory });
  at(folder.path).prepare();
  at(join(folder.path, "missing")).prepare();
  expect(warned).toEqual(Array.from({ length: 2 }, () => "staging_on_disk: there is no tmpfs at /dev/shm"));
  const small = join(folder.path, "small");
  mkdirSync(small);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=31m,mode=1777", "tmpfs", small], { stdio: "ignore" });
  } catch {
    return skip("needs the right to mount a tmpfs");
  }
  try {
    at(small).prepare();
    expect(warned.at(-1)).toBe("staging_on_disk: /dev/shm has less than 32 MiB free");
    execFileSync("mount", ["-o", "remount,size=40m", small]);
    chmodSync(small, 0o777);
    at(small).prepare();
    expect(warned.at(-1)).toBe("staging_on_disk: other users could exchange folders in /dev/shm");
  } finally {
    execFileSync("umount", ["-l", small]);
  }
});

test("a tmpfs that somebody mounts there is used by the server, which empties it and leaves the mount", async ({
  skip,
}) => {
  await using folder = await temporaryFolder();
  const { broker, gateway, end } = await startLog(folder.path, "disk");
  const place = batchesFolder(folder.path);
  process.kill(broker.pid(), "SIGTERM");
  await broker.exited;
  mkdirSync(place, { recursive: true });
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", place], { stdio: "ignore" });
  } catch {
    return skip("needs the right to mount a tmpfs");
  }
  try {
    const { dev } = lstatSync(place);
    writeFileSync(join(place, "left"), "by an earlier server");
    await broker.restart();
    await eventually(async () => expect(await batch(gateway)).toMatchObject({ count: 3 }));
    expect(readdirSync(place)).toEqual([]);
    expect(lstatSync(place).dev).toBe(dev);
    await end();
  } finally {
    execFileSync("umount", ["-l", place]);
  }
});
