import { afterEach, beforeEach, expect, test } from "vitest";
import { CodedError } from "../../../src/shared/base/errors.ts";
import { RESERVED_BYTES } from "../../../src/shared/session-log/append/put.ts";
import { changeMetadata } from "../../../src/shared/session-log/registry/change.ts";
import { createSession, type Made } from "../../../src/shared/session-log/registry/create.ts";
import { deleteSession } from "../../../src/shared/session-log/registry/delete.ts";
import { encodeSession, type Session } from "../../../src/shared/session-log/registry/entry.ts";
import { findSession, sessionNamed } from "../../../src/shared/session-log/registry/find.ts";
import { listSessions } from "../../../src/shared/session-log/registry/list.ts";
import { rebuildIndex } from "../../../src/shared/session-log/registry/rebuild.ts";
import { writeKey } from "../../../src/shared/session-log/state/bucket.ts";
import { keyOf } from "../../../src/shared/session-log/state/keys.ts";
import type { TestBroker } from "../../support/broker.ts";
import { registry, sessionsBroker, type Registry } from "./harness.ts";

let broker: TestBroker;
let ending: AbortController;
let home: Registry;

beforeEach(async () => {
  broker = await sessionsBroker();
  ending = new AbortController();
  home = await registry(broker, ending.signal);
});
afterEach(async () => {
  ending.abort();
  await broker[Symbol.asyncDispose]();
});

const make = (user: string, id: string, from = home): Promise<Made> =>
  createSession(from, { user, id, kind: "worker", record: { agent: "echo" } });

async function ids(user?: string): Promise<string[]> {
  const { sessions } = await listSessions(home, {
    ...(user === undefined ? {} : { user }),
    after: 0,
    limit: 100,
  });
  return sessions.map(({ id }) => id);
}

/** First events in the log. */
async function creations(): Promise<number> {
  return (await home.pages.read("rr.ses.*.in.created.*", 1)).events.length;
}

/** As a maker that died, or a bucket that was lost, leaves it. */
const forget = (user: string, id: string): Promise<unknown> =>
  writeKey(home.nc, { key: keyOf.index(user, id), value: undefined });

test("ids are per user, and making one again finds it", async () => {
  const [ann, bob] = [await make("ann@x.org", "build.7"), await make("bob", "build.7")];
  expect(ann).toMatchObject({
    made: true,
    session: { id: "build.7", user: "ann@x.org", record: { agent: "echo" } },
  });
  expect(ann.session.name).not.toBe(bob.session.name);
  expect(await make("ann@x.org", "build.7")).toEqual({ ...ann, made: false });
  expect(await findSession(home.jsm, "bob", "build.7")).toEqual({ kind: "there", session: bob.session });
  expect(await findSession(home.jsm, "bob", "other")).toEqual({ kind: "unknown" });
  expect(await ids("ann@x.org")).toEqual(["build.7"]);
  expect(await creations()).toBe(2);
});

test("an id that is used again after a deletion names a new session", async () => {
  const { session: first } = await make("ann", "a");
  await deleteSession(home, first);
  expect(await findSession(home.jsm, "ann", "a")).toEqual({ kind: "deleted" });
  expect(await ids()).toEqual([]);
  const second = await make("ann", "a");
  expect(second.made).toBe(true);
  expect(second.session.name).not.toBe(first.name);
  await deleteSession(home, first); // late, or once more
  expect(await make("ann", "a")).toEqual({ ...second, made: false });
});

test("many makers at once make one", async () => {
  const others = await Promise.all([1, 2, 3].map(() => registry(broker, ending.signal)));
  const made = await Promise.all([home, ...others, home].map((from) => make("ann", "a", from)));
  expect(new Set(made.map(({ session }) => session.name)).size).toBe(1);
  expect(made.filter((it) => it.made)).toHaveLength(1);
  expect(await creations()).toBe(1);
});

test("makers and deletions at once: one session at a time, and none is lost", async () => {
  let deleted = 0;
  const loop = async (n: number): Promise<void> => {
    for (let i = 0; i < 6; i++) {
      const { session } = await make("ann", "a");
      if ((i + n) % 2 === 0) {
        await deleteSession(home, session);
        deleted++;
      }
    }
  };
  await Promise.all([loop(0), loop(1), loop(2)]);
  expect(deleted).toBe(9);
  const { session } = await make("ann", "a");
  expect(await findSession(home.jsm, "ann", "a")).toEqual({ kind: "there", session });
  expect(await ids()).toEqual(["a"]);
});

test("a maker whose session is found and deleted before it is in the index makes another one", async () => {
  const found: Session[] = [];
  const nc = new Proxy(home.nc, {
    get(target, name) {
      if (name !== "request") return Reflect.get(target, name, target) as unknown;
      return async (...args: Parameters<typeof target.request>) => {
        if (found.length === 0 && args[0].endsWith(keyOf.index("ann", "a"))) {
          const { session } = await make("ann", "a"); // another maker finds it in the log
          found.push(session);
          await deleteSession(home, session);
        }
        return target.request(...args);
      };
    },
  });
  const made = await make("ann", "a", { ...home, nc });
  expect(found).toHaveLength(1);
  expect(made.made).toBe(true);
  expect(made.session.name).not.toBe(found[0]?.name);
  expect(await findSession(home.jsm, "ann", "a")).toEqual({ kind: "there", session: made.session });
});

