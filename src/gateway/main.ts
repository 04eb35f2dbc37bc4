import { loadSettings } from "../shared/base/config/load.ts";
import { drainTime } from "../shared/base/drain.ts";
import type { ErrorCode } from "../shared/base/errors.ts";
import { toldVariables, UNDER_UP } from "../shared/base/parent.ts";
import { runProcess, type Begun, type Running } from "../shared/base/run-process.ts";
import { VERSION } from "../shared/base/version.ts";
import { ALL_SETTINGS } from "../shared/settings/index.ts";
import { createEntrance } from "./entrance.ts";
import { createKeptPort } from "./port.ts";
import { GATEWAY_TABLE, type GatewayValues } from "./table.ts";

// entrance.ts binds the port, where requests wait until there is a broker · service.ts puts the gateway behind it
// They are separate because the modules of service.ts take longer to load than it takes to bind a port, and a runner must not be refused meanwhile.

const EXIT_FAILED = 1;
/** Time limit of a stop: 4 s until a commit is given up, 2 s of drain, 0.5 s for connections. */
const LAST_RESORT_MS = 10_000;

const NEEDS_SOMEBODY: readonly ErrorCode[] = [
  "config_invalid",
  "broker_refused",
  "listen_refused",
  "not_durable",
  "port_taken",
  "socket_unusable",
];

await runProcess({
  name: "gateway",
  env: process.env,
  args: process.argv,
  table: GATEWAY_TABLE,
  load: (env) => loadSettings(GATEWAY_TABLE, { env, known: ALL_SETTINGS }),
  needSomebody: NEEDS_SOMEBODY,
  otherwise: EXIT_FAILED,
  lastResortMs: LAST_RESORT_MS,
  start,
});

async function start(begun: Begun<GatewayValues>): Promise<Running> {
  const { values: given, args, dataDir: data, secrets, log: logger, clock, linesDropped, fatal } = begun;
  const keptPort = createKeptPort(data, given.gateway);
  const entrance = createEntrance({ options: given, keptPort, clock });
  await entrance.listen();

  const { startService } = await import("./service.ts");
  const told = args.includes(UNDER_UP) ? await toldVariables() : {};
  const env = { ...begun.env, ...told };
  const { values } = loadSettings(GATEWAY_TABLE, { env, known: ALL_SETTINGS });
  begun.announce(values, env, { version: VERSION });
  const drainMs = drainTime(args);
  const deps = { values, env, data, drainMs, entrance, keptPort, secrets, logger, linesDropped, fatal };
  const service = await startService(deps);
  const { url, durability } = service;
  return {
    url,
    about: { url, socket: values.socket, durability },
    words: "gateway ready",
    close: () => service.close(),
  };
}
