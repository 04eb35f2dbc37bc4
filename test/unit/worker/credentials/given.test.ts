import { expect, test } from "vitest";
import { givenOf } from "../../../../src/worker/credentials/given.ts";
import type { Provider } from "../../../../src/worker/credentials/providers.ts";

const PLACES = { folder: "/turn", kept: "/kept", google: { id: "client", secret: "client-secret" } };
const given = (values: Partial<Record<Provider, unknown>>): ReturnType<typeof givenOf> =>
  givenOf(new Map(Object.entries(values) as [Provider, unknown][]), PLACES);

test("what each provider's programs read", () => {
  const { env, files, hosts, kept, expiries } = given({
    github: { token: "gh-1", userName: "Hub", email: "hub@example.com", expiresAt: "2026-01-01T00:00:00Z" },
    gitlab: {
      token: "gl-1",
      instanceUrl: "https://git.example:8443",
      userName: "Lab",
      email: "lab@example.com",
    },
    jira: { url: "https://jira.example", email: "j@example.com", apiToken: "jira-1" },
    coderabbit: { apiKey: "rabbit-1" },
    kubeconfig: { token: "kind: Config" },
    gerrit: [
      {
        instanceName: "g",
        url: "https://review.example",
        authMethod: "http_basic",
        username: "ann",
        httpToken: "gerrit-1",
      },
      {
        instanceName: "c",
        url: "https://other.example",
        authMethod: "git_cookies",
        gitcookiesContent: "cookie\n",
      },
    ],
    "mcp/my-server": { fields: { key: "mcp-1", "a b": "x" } },
    google: {
      accessToken: "ya29",
      refreshToken: "r",
      email: "a@example.com",
      scopes: ["s"],
      expiresAt: "2026-01-01T00:00:00Z",
    },
  });
  expect(env).toEqual({
    GITHUB_TOKEN: "gh-1",
    GITLAB_TOKEN: "gl-1",
    GIT_USER_NAME: "Hub",
    GIT_USER_EMAIL: "hub@example.com",
    JIRA_URL: "https://jira.example",
    JIRA_EMAIL: "j@example.com",
    JIRA_API_TOKEN: "jira-1",
    CODERABBIT_API_KEY: "rabbit-1",
    KUBECONFIG: "/turn/kubeconfig",
    GERRIT_CONFIG_PATH: "/turn/gerrit_config.json",
    MCP_MY_SERVER_KEY: "mcp-1",
    GOOGLE_MCP_CREDENTIALS_DIR: "/kept",
    USER_GOOGLE_EMAIL: "a@example.com",
  });
  expect(files).toMatchObject({
    "github-token": "gh-1\n",
    "gitlab-token": "gl-1\n",
    kubeconfig: "kind: Config",
    gitcookies: "cookie\n",
  });
  expect(JSON.parse(files["gerrit_config.json"] ?? "")).toEqual({
    default_gerrit_base_url: "https://review.example",
    gerrit_hosts: [
      {
        name: "g",
        external_url: "https://review.example",
        authentication: { type: "http_basic", username: "ann", auth_token: "gerrit-1" },
      },
      {
        name: "c",
        external_url: "https://other.example",
        authentication: { type: "git_cookies", gitcookies_path: "/turn/gitcookies" },
      },
    ],
  });
  expect(hosts.map(({ host }) => host)).toEqual(["github.com", "git.example:8443"]);
  expect(expiries).toEqual({ github: Date.UTC(2026, 0, 1) });
  expect(kept?.name).toBe("a@example.com.json");
  expect(JSON.parse(kept?.text ?? "")).toMatchObject({
    token: "ya29",
    client_id: "client",
    expiry: "2026-01-01T00:00:00",
  });
});

test("Google's service account, and an email that is no file's name", () => {
  const account = given({ google: { token: '{"type":"service_account"}', email: "../../x" } });
  expect(account.kept?.name).toBe("credentials.json");
  expect(account.env).toEqual({
    GOOGLE_MCP_CREDENTIALS_DIR: "/kept",
    GOOGLE_APPLICATION_CREDENTIALS: "/kept/credentials.json",
  });
  expect(given({ google: { accessToken: "t", email: "user@example.com" } }).kept?.name).toBe(
    "credentials.json",
  );
});

test("GitLab gets no login for GitHub, for http or for a host with a user", () => {
  for (const instanceUrl of [
    "https://github.com",
    "http://git.example",
    "https://u:p@git.example",
    "nonsense",
  ])
    expect(given({ gitlab: { token: "t", instanceUrl } }).hosts).toEqual([]);
  expect(given({ gitlab: { token: "t" } }).hosts.map(({ host }) => host)).toEqual(["gitlab.com"]);
});

test.each([
  null,
  1,
  "text",
  [],
  {},
  { token: 1 },
  { token: "two words" },
  { token: "a\nb" },
  { fields: "x" },
  { instances: [null] },
])("an answer of another form gives nothing: %j", (value) => {
  const names = ["github", "gitlab", "jira", "coderabbit", "gerrit", "mcp/x"] as const;
  const { env, files, hosts } = given(Object.fromEntries(names.map((name) => [name, value])));
  expect({ env, files, hosts }).toEqual({ env: {}, files: {}, hosts: [] });
});
