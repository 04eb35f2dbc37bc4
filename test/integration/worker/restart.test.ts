import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { eventJson, readSessionEvent } from "../../../src/shared/session-log/event/session-event.ts";
import { createSession } from "../../../src/shared/session-log/registry/create.ts";
import type { Session } from "../../../src/shared/session-log/registry/entry.ts";
import { decide, requestTurn } from "../../../src/shared/session-log/turns/request.ts";
import type { Service } from "../../faults/service.ts";
import { startWorkerService } from "../../faults/worker-service.ts";
import type { TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { registry, sessionsBroker, type Registry } from "../session-log/harness.ts";

let dir: string;
let broker: TestBroker;
let worker: Service;
let client: Registry;
let ending: AbortController;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "rr-restart-"));
  broker = await sessionsBroker();
  ending = new AbortController();
  client = await registry(broker, ending.signal);
  worker = await startWorkerService(broker, "w", dir);
});
afterEach(async () => {
  await worker[Symbol.asyncDispose]();
  ending.abort();
  await broker[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
});

async function make(id: string): Promise<Session> {
  const record = { agent: "asking", workspace_dir: join(dir, "workspaces", id) };
  return (await createSession(client, { user: "ann", id, kind: "worker", record })).session;
}

type Shown = { type: string; turn_id?: string; data: Record<string, unknown> };

async function events({ name }: Session): Promise<Shown[]> {
  const { events: stored } = await client.pages.read(`rr.ses.${name}.out.>`, 1);
  return stored.flatMap((it) => {
    const read = readSessionEvent(it);
    return "event" in read ? [JSON.parse(eventJson(read.event)) as Shown] : [];
  });
}

/** The newest question of a session, once there is one of this turn. */
function question(session: Session, turn: string): Promise<string> {
  return eventually(async () => {
    const asked = (await events(session)).find(
      (it) => it.type === "permission_request" && it.turn_id === turn,
    );
    return (expect(asked).toBeDefined(), String(asked?.data["request_id"]));
  });
}

const ends = async (session: Session): Promise<unknown[]> =>
  (await events(session))
    .filter(({ type }) => type === "turn_ended")
    .map(({ turn_id, data }) => [turn_id, data["outcome"], data["allowed"]]);

test("ASK-1: everything restarts with a question open: it is void, its turn interrupted, and no decision of it allows anything", async () => {
  const session = await make("s");
  const other = await make("other");
  await requestTurn(client, session, "a", Buffer.from("{}"));
  await requestTurn(client, session, "b", Buffer.from("{}"));
  const first = await question(session, "a");

  await worker.kill9();
  await broker.kill9();
  await broker.restart();
  await eventually(async () => expect(await ends(session)).toEqual([["a", "interrupted", undefined]]));
  const resolved = (await events(session)).filter(({ type }) => type === "permission_resolved");
  expect(resolved.map(({ data }) => data)).toEqual([
    { request_id: first, allowed: false, resolved_by: "takeover" },
  ]);

  const second = await question(session, "b");
  await decide(client, session, first, { allow: true }); // late
  await decide(client, session, "guessed", { allow: true });
  await decide(client, other, second, { allow: true }); // in another session
  await decide(client, session, second, { allow: false });
  expect(await decide(client, session, second, { allow: true })).toMatchObject({ kind: "repeated" }); // a second one
  await eventually(async () => expect((await ends(session)).at(-1)).toEqual(["b", "finished", false]));

  await requestTurn(client, session, "c", Buffer.from("{}"));
  await decide(client, session, await question(session, "c"), { allow: true });
  await eventually(async () => expect((await ends(session)).at(-1)).toEqual(["c", "finished", true]));
  // the folder's lock goes when the turn has ended
  await eventually(() => expect(readdirSync(join(dir, "workspaces", "s"))).toEqual(["allowed-c"]));
});

test("a worker that is asked to stop says what it left, and its folder is free", async () => {
  const session = await make("s");
  await requestTurn(client, session, "a", Buffer.from("{}"));
  await question(session, "a");
  expect(readdirSync(join(dir, "workspaces", "s"))).toEqual([".runner-relay.lock"]);
  worker.signal("SIGTERM"); // it is started again
  await eventually(async () => expect(await ends(session)).toEqual([["a", "interrupted", undefined]]));
  await eventually(() => expect(readdirSync(join(dir, "workspaces", "s"))).toEqual([]));
});
