import type { ReadyInfo } from "./kept.ts";

/** What `up` prints when all is ready: where everything is. `journal`: others may read it, so no token is printed. Pure. */
export function welcome(
  info: ReadyInfo,
  how: {
    dataDir: string;
    /** The coordinator is our stand-in. */
    standIn: boolean;
    journal: boolean;
    /** A status page is wanted. */
    console: boolean;
  },
): string {
  return [
    "runner-relay is ready",
    "",
    `  gateway      ${info.gateway}`,
    ...(info.socket === undefined ? [] : [`  socket       ${info.socket}`]),
    `  coordinator  ${info.coordinator}${how.standIn ? "  (stand-in, for trying out: --coordinator URL names yours)" : ""}`,
    `  relay        ${info.relay}`,
    ...(how.console ? [`  status page  ${pageOf(info, how.journal)}`] : []),
    `  log          ${info.nats}`,
    `  data         ${how.dataDir}`,
    "",
    "  Executors: AGENT_ORCHESTRATOR_API_URL=<gateway>, or runner-relay exec -- COMMAND. Ctrl-C drains and stops.",
  ].join("\n");
}

function pageOf({ page }: ReadyInfo, journal: boolean): string {
  if (page === undefined) return "does not run; its process says why above";
  if (!journal) return page;
  return `${new URL(page).origin}  (\`runner-relay page\` prints the address that lets you in)`;
}
