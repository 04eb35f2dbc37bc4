import type { Setting } from "../base/config/setting.ts";

const MIB = 1024 * 1024;

/** The settings of `serve`, the server of sessions. */
export const SESSIONS_SETTINGS = {
  sessionsPort: {
    env: "RUNNER_RELAY_SESSIONS_PORT",
    aliases: ["UA_GATEWAY_PORT"],
    flag: "sessions-port",
    kind: { type: "integer", min: 0, max: 65_535 },
    help: "port of the sessions server (default: 8002 if it is free, otherwise a free one)",
  },
  sessionsListen: {
    env: "RUNNER_RELAY_SESSIONS_LISTEN",
    flag: "sessions-listen",
    kind: { type: "text" },
    fallback: "127.0.0.1",
    help: "address that the sessions server listens on",
  },
  sessionsApiKey: {
    env: "RUNNER_RELAY_SESSIONS_API_KEY",
    aliases: ["GATEWAY_API_KEY", "UA_INTERNAL_API_TOKEN"],
    kind: { type: "text" },
    secret: true,
    help: "key with all scopes that clients of the sessions server send, 16 to 512 visible characters",
  },
  sessionsMaxBody: {
    env: "RUNNER_RELAY_SESSIONS_MAX_BODY",
    kind: { type: "bytes", min: 1024, max: 4 * MIB },
    fallback: 4 * MIB,
    help: "largest body that is read; what is stored of it is at most 960 KiB, so that a client's frame has room for it",
  },
  runnerUrl: {
    env: "RUNNER_RELAY_SESSIONS_RUNNER_URL",
    kind: { type: "text" },
    help: "where the runners of pods are, with `{session}` and `{user}` between dots or slashes, as `http://session-{session}.{user}.svc.cluster.local:8001`; without it none is called",
  },
  runnerTokens: {
    env: "RUNNER_RELAY_SESSIONS_RUNNER_TOKENS",
    kind: { type: "path" },
    help: "folder with the token of each runner, as `<user>/<session>`; read with each call",
  },
  textDedupe: {
    env: "RUNNER_RELAY_TEXT_DEDUPE",
    kind: { type: "flag" },
    fallback: false,
    help: "for clients of Universal Agent that send no ids of turns: the same text again within two minutes of its success is not run",
  },
} as const satisfies Record<string, Setting>;
