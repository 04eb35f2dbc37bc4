import { connect } from "node:net";
import { jetstreamManager } from "@nats-io/jetstream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { refuse, type Access } from "../../../src/sessions/access/caller.ts";
import { createSession } from "../../../src/shared/session-log/registry/create.ts";
import { deleteSession } from "../../../src/shared/session-log/registry/delete.ts";
import type { Session } from "../../../src/shared/session-log/registry/entry.ts";
import type { TestBroker } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import { startTestServe, type TestServe } from "../../support/serve.ts";
import { openSocket, type Frame, type SocketReader } from "../../support/socket-reader.ts";
import { openSse, type SseReader } from "../../support/sse-reader.ts";
import { agent, registry, sessionsBroker, type Agent } from "../session-log/harness.ts";

let broker: TestBroker;
let serve: TestServe;
let ending: AbortController;
let scope: AsyncDisposableStack;
let session: Session;
let owner: Agent;
let ended: AbortController;

/** Each user's key is the user's name. */
const access: Access = {
  async caller({ headers }) {
    const user = headers["x-api-key"];
    if (typeof user !== "string") return refuse("inbound_unauthorized", "a key is required");
    return { user, scopes: new Set(["read", "write", "user"]), open: false, ended: ended.signal };
  },
};

beforeEach(async () => {
  scope = new AsyncDisposableStack();
  broker = scope.use(await sessionsBroker());
  ending = new AbortController();
  scope.defer(() => ending.abort());
  const maker = await registry(broker, ending.signal);
  ({ session } = await createSession(maker, { user: "ann", id: "chat", kind: "worker", record: {} }));
  owner = await agent(broker, session, ending.signal);
  ended = new AbortController();
  serve = await startTestServe(broker, { access });
  scope.use(serve);
});
afterEach(() => scope.disposeAsync());

const OF_ANN = { "x-api-key": "ann" };

function stream(query = "", headers: Record<string, string> = {}): Promise<SseReader> {
  return openSse(`${serve.url}/sessions/chat/events${query}`, { ...OF_ANN, ...headers });
}

function execute(query = "", headers: Record<string, string> = OF_ANN): Promise<SocketReader> {
  return openSocket(`${serve.url}/sessions/chat/execute${query}`, headers);
}

const texts = async (count: number, bytes = 0): Promise<void> => {
  for (let i = 0; i < count; i++)
    expect(await owner.writer.append(owner.event("text", "t1", { text: "x".repeat(bytes) }))).toMatchObject({
      kind: "stored",
    });
};
const isNumber = (n: number) => (frame: Frame) => frame["n"] === n;
const isCaughtUp = ({ type }: Frame): boolean => type === "caught_up";
const numbers = (frames: Frame[]): unknown[] => frames.map(({ n }) => n).filter((n) => n !== undefined);
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);

test("WATCH-1: an SSE stream replays, goes live, and a client that comes back goes on at its last id", async () => {
  await texts(3);
  const first = await stream();
  expect(first.response.headers).toMatchObject({
    "content-type": "text/event-stream; charset=utf-8",
    "x-accel-buffering": "no",
  });
  const old = await first.until(isCaughtUp);
  expect(old.map(({ data }) => data["type"])).toEqual(["created", "text", "text", "text", "caught_up"]);
  expect(
    old.map(({ id, data }) => id === undefined || id.startsWith(`${String(data["seq"])}.`)),
  ).not.toContain(false);
  expect(old.at(-1)).toMatchObject({ id: undefined, data: { last: old.at(-2)?.data["seq"] } });
  const live = first.until(isNumber(5));
  await texts(2);
  const seen = await live;
  first.close();
  await texts(2);
  const again = await stream(`?after=0`, { "last-event-id": seen.at(-1)?.id ?? "" });
  expect(numbers((await again.until(isCaughtUp)).map(({ data }) => data))).toEqual([6, 7]);
  again.close();
  const bare = await stream(`?after=${String(seen.at(-1)?.data["seq"])}`);
  expect(numbers((await bare.until(isCaughtUp)).map(({ data }) => data))).toEqual([6, 7]);
  bare.close();
});

