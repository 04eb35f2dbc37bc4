import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { openSocket, type Frame } from "../../support/socket-reader.ts";
import { as, execute, kinds, startWorld, textOf, upTo, type World } from "./universal-agent-world.ts";

// Each is a fault of the program, and the right behaviour here.

let world: World;
let call: World["serve"]["call"];
beforeAll(async () => {
  world = await startWorld();
  ({ call } = world.serve);
});
afterAll(() => world?.[Symbol.asyncDispose]());

describe("1. what happens while no socket is open is not lost", () => {
  test("WATCH-1: a client that comes back gets everything behind its last seq once, and the end", async () => {
    const id = await world.make("ann");
    const first = await world.open("ann", id);
    first.send(execute("hold", "A"));
    const seen = await upTo(first, "text");
    first.close();
    world.release();
    const { seq } = seen.at(-1) ?? {};
    for (const how of ["query", "resume"]) {
      const back = await world.open("ann", id, how === "query" ? { query: `?after=${seq}` } : {});
      if (how === "resume") back.send({ type: "resume", after: seq });
      const rest = await upTo(back, "query_complete");
      expect(kinds(rest).filter((kind) => kind !== "status processing")).toEqual(["text", "query_complete"]);
      expect(textOf([...seen, ...rest])).toBe("before after");
      back.close();
    }
  });
});

describe("2. the same text twice is two turns", () => {
  test("unless RUNNER_RELAY_TEXT_DEDUPE is on: then it is one, on every server", async () => {
    const id = await world.make("ann");
    const socket = await world.open("ann", id);
    for (let i = 0; i < 2; i++) {
      socket.send(execute("continue"));
      expect(textOf(await upTo(socket, "query_complete"))).toBe("You said continue.");
    }
    socket.close();
    await using one = await world.another({ textDedupe: true });
    await using two = await world.another({ textDedupe: true });
    for (const [at, answer] of [
      [one, ["text", "query_complete"]],
      [one, ["status duplicate_turn_ignored", "query_complete"]],
      [two, ["status duplicate_turn_ignored", "query_complete"]],
    ] as const) {
      const deduping = await world.open("ann", id, { at });
      deduping.send(execute("go on"));
      expect(kinds(await upTo(deduping, "query_complete"))).toEqual(answer);
      deduping.close();
    }
    expect(world.ran.filter((input) => input === "go on")).toHaveLength(1);
  });
});

describe("3. a turn while another one runs is an error, not a success without text", () => {
  test("on the same socket, on another one, and for two that come at once", async () => {
    const id = await world.make("ann");
    const [one, two] = [await world.open("ann", id), await world.open("ann", id)];
    one.send(execute("hold", "A"));
    await upTo(one, "text");
    for (const socket of [one, two]) {
      socket.send(execute("other", "B"));
      const frames = await upTo(socket, "query_complete");
      expect(kinds(frames).filter((kind) => kind !== "text")).toEqual([
        "status turn_rejected_busy",
        "error",
        "query_complete",
      ]);
      expect(frames.at(-1)?.data).toEqual({ completed: false, turn_id: "A" });
    }
    world.release();
    for (const socket of [one, two]) await upTo(socket, "query_complete");
    one.send(execute("hold at once", "C"));
    two.send(execute("hold at once", "D"));
    const rejected = (): unknown[] =>
      [...one.frames, ...two.frames].filter(
        ({ data }) =>
          (data as Frame)["active_turn_id"] !== "A" && (data as Frame)["status"] === "turn_rejected_busy",
      );
    await eventually(() => expect(rejected()).toHaveLength(1));
    await eventually(() => expect(world.ran.filter((input) => input === "hold at once")).toHaveLength(1));
    world.release();
    one.close();
    two.close();
  });

  test("TURN-1: the same client_turn_id runs once, however often it comes", async () => {
    const socket = await world.open("ann", await world.make("ann"));
    socket.send(execute("hold once", "A"));
    await upTo(socket, "text");
    socket.send(execute("hold once", "A"));
    const running = await upTo(socket, "query_complete");
    expect(kinds(running)).toEqual(["status turn_in_progress", "query_complete"]);
    world.release();
    await upTo(socket, "query_complete");
    socket.send(execute("hold once", "A"));
    const done = await upTo(socket, "query_complete");
    expect(kinds(done)).toEqual(["status duplicate_turn_ignored", "query_complete"]);
    expect(world.ran.filter((input) => input === "hold once")).toHaveLength(1);
    socket.close();
  });
});

describe("4. USER-1: nobody gets another user's session", () => {
  test("by its id, in a list, or by the id that showed everything", async () => {
    const id = await world.make("ann");
    const path = `/api/v1/sessions/${id}`;
    for (const one of [path, "/api/v1/sessions/guessed"])
      expect(await call("GET", one, undefined, as("bob"))).toMatchObject({ status: 404 });
    await call("DELETE", path, undefined, as("bob"));
    expect((await call("GET", path, undefined, as("ann"))).status).toBe(200);
    const { json } = await call("GET", "/api/v1/sessions", undefined, as("bob"));
    expect(JSON.stringify(json)).not.toContain(id);
    for (const name of [id, "guessed", "global_agent_flow"]) {
      const socket = await openSocket(`${world.serve.url}/api/v1/sessions/${name}/stream`, as("bob"));
      expect(await socket.closed).toEqual({ code: 4004, reason: "Session not found" });
    }
  });

  test("by making one with the same id: users have their own, and one who acts for all is refused", async () => {
    const id = await world.make("ann");
    const bobs = await call("POST", "/api/v1/sessions", { session_id: id }, as("bob"));
    expect(bobs).toMatchObject({ status: 200, json: { user_id: "bob" } });
    expect((await call("GET", `/api/v1/sessions/${id}`, undefined, as("ann"))).json.user_id).toBe("ann");
    const other = await world.make("ann");
    const taken = { session_id: other, user_id: "mallory" };
    expect(await call("POST", "/api/v1/sessions", taken, as("admin"))).toMatchObject({ status: 409 });
  });
});

