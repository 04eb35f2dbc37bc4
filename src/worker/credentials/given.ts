import { join } from "node:path";
import { gerritFiles } from "./gerrit.ts";
import { googleFile, type KeptFile } from "./google.ts";
import type { Provider } from "./providers.ts";
import { hostIn, lineIn, membersOf, textIn, timeIn, tokenIn } from "./read.ts";

/** A token that git gets for one host. */
export type HostToken = { host: string; user: string; file: string };

/** What a turn's programs are given. `files` lie in the turn's folder, by their names. */
export type Given = {
  env: Record<string, string>;
  files: Record<string, string>;
  hosts: HostToken[];
  /** Who commits. */
  identity: { name?: string; email?: string };
  /** Google's, which outlives the turn. */
  kept: KeptFile | undefined;
  /** When a token that is read from its file expires, milliseconds since 1970. */
  expiries: Partial<Record<"github" | "gitlab", number>>;
};

/** The folders of a turn: its own, and that of Google's files. `google`: Google's client, as the worker's environment names it. */
export type Places = { folder: string; kept: string; google: { id: string; secret: string } };

export const TOKEN_FILE = { github: "github-token", gitlab: "gitlab-token" } as const;
const KUBECONFIG_FILE = "kubeconfig";

type Give = (given: Given, value: unknown, places: Places) => void;

const GIVE: Record<Exclude<Provider, `mcp/${string}`>, Give> = {
  github: (given, value) => {
    const token = giveToken(given, "github", value);
    if (token) given.hosts.push({ host: "github.com", user: "x-access-token", file: TOKEN_FILE.github });
  },
  gitlab: (given, value) => {
    const token = giveToken(given, "gitlab", value);
    const { instanceUrl } = membersOf(value);
    const host = textIn(instanceUrl) === undefined ? "gitlab.com" : hostIn(instanceUrl);
    if (token && host !== undefined && host !== "github.com")
      given.hosts.push({ host, user: "oauth2", file: TOKEN_FILE.gitlab });
  },
  jira({ env }, value) {
    const { url, email, apiToken, token } = membersOf(value);
    const key = tokenIn(apiToken) ?? tokenIn(token);
    if (key === undefined) return;
    env["JIRA_API_TOKEN"] = key;
    set(env, "JIRA_URL", lineIn(url));
    set(env, "JIRA_EMAIL", lineIn(email));
  },
  coderabbit: ({ env }, value) => set(env, "CODERABBIT_API_KEY", tokenIn(membersOf(value)["apiKey"])),
  kubeconfig({ env, files }, value, { folder }) {
    const text = textIn(membersOf(value)["token"]);
    if (text === undefined) return;
    files[KUBECONFIG_FILE] = text;
    env["KUBECONFIG"] = join(folder, KUBECONFIG_FILE);
  },
  gerrit({ env, files }, value, { folder }) {
    const found = gerritFiles(value, folder);
    if (found === undefined) return;
    Object.assign(files, found.files);
    env["GERRIT_CONFIG_PATH"] = join(folder, found.config);
  },
  google(given, value, { kept, google }) {
    const file = googleFile(value, google);
    if (file === undefined) return;
    given.kept = file;
    set(given.env, "USER_GOOGLE_EMAIL", file.email);
    given.env["GOOGLE_MCP_CREDENTIALS_DIR"] = kept;
    if (file.application) given.env["GOOGLE_APPLICATION_CREDENTIALS"] = join(kept, file.name);
  },
};

/** What the back end's answers become. What has not the form that it must have is left out. Pure. */
export function givenOf(values: ReadonlyMap<Provider, unknown>, places: Places): Given {
  const given: Given = { env: {}, files: {}, hosts: [], identity: {}, kept: undefined, expiries: {} };
  for (const [provider, value] of values) {
    if (value === undefined) continue;
    if (provider.startsWith("mcp/")) giveFields(given, provider.slice("mcp/".length), value);
    else GIVE[provider as keyof typeof GIVE](given, value, places);
  }
  // GitHub's counts more, in whatever order the answers came
  const git = ["gitlab", "github"].map((it) => membersOf(values.get(it as Provider)));
  for (const { userName, email, token } of git) {
    if (tokenIn(token) === undefined) continue;
    set(given.identity, "name", lineIn(userName));
    set(given.identity, "email", lineIn(email));
  }
  given.hosts.sort((a, b) => a.file.localeCompare(b.file));
  set(given.env, "GIT_USER_NAME", given.identity.name);
  set(given.env, "GIT_USER_EMAIL", given.identity.email);
  return given;
}

/** A token for git. It is also a file, because a token of that file may be replaced while the turn runs. */
function giveToken(given: Given, provider: "github" | "gitlab", value: unknown): boolean {
  const { token: text, expiresAt } = membersOf(value);
  const token = tokenIn(text);
  if (token === undefined) return false;
  given.env[`${provider.toUpperCase()}_TOKEN`] = token;
  given.files[TOKEN_FILE[provider]] = `${token}\n`;
  const expires = timeIn(expiresAt);
  if (expires !== undefined) given.expiries[provider] = expires;
  return true;
}

/** `MCP_{SERVER}_{FIELD}` of an MCP server. */
function giveFields({ env }: Given, server: string, value: unknown): void {
  const prefix = `MCP_${server.toUpperCase().replaceAll("-", "_")}`;
  for (const [field, text] of Object.entries(membersOf(membersOf(value)["fields"])))
    if (/^[A-Za-z0-9_]{1,64}$/.test(field)) set(env, `${prefix}_${field.toUpperCase()}`, lineIn(text));
}

function set(into: Record<string, string>, name: string, value: string | undefined): void {
  if (value !== undefined) into[name] = value;
}
