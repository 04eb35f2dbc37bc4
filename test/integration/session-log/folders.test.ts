import { afterAll, beforeAll, expect, test } from "vitest";
import { createSession } from "../../../src/shared/session-log/registry/create.ts";
import { deleteSession } from "../../../src/shared/session-log/registry/delete.ts";
import type { Session } from "../../../src/shared/session-log/registry/entry.ts";
import { claimFolder, releaseFolder } from "../../../src/shared/session-log/registry/folders.ts";
import type { TestBroker } from "../../support/broker.ts";
import { registry, sessionsBroker, type Registry } from "./harness.ts";

let broker: TestBroker;
const ending = new AbortController();
let home: Registry;

beforeAll(async () => {
  broker = await sessionsBroker();
  home = await registry(broker, ending.signal);
});
afterAll(async () => {
  ending.abort();
  await broker[Symbol.asyncDispose]();
});

const claim = (folder: string, user: string, id: string, from = home): Promise<string> =>
  claimFolder(from, folder, { user, id });
const make = async (user: string, id: string, folder: string): Promise<Session> =>
  (await createSession(home, { user, id, kind: "worker", record: { workspace_dir: folder } })).session;
/** The same process, when its clock shows a later time. */
const later = (ms: number): Registry => ({
  ...home,
  clock: { ...home.clock, wall: () => home.clock.wall() + ms },
});

test("a folder belongs to one session until that is deleted", async () => {
  expect(await claim("/w/a", "ann", "s1")).toBe("claimed");
  const session = await make("ann", "s1", "/w/a");
  expect(await claim("/w/a", "ann", "s1")).toBe("claimed");
  expect(await claim("/w/a", "bob", "s1")).toBe("taken");
  expect(await claim("/w/a", "bob", "s1", later(3_600_000))).toBe("taken");
  expect(await claim("/w/b", "bob", "s1")).toBe("claimed");
  await deleteSession(home, session);
  await releaseFolder(home, session);
  expect(await claim("/w/a", "bob", "s2")).toBe("claimed");
  await releaseFolder(home, session); // late: the folder is another's by now
  expect(await claim("/w/a", "ann", "s1")).toBe("taken");
});

test("a claim without its session counts while that may be about to be made, and no longer", async () => {
  expect(await claim("/w/c", "ann", "never")).toBe("claimed");
  expect(await claim("/w/c", "bob", "s3")).toBe("taken");
  expect(await claim("/w/c", "bob", "s3", later(31_000))).toBe("claimed");
});

test("a claim whose session works elsewhere counts for nothing", async () => {
  await make("ann", "s4", "/w/elsewhere");
  expect(await claim("/w/d", "ann", "s4")).toBe("claimed"); // by a request that is then refused, as the session is there
  expect(await claim("/w/d", "bob", "s4")).toBe("claimed");
});

test("of many at once one gets the folder", async () => {
  const others = await Promise.all([1, 2].map(() => registry(broker, ending.signal)));
  const users = ["u1", "u2", "u3", "u4", "u5", "u6"];
  const got = await Promise.all(users.map((user, i) => claim("/w/e", user, "s", [home, ...others][i % 3])));
  expect(got.filter((it) => it === "claimed")).toHaveLength(1);
});
