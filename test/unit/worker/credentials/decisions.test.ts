import { expect, test } from "vitest";
import { backEndProblem, credentialUrl, userHeader } from "../../../../src/worker/credentials/back-end.ts";
import { providerOf, providersOf, type Provider } from "../../../../src/worker/credentials/providers.ts";
import { emailIn, hostIn, lineIn, tokenIn } from "../../../../src/worker/credentials/read.ts";
import { planOf } from "../../../../src/worker/credentials/settings.ts";
import { nextBearer, verdictOf, type Bearer } from "../../../../src/worker/credentials/verdict.ts";

test.each([
  ["https://back.example", true],
  ["http://localhost:8080", true],
  ["http://127.0.0.1", true],
  ["http://[::1]:80", true],
  ["http://api.ns.svc:8080", true],
  ["http://api.ns.svc.cluster.local", true],
  ["http://api.svc", false],
  ["http://svc.cluster.local", false],
  ["http://api.ns.svc.evil.example", false],
  ["http://api.ns.svc.cluster.local.evil.example", false],
  ["http://evil.example/api.ns.svc", false],
  ["http://localhost.evil.example", false],
  ["http://10.0.0.1", false],
  ["ftp://localhost", false],
  ["nonsense", false],
])("tokens are sent to %s: %s", (url, sent) => {
  expect(backEndProblem(url) === undefined).toBe(sent);
});

test("URLs of both forms, and none that leads elsewhere", () => {
  const backEnd = { url: "https://b.example/api", project: "p", ids: { jira: "id 1" } };
  const url = (provider: Provider, session: string): string | undefined =>
    credentialUrl(backEnd, { provider, session })?.href;
  expect(url("github", "s/1?x")).toBe(
    "https://b.example/api/projects/p/agentic-sessions/s%2F1%3Fx/credentials/github",
  );
  expect(url("mcp/one", "s")).toBe("https://b.example/api/projects/p/agentic-sessions/s/credentials/mcp/one");
  expect(url("jira", "s")).toBe("https://b.example/api/api/ambient/v1/projects/p/credentials/id%201/token");
  for (const session of ["..", "."]) expect(url("github", session)).toBeUndefined();
});

test("users as a header", () => {
  expect(userHeader(" ann@example.com\r\nX: y ")).toBe("ann@example.comXy");
  expect(userHeader("a".repeat(300))).toHaveLength(255);
  expect(userHeader("ü")).toBe("");
});

test("providers of the settings and of the session, without those of sidecars", () => {
  expect(
    ["github", "mcp/a-b", "mcp/", "mcp/a/b", "mcp/../x", "other", "constructor"].map(providerOf),
  ).toEqual(["github", "mcp/a-b", ...Array<undefined>(5).fill(undefined)]);
  const plan = { providers: ["github", "jira"] as const, sidecars: new Set(["github", "two"]) };
  const wanting = { env: { A: "${MCP_X_Y}" } };
  const options = { mcp_servers: { one: wanting, two: wanting, three: {}, "a/b": wanting } };
  expect(providersOf(plan, options)).toEqual(["jira", "mcp/one"]);
  const many = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`s${i}`, wanting]));
  expect(providersOf({ providers: [], sidecars: new Set() }, { mcp_servers: many })).toHaveLength(16);
});

test.each<[{ caller: boolean; service: boolean }, Bearer[]]>([
  [{ caller: true, service: true }, ["caller", "service", "renewed"]],
  [{ caller: true, service: false }, ["caller"]],
  [{ caller: false, service: true }, ["service", "renewed"]],
  [{ caller: false, service: false }, []],
])("tokens of %j are tried in this order: %j", (has, order) => {
  const tried: Bearer[] = [];
  for (let it = nextBearer(undefined, has); it !== undefined; it = nextBearer(it, has)) tried.push(it);
  expect(tried).toEqual(order);
});

test("only 401 and 403 speak of the token", () => {
  const of = (status: number, body = "{}"): string =>
    verdictOf({ kind: "answered", status, body: Buffer.from(body) }).kind;
  expect([200, 404, 401, 403, 500, 302, 204, 429].map((status) => of(status))).toEqual([
    "got",
    "got",
    "refused",
    "refused",
    "unavailable",
    "unavailable",
    "unavailable",
    "unavailable",
  ]);
  expect(of(200, "{")).toBe("unavailable");
  expect(of(200, "[".repeat(100))).toBe("unavailable");
  expect(verdictOf({ kind: "failed", why: "x" })).toEqual({ kind: "unavailable", why: "x" });
});

test("what becomes a variable, a line or a file's name has the form that it must have", () => {
  expect(["tok\n", "", "two words", "a\nb", "é", 1].map(tokenIn)).toEqual([
    "tok",
    ...Array<undefined>(5).fill(undefined),
  ]);
  expect(["Ann Lee", "a\nb", "a\0b", "", "x".repeat(70_000)].map(lineIn)).toEqual([
    "Ann Lee",
    ...Array<undefined>(4).fill(undefined),
  ]);
  expect(
    ["a@b.example", "../../x@b.example", "a@../b", "user@example.com", "a/b@c.example"].map(emailIn),
  ).toEqual(["a@b.example", ...Array<undefined>(4).fill(undefined)]);
  const hosts = [
    "https://Git.Example:8443/x",
    "https://git.example:443",
    "http://git.example",
    "https://u@git.example",
    "https://git.example.",
    "https://gіt.example",
  ];
  expect(hosts.map(hostIn)).toEqual([
    "git.example:8443",
    "git.example",
    undefined,
    undefined,
    undefined,
    "xn--gt-hoc.example",
  ]);
});

test("wrong settings are named, all of them", () => {
  const settings = {
    credentialsProviders: "github, nobody",
    credentialsUrl: "http://10.0.0.1",
    credentialsIds: '{"a":1}',
    credentialsSidecars: "x",
  };
  let text = "";
  try {
    planOf(settings);
  } catch (error) {
    text = String(error);
  }
  for (const name of ["URL sends", "PROJECT is", 'no provider "nobody"', "IDS must", "SIDECARS must"])
    expect(text).toContain(name);
  expect(planOf({ credentialsProviders: "" })).toBeUndefined();
  const good = {
    credentialsUrl: "https://b.example",
    credentialsProject: "p",
    credentialsProviders: "mcp/a,github",
  };
  expect(planOf({ ...good, credentialsSidecars: '{"jira":"http://127.0.0.1:1/mcp"}' })).toEqual({
    backEnd: { url: "https://b.example", project: "p", ids: {} },
    providers: ["mcp/a", "github"],
    sidecars: { jira: "http://127.0.0.1:1/mcp" },
  });
  for (const url of ["http://u:hidden@h.example", "ftp://h.example", "x"])
    expect(() => planOf({ ...good, credentialsSidecars: JSON.stringify({ jira: url }) })).toThrow(
      /^(?!.*hidden).*without a login/,
    );
});
