import { parseArgs } from "node:util";
import { systemClock } from "../shared/base/clock.ts";
import { ALL_SETTINGS, COMMON_SETTINGS, COORDINATOR_SETTINGS } from "../shared/settings/index.ts";
import { loadSettings } from "../shared/base/config/load.ts";
import { codedError, errorText, isCoded } from "../shared/base/errors.ts";
import { createLogger, SecretRegistry } from "../shared/base/logger.ts";
import { standardLines } from "../shared/base/output/standard.ts";
import { speakForOthers } from "../shared/base/output/others-words.ts";
import { exitWithParent } from "../shared/base/parent.ts";
import { onStopSignal } from "../shared/base/stop-signals.ts";
import { createCoordinator, type CoordinatorOptions } from "./server.ts";

const stdout = standardLines(1, "coordinator");
const stderr = standardLines(2, "coordinator");

/** Composition root of the stand-in coordinator. Says `{"ready":true,"url":…}` on stdout when it listens. */
async function main(): Promise<void> {
  exitWithParent();
  const table = { ...COMMON_SETTINGS, ...COORDINATOR_SETTINGS };
  const { values } = loadSettings(table, { env: process.env, flags: readFlags(table), known: ALL_SETTINGS });
  const secrets = new SecretRegistry();
  if (values.coordinatorToken !== undefined) secrets.add(values.coordinatorToken);
  const log = createLogger({ name: "coordinator", level: values.logLevel, lines: stderr, secrets });
  speakForOthers(log, (error) => {
    fail(error);
    process.exit();
  });
  const options: CoordinatorOptions = {
    clock: systemClock,
    log,
    batch: values.coordinatorBatch,
    faults: values.coordinatorFaults,
    autoCreateSessions: values.coordinatorAutoCreate,
    ghostPolls: values.coordinatorGhostPolls,
  };
  if (values.coordinatorToken !== undefined) options.token = values.coordinatorToken;
  if (values.coordinatorRecord || values.coordinatorLedger !== undefined) options.record = "keys";
  if (values.coordinatorLedger !== undefined) options.ledgerFile = values.coordinatorLedger;

  const coordinator = createCoordinator(options);
  let url: string;
  try {
    url = await coordinator.listen(values.coordinatorPort);
  } catch (cause) {
    throw codedError("port_taken", `port ${values.coordinatorPort} cannot be opened`, { cause });
  }
  let stopping = false;
  onStopSignal(() => {
    if (stopping) return;
    stopping = true;
    void coordinator.close().then(() => {
      coordinator.ledger.close();
      process.exit(0);
    });
  });
  stdout.write(`${JSON.stringify({ ready: true, url })}\n`);
  log.info({ url }, "stand-in coordinator listens");
}

function readFlags(
  table: typeof COMMON_SETTINGS & typeof COORDINATOR_SETTINGS,
): Record<string, string | boolean> {
  const options: Record<string, { type: "string" | "boolean" }> = {};
  for (const setting of Object.values(table)) {
    if ("flag" in setting)
      options[setting.flag] = { type: setting.kind.type === "flag" ? "boolean" : "string" };
  }
  try {
    const { values } = parseArgs({ options, allowPositionals: false });
    return values as Record<string, string | boolean>; // no option is `multiple`, so none is a list
  } catch (cause) {
    throw codedError("usage", errorText(cause), { cause });
  }
}

function fail(error: unknown): void {
  stderr.write(`${isCoded(error) ? `${error.code}: ` : ""}${errorText(error)}\n`);
  process.exitCode = 1;
}

await main().catch(fail);
