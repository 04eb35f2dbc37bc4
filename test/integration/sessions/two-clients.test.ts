import { afterEach, beforeEach, expect, test } from "vitest";
import { startWorker } from "../../../src/worker/worker.ts";
import { anyFolder } from "../../support/agent-home.ts";
import type { TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { SESSIONS_KEY, startTestServe, type Answer, type TestServe } from "../../support/serve.ts";
import { openSocket } from "../../support/socket-reader.ts";
import { openSse } from "../../support/sse-reader.ts";
import { sessionsBroker, workerHome } from "../session-log/harness.ts";
import { scripted } from "../worker/owner-world.ts";

// Two servers, a worker, and two clients that want the same at the same time.

let scope: AsyncDisposableStack;
let servers: [TestServe, TestServe];
let agent: ReturnType<typeof scripted>;

beforeEach(async () => {
  scope = new AsyncDisposableStack();
  const broker: TestBroker = scope.use(await sessionsBroker());
  const ending = new AbortController();
  scope.defer(() => ending.abort());
  agent = scripted();
  const deps = await workerHome(broker, ending.signal);
  const worker = startWorker(deps, { name: "w", ...anyFolder(agent.agent), maxBytes: 1e9 });
  scope.defer(() => worker.stop());
  servers = [scope.use(await startTestServe(broker)), scope.use(await startTestServe(broker))];
  await servers[0].call("POST", "/sessions", { session_id: "chat" });
});
afterEach(() => scope.disposeAsync());

/** Both do the same, each at a server of its own. */
const both = (method: string, path: string, bodies: [object, object]): Promise<[Answer, Answer]> =>
  Promise.all([
    servers[0].call(method, `/sessions/chat${path}`, bodies[0]),
    servers[1].call(method, `/sessions/chat${path}`, bodies[1]),
  ]);
const same = (body: object): [object, object] => [body, body];

type Shown = { type: string; turn_id?: string; data: Record<string, unknown> };

async function shown(...types: string[]): Promise<Shown[]> {
  const { json } = await servers[1].call("GET", "/sessions/chat/events?limit=1000");
  return (json as { events: Shown[] }).events.filter(({ type }) => types.includes(type));
}

const begun = (n: number): Promise<(typeof agent.started)[number]> =>
  eventually(() => {
    const it = agent.started[n];
    if (it === undefined) throw new Error(`turn ${n} has not begun`);
    return it;
  });

test("TURN-1: two clients send, cancel and decide at once: one turn, one end, one answer", async () => {
  const sent = await both("POST", "/turns", same({ user_input: "go", client_turn_id: "t1" }));
  expect(sent.map(({ status }) => status)).toEqual([202, 202]);
  expect(sent[0].json.seq).toBe(sent[1].json.seq);
  expect(sent.filter(({ json }) => json.repeated === true)).toHaveLength(1);

  const { events, signal, end } = await begun(0);
  const answered = events.ask({ tool: "rm" });
  const request = await eventually(async () => {
    const [asked] = await shown("permission_request");
    return (expect(asked).toBeDefined(), String(asked?.data["request_id"]));
  });
  const [decided, ...cancelled] = await Promise.all([
    servers[0].call("POST", `/sessions/chat/permissions/${request}`, { allow: false }),
    ...servers.map((serve) => serve.call("POST", "/sessions/chat/turns/t1/cancel", {})),
  ]);
  expect(decided.status === 202 || decided.json.code === "question_closed").toBe(true);
  for (const { status } of cancelled) expect([200, 202]).toContain(status); // 200: it had ended
  expect(await answered).toEqual({ allow: false });
  await eventually(() => expect(signal.aborted).toBe(true));
  end();
  const ends = await eventually(async () => {
    const found = await shown("turn_ended");
    expect(found).toHaveLength(1);
    return found;
  });
  expect(ends[0]).toMatchObject({ turn_id: "t1", data: { outcome: "cancelled" } });
  expect(await shown("permission_resolved")).toHaveLength(1);
  expect(await shown("turn")).toHaveLength(1);
});

test("a session that is deleted while its turn runs and another one is sent: the agent ends, watchers are told, its id is free", async () => {
  await servers[0].call("POST", "/sessions/chat/turns", { user_input: "go", client_turn_id: "t1" });
  const first = await begun(0);
  const headers = { authorization: `Bearer ${SESSIONS_KEY}` };
  const sse = await openSse(`${servers[0].url}/sessions/chat/events`, headers);
  const socket = await openSocket(`${servers[1].url}/sessions/chat/execute?after=0`, headers);
  const [sent, ...deleted] = await Promise.all([
    servers[0].call("POST", "/sessions/chat/turns", { user_input: "late", client_turn_id: "t2" }),
    ...servers.map((serve) => serve.call("DELETE", "/sessions/chat")),
  ]);
  expect([202, 404]).toContain(sent.status);
  for (const { status } of deleted) expect([200, 404]).toContain(status);
  expect(deleted.map(({ status }) => status)).toContain(200);
  expect((await sse.until(({ type }) => type === "closed")).at(-1)?.data).toMatchObject({
    reason: "deleted",
  });
  expect(await socket.closed).toMatchObject({ code: 4404 });
  await eventually(() => expect(first.signal.aborted).toBe(true));
  first.end();
  for (const serve of servers)
    expect(await serve.call("GET", "/sessions/chat")).toMatchObject({ status: 404 });

  expect(await servers[1].call("POST", "/sessions", { session_id: "chat" })).toMatchObject({ status: 201 });
  await servers[0].call("POST", "/sessions/chat/turns", { user_input: "new", client_turn_id: "t1" });
  const next = await begun(1);
  expect(next.turn.request).toMatchObject({ user_input: "new" }); // what was sent to the old one never ran
  next.end();
  await eventually(async () => expect(await shown("turn_ended")).toHaveLength(1));
});
