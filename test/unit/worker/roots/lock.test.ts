import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync, existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockFolder, type LockDeps } from "../../../../src/worker/roots/lock.ts";

let folder: string;
let owned: Set<string>;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "rr-lock-"));
  owned = new Set();
});
afterEach(() => rmSync(folder, { recursive: true }));

const file = (): string => join(folder, ".runner-relay.lock");
const holder = (session: string, epoch = 1): Parameters<typeof lockFolder>[2] => ({
  session,
  epoch,
  worker: "w",
});

/** `meanwhile` is what another process does before the lock is replaced. */
function deps(meanwhile: () => void = () => undefined): LockDeps {
  return {
    isOwned: (session) => Promise.resolve(owned.has(session)),
    alone(_, work) {
      meanwhile();
      return Promise.resolve(work());
    },
  };
}

test("a lock names its session and term, and goes with its turn", async () => {
  const locked = await lockFolder(deps(), folder, holder("a", 7));
  if (locked.kind !== "locked") throw new Error("busy");
  expect(JSON.parse(readFileSync(file(), "utf8"))).toEqual({ session: "a", epoch: 7, worker: "w" });
  locked.unlock();
  expect(existsSync(file())).toBe(false);
  locked.unlock();
});

test("a folder belongs to one session at a time, for as long as that is owned", async () => {
  await lockFolder(deps(), folder, holder("a"));
  owned.add("a");
  expect(await lockFolder(deps(), folder, holder("b"))).toEqual({ kind: "busy", by: "a" });
  owned.delete("a"); // its worker died
  expect(await lockFolder(deps(), folder, holder("b"))).toMatchObject({ kind: "locked" });
  expect(readFileSync(file(), "utf8")).toContain('"b"');
});

test("the next owner of a session takes its lock over, and the one before does not remove it any more", async () => {
  const before = await lockFolder(deps(), folder, holder("a", 1));
  owned.add("a");
  expect(await lockFolder(deps(), folder, holder("a", 2))).toMatchObject({ kind: "locked" });
  if (before.kind === "locked") before.unlock();
  expect(JSON.parse(readFileSync(file(), "utf8"))).toMatchObject({ epoch: 2 });
});

test("of two sessions that find a lock of a dead one, one gets it", async () => {
  await lockFolder(deps(), folder, holder("dead"));
  const quicker = (): void => {
    writeFileSync(file(), `${JSON.stringify(holder("b"))}\n`);
  };
  expect(await lockFolder(deps(quicker), folder, holder("c"))).toMatchObject({ kind: "busy" });
  const nobody: LockDeps = { isOwned: () => Promise.resolve(false), alone: () => Promise.resolve(undefined) };
  expect(await lockFolder(nobody, folder, holder("c"))).toMatchObject({ kind: "busy" });
});

test("what an agent put in the lock's place is replaced, and not followed", async () => {
  const elsewhere = join(folder, "elsewhere");
  writeFileSync(elsewhere, "mine");
  symlinkSync(elsewhere, file());
  expect(await lockFolder(deps(), folder, holder("a"))).toMatchObject({ kind: "locked" });
  expect(readFileSync(elsewhere, "utf8")).toBe("mine");
  for (const text of ["", "no JSON", '{"session":1}', "x".repeat(100_000)]) {
    writeFileSync(file(), text);
    expect(await lockFolder(deps(), folder, holder("b"))).toMatchObject({ kind: "locked" });
  }
});
