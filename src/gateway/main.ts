import { systemClock } from "../shared/base/clock.ts";
import { ALL_SETTINGS } from "../shared/settings/index.ts";
import { knownSecrets, loadSettings, redacted } from "../shared/base/config/load.ts";
import { dataFolder } from "../shared/base/data-folder.ts";
import { drainTime } from "../shared/base/drain.ts";
import type { ErrorCode } from "../shared/base/errors.ts";
import { createFatalExit } from "../shared/base/fatal-exit.ts";
import { createLogger, SecretRegistry } from "../shared/base/logger.ts";
import { standardLines } from "../shared/base/output/standard.ts";
import { speakForOthers } from "../shared/base/output/others-words.ts";
import { exitWithParent, toldVariables, UNDER_UP } from "../shared/base/parent.ts";
import { closeOnStopSignal } from "../shared/base/stop-signals.ts";
import { VERSION } from "../shared/base/version.ts";
import { createEntrance } from "./entrance.ts";
import { createKeptPort } from "./port.ts";
import { GATEWAY_TABLE } from "./table.ts";

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

const secrets = new SecretRegistry();
const stdout = standardLines(1, "gateway");
const stderr = standardLines(2, "gateway");
const fail = createFatalExit({
  name: "gateway",
  stderr,
  secrets,
  needSomebody: NEEDS_SOMEBODY,
  otherwise: EXIT_FAILED,
});

exitWithParent();
await main().catch(fail);

async function main(): Promise<void> {
  const given = loadSettings(GATEWAY_TABLE, { env: process.env, known: ALL_SETTINGS }).values;
  for (const secret of knownSecrets(GATEWAY_TABLE, given, process.env)) secrets.add(secret);
  const logger = createLogger({ name: "gateway", level: given.logLevel, lines: stderr, secrets });
  speakForOthers(logger, fail);
  const data = dataFolder(given.data, process.env);
  const keptPort = createKeptPort(data, given.gateway);
  const entrance = createEntrance({ options: given, keptPort, clock: systemClock });
  await entrance.listen();

  const { startService } = await import("./service.ts");
  const told = process.argv.includes(UNDER_UP) ? await toldVariables() : {};
  const env = { ...process.env, ...told };
  const { values } = loadSettings(GATEWAY_TABLE, { env, known: ALL_SETTINGS });
  for (const secret of knownSecrets(GATEWAY_TABLE, values, env)) secrets.add(secret);
  logger.info({ version: VERSION, settings: redacted(GATEWAY_TABLE, values) }, "gateway starting");
  const service = await startService({
    values,
    env,
    data,
    drainMs: drainTime(process.argv),
    entrance,
    keptPort,
    secrets,
    logger,
    linesDropped: stderr.dropped,
    fatal: fail,
  });
  const { url, durability } = service;
  logger.info({ url, socket: values.socket, durability }, "gateway ready");
  stdout.write(`${JSON.stringify({ ready: true, url })}\n`);

  const close = (): Promise<void> => service.close();
  closeOnStopSignal({ name: "gateway", logger, close, lastResortMs: LAST_RESORT_MS, fail });
}
