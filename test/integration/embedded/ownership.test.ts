import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { orphanGuard, type OrphanGuard } from "../../../src/embedded/orphan.ts";
import { startBroker } from "../../../src/embedded/server.ts";
import { silentLogger } from "../../../src/shared/base/logger.ts";
import { natsServerPath } from "../../support/broker.ts";
import { temporaryFolder } from "./folder.ts";

type Line = { ready?: string; pid?: number; guard?: string; failed?: string };

const HOLDER = fileURLToPath(new URL("holder.ts", import.meta.url));
const holders: ChildProcess[] = [];
afterEach(async () => {
  for (const holder of holders.splice(0)) {
    if (holder.exitCode !== null || holder.signalCode !== null) continue;
    holder.kill("SIGKILL");
    await once(holder, "exit");
  }
});

async function hold(
  dataDir: string,
  guard: OrphanGuard["kind"],
): Promise<{ process: ChildProcess; line: Line }> {
  const child = spawn(process.execPath, [HOLDER, dataDir, await natsServerPath(), guard], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  holders.push(child);
  const [text] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return { process: child, line: JSON.parse(text) as Line };
}

function runs(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe("a broker does not outlive the process that started it", () => {
  test.each(["pdeathsig", "pipe"] as const)(
    "kill -9 while the server heeds no TERM, guard: %s",
    async (kind) => {
      await using folder = await temporaryFolder();
      const expected = kind === "pipe" ? kind : orphanGuard(process.platform, process.env["PATH"]).kind;
      const { process: holder, line } = await hold(folder.path, kind);
      expect(line.guard).toBe(expected);
      const pid = line.pid ?? 0;
      expect(runs(pid)).toBe(true);
      process.kill(pid, "SIGSTOP"); // as one that is busy with its store
      holder.kill("SIGKILL");
      await expect.poll(() => runs(pid)).toBe(false);
    },
  );

  test("a server that did is ended by the next start, before the store has two writers", async () => {
    await using folder = await temporaryFolder();
    const binary = await natsServerPath();
    const options = {
      binary,
      dataDir: folder.path,
      gateways: [{ gateway: "gw1", runner: "r" }],
      log: silentLogger(),
    };
    const guard = orphanGuard(process.platform, process.env["PATH"]);
    const first = await startBroker({ ...options, guard });
    await first.stop();
    const leftover = spawn(binary, ["-c", first.configFile], { stdio: ["ignore", "ignore", "pipe"] });
    const exited = once(leftover, "exit");
    for await (const line of createInterface({ input: leftover.stderr })) {
      if (line.includes("Server is ready")) break;
    }

    const second = await startBroker({ ...options, guard });
    try {
      await exited;
      expect(second.pid()).not.toBe(leftover.pid);
      expect(second.url).toBe(first.url);
    } finally {
      await second.stop();
    }
  });
});

describe("one data folder, one broker", () => {
  test("of several starts at the same moment exactly one wins, and the others name the owner", async () => {
    await using folder = await temporaryFolder();
    const starters = await Promise.all(Array.from({ length: 4 }, () => hold(folder.path, "pdeathsig")));
    const lines = starters.map(({ line }) => line);
    expect(lines.filter((line) => line.ready !== undefined)).toHaveLength(1);
    expect(lines.filter((line) => line.failed === "data_locked")).toHaveLength(3);
  });

  test("the folder is free again after kill -9 of the holder, and after a stop", async () => {
    await using folder = await temporaryFolder();
    const first = await hold(folder.path, "pdeathsig");
    first.process.kill("SIGKILL");
    await once(first.process, "exit");
    const guard = orphanGuard(process.platform, process.env["PATH"]);
    const binary = await natsServerPath();
    for (let round = 0; round < 2; round++) {
      const options = {
        binary,
        dataDir: folder.path,
        gateways: [{ gateway: "gw1", runner: "r" }],
        log: silentLogger(),
        guard,
      };
      const broker = await startBroker(options);
      expect(broker.url).toBe(first.line.ready);
      await expect(startBroker(options)).rejects.toMatchObject({
        code: "data_locked",
        message: expect.stringMatching(
          new RegExp(
            `^runner-relay already runs with the data folder ${folder.path} \\(process ${process.pid}\\);.* --data `,
          ),
        ),
      });
      await broker.stop();
    }
  });
});
