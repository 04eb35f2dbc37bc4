import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { acquireLease, type LeaseDeps } from "../../../src/shared/session-log/ownership/lease.ts";
import { createSession } from "../../../src/shared/session-log/registry/create.ts";
import type { Session } from "../../../src/shared/session-log/registry/entry.ts";
import { readKey, writeKey } from "../../../src/shared/session-log/state/bucket.ts";
import { createPlaces, type Places } from "../../../src/worker/roots/places.ts";
import { openRoots, type Root } from "../../../src/worker/roots/root.ts";
import { createVoice } from "../../../src/worker/voice.ts";
import type { TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { registry, sessionsBroker, type Registry } from "../session-log/harness.ts";

let dir: string;
let broker: TestBroker;
let client: Registry;
let ending: AbortController;
/** What the workers of a test think has passed. */
let passed: number;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "rr-places-"));
  broker = await sessionsBroker();
  ending = new AbortController();
  passed = 0;
  client = await registry(broker, ending.signal);
});
afterEach(async () => {
  ending.abort();
  await broker[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true });
});

const make = async (id: string, workspace: string): Promise<Session> =>
  (
    await createSession(client, {
      user: "ann",
      id,
      kind: "worker",
      record: { workspace_dir: join(dir, workspace) },
    })
  ).session;

async function deps(): Promise<LeaseDeps> {
  const nc = await broker.connect("worker");
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: 2000 });
  const clock = { ...systemClock, now: () => systemClock.now() + passed };
  return { nc, jsm, clock, random: randomUUID, signal: ending.signal };
}

type TestWorker = { places: Places; home: LeaseDeps; roots: Root[] };

async function worker(root: string, { shared = false, machine = "m" } = {}): Promise<TestWorker> {
  const home = await deps();
  const roots = openRoots([join(dir, root)], machine);
  return { home, roots, places: createPlaces(home, { worker: "w", roots, shared }) };
}

/** Says in the log that a worker owns a session. */
async function own({ home, roots }: TestWorker, session: Session): Promise<void> {
  const voice = createVoice({ ...home, room: () => Infinity }, { session, epoch: 1, out: { seq: 0, n: 0 } });
  const [root] = roots;
  await voice.say("owner", { epoch: 1, root: root?.id, place: root?.place });
}

test("OWNER-1: a session stays with the workers of its root until they were silent for a minute", async () => {
  const session = await make("s", "one/s");
  const [first, equal, other, shared] = [
    await worker("one"),
    await worker("one"),
    await worker("one", { machine: "m2" }),
    await worker("one", { machine: "m2", shared: true }),
  ];
  expect(await first.places.claim(session)).toMatchObject({ kind: "run" });
  await own(first, session);
  const root = first.roots[0]?.id ?? "";
  await eventually(async () =>
    expect((await readKey(client.jsm, `lease.root.${root}`))?.value).toBeDefined(),
  );
  expect(await equal.places.claim(session)).toMatchObject({ kind: "run", root: { root } });
  expect(await other.places.claim(session)).toEqual({ kind: "leave" });
  first.places.stop();
  equal.places.stop();
  await writeKey(first.home.nc, { key: `lease.root.${root}`, value: undefined }); // as the broker does after 45 s
  expect(await other.places.claim(session)).toEqual({ kind: "leave" });
  expect(await shared.places.claim(session)).toEqual({ kind: "leave" });
  passed += 15_000;
  expect(await other.places.claim(session)).toMatchObject({ kind: "tidy", root: { root } });
  expect(await shared.places.claim(session)).toMatchObject({
    kind: "run",
    root: { root: shared.roots[0]?.id },
  });
  const back = await worker("one");
  await eventually(async () => expect(await other.places.claim(session)).toEqual({ kind: "leave" }));
  expect(await back.places.claim(session)).toMatchObject({ kind: "run" });
});

test("one folder is one session's at a time, and free when nobody owns that session", async () => {
  const [a, b] = [await make("a", "one/same"), await make("b", "one/same")];
  const { places, home } = await worker("one");
  const lease = await acquireLease(home, a.name, "w");
  const entered = await places.enter(a, 1);
  expect(entered).toMatchObject({ kind: "entered", folder: join(dir, "one/same") });
  expect(await places.enter(b, 1)).toMatchObject({ kind: "refused", code: "workspace_busy" });
  await lease?.release(); // its lock stays, as that of a worker that was killed
  const taken = await places.enter(b, 1);
  expect(taken).toMatchObject({ kind: "entered" });
  if (entered.kind === "entered") entered.leave();
  expect(existsSync(join(dir, "one/same/.runner-relay.lock"))).toBe(true);
  if (taken.kind === "entered") taken.leave();
  expect(existsSync(join(dir, "one/same/.runner-relay.lock"))).toBe(false);
});

test("a folder outside every root, and one that cannot be made, have codes", async () => {
  const { places } = await worker("one");
  expect(await places.enter(await make("a", "two/a"), 1)).toMatchObject({ code: "workspace_refused" });
  writeFileSync(join(dir, "one", "file"), "");
  expect(await places.enter(await make("b", "one/file/b"), 1)).toMatchObject({ code: "workspace_unusable" });
});