test("what a maker left that died before the index is completed by the next one, or by a rebuild", async () => {
  const { session: a } = await make("ann", "a");
  const { session: b } = await make("ann", "b");
  await deleteSession(home, (await make("ann", "c")).session);
  const { session: old } = await make("ann", "d");
  await deleteSession(home, old);
  const { session: d } = await make("ann", "d");
  for (const id of ["a", "b", "c", "d"]) await forget("ann", id);
  expect(await ids("ann")).toEqual([]);
  expect(await make("ann", "a")).toEqual({ session: a, made: false });
  expect((await rebuildIndex(home)).map(({ name }) => name)).toEqual([b.name, d.name]);
  expect(await rebuildIndex(home)).toEqual([]);
  expect(await ids("ann")).toEqual(["a", "b", "d"]);
  expect(await make("ann", "d")).toEqual({ session: d, made: false });
});

const recolour = (session: Session, colour: string): Promise<Session | undefined> =>
  changeMetadata(home, session, (before) => ({ ...(before as object), [colour]: true }));

test("metadata that was changed is in the log: a rebuild, a next maker and a worker know it", async () => {
  const { session } = await make("ann", "a");
  const changed = await recolour(session, "red");
  expect(changed?.record).toEqual({ agent: "echo", metadata: { red: true } });
  expect(await rebuildIndex(home)).toEqual([]);
  await forget("ann", "a");
  expect((await rebuildIndex(home)).map(({ id }) => id)).toEqual(["a"]);
  expect(await findSession(home.jsm, "ann", "a")).toEqual({ kind: "there", session: changed });
  await forget("ann", "a");
  expect(await make("ann", "a")).toEqual({ session: changed, made: false });
  expect(await sessionNamed(home.jsm, session.name)).toEqual(changed);
});

test("a change that its process did not live to enter is entered by the next one, or by a rebuild", async () => {
  const { session } = await make("ann", "a");
  const back = async (): Promise<unknown> =>
    writeKey(home.nc, { key: keyOf.index("ann", "a"), value: encodeSession(session) });
  await recolour(session, "red");
  await back();
  expect((await recolour(session, "blue"))?.record["metadata"]).toEqual({ red: true, blue: true });
  await back();
  expect((await rebuildIndex(home)).map(({ id }) => id)).toEqual(["a"]);
  const found = await findSession(home.jsm, "ann", "a");
  expect(found).toMatchObject({ session: { record: { metadata: { red: true, blue: true } } } });
});

test("changes at once: none is lost, and the index says what the newest one says", async () => {
  const { session } = await make("ann", "a");
  const colours = Array.from({ length: 8 }, (_, i) => `c${i}`);
  await Promise.all(colours.map((colour) => recolour(session, colour)));
  const found = await findSession(home.jsm, "ann", "a");
  const metadata = Object.fromEntries(colours.map((colour) => [colour, true]));
  expect(found).toMatchObject({ session: { record: { metadata } } });
  await deleteSession(home, session);
  expect(await recolour(session, "late")).toBeUndefined();
});

test("a first event that names another session is not believed", async () => {
  const { session } = await make("ann", "a");
  const { events } = await home.pages.read("rr.ses.*.in.created.*", 1);
  await home.nc.request(`rr.ses.${"x".repeat(22)}.in.created.${"y".repeat(22)}`, events[0]?.data ?? "");
  await forget("ann", "a");
  expect((await rebuildIndex(home)).map(({ name }) => name)).toEqual([session.name]);
});

test("lists come in pages, and whatever happens between two of them, what stays is on one of them", async () => {
  const all = Array.from({ length: 25 }, (_, i) => `s${i}`);
  for (const id of all) await make("ann", id);
  await make("bob", "other");
  const seen: string[] = [];
  for (let after: number | undefined = 0; after !== undefined;) {
    const page = await listSessions(home, { user: "ann", after, limit: 10 });
    seen.push(...page.sessions.map(({ id }) => id));
    after = page.next;
    if (seen.length === 10)
      for (const id of ["s3", "s12"]) await deleteSession(home, (await make("ann", id)).session);
  }
  expect(seen).toEqual(all.filter((id) => id !== "s12"));
  expect(await ids()).toHaveLength(24);
});

test("a broker that is killed meanwhile: each session is made once", async () => {
  const making = Promise.all(Array.from({ length: 20 }, (_, i) => make("ann", `s${i % 10}`)));
  await broker.kill9();
  await broker.restart();
  const made = await making;
  expect(made.filter((it) => it.made)).toHaveLength(10);
  expect(await creations()).toBe(10);
  expect((await ids()).toSorted()).toEqual(Array.from({ length: 10 }, (_, i) => `s${i}`));
});

test("a log without room makes no sessions, and says so", async () => {
  const full = { ...home, room: () => RESERVED_BYTES - 1 };
  const refused = make("ann", "a", full);
  await expect(refused).rejects.toThrow(CodedError);
  await expect(refused).rejects.toMatchObject({ code: "sessions_full" });
  const large = { user: "ann", id: "a", kind: "pod" as const, record: { text: "x".repeat(3000) } };
  await expect(createSession(home, large)).rejects.toMatchObject({ code: "field_invalid" });
  expect(await creations()).toBe(0);
});
