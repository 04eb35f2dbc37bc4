import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { as, startWorld, type World } from "./universal-agent-world.ts";

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
      workspace_dir: json.session_id,
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

  test("have no MCP servers of their own, whoever asks", async () => {
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
