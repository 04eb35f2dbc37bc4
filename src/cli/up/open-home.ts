import { brokerEnv, findBroker } from "../../embedded/binary.ts";
import { orphanGuard } from "../../embedded/orphan.ts";
import { startBroker } from "../../embedded/server.ts";
import { createStoreWatch } from "../../embedded/store-watch.ts";
import type { Clock } from "../../shared/base/clock.ts";
import { brokerAccess } from "../../shared/settings/index.ts";
import type { Environment } from "../../shared/base/config/load.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { runnerName } from "../../shared/log/schema/subjects.ts";
import { DEAD_STREAM, EVENTS_STREAM, STATE_STREAM } from "../../shared/log/schema/topology.ts";
import { SESSION_STATE_STREAM, SESSIONS_STREAM } from "../../shared/session-log/topology.ts";
import type { UpValues } from "./table.ts";
import { foreignHome, freeBytesOf, keepBroker, watchWrites, type LogHome } from "./log-home.ts";

/** Opens the broker: the user's if one is named, otherwise our own in the data folder, which is locked. Throws the errors of a broker's start. */
export async function openHome(options: {
  values: UpValues;
  env: Environment;
  dataDir: string;
  clock: Clock;
  log: Logger;
  /** `up` is to end: a broker that is not ready yet is not waited for. */
  signal: AbortSignal;
}): Promise<LogHome> {
  const { values, env, dataDir, clock, log, signal } = options;
  if (values.natsUrl !== undefined) return foreignHome(brokerAccess(values));
  const search = brokerEnv(env);
  if (values.natsServerBin !== undefined) search.natsServerBin = values.natsServerBin;
  const found = await findBroker({ env: search, log });
  let failed = Promise.withResolvers<void>();
  const broker = await startBroker({
    binary: found.path,
    dataDir,
    locked: true,
    staging: values.staging === "disk" ? "disk" : "memory",
    gateways: [{ gateway: values.gateway, runner: runnerName(values) }],
    log: watchWrites(log, () => failed.resolve()),
    guard: orphanGuard(process.platform, env["PATH"]),
    clock,
    signal,
  });
  return keepBroker({
    broker,
    gateway: values.gateway,
    storeFolder: dataDir,
    freeBytes: await freeBytesOf(dataDir),
    watch: createStoreWatch(dataDir, [
      EVENTS_STREAM,
      DEAD_STREAM,
      STATE_STREAM,
      SESSIONS_STREAM,
      SESSION_STATE_STREAM,
    ]),
    clock,
    log,
    signal,
    writeFailure: () => {
      failed = Promise.withResolvers<void>();
      return failed.promise;
    },
  });
}
