import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSocket } from "../../support/socket-reader.ts";
import { as, execute, kinds, startWorld, textOf, upTo, type World } from "./universal-agent-world.ts";

// What the program's clients send, and what they were recorded to get back: here in our own words.

let world: World;
let call: World["serve"]["call"];
beforeAll(async () => {
  world = await startWorld();
  ({ call } = world.serve);
});
afterAll(() => world?.[Symbol.asyncDispose]());

describe("sessions by REST", () => {
  test("are made: 200, with what clients read", async () => {
    const { status, json } = await call("POST", "/api/v1/sessions", { user_id: null }, as("ann"));
    expect(status).toBe(200);
    expect(json).toEqual({
      session_id: expect.stringMatching(/^session_\d{8}_\d{6}_\w+$/),
      user_id: "ann",
      workspace_dir: `/w/ann/${json.session_id}`,
      metadata: {},
      run_id: null,
      is_live_session: true,
    });
    const again = await call("GET", `/api/v1/sessions/${json.session_id}`, undefined, as("ann"));
    expect(again).toMatchObject({ status: 200, json });
  });

  test("are called like their folder, or as the client says; the same again is the same session", async () => {
    const folder = { user_id: "ann", workspace_dir: "/w/alpha" };
    for (let i = 0; i < 2; i++)
      expect((await call("POST", "/api/v1/sessions", folder, as("ann"))).json).toMatchObject({
        session_id: "alpha",
        workspace_dir: "/w/alpha",
      });
    const own = { session_id: "own-1", workspace_dir: "/w/beta" };
    expect((await call("POST", "/api/v1/sessions", own, as("ann"))).json.session_id).toBe("own-1");
    const short = await call("POST", "/api/v1/sessions", { session_id: "own-1" }, as("ann"));
    expect(short).toMatchObject({ status: 200, json: { workspace_dir: "/w/beta" } });
  });

  test("are listed, the newest first; operators see the same", async () => {
    const [first, second] = [await world.make("lister"), await world.make("lister")];
    const { json } = await call("GET", "/api/v1/sessions", undefined, as("lister"));
    expect(json.sessions).toMatchObject([
      { session_id: second, user_id: "lister", status: "idle" },
      { session_id: first },
    ]);
    const ops = await call("GET", "/api/v1/ops/sessions", undefined, as("lister"));
    expect(ops.json).toMatchObject({ total: 2, sessions: [{ session_id: second }, { session_id: first }] });
  });

  test("are deleted; an id that is not there as well", async () => {
    const id = await world.make("ann");
    for (const gone of [id, id, "never-there"])
      expect(await call("DELETE", `/api/v1/sessions/${gone}`, undefined, as("ann"))).toMatchObject({
        status: 200,
        json: { status: "deleted", session_id: gone },
      });
    expect(await call("GET", `/api/v1/sessions/${id}`, undefined, as("ann"))).toMatchObject({
      status: 404,
      json: { detail: "Session not found" },
    });
  });

  test.each([
    ["{bad", 422, { error: { code: "VALIDATION_ERROR" } }],
    ["[]", 422, { error: { code: "VALIDATION_ERROR" } }],
    ['{"user_id":5}', 422, { error: { extra: { fields: [{ loc: ["body", "user_id"] }] } } }],
    ['{"session_id":"-x"}', 400, { detail: "Invalid session id format" }],
    ['{"workspace_dir":"/w/my project"}', 400, { detail: "Invalid session id format" }],
    ['{"user_id":"bob"}', 403, { detail: expect.stringContaining("Access denied") }],
  ])("%s is refused with %i", async (body, status, json) => {
    expect(await call("POST", "/api/v1/sessions", body, as("ann"))).toMatchObject({ status, json });
  });

  test("need a key; health does not", async () => {
    for (const [method, path] of [
      ["GET", "/api/v1/sessions"],
      ["GET", "/api/v1/ops/sessions"],
      ["POST", "/api/v1/sessions"],
      ["GET", "/api/v1/ops/sessions/x/mcp"],
    ] as const)
      expect(await call(method, path, undefined, { authorization: "" })).toMatchObject({
        status: 401,
        json: { detail: "Unauthorized" },
      });
    expect(await call("GET", "/api/v1/health", undefined, { authorization: "" })).toMatchObject({
      status: 200,
      json: { status: "healthy" },
    });
  });

  test("have no MCP servers of their own, for no user", async () => {
    const id = await world.make("ann");
    for (const method of ["GET", "POST", "DELETE"])
      for (const one of [id, "never-there"])
        expect(
          await call(method, `/api/v1/ops/sessions/${one}/mcp`, method === "GET" ? undefined : {}, as("ann")),
        ).toMatchObject({
          status: 404,
          json: { detail: expect.stringContaining("disabled") },
        });
  });
});

