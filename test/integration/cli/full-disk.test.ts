import { execFileSync } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startCoordinator } from "../../support/coordinator.ts";
import { dataFolder, startUp } from "../../support/up.ts";
import { call, type Reply } from "../gateway/harness.ts";
import { eventually } from "../../support/eventually.ts";

/** A small file system of its own, or undefined where this user may make none. */
function smallDisk(folder: string, size: string): AsyncDisposable | undefined {
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder], { stdio: "ignore" });
  } catch {
    return undefined;
  }
  return {
    async [Symbol.asyncDispose]() {
      execFileSync("umount", ["-l", folder]);
    },
  };
}

/** Takes whatever room is left. */
function fill(file: string): void {
  const handle = openSync(file, "w");
  const block = Buffer.alloc(64 * 1024);
  try {
    for (;;) writeSync(handle, block);
  } catch {
    // full
  } finally {
    closeSync(handle);
  }
}

test("SETTLE-1: while the disk is full a gateway is not ready and says why; it is when there is room again", async ({
  skip,
}) => {
  await using folder = await dataFolder();
  await using disk = smallDisk(folder.path, "128m");
  if (disk === undefined) return skip("needs the right to mount a tmpfs");
  await using coordinator = await startCoordinator({ autoCreateSessions: true });
  const up = startUp(folder.path, { args: ["--coordinator", coordinator.url, "--port", "0"] });
  const { gateway } = await up.ready();
  const send = async (): Promise<number> => {
    const body = { session_id: "s", event_type: "message", timestamp: "t", content: "x".repeat(50_000) };
    return (await call(gateway, "POST", "/events", body, { prefer: "respond-async" })).status;
  };
  const ready = (): Promise<Reply> => call(gateway, "GET", "/_relay/ready");
  let taken = 0;
  const refused = async (): Promise<void> => {
    const status = await send();
    if (status === 202) taken++;
    expect(status).toBe(503);
  };

  expect(await send()).toBe(202);
  taken++;
  expect((await ready()).json).toMatchObject({ ready: true, dependencies: { log: { state: "up" } } });

  const filler = join(folder.path, "filler");
  fill(filler);
  await eventually(refused);
  const no = await ready();
  expect(no.status).toBe(503);
  expect(no.json).toMatchObject({ ready: false, dependencies: { log: { state: "refusing" } } });

  rmSync(filler);
  await eventually(async () => expect((await ready()).status).toBe(200));
  expect(await send(), "ready is no empty word").toBe(202);
  taken++;
  await eventually(() => expect(new Set(coordinator.writes("s").map(({ key }) => key)).size).toBe(taken));
  expect((await up.stop()).code).toBe(0);
}, 180_000);