test("a cursor of another log gets a reset, and what retention took is named", async () => {
  await texts(3);
  const other = await stream(`?after=2.other`);
  const [reset, created] = await other.until(isCaughtUp);
  expect(reset).toMatchObject({ id: undefined, data: { type: "reset" } });
  expect(created?.id).toBe(`1.${String(reset?.data["log"])}`);
  other.close();
  const prune = await broker.connect("session-prune");
  await prune.request(`$KV.RR_SES_STATE.floor.${session.name}`, "4");
  const jsm = await jetstreamManager(prune, { checkAPI: false });
  await jsm.streams.purge("RR_SESSIONS", { filter: `rr.ses.${session.name}.out.text`, seq: 4 });
  const late = await execute(`?after=0`);
  expect(await late.until(() => true)).toMatchObject({ type: "gap", from: 1, to: 3 });
  await late.until(isCaughtUp);
  expect(numbers(late.frames)).toEqual([3]);
  late.close();
});

test("a socket's events begin with the frame that asks for them, each frame is answered, and a resume begins anew", async () => {
  await texts(2);
  const [socket, second] = [await execute(), await execute("?after=0")];
  expect(socket.socket.extensions).toBe(""); // compression would cost ten times the memory
  socket.send({ action: "ping", ref: "a" });
  socket.send({ action: "execute", ref: "b", user_input: "hello", client_turn_id: "t7" });
  socket.send({ action: "execute", ref: "c", user_input: "hello", client_turn_id: "t7" });
  socket.send({ action: "cancel", ref: "d", turn_id: "t7" });
  const reply = async (ref: string): Promise<Frame | undefined> => {
    await eventually(() => expect(socket.frames.some((it) => it["ref"] === ref)).toBe(true));
    return socket.frames.find((it) => it["ref"] === ref);
  };
  expect(await reply("a")).toEqual({ type: "reply", action: "ping", ref: "a", ok: true });
  expect(await reply("b")).toMatchObject({
    action: "execute",
    ok: true,
    turn_id: "t7",
    seq: 4,
    repeated: false,
  });
  expect(await reply("c")).toMatchObject({ ok: true, turn_id: "t7", seq: 4, repeated: true });
  expect(await reply("d")).toMatchObject({ action: "cancel", ok: true, turn_id: "t7" });
  const isCancel = ({ type, seq }: Frame): boolean => type === "cancel" && seq !== undefined;
  await second.until(isCancel);
  await socket.until(isCancel);
  const seen = (frames: Frame[]): unknown[] =>
    frames.filter(({ seq, type }) => seq !== undefined && type !== "reply").map(({ type }) => type);
  expect(seen(socket.frames)).toEqual(["turn", "cancel"]);
  expect(seen(second.frames)).toEqual(["created", "text", "text", "turn", "cancel"]);
  socket.send({ action: "resume", after: 1, ref: "e" });
  await socket.until(({ ref }) => ref === "e");
  const before = socket.frames.length;
  await socket.until(isCaughtUp);
  expect(seen(socket.frames.slice(before - 1))).toEqual(["text", "text", "turn", "cancel"]);
  socket.close();
  second.close();
});

test("frames that cannot be carried out are answered with a code, and the socket goes on", async () => {
  const { socket, send, until, close } = await execute();
  const answer = (): Promise<Frame> => until(() => true);
  socket.send("no JSON");
  expect(await answer()).toMatchObject({ type: "reply", ok: false, code: "body_invalid_json" });
  socket.send(Buffer.from('{"action":"ping"}'));
  expect(await answer()).toMatchObject({ ok: false, code: "body_invalid_json" });
  const refused: [Frame, string][] = [
    [{ action: "resume", after: -1 }, "field_invalid"],
    [{ action: "cancel" }, "field_missing"],
    [{ action: "cancel", turn_id: "other" }, "turn_unknown"],
    [{ action: "permission", request_id: "guessed", allow: true }, "question_unknown"],
    [{ action: "permission", request_id: "guessed" }, "field_missing"],
    [{ action: "input", response: "yes" }, "nothing_runs"],
  ];
  for (const [frame, code] of refused) {
    send({ ...frame, ref: code });
    expect(await answer()).toMatchObject({
      type: "reply",
      action: frame["action"],
      ref: code,
      ok: false,
      code,
    });
  }
  send({ action: "ping" });
  expect(await answer()).toMatchObject({ ok: true });
  close();
});

