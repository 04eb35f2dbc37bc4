import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { startCoordinator, type TestCoordinator } from "../../support/coordinator.ts";
import { dataFolder, runCli, startUp, type LeftOut, type Up } from "../../support/up.ts";
import { flip } from "../../support/store.ts";
import { call } from "../gateway/harness.ts";
import { eventually } from "../../support/eventually.ts";

const STREAMS = "broker/store/jetstream/$G/streams";

async function send(url: string): Promise<number> {
  const body = { session_id: "s", event_type: "message", timestamp: "2026-01-01T00:00:00Z" };
  return (await call(url, "POST", "/events", body, { prefer: "respond-async" })).status;
}

/** `up` with three events that wait, because the coordinator is away. */
async function withWaiting(
  work: (up: Up, gateway: string, folder: string, coordinator: TestCoordinator) => Promise<void>,
  also: readonly LeftOut[] = [],
): Promise<void> {
  await using folder = await dataFolder();
  await using coordinator = await startCoordinator({ autoCreateSessions: true });
  coordinator.faults.set([{ method: "POST", action: { kind: "status", status: 503 } }]);
  const up = startUp(folder.path, { args: ["--coordinator", coordinator.url, "--port", "0"], also });
  const { gateway } = await up.ready();
  for (let i = 0; i < 3; i++) expect(await send(gateway)).toBe(202);
  await work(up, gateway, folder.path, coordinator);
}

/** `up` itself may have been faster. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    expect(error).toMatchObject({ code: "ESRCH" });
  }
}

/** Writes are refused, from then on, and the gateway is not ready. How many were taken before that. */
async function refused(gateway: string): Promise<number> {
  let taken = 0;
  await eventually(async () => {
    const status = await send(gateway);
    if (status === 202) taken++;
    expect(status).toBe(503);
  });
  expect(await send(gateway)).toBe(503);
  const ready = await call(gateway, "GET", "/_relay/ready");
  expect(ready).toMatchObject({
    status: 503,
    json: { ready: false, dependencies: { log: { state: "down" } } },
  });
  return taken;
}

/** What `up` says of the loss, with the number of events for N: what was acknowledged, but for what came between the count and the end. */
function expectSaid(up: Up, said: RegExp, acknowledged: number): void {
  const { stdout } = up.output;
  const counted = /at least (\d+) acknowledged/.exec(stdout)?.[1];
  if (counted === undefined) {
    // a broker whose files are gone, on a busy machine, may not answer any more
    expect(stdout).toMatch(
      /the acknowledged events that were pending there are (lost|with it), and could not be counted/,
    );
  } else {
    expect(Number(counted)).toBeGreaterThanOrEqual(3);
    expect(Number(counted)).toBeLessThanOrEqual(acknowledged + 1); // the first that was refused may be there all the same
    expect(stdout.replace(/at least \d+/, "at least N")).toMatch(said);
  }
  expect(stdout).not.toMatch(/will be delivered at the next start/);
}

/** A running broker may write a file into a folder that is just being removed; then it is tried again. */
const REMOVED = { recursive: true, maxRetries: 20 };

