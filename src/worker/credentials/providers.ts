/** Providers that the back end has credentials of, beside those of MCP servers. */
export const PROVIDERS = [
  "google",
  "jira",
  "gitlab",
  "github",
  "coderabbit",
  "gerrit",
  "kubeconfig",
] as const;

/** `mcp/` and the name of an MCP server. */
export type Provider = (typeof PROVIDERS)[number] | `mcp/${string}`;

/** Servers of a session's options of which credentials are fetched: each is a request before each turn. */
const MOST_SERVERS = 16;
/** Names that make a variable's name. */
const SERVER = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
/** How the definition of an MCP server asks for them. */
const WANTED = /\$\{MCP_[A-Z0-9_]+/;

/** Reads a provider's name. Undefined if there is none of that name. Pure. */
export function providerOf(name: string): Provider | undefined {
  const known = PROVIDERS.find((it) => it === name);
  if (known !== undefined) return known;
  const [kind, server = "", ...rest] = name.split("/");
  return kind === "mcp" && rest.length === 0 && SERVER.test(server) ? `mcp/${server}` : undefined;
}

/**
 * Of which providers a turn needs credentials: those of the settings, and of the MCP servers that the session's options define with `${MCP_…}` in them. What has a sidecar is
 * not fetched at all, so that it never gets into the worker's memory. Pure.
 */
export function providersOf(
  { providers, sidecars }: { providers: readonly Provider[]; sidecars: ReadonlySet<string> },
  options: Readonly<Record<string, unknown>>,
): Provider[] {
  const { mcp_servers: servers } = options;
  const defined = typeof servers === "object" && servers !== null ? Object.entries(servers) : [];
  const asked = defined
    .filter(([name, definition]) => SERVER.test(name) && WANTED.test(JSON.stringify(definition) ?? ""))
    .map(([name]): Provider => `mcp/${name}`)
    .slice(0, MOST_SERVERS);
  return [...new Set([...providers, ...asked])].filter(
    (it) => !sidecars.has(it) && !sidecars.has(it.replace(/^mcp\//, "")),
  );
}