test("5. a session that is deleted in the middle of a turn is gone: its turn ends, its sockets close", async () => {
  const id = await world.make("ann");
  const socket = await world.open("ann", id);
  socket.send(execute("hold deleted", "A"));
  await upTo(socket, "text");
  await call("DELETE", `/api/v1/sessions/${id}`, undefined, as("ann"));
  expect(await socket.closed).toEqual({ code: 4004, reason: "Session not found" });
  for (const path of [`/api/v1/sessions/${id}`, `/api/v1/sessions/${id}`])
    expect((await call("GET", path, undefined, as("ann"))).status).toBe(404);
  const fresh = await world.make("ann", { session_id: id });
  const anew = await world.open("ann", fresh);
  anew.send(execute("hello", "A"));
  expect(textOf(await upTo(anew, "query_complete"))).toBe("You said hello.");
  anew.close();
});

test("6. servers share everything: a session of one is there on the other, and its turns run once", async () => {
  await using other = await world.another();
  const id = await world.make("ann");
  const here = await world.open("ann", id);
  here.send(execute("hold shared", "A"));
  await upTo(here, "text");
  const there = await world.open("ann", id, { at: other });
  expect(kinds([await upTo(there, "processing")].flat())).toEqual(["status processing"]);
  there.send(execute("hold shared", "A"));
  await upTo(there, "turn_in_progress");
  world.release();
  await upTo(here, "query_complete");
  expect(world.ran.filter((input) => input === "hold shared")).toHaveLength(1);
  here.close();
  there.close();
});

test("7. errors and health say nothing of the server", async () => {
  const socket = await world.open("ann", await world.make("ann"));
  socket.send(execute("boom"));
  const frames = await upTo(socket, "query_complete");
  expect(frames[0]?.data).toEqual({
    message: "scripted failure",
    code: "SCRIPTED",
    turn_id: expect.any(String),
  });
  socket.close();
  const { json } = await call("GET", "/api/v1/health", undefined, { authorization: "" });
  expect(Object.keys(json).toSorted()).toEqual(["db_status", "status", "timestamp", "version"]);
});

test("8. a client that does not read delays nobody, and misses nothing", async () => {
  const id = await world.make("ann");
  const slow = await world.open("ann", id);
  const quick = await world.open("ann", id);
  slow.socket.pause();
  quick.send(execute("long", "A"));
  const all = await upTo(quick, "query_complete");
  expect(kinds(all).filter((kind) => kind === "text")).toHaveLength(60);
  slow.socket.resume();
  expect((await upTo(slow, "query_complete")).map(({ seq }) => seq)).toEqual(all.map(({ seq }) => seq));
  slow.close();
  quick.close();
});

describe("9. clients stop to read at an error", () => {
  test("so that one from which the agent recovers is a status, and the turn goes on", async () => {
    const socket = await world.open("ann", await world.make("ann"));
    socket.send(execute("recover"));
    expect(kinds(await upTo(socket, "query_complete"))).toEqual(["status error", "text", "query_complete"]);
    socket.close();
  });

  test("so that there is one for a turn, when its end is in the log", async () => {
    const id = await world.make("ann");
    const socket = await world.open("ann", id);
    socket.send(execute("boom", "A"));
    expect(kinds(await upTo(socket, "query_complete"))).toEqual(["error", "query_complete"]);
    socket.send(execute("after", "B"));
    expect(textOf(await upTo(socket, "query_complete"))).toBe("You said after.");
    socket.close();
  });
});

describe("10. a restart of the server loses nothing", () => {
  test("ASK-1: the turn goes on, its question is still open, its answer counts, its id is known", async () => {
    const id = await world.make("ann");
    const before = await world.another();
    const socket = await world.open("ann", id, { at: before });
    socket.send(execute("ask", "A"));
    const [asked] = await upTo(socket, "input_required");
    const { input_id: question } = asked?.data ?? {};
    await before.close();
    expect((await socket.closed).code).toBe(1012);
    await using after = await world.another();
    const back = await world.open("ann", id, { at: after, query: "?after=0" });
    const again = await upTo(back, "input_required");
    expect(again.at(-1)?.data).toMatchObject({ input_id: question, question: "Allow Bash?" });
    back.send({ type: "input_response", data: { input_id: question, response: "Allow" } });
    expect(textOf(await upTo(back, "query_complete"))).toBe("allowed");
    back.send(execute("ask", "A"));
    expect(kinds(await upTo(back, "query_complete"))).toEqual([
      "status duplicate_turn_ignored",
      "query_complete",
    ]);
    back.close();
  });

  test("ASK-1: every other answer refuses", async () => {
    const socket = await world.open("ann", await world.make("ann"));
    socket.send(execute("ask", "A"));
    const [asked] = await upTo(socket, "input_required");
    const { input_id: request } = asked?.data ?? {};
    socket.send({ type: "input_response", data: { input_id: request, response: "yes, but only once" } });
    socket.send({ type: "approval", data: { phase_id: request, approved: true } });
    const frames = await upTo(socket, "query_complete");
    expect(textOf(frames)).toBe("refused");
    socket.close();
  });
});