describe("DURABLE-1: the store of a running broker that is no longer where it was", () => {
  test.concurrent.each<[string, (dataDir: string) => void, RegExp]>([
    [
      "the data folder is removed",
      (data) => rmSync(data, REMOVED),
      /data was removed while the broker ran: at least N acknowledged events that were pending there are lost\./,
    ],
    [
      "the log's folder is removed",
      (data) => rmSync(join(data, STREAMS, "RR_EVENTS"), REMOVED),
      /RR_EVENTS was removed .*: at least N acknowledged events that were pending there are lost\./,
    ],
    [
      "the log's messages are removed",
      (data) => {
        const messages = join(data, STREAMS, "RR_EVENTS/msgs");
        for (const file of readdirSync(messages)) rmSync(join(messages, file), REMOVED);
      },
      /the messages in .* were removed .*: at least N acknowledged events that were pending there are lost\./,
    ],
    [
      "the data folder is replaced by a copy",
      (data) => {
        renameSync(data, `${data}.old`);
        cpSync(`${data}.old`, data, { recursive: true });
      },
      /was replaced by another folder .*: at least N acknowledged events that were pending there are with it\./,
    ],
  ])("%s: writes are refused, and `up` says what is lost", async (_, change, said) => {
    await withWaiting(async (up, gateway) => {
      change(up.dataDir);
      const taken = await refused(gateway);
      await eventually(() => expect(up.output.stderr).toContain('"code":"store_lost"'));
      const { code } = await up.stop();
      expect(code).toBe(1);
      expectSaid(up, said, 3 + taken);
      expect(up.output.stderr).toMatch(/store_lost/);
      await eventually(() => expect(up.processes()).toEqual([]));
    });
  });

  test("moved away and put back, all of it is there at the next start", async () => {
    await withWaiting(
      async (up, gateway, folder) => {
        renameSync(up.dataDir, join(folder, "elsewhere"));
        const ofAgent = join(up.dataDir, "agents/claude"); // a program of others makes its folder again
        mkdirSync(ofAgent, { recursive: true });
        const taken = await refused(gateway);
        for (const pid of up.processes()) if (pid !== up.process.pid) killIfThere(pid);
        await eventually(() => {
          for (const child of ["gateway", "relay", "console", "serve", "worker"])
            expect(up.output.stderr).toMatch(new RegExp(`"child":"${child}".*"why":"store_lost: .*is gone`));
        });
        expect(readdirSync(up.dataDir), "none of them makes anything in its place").toEqual(["agents"]);
        expect((await up.stop()).code).toBe(1);
        expectSaid(
          up,
          /(was moved away|was replaced by another folder) .*: at least N acknowledged events that were pending there are with it\./,
          3 + taken,
        );
        const hasty = await runCli(["up", "--data", up.dataDir]);
        expect(hasty).toMatchObject({
          code: 1,
          stderr: expect.stringMatching(/data_unusable.*put the folder back/),
        });
        rmSync(up.dataDir, REMOVED);
        renameSync(join(folder, "elsewhere"), up.dataDir);
        await using coordinator = await startCoordinator({ autoCreateSessions: true });
        const again = startUp(folder, {
          args: ["--coordinator", coordinator.url, "--retarget", "--port", "0"],
        });
        await again.ready();
        await eventually(() => expect(coordinator.summary().keys).toBeGreaterThanOrEqual(3 + taken));
        expect((await again.stop()).code).toBe(0);
      },
      ["sessions", "console"],
    );
  });

  test("a broker that is killed after its store was removed is not started on an empty one", async () => {
    await withWaiting(async (up, gateway) => {
      const broker = up.processes().filter((pid) => pid !== up.process.pid);
      expect(broker.length).toBeGreaterThan(0);
      rmSync(join(up.dataDir, "broker/store"), REMOVED);
      const pid = Number(
        readdirSync(join(up.dataDir, "broker/run")).flatMap(
          (name) => /_(\d+)\.ports$/.exec(name)?.[1] ?? [],
        )[0],
      );
      killIfThere(pid);
      await refused(gateway);
      expect((await up.stop()).code).toBe(1);
      expect(up.output.stdout).toMatch(/was removed while the broker ran/);
    });
  });
});

test("SETTLE-1: a broker that would forget a stream is not started again, and the stream is named; with its file back everything continues", async () => {
  await withWaiting(async (up, gateway, _, coordinator) => {
    const file = join(up.dataDir, STREAMS, "RR_EVENTS/meta.inf");
    const good = readFileSync(file);
    flip(file, 0.5);
    killIfThere(Number(readFileSync(join(up.dataDir, "broker/run/nats-server.pid"), "utf8")));
    const said = (): number => up.output.stderr.split('"code":"store_damaged"').length - 1;
    await eventually(() => expect(said()).toBe(1));
    expect(up.output.stderr).toContain("RR_EVENTS: meta.inf");
    await refused(gateway);
    writeFileSync(file, good);
    coordinator.faults.clear();
    await eventually(async () => expect(await send(gateway)).toBe(202));
    await eventually(() => expect(coordinator.summary().keys).toBeGreaterThanOrEqual(4));
    expect(said(), "it is not said at every try").toBe(1);
    expect((await up.stop()).code).toBe(0);
  });
});
