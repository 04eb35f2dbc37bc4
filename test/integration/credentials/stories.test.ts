import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../../support/eventually.ts";
import { serveHttp } from "../../support/http-server.ts";
import { startTestServe } from "../../support/serve.ts";
import { startWorld, type AnswerOf, type World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.startWorker({ RUNNER_RELAY_CREDENTIALS_TOKEN: "service-token-1" });
});
afterAll(() => world[Symbol.asyncDispose]());

const GITHUB = { token: "ghp_0123456789abcdef", userName: "Ann", email: "ann@example.com" };
const turns = (): string[] => readdirSync(join(world.data, "agents", "turns"));
const granting =
  (...tokens: string[]): AnswerOf =>
  (provider, { headers }) => {
    if (!tokens.includes(headers.authorization ?? "")) return { status: 401 };
    return provider === "github" ? { status: 200, body: GITHUB } : undefined;
  };
const asked = (from: number, provider: string): (string | undefined)[] =>
  world.backEnd.got
    .slice(from)
    .filter(({ target }) => target.endsWith(`/${provider}`))
    .map(({ headers }) => headers.authorization);

test("the caller's token asks first, for the session's user, and the programs of the turn get what it may have", async () => {
  world.answer(granting("Bearer caller-token-1"));
  const from = world.backEnd.got.length;
  const { outcome, said } = await world.run(
    'echo "$GIT_USER_NAME $GIT_USER_EMAIL ${#GITHUB_TOKEN}"; stat -c "%a %n" "$(dirname "$(command -v gh)")"/..; umask; ls "$(dirname "$(command -v gh)")"',
    { caller: "caller-token-1" },
  );
  expect(outcome).toBe("finished");
  expect(said).toContain(`Ann ann@example.com ${GITHUB.token.length}\n700 `);
  expect(asked(from, "github")).toEqual(["Bearer caller-token-1"]);
  const [first] = world.backEnd.got.slice(from);
  expect(first?.headers["x-runner-current-user"]).toBe("default");
  expect(first?.target).toMatch(/^\/api\/projects\/proj\/agentic-sessions\/s\d+\/credentials\//);
  expect(turns()).toEqual([]);
});

test.each([401, 403])(
  "where the back end answers %i to the caller's token, the worker's own asks",
  async (status) => {
    world.answer((provider, got) => {
      if (got.headers.authorization === "Bearer old-caller") return { status };
      return granting("Bearer service-token-1")(provider, got);
    });
    const from = world.backEnd.got.length;
    const { outcome, said } = await world.run("echo ${#GITHUB_TOKEN}", { caller: "old-caller" });
    expect([outcome, said]).toEqual(["finished", `${GITHUB.token.length}\n`]);
    expect(asked(from, "github")).toEqual(["Bearer old-caller", "Bearer service-token-1"]);
  },
);

test("a header of another scheme is passed on as it came", async () => {
  world.answer(granting("Basic YW5uOnNlY3JldC13b3Jk"));
  const { said } = await world.run("echo ${#GITHUB_TOKEN}", { caller: "Basic YW5uOnNlY3JldC13b3Jk" });
  expect(said).toBe(`${GITHUB.token.length}\n`);
});

test("several refusals are one error, and nothing of the turn runs", async () => {
  world.answer((provider) => (["github", "jira"].includes(provider) ? { status: 403 } : undefined));
  const { outcome, code, message, said } = await world.run("echo it ran", { caller: "nobody" });
  expect({ outcome, code, said }).toEqual({ outcome: "failed", code: "credentials_refused", said: "" });
  expect(message).toBe(
    "the back end refuses the credentials of github (the caller's token got 403, the worker's token got 403), jira (the caller's token got 403, the worker's token got 403)",
  );
  expect(turns()).toEqual([]);
});

test.each([
  ["500", { status: 500 }],
  ["no JSON", { status: 200, body: "<html>" }],
  ["more than 1 MiB", { status: 200, body: JSON.stringify({ token: "x".repeat(1024 * 1024) }) }],
])("a back end that answers %s for a provider leaves the turn without it, and says so", async (_, answer) => {
  world.answer((provider) => (provider === "github" ? answer : undefined));
  const { outcome, said, events } = await world.run('echo "[$GITHUB_TOKEN]"');
  expect([outcome, said]).toEqual(["finished", "[]\n"]);
  const missing = {
    status: "credentials_missing",
    providers: [{ provider: "github", why: expect.any(String) }],
  };
  expect(events).toContainEqual(expect.objectContaining({ type: "status", data: missing }));
});

test("a redirect carries no token", async () => {
  await using elsewhere = await serveHttp((response) => void response.end("{}"));
  world.answer((provider) =>
    provider === "github"
      ? { status: 302, headers: { location: `${elsewhere.url}/credentials/github` } }
      : undefined,
  );
  const { outcome, said } = await world.run('echo "[$GITHUB_TOKEN]"', { caller: "caller-token-2" });
  expect([outcome, said]).toEqual(["finished", "[]\n"]);
  expect(elsewhere.got).toEqual([]);
});

test("Google's files are kept for the session, and everything else is gone with the turn", async () => {
  world.answer((provider) => {
    if (provider === "google")
      return {
        status: 200,
        body: {
          accessToken: "ya29.google-access",
          refreshToken: "1//google-refresh",
          email: "ann@example.com",
        },
      };
    if (provider === "kubeconfig") return { status: 200, body: { token: "apiVersion: v1\nkind: Config\n" } };
    return undefined;
  });
  const { said, session } = await world.run(
    'stat -c %a "$KUBECONFIG"; stat -c %a "$GOOGLE_MCP_CREDENTIALS_DIR" "$GOOGLE_MCP_CREDENTIALS_DIR"/*; echo "$USER_GOOGLE_EMAIL"; cat "$KUBECONFIG"',
  );
  expect(said).toBe("600\n700\n600\nann@example.com\napiVersion: v1\nkind: Config\n");
  expect(turns()).toEqual([]);
  const google = join(world.data, "agents", "google");
  const [folder = ""] = readdirSync(google);
  const file = join(google, folder, "ann@example.com.json");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({
    token: "ya29.google-access",
    refresh_token: "1//google-refresh",
  });
  // the next turn finds it, also without an answer of the back end
  world.answer(() => undefined);
  const next = await world.run(`cat ${google}/*/*.json | wc -l; echo "[$USER_GOOGLE_EMAIL]"`, { session });
  expect(next.said).toContain("[]\n");
});

test("what an agent prints of its credentials is not in the log, also in pieces of other texts", async () => {
  world.answer(granting("Bearer service-token-1"));
  const { said, events } = await world.run(
    'env | grep TOKEN; echo "a${GITHUB_TOKEN}b"; printf %s "$GITHUB_TOKEN" | base64',
  );
  expect(said).toContain("GITHUB_TOKEN=[secret]\n");
  expect(said).toContain("a[secret]b");
  expect(JSON.stringify(events)).not.toContain(GITHUB.token);
  expect(JSON.stringify(events)).not.toContain(Buffer.from(GITHUB.token).toString("base64"));
});

test("servers of the session's options that ask for MCP_ variables get theirs, and no other server", async () => {
  world.answer((provider) =>
    provider === "mcp/my-server"
      ? { status: 200, body: { fields: { api_key: "mcp-secret-key", bad: "two\nlines" } } }
      : undefined,
  );
  const from = world.backEnd.got.length;
  const servers = {
    "my-server": { command: "x", env: { KEY: "${MCP_MY_SERVER_API_KEY}" } },
    plain: { command: "y", env: { KEY: "value" } },
    "../up": { command: "z", env: { KEY: "${MCP_UP}" } },
  };
  const { said } = await world.run('echo "${#MCP_MY_SERVER_API_KEY} [$MCP_MY_SERVER_BAD]"', {
    options: { mcp_servers: servers },
  });
  expect(said).toBe(`${"mcp-secret-key".length} []\n`);
  expect(world.backEnd.got.slice(from).filter(({ target }) => target.includes("/mcp/"))).toHaveLength(1);
});

test("a token of the caller that cannot be one is refused without being repeated", async () => {
  await world.serve.call("POST", "/sessions", { session_id: "odd", agent: "codex" });
  for (const token of ["two words here", "x".repeat(9000)]) {
    const headers = { "x-caller-token": token };
    const { status, json } = await world.serve.call(
      "POST",
      "/sessions/odd/turns",
      { user_input: "true" },
      headers,
    );
    expect(status).toBe(400);
    expect(JSON.stringify(json)).not.toContain(token);
  }
});

test("a turn is cancelled while the back end says nothing", async () => {
  world.answer(() => "silence");
  const from = world.backEnd.got.length;
  const session = await world.begin("echo it ran");
  await eventually(() => expect(world.backEnd.got.length).toBeGreaterThan(from));
  const { json } = await world.serve.call("GET", `/sessions/${session}/turns`);
  const { turns: asking } = json as { turns: { turn_id: string }[] };
  await world.serve.call("POST", `/sessions/${session}/turns/${asking[0]?.turn_id}/cancel`);
  const { outcome, said } = await world.ended(session);
  expect([outcome, said]).toEqual(["cancelled", ""]);
  expect(turns()).toEqual([]);
});

test("a caller's token is lost with the server that took the turn: the worker's own asks", async () => {
  world.answer(granting("Bearer caller-token-3", "Bearer service-token-1"));
  const go = join(world.data, "go");
  const session = await world.begin(`while [ ! -e ${go} ]; do sleep 0.05; done`);
  const from = world.backEnd.got.length;
  {
    await using other = await startTestServe(world.broker);
    const headers = { "x-caller-token": "caller-token-3" };
    await other.call("POST", `/sessions/${session}/turns`, { user_input: "echo second" }, headers);
  }
  writeFileSync(go, "");
  await eventually(async () => expect((await world.ended(session)).said).toContain("second"));
  expect(asked(from, "github").at(-1)).toBe("Bearer service-token-1");
});

test("Google's files go with their session", async () => {
  world.answer((provider) =>
    provider === "google" ? { status: 200, body: { accessToken: "ya29.goes-with-session" } } : undefined,
  );
  const { said, session } = await world.run('basename "$(dirname "$GOOGLE_MCP_CREDENTIALS_DIR/x")"');
  const kept = join(world.data, "agents", "google", said.trim());
  expect(readdirSync(kept)).toEqual(["credentials.json"]);
  await world.serve.call("DELETE", `/sessions/${session}`);
  await eventually(() => expect(existsSync(kept)).toBe(false));
});