describe("a socket", () => {
  test("begins with connected, and permessage-deflate is refused though offered", async () => {
    const id = await world.make("ann");
    const socket = await openSocket(`${world.serve.url}/api/v1/sessions/${id}/stream`, as("ann"));
    const folder = `/w/ann/${id}`;
    const place = { session_id: id, workspace_dir: folder, run_id: null, is_live_session: true };
    expect(await socket.until(() => true)).toMatchObject({
      type: "connected",
      data: { ...place, session: { ...place, workspace: folder, user_id: "ann", session_url: null } },
      timestamp: expect.any(String),
      seq: expect.any(Number),
    });
    expect(socket.socket.extensions).toBe("");
    socket.close();
  });

  test("a turn is exactly what the agent says, then query_complete", async () => {
    const socket = await world.open("ann", await world.make("ann"));
    socket.send(execute("tools"));
    const frames = await upTo(socket, "query_complete");
    expect(kinds(frames)).toEqual([
      "session_info",
      "thinking",
      "text",
      "tool_call",
      "tool_result",
      "text",
      "work_product",
      "iteration_end",
      "query_complete",
    ]);
    expect(frames[2]).toEqual({
      type: "text",
      data: { text: "Looking. ", time_offset: 0.5 },
      timestamp: expect.any(String),
      time_offset: 0.5,
      seq: expect.any(Number),
    });
    expect(frames.at(-1)?.data).toEqual({
      turn_id: expect.stringMatching(/^turn_\d+_\w+$/),
      completed: true,
    });
    socket.close();
  });

  test("query is the same as execute, and several sockets get everything", async () => {
    const id = await world.make("ann");
    const [one, two] = [await world.open("ann", id), await world.open("ann", id)];
    one.send({ type: "query", data: { text: "Hello", client_turn_id: "q1" } });
    for (const socket of [one, two]) {
      const frames = await upTo(socket, "query_complete");
      expect(textOf(frames)).toBe("You said Hello.");
      expect(frames.at(-1)?.data).toMatchObject({ turn_id: "q1" });
      socket.close();
    }
  });

  test("that comes in the middle of a turn is told so, and gets the rest", async () => {
    const id = await world.make("ann");
    const early = await world.open("ann", id);
    early.send(execute("hold", "A"));
    await upTo(early, "text");
    const late = await world.open("ann", id);
    expect(await late.until(() => true)).toMatchObject({
      type: "status",
      data: { status: "processing", turn_id: "A", active_turn_id: "A" },
    });
    world.release();
    expect(kinds(await upTo(late, "query_complete"))).toEqual(["text", "query_complete"]);
    early.close();
    late.close();
  });

  test("cancel: the turn ends, with the reason", async () => {
    const id = await world.make("ann");
    const socket = await world.open("ann", id);
    socket.send(execute("hold", "A"));
    await upTo(socket, "text");
    socket.send({ type: "cancel", data: { reason: "stop it" } });
    const [status, complete, cancelled] = (await upTo(socket, "cancelled")).slice(-3);
    expect(status?.data).toMatchObject({ status: "turn_cancelled", turn_id: "A" });
    expect(complete).toMatchObject({ type: "query_complete", data: { turn_id: "A", cancelled: true } });
    expect(cancelled?.data).toEqual({ reason: "stop it", run_id: null, session_id: id });
    socket.send({ type: "cancel" });
    expect(await socket.until(() => true)).toMatchObject({ type: "cancelled" });
    socket.close();
  });

  test("frames that are none, and a ping", async () => {
    const socket = await world.open("ann", await world.make("ann"));
    socket.send({ type: "ping" });
    expect(await socket.until(() => true)).toMatchObject({ type: "pong", data: {} });
    socket.socket.send("{nope");
    expect(await socket.until(() => true)).toMatchObject({
      type: "error",
      data: { message: "Invalid JSON" },
    });
    socket.send({ type: "dance" });
    expect(await socket.until(() => true)).toMatchObject({
      type: "error",
      data: { message: "Unknown message type: dance" },
    });
    socket.send(execute("  "));
    expect(kinds(await upTo(socket, "query_complete"))).toEqual(["error", "query_complete"]);
    socket.close();
  });

  test.each([
    ["/api/v1/sessions/bad%20id/stream", "ann"],
    ["/api/v1/sessions/-x/stream", "ann"],
    ["/api/v1/sessions/x/stream?after=yesterday", "ann"],
    ["/ws/agent?session_id=bad%20id", "ann"],
    ["/ws/agent", ""],
  ])("%s is refused before it is one: 403", async (path, user) => {
    const refused = openSocket(world.serve.url + path, user === "" ? {} : as(user));
    await expect(refused).rejects.toThrow("403");
  });

  test.each([
    "/api/v1/sessions/nope/stream",
    "/api/v1/sessions/global_agent_flow/stream",
    "/ws/agent?session_id=nope",
  ])("%s: accepted, then 4004", async (path) => {
    const socket = await openSocket(world.serve.url + path, as("ann"));
    expect(await socket.closed).toEqual({ code: 4004, reason: "Session not found" });
    expect(socket.frames).toEqual([]);
  });
});

test("the lobby: a session is made with the first turn", async () => {
  const socket = await openSocket(`${world.serve.url}/ws/agent`, as("visitor"));
  expect(await socket.until(() => true)).toMatchObject({
    type: "connected",
    data: { session_id: "", lobby: true },
  });
  socket.send({ type: "ping" });
  expect(await socket.until(() => true)).toMatchObject({ type: "pong" });
  expect((await call("GET", "/api/v1/sessions", undefined, as("visitor"))).json.sessions).toEqual([]);
  socket.send({ type: "query", data: { text: "Hello", client_turn_id: "q1" } });
  const connected = await socket.until(() => true);
  const { session_id: id } = connected["data"] as { session_id: string };
  expect(textOf(await upTo(socket, "query_complete"))).toBe("You said Hello.");
  expect((await call("GET", "/api/v1/sessions", undefined, as("visitor"))).json.sessions).toMatchObject([
    { session_id: id },
  ]);
  const again = await openSocket(`${world.serve.url}/ws/agent?session_id=${id}`, as("visitor"));
  expect(await again.until(() => true)).toMatchObject({ type: "connected", data: { session_id: id } });
  again.close();
  socket.close();
});
