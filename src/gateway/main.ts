import { readFile } from "node:fs/promises";
import { connectBroker } from "../shared/broker.ts";
import { systemClock } from "../shared/clock.ts";
import { ALL_SETTINGS, brokerAccess } from "../shared/config/index.ts";
import { knownSecrets, loadSettings, redacted } from "../shared/config/load.ts";
import { BROKER_SETTINGS, COMMON_SETTINGS, GATEWAY_SETTINGS } from "../shared/config/settings.ts";
import { dataFolder } from "../shared/data-folder.ts";
import { drainTime } from "../shared/drain.ts";
import { codedError, errorText, isCoded, type ErrorCode } from "../shared/errors.ts";
import { createLogger, fatalLine, SecretRegistry } from "../shared/logger.ts";
import { standardLines } from "../shared/output/standard.ts";
import { speakForOthers } from "../shared/output/others-words.ts";
import { exitWithParent, toldVariables, UNDER_UP } from "../shared/parent.ts";
import { onStopSignal } from "../shared/stop-signals.ts";
import { gatewayInbox } from "../shared/subjects.ts";
import { startTracing } from "../shared/tracing.ts";
import { VERSION } from "../shared/version.ts";
import { createDurabilityWatch } from "./durability-watch.ts";
import { createEntrance } from "./entrance.ts";
import { createGateway } from "./gateway.ts";
import { keptRuns } from "./kept-runs.ts";
import { keptKeySecret } from "./key-secret.ts";
import { createKeptPort } from "./port.ts";
import { keptRunners } from "./runner/kept-runners.ts";
import { keptShield } from "./runner/kept.ts";

/** sysexits' EX_CONFIG: starting again changes nothing, somebody has to decide. */
const EXIT_CONFIG = 78;
const EXIT_FAILED = 1;
/** A stop that takes longer than this is ended: 4 s until a commit is given up, 2 s of drain, 0.5 s for connections. */
const LAST_RESORT_MS = 10_000;

const NEEDS_SOMEBODY: readonly ErrorCode[] = [
  "config_invalid",
  "broker_refused",
  "listen_refused",
  "not_durable",
  "port_taken",
  "socket_unusable",
];

const TABLE = { ...COMMON_SETTINGS, ...BROKER_SETTINGS, ...GATEWAY_SETTINGS };

// First the port: what comes until there is a broker waits (entrance.ts).

const secrets = new SecretRegistry();
const stdout = standardLines(1, "gateway");
const stderr = standardLines(2, "gateway");

exitWithParent();
await main().catch(fail);

async function main(): Promise<void> {
  const given = loadSettings(TABLE, { env: process.env, known: ALL_SETTINGS }).values;
  for (const secret of knownSecrets(TABLE, given, process.env)) secrets.add(secret);
  const logger = createLogger({ name: "gateway", level: given.logLevel, lines: stderr, secrets });
  speakForOthers(logger, fail);
  const { port, listen, socket, inboundToken } = given;
  const data = dataFolder(given.data, process.env);
  const keptPort = createKeptPort(data, given.gateway);
  const entrance = createEntrance({
    options: { port, listen, socket, inboundToken },
    keptPort,
    clock: systemClock,
  });
  await entrance.listen();

  const told = process.argv.includes(UNDER_UP) ? await toldVariables() : {};
  const env = { ...process.env, ...told };
  const { values } = loadSettings(TABLE, { env, known: ALL_SETTINGS });
  for (const secret of knownSecrets(TABLE, values, env)) secrets.add(secret);
  logger.info({ version: VERSION, settings: redacted(TABLE, values) }, "gateway starting");

  const tracing = await startTracing({
    env,
    process: { service: "runner-relay-gateway", instance: values.gateway, version: VERSION },
    log: logger,
    secrets,
  });
  const connection = await connectBroker(brokerAccess(values), {
    name: `gateway ${values.gateway}`,
    inboxPrefix: gatewayInbox(values.gateway),
  });
  const durability = createDurabilityWatch({
    connection,
    logger,
    readConfig:
      values.brokerConfig === undefined ? undefined : () => readFile(String(values.brokerConfig), "utf8"),
    monitor: values.brokerMonitor,
  });
  if ((await durability.check()) !== "fsync" && values.requireDurable) {
    throw codedError(
      "not_durable",
      "it is not known that the broker syncs every write (sync_interval: always)",
    );
  }
  const keySecret = keptKeySecret(data, logger);
  secrets.add(keySecret);
  const gateway = createGateway({
    options: {
      port,
      listen,
      socket,
      inboundToken,
      gateway: values.gateway,
      runner: values.runner,
      hostname: values.hostname,
      profile: values.profile,
      answerWaitMs: values.answerWait,
      drainMs: drainTime(process.argv),
      maxBodyBytes: values.maxBody,
      sessionMaxEvents: values.sessionMaxEvents,
      sessionMaxBytes: values.sessionMaxBytes,
    },
    connection,
    keptPort,
    entrance,
    keptRuns: keptRuns(data, values.gateway, logger),
    keptRunners: keptRunners(data, values.gateway, logger),
    keptShield: keptShield(data, values.gateway, logger),
    keySecret,
    durability: durability.current,
    version: VERSION,
    tracing,
    clock: systemClock,
    logger,
    linesDropped: stderr.dropped,
  });
  await gateway.listen();
  logger.info({ url: gateway.url(), socket, durability: durability.current() }, "gateway ready");
  stdout.write(`${JSON.stringify({ ready: true, url: gateway.url() })}\n`);

  let stopping = false;
  void connection.closed().then((error) => {
    // The client reconnects for ever, unless the broker refuses its credentials again and again.
    if (!stopping) fail(codedError("broker_refused", errorText(error ?? "connection closed")));
  });
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    logger.info({ signal }, "gateway stopping");
    setTimeout(() => {
      logger.error("gateway did not stop in time");
      process.exit(EXIT_FAILED);
    }, LAST_RESORT_MS).unref();
    gateway
      .close()
      .then(() => tracing?.close())
      .then(() => connection.close())
      .then(() => process.exit(0), fail);
  };
  onStopSignal(stop);
}

function fail(error: unknown): void {
  const code = isCoded(error) ? error.code : "internal";
  stderr.write(fatalLine("gateway", error, secrets));
  process.exit(NEEDS_SOMEBODY.some((known) => known === code) ? EXIT_CONFIG : EXIT_FAILED);
}
