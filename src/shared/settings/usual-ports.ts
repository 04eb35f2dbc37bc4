/** The ports that the parts use where they are free and no other was chosen. */
export const USUAL_PORT = {
  gateway: 8766,
  relay: 8767,
  console: 8768,
  sessions: 8002,
  tokens: 8769,
} as const;

/** What errors call the port of the sessions server, which `up` opens or the server itself. */
export const SESSIONS_PORT = {
  name: "the sessions server's",
  flag: "--sessions-port (RUNNER_RELAY_SESSIONS_PORT)",
  usual: USUAL_PORT.sessions,
} as const;
