import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock, type Clock } from "../../../src/shared/base/clock.ts";
import { refuse, type Access } from "../../../src/sessions/access/caller.ts";
import { startWorker } from "../../../src/worker/worker.ts";
import { anyFolder } from "../../support/agent-home.ts";
import type { TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { startTestServe, type Answer, type TestServe } from "../../support/serve.ts";
import { openSse } from "../../support/sse-reader.ts";
import { sessionsBroker, workerHome } from "../session-log/harness.ts";
import { scripted } from "../worker/owner-world.ts";

/** Each user's key is the user's name. */
const access: Access = {
  async caller({ headers }) {
    const user = headers["x-api-key"];
    if (typeof user !== "string") return refuse("inbound_unauthorized", "a key is required");
    const ended = new AbortController().signal;
    return { user, scopes: new Set(["read", "write", "user"]), open: false, ended };
  },
};
const TWO_HOURS = 2 * 60 * 60 * 1000;

let scope: AsyncDisposableStack;
let broker: TestBroker;
let later: number;
let agent: ReturnType<typeof scripted>;

/** Clocks of the wall may go on by hours; what is measured goes on as it does. */
const clock: Clock = { ...systemClock, wall: () => systemClock.wall() + later };

beforeEach(async () => {
  scope = new AsyncDisposableStack();
  broker = scope.use(await sessionsBroker());
  const ending = new AbortController();
  scope.defer(() => ending.abort());
  later = 0;
  agent = scripted();
  const deps = { ...(await workerHome(broker, ending.signal)), clock };
  const worker = startWorker(deps, { name: "w", ...anyFolder(agent.agent), maxBytes: 1e9 });
  scope.defer(() => worker.stop());
});
afterEach(() => scope.disposeAsync());

const by = (user: string): Record<string, string> => ({ authorization: "", "x-api-key": user });
const calls =
  (serve: TestServe, user = "ann") =>
  (method: string, path: string, body?: object): Promise<Answer> =>
    serve.call(method, path, body, by(user));

type Shown = { type: string; data: { request_id?: string; allowed?: boolean } };

async function shown(serve: TestServe, type: string): Promise<Shown["data"][]> {
  const { json } = await calls(serve)("GET", "/sessions/chat/events?limit=1000");
  return (json as { events: Shown[] }).events.filter((it) => it.type === type).map(({ data }) => data);
}

test("ASK-1: a question outlives hours, watchers and servers; a foreign, guessed, forged, second or late decision changes nothing", async () => {
  let serve = await startTestServe(broker, { access, clock });
  scope.defer(() => serve.close());
  for (const id of ["chat", "other"]) await calls(serve)("POST", "/sessions", { session_id: id });
  await calls(serve, "eve")("POST", "/sessions", { session_id: "chat" });
  await calls(serve)("POST", "/sessions/chat/turns", { user_input: "go", client_turn_id: "t1" });
  const begun = await eventually(() => {
    const [first] = agent.started;
    if (first === undefined) throw new Error("no turn has begun");
    return first;
  });
  let answer: unknown;
  void begun.events.ask({ tool: "rm" }).then((it) => (answer = it));
  const request = await eventually(async () => {
    const [asked] = await shown(serve, "permission_request");
    return (expect(asked).toBeDefined(), String(asked?.request_id));
  });
  const watcher = await openSse(`${serve.url}/sessions/chat/events`, { "x-api-key": "ann" });
  await watcher.until(({ type }) => type === "permission_request");
  watcher.close();
  await serve.close();
  later = TWO_HOURS;
  serve = await startTestServe(broker, { access, clock });

  const yes = { allow: true };
  const forged = (type: string): object => ({
    type,
    data: { request_id: request, allowed: true, allow: true },
  });
  const vain: [who: string, path: string, body: object, status: number][] = [
    ["eve", `/sessions/chat/permissions/${request}`, yes, 404], // her own session of this name
    ["bob", `/sessions/chat/permissions/${request}`, yes, 404],
    ["ann", `/sessions/other/permissions/${request}`, yes, 404],
    ["ann", "/sessions/chat/permissions/guessed", yes, 404],
    ["ann", `/sessions/chat/permissions/${request.toLowerCase()}`, yes, 404],
    ["ann", "/sessions/chat/permissions/rr.ses.*", yes, 404],
    ["ann", "/sessions/chat/events", forged("permission_resolved"), 400],
    ["ann", "/sessions/chat/events", forged("permission_request"), 400],
    ["ann", "/sessions/chat/events", forged("decision"), 400],
    ["ann", `/sessions/chat/permissions/${request}`, { allow: "yes" }, 400],
  ];
  for (const [user, path, body, status] of vain)
    expect([path, body, (await calls(serve, user)("POST", path, body)).status]).toEqual([path, body, status]);
  expect(await shown(serve, "permission_resolved")).toEqual([]);
  expect(answer).toBeUndefined();

  const decide = (allow: boolean): Promise<Answer> =>
    calls(serve)("POST", `/sessions/chat/permissions/${request}`, { allow });
  const both = await Promise.all([decide(false), decide(true)]); // whose comes first counts
  const [won] = [false, true].filter((_, i) => both[i]?.status === 202);
  expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([202, 409]);
  await eventually(() => expect(answer).toEqual({ allow: won }));
  expect(await decide(won === true)).toMatchObject({ status: 202, json: { repeated: true } });
  expect(await decide(won !== true)).toMatchObject({ status: 409, json: { code: "question_closed" } });

  void begun.events.ask({ tool: "late" });
  const late = await eventually(async () => {
    const asked = (await shown(serve, "permission_request"))[1];
    return (expect(asked).toBeDefined(), String(asked?.request_id));
  });
  begun.end();
  await eventually(async () => expect(await shown(serve, "turn_ended")).toHaveLength(1));
  expect(await calls(serve)("POST", `/sessions/chat/permissions/${late}`, yes)).toMatchObject({
    status: 409,
  });
  expect(await shown(serve, "permission_resolved")).toEqual([
    expect.objectContaining({ request_id: request, allowed: won }),
    expect.objectContaining({ request_id: late, allowed: false }),
  ]);
});
