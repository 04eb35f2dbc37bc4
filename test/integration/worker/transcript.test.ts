import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { claudeSubprocess } from "../../../src/agents/claude-subprocess/index.ts";
import type {
  Sdk,
  SdkEntry,
  SdkKey,
  SdkMessage,
  SdkStore,
} from "../../../src/agents/claude-subprocess/sdk.ts";
import { agentOf } from "../../../src/agents/conduct.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { watch } from "../../../src/shared/session-log/follow/watch.ts";
import { eventually } from "../../support/eventually.ts";
import { agent, follower, sweeper } from "../session-log/harness.ts";
import { scripted, startOwnerWorld, type OwnerWorld } from "./owner-world.ts";

/** A worker's log keeps what an agent's back end remembers, and only owners of the session see it. */

const THREAD = "6d1f3c52-6a52-4f5e-9d53-000000000001";
const KEY: SdkKey = { projectKey: "-w", sessionId: THREAD };

let world: OwnerWorld;
let scope: AsyncDisposableStack;

beforeEach(async () => {
  scope = new AsyncDisposableStack();
  world = scope.use(await startOwnerWorld());
});
afterEach(() => scope.disposeAsync());

type Turned = { loaded: SdkEntry[] | null | undefined; subs: Map<string, SdkEntry[] | null> };

/** An SDK whose turns mirror these entries, and tell what they were resumed with. */
function scriptedSdk(entries: (turn: number) => [SdkKey, SdkEntry[]][]): { sdk: Sdk; turns: Turned[] } {
  const turns: Turned[] = [];
  async function* run(store: SdkStore, resume: string | undefined): AsyncGenerator<SdkMessage> {
    const it: Turned = { loaded: undefined, subs: new Map() };
    if (resume !== undefined) {
      it.loaded = await store.load({ ...KEY, sessionId: resume });
      for (const path of await store.listSubkeys(KEY))
        it.subs.set(path, await store.load({ ...KEY, subpath: path }));
    }
    yield { type: "system", subtype: "init", session_id: THREAD };
    for (const [key, of] of entries(turns.push(it) - 1)) await store.append(key, of);
    yield { type: "result", subtype: "success", is_error: false, result: "done" };
  }
  return {
    turns,
    sdk: {
      query: ({ options }) => ({
        [Symbol.asyncIterator]: () => run(options.sessionStore as SdkStore, options.resume),
        interrupt: () => Promise.resolve(),
        setPermissionMode: () => Promise.resolve(),
        close: () => undefined,
      }),
    },
  };
}

/** A worker with an empty data folder of its own. */
async function worker(sdk: Sdk): Promise<() => Promise<unknown>> {
  const folder = mkdtempSync(join(tmpdir(), "rr-transcript-"));
  scope.defer(() => rmSync(folder, { recursive: true, force: true }));
  const config = {
    model: undefined,
    apiKey: "k",
    baseUrl: undefined,
    folder,
    executable: undefined,
    root: false,
  };
  const runner = claudeSubprocess(config, systemClock, () => Promise.resolve(sdk));
  const { leave, over } = await world.own(agentOf(runner));
  return () => {
    leave();
    return over;
  };
}

const entry = (n: number, more: object = {}): SdkEntry => ({ type: "user", uuid: `uuid-${n}`, ...more });
const ended = (turn: string): Promise<void> =>
  eventually(async () =>
    expect((await world.said()).some((it) => it.startsWith(`turn_ended ${turn} `))).toBe(true),
  );

test("a worker that has only the log resumes with all that was mirrored; no watcher sees it, and numbers have no gap", async () => {
  const sub: SdkKey = { ...KEY, subpath: "subagents/agent-1" };
  const long = entry(3, { text: "x\n\u{1f600}".repeat(100_000) });
  const { sdk, turns } = scriptedSdk((n) =>
    n > 0
      ? [[KEY, [entry(5)]]]
      : [
          [KEY, [entry(1), { type: "title", title: "t" }]],
          [sub, [entry(2)]],
          [KEY, [long]],
          [KEY, [entry(1), entry(4)]],
        ],
  );
  const leave = await worker(sdk);
  await world.turn("a");
  await ended("a");
  await leave();
  await worker(sdk);
  await world.turn("b");
  await ended("b");
  expect(turns[0]?.loaded).toBeUndefined();
  expect(turns[1]?.loaded).toEqual([entry(1), { type: "title", title: "t" }, long, entry(4)]);
  expect(turns[1]?.subs).toEqual(new Map([["subagents/agent-1", [entry(2)]]]));

  const ending = new AbortController();
  const of = await follower(world.broker, ending.signal);
  const seen: string[] = [];
  for await (const item of watch(of, {
    session: world.session.name,
    after: { seq: 0 },
    signal: ending.signal,
  })) {
    if (item.kind === "event") seen.push(item.event.subject.split(".").slice(3).join("."));
    if (item.kind === "caught_up") break;
  }
  of.close();
  ending.abort();
  expect(seen.filter((it) => it.includes("transcript"))).toEqual([]);
  expect(seen.filter((it) => it === "out.turn_ended")).toHaveLength(2);
});

test("an entry that is too large is an error with a code, and the turn goes on; so is a CLI that tells nothing", async () => {
  const { sdk } = scriptedSdk((n) => (n > 0 ? [] : [[KEY, [entry(1, { text: "x".repeat(9e6) }), entry(2)]]]));
  await worker(sdk);
  await world.turn("a");
  await world.turn("b");
  await ended("b");
  const errors = (await world.events()).filter(({ type }) => type === "error");
  expect(errors.map(({ turn_id, data }) => [turn_id, data["code"], data["recoverable"]])).toEqual([
    ["a", "TRANSCRIPT_NOT_KEPT", true],
    ["b", "TRANSCRIPT_NOT_KEPT", true],
  ]);
  expect((await world.said()).filter((it) => it.startsWith("turn_ended"))).toEqual([
    "turn_ended a finished",
    "turn_ended b finished",
  ]);
});

test("what is kept goes with the turns that retention removes", async () => {
  const { sdk, turns } = scriptedSdk((n) => [[KEY, [entry(n)]]]);
  await worker(sdk);
  for (const turn of ["a", "b", "c"]) {
    await world.turn(turn);
    await ended(turn);
  }
  const sweep = await sweeper(world.broker, { maxAge: -60_000, maxBytes: 1e9 }, world.client.signal);
  expect((await sweep.round()).events).toBeGreaterThan(0);
  await world.turn("d");
  await eventually(() => expect(turns).toHaveLength(4));
  expect(turns[3]?.loaded).toEqual([entry(2)]);
});

test("TURN-1: an owner that was killed right behind what it kept is followed by another one", async () => {
  await world.turn("a");
  const before = await agent(world.broker, world.session, world.client.signal);
  for (const kind of ["owner", "turn_started", "transcript"])
    expect((await before.writer.append(before.event(kind, "a"))).kind).toBe("stored");
  await world.own(scripted().agent);
  await eventually(async () =>
    expect((await world.events()).at(-1)).toMatchObject({
      type: "turn_ended",
      turn_id: "a",
      data: { outcome: "interrupted" },
    }),
  );
});