test("before a stream begins it is known who may, and others' sessions are as unknown as none", async () => {
  const of = { host: new URL(serve.url).host };
  const bob = { "x-api-key": "bob" };
  for (const id of ["chat", "none"]) {
    await expect(openSse(`${serve.url}/sessions/${id}/events`, bob)).rejects.toThrow('404 {"type"');
    await expect(openSocket(`${serve.url}/sessions/${id}/execute`, bob)).rejects.toThrow("404");
  }
  await expect(openSse(`${serve.url}/sessions/chat/events`, of)).rejects.toThrow("401");
  await expect(execute("", of)).rejects.toThrow("401");
  await expect(stream("?after=x")).rejects.toThrow("cursor_invalid");
  await expect(stream("", { "last-event-id": "-1" })).rejects.toThrow("cursor_invalid");
  await expect(execute("?after=1.5.x")).rejects.toThrow("400");
});

test("BOUND-1: a frame that is too large, and too many frames, end their socket alone", async () => {
  const watcher = await execute(`?after=0`);
  const large = await execute();
  large.socket.send(Buffer.alloc(1024 * 1024 + 1, "x").toString());
  expect(await large.closed).toMatchObject({ code: 1009 });
  const many = await execute();
  for (let i = 0; i < 10_000; i++) many.send({ action: "ping" });
  expect(await many.closed).toEqual({ code: 1008, reason: "flood" });
  await texts(1);
  await watcher.until(isNumber(1));
  watcher.close();
});

test("a deleted session ends its streams for good", async () => {
  const events = await stream();
  const socket = await execute(`?after=0`);
  await events.until(isCaughtUp);
  await socket.until(isCaughtUp);
  await deleteSession(await registry(broker, ending.signal), session);
  const last = await events.until(({ type }) => type === "closed");
  expect(last.at(-1)).toEqual({
    kind: "event",
    id: undefined,
    data: { type: "closed", reason: "deleted", last: 1 },
  });
  expect(await events.next()).toBeUndefined();
  expect(await socket.closed).toEqual({ code: 4404, reason: "deleted" });
  expect(socket.frames.at(-1)).toEqual({ type: "closed", reason: "deleted", last: 1 });
});

test.each([
  ["auth", 4401, () => ended.abort(), undefined],
  ["stopping", 1012, () => void serve.close(), { kind: "retry", ms: 50 }],
])("streams end for %s, and say so", async (reason, code, cause, hint) => {
  const events = await stream();
  const socket = await execute(`?after=0`);
  await events.until(isCaughtUp);
  await socket.until(isCaughtUp);
  cause();
  const blocks = (await events.next()) ?? [];
  expect(blocks.at(-1)).toMatchObject({ id: undefined, data: { type: "closed", reason, last: 1 } });
  expect(blocks.find(({ kind }) => kind === "retry")).toEqual(hint);
  expect(await events.next()).toBeUndefined();
  expect(await socket.closed).toEqual({ code, reason });
});

test("BOUND-1, WATCH-1: clients that do not read delay nobody, and miss nothing when they read again", async () => {
  const slow = await stream();
  const slowSocket = await execute(`?after=0`);
  const never = connect(Number(new URL(serve.url).port), "127.0.0.1");
  never.write(
    "GET /sessions/chat/events HTTP/1.1\r\nHost: x\r\nX-Api-Key: ann\r\nAccept: text/event-stream\r\n\r\n",
  );
  never.pause();
  await slow.until(isCaughtUp);
  await slowSocket.until(isCaughtUp);
  slow.response.pause();
  slowSocket.socket.pause();
  const reader = await execute(`?after=0`);
  const COUNT = 400; // of 50 kB, more than the kernel keeps for a connection
  for (let i = 1; i <= COUNT; i += 50) {
    await texts(50, 50_000);
    await reader.until(isNumber(i + 49));
  }
  expect(numbers(reader.frames)).toEqual(upTo(COUNT));
  slowSocket.socket.resume();
  const all = await slow.until(isNumber(COUNT));
  expect(numbers(all.map(({ data }) => data))).toEqual(upTo(COUNT));
  await slowSocket.until(isNumber(COUNT));
  expect(numbers(slowSocket.frames)).toEqual(upTo(COUNT));
  for (const it of [slow, slowSocket, reader]) it.close();
  never.destroy();
});

test("WATCH-1: while the broker restarts, streams stay open and miss nothing", async () => {
  const events = await stream();
  const socket = await execute(`?after=0`);
  await events.until(isCaughtUp);
  await socket.until(isCaughtUp);
  await texts(5);
  await broker.kill9();
  await broker.restart();
  await texts(5);
  expect(numbers((await events.until(isNumber(10))).map(({ data }) => data))).toEqual(upTo(10));
  await socket.until(isNumber(10));
  expect(numbers(socket.frames)).toEqual(upTo(10));
  events.close();
  socket.close();
});
