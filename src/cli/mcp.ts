import { Command } from "commander";
import { examine } from "../operate/doctor/examine.ts";
import { createMcpApp, MCP_PATH } from "../mcp/http.ts";
import { serveOnPipes } from "../mcp/pipes.ts";
import { createAsk } from "../mcp/orchestrator/ask.ts";
import { orchestratorTools } from "../mcp/orchestrator/tools.ts";
import { relayTools } from "../mcp/relay/tools.ts";
import type { Tool } from "../mcp/tool.ts";
import { callerOf } from "../mcp/caller.ts";
import { systemClock } from "../shared/base/clock.ts";
import { loadSettings, type Values } from "../shared/base/config/load.ts";
import { codedError } from "../shared/base/errors.ts";
import { pastProxies } from "../shared/base/proxies.ts";
import { VERSION } from "../shared/base/version.ts";
import { keepSecret } from "../shared/http/door/secret-file.ts";
import { secretProblem } from "../shared/http/door/secret.ts";
import { openOwnPort } from "../shared/http/door/own-port.ts";
import { ALL_SETTINGS, GATEWAY_SETTINGS, MCP_SETTINGS } from "../shared/settings/index.ts";
import type { Context } from "./context.ts";
import { patientOf } from "./doctor.ts";
import { runningGateway } from "./exec.ts";
import { addFlags, flagsOf, type Flags } from "./flags.ts";
import { dataFolder } from "./folders.ts";
import { untilInterrupted } from "./interrupt.ts";
import { CLIENT_TABLE, withBroker } from "./operator.ts";

const OWN_TABLE = { ...CLIENT_TABLE, ...MCP_SETTINGS } as const;
const TABLE = { ...OWN_TABLE, inboundToken: GATEWAY_SETTINGS.inboundToken } as const;

/** In the data folder. */
const TOKEN_FILE = "mcp-token";
const LISTEN = "127.0.0.1";

type Settings = Values<typeof TABLE>;

export function command(context: Context): Command {
  const self = new Command("mcp").description(
    "Offers agents tools by the Model Context Protocol: to list, start, resume and watch runs of other agents through the gateway, and to read what the relay still has to deliver. On stdin and stdout, or with --mcp-port over HTTP on loopback with a token.",
  );
  return addFlags(self, OWN_TABLE).action(async () => {
    const { env } = context;
    const flags = flagsOf(self, OWN_TABLE);
    const { values } = loadSettings(TABLE, { env, flags, known: ALL_SETTINGS });
    const dataDir = dataFolder(values.data, env);
    const url = values.mcpGateway ?? runningGateway(dataDir, env).url;
    Object.assign(env, pastProxies(env, [new URL(url).hostname]));
    const parts = { tools: toolsOf(context, { values, url, flags }), version: VERSION };
    if (values.mcpPort !== undefined) return overHttp(context, parts, { values, dataDir });
    const { caller, ignored } = callerOf({
      sessionId: values.mcpSession,
      tags: values.mcpTags,
      demands: values.mcpDemands,
    });
    if (ignored) throw codedError("config_invalid", "RUNNER_RELAY_MCP_DEMANDS must be a JSON object");
    await serveOnPipes({ ...parts, callerOf: () => caller });
  });
}

function toolsOf(
  { env }: Context,
  { values, url, flags }: { values: Settings; url: string; flags: Flags },
): Tool[] {
  const ask = createAsk({ url, token: values.inboundToken, clock: systemClock });
  const broker = { role: "operator", env, flags } as const;
  return [
    ...orchestratorTools({ ask, clock: systemClock, timeoutMs: values.mcpTimeout }),
    ...relayTools({
      clock: systemClock,
      withLog: (read) => withBroker(broker, read),
      examine: () => examine(patientOf({ env, flags })),
    }),
  ];
}

/** Serves until Ctrl-C or SIGTERM. */
async function overHttp(
  context: Context,
  parts: { tools: Tool[]; version: string },
  { values, dataDir }: { values: Settings; dataDir: string },
): Promise<void> {
  context.serve("mcp");
  const token = tokenOf(values.mcpToken, dataDir);
  const ignored = (name: string): void =>
    context.warn(`the header ${name} is no JSON object, and was ignored`);
  const app = createMcpApp({ parts, clock: systemClock, token, listen: LISTEN, ignored });
  const port = values.mcpPort;
  const where = { name: "the MCP", flag: "--mcp-port", listen: LISTEN, port, kept: undefined, usual: 0 };
  const url = `${await openOwnPort(app, where)}${MCP_PATH}`;
  context.print(JSON.stringify({ ready: true, url }));
  await untilInterrupted((signal) => new Promise((done) => signal.addEventListener("abort", () => done())));
  await app.close();
}

function tokenOf(chosen: string | undefined, dataDir: string): string {
  if (chosen === undefined) return keepSecret(dataDir, TOKEN_FILE);
  const problem = secretProblem(chosen);
  if (problem !== undefined) throw codedError("config_invalid", `RUNNER_RELAY_MCP_TOKEN ${problem}`);
  return chosen;
}
