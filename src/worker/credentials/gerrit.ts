import { join } from "node:path";
import { lineIn, membersOf, textIn, tokenIn } from "./read.ts";

const CONFIG = "gerrit_config.json";
const COOKIES = "gitcookies";
/** Most servers of one user. */
const MOST_INSTANCES = 64;

/** The configuration of Gerrit's MCP server, and the cookies that it names, as files of `folder`. Undefined without an instance. Pure. */
export function gerritFiles(
  value: unknown,
  folder: string,
): { config: string; files: Record<string, string> } | undefined {
  const instances = instancesIn(value).slice(0, MOST_INSTANCES).map(membersOf);
  const hosts = instances.flatMap((it) => {
    const url = lineIn(it["url"]);
    return url === undefined ? [] : [hostOf(it, url, folder)];
  });
  const [first] = hosts;
  if (first === undefined) return undefined;
  const cookies = instances
    .filter(({ authMethod }) => authMethod === "git_cookies")
    .flatMap(({ gitcookiesContent }) => textIn(gitcookiesContent)?.trim() ?? []);
  const config = { gerrit_hosts: hosts, default_gerrit_base_url: first.external_url };
  return {
    config: CONFIG,
    files: {
      [CONFIG]: `${JSON.stringify(config, undefined, 2)}\n`,
      ...(cookies.length === 0 ? {} : { [COOKIES]: `${cookies.join("\n")}\n` }),
    },
  };
}

function instancesIn(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  const { instances } = membersOf(value);
  return Array.isArray(instances) ? instances : [value];
}

function hostOf(
  { instanceName, authMethod, username, httpToken }: Readonly<Record<string, unknown>>,
  url: string,
  folder: string,
): { name: string; external_url: string; authentication?: object } {
  const host = { name: lineIn(instanceName) ?? "", external_url: url };
  if (authMethod === "git_cookies")
    return { ...host, authentication: { type: authMethod, gitcookies_path: join(folder, COOKIES) } };
  const token = tokenIn(httpToken);
  if (authMethod !== "http_basic" || token === undefined) return host;
  return {
    ...host,
    authentication: { type: authMethod, username: lineIn(username) ?? "", auth_token: token },
  };
}
