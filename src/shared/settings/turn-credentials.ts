import type { Setting } from "../base/config/setting.ts";

/** Where a worker fetches what an agent may use in one turn. */
export const TURN_CREDENTIALS_SETTINGS = {
  credentialsUrl: {
    env: "RUNNER_RELAY_CREDENTIALS_URL",
    kind: { type: "url" },
    help: "URL of the back end that has the credentials of users, fetched before each turn for the programs of its agent; https, or http on this machine and to services of its cluster (default: none are fetched)",
  },
  credentialsProject: {
    env: "RUNNER_RELAY_CREDENTIALS_PROJECT",
    kind: { type: "text" },
    help: "project at that back end",
  },
  credentialsProviders: {
    env: "RUNNER_RELAY_CREDENTIALS_PROVIDERS",
    kind: { type: "text" },
    fallback: "google,jira,gitlab,github,coderabbit,gerrit,kubeconfig",
    help: "providers of which credentials are fetched, separated by commas, beside those of MCP servers that a session defines; `mcp/NAME` is an MCP server",
  },
  credentialsToken: {
    env: "RUNNER_RELAY_CREDENTIALS_TOKEN",
    kind: { type: "text" },
    secret: true,
    help: "the worker's own token at that back end, used where the caller gave none or the back end refuses it; its file is read before each turn",
  },
  credentialsIds: {
    env: "RUNNER_RELAY_CREDENTIALS_IDS",
    kind: { type: "text" },
    help: 'ids of credentials that are asked for by an id of their own: `{"github": "cred-1"}`',
  },
  credentialsSidecars: {
    env: "RUNNER_RELAY_CREDENTIALS_SIDECARS",
    kind: { type: "text" },
    help: 'URLs of MCP sidecars that keep the credentials of a provider, which are not fetched then: `{"github": "http://127.0.0.1:8090/mcp"}`',
  },
} as const satisfies Record<string, Setting>;
