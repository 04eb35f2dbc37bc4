import { resolve } from "node:path";
import { systemClock } from "../../shared/base/clock.ts";
import { knownSecrets, loadSettings } from "../../shared/base/config/load.ts";
import { codedError } from "../../shared/base/errors.ts";
import { createLogger, SecretRegistry } from "../../shared/base/logger.ts";
import type { Lines } from "../../shared/base/output/lines.ts";
import { ALL_SETTINGS } from "../../shared/settings/index.ts";
import type { Context } from "../context.ts";
import type { Base } from "../up/asked.ts";
import { keepRunning, type Child } from "../up/child.ts";
import type { ChildPlan } from "../up/child-run.ts";
import { claimFolder } from "../up/claim.ts";
import { openLog } from "../up/log.ts";
import { openHome } from "../up/open-home.ts";
import { readableLines } from "../up/readable-lines.ts";
import { planSessions } from "../up/session-plans.ts";
import { UP_TABLE } from "../up/table.ts";
import { keyIn, type Server } from "./server.ts";

/** As in `up`: an agent gets that long to end by itself. */
const GRACES = { worker: 1500, serve: 1000 };

/**
 * Runs something with a server of its own: the log of the data folder, a sessions server and a worker, without anything else that `up` runs. They end with it, and what was said stays in
 * the log. Throws the errors of a start, among them `data_locked`.
 */
export async function withOwnServer<T>(
  options: { context: Context; dataDir: string; key: string | undefined; workspace: string | undefined },
  run: (server: Server) => Promise<T>,
): Promise<T> {
  const { dataDir, key } = options;
  await using scope = new AsyncDisposableStack();
  const base = baseOf(options);
  claimFolder(base, scope);
  const plans = planSessions(base, await openLogHome(base, scope));
  const fatal = Promise.withResolvers<never>();
  fatal.promise.catch(() => undefined); // raced below
  const start = (plan: ChildPlan, graceMs: number): Child => {
    const { clock, log, lines } = base;
    const mayFail = Promise.resolve();
    const child = keepRunning({ plan, clock, log, lines, mayFail, onFatal: fatal.reject });
    scope.defer(() => child.stop(graceMs));
    return child;
  };
  const serve = start(plans.serve, GRACES.serve);
  const worker = start(plans.worker, GRACES.worker);
  const [url] = await Promise.all([serve.ready, worker.ready]);
  return await Promise.race([run({ url, key: key ?? keyIn(dataDir) }), fatal.promise]);
}

/** The broker of the data folder, with a log of sessions. */
async function openLogHome(base: Base, scope: AsyncDisposableStack): ReturnType<typeof openHome> {
  const { values, dataDir, log, context } = base;
  const home = await openHome({ ...base, env: context.env, signal: new AbortController().signal });
  scope.defer(() => home.stop());
  const theLog = await openLog({ home, values, dataDir, provisionedAt: undefined, from: undefined, log });
  scope.defer(() => theLog.admin.close());
  await theLog.make();
  if (theLog.sessions()) return home;
  throw codedError("sessions_unavailable", "there is no room for a log of sessions on this disk");
}

/** What the steps of `up` need. Warnings are shown to the person who waits; what is normal is not. */
function baseOf({ context, dataDir, workspace }: Parameters<typeof withOwnServer>[0]): Base {
  const { env } = context;
  const flags = {
    data: dataDir,
    "sessions-port": "0",
    ...(workspace === undefined ? {} : { "workspace-root": resolve(workspace) }),
  };
  const { values } = loadSettings(UP_TABLE, { env, flags, known: ALL_SETTINGS });
  const secrets = new SecretRegistry();
  for (const secret of knownSecrets(UP_TABLE, values, env)) secrets.add(secret);
  const { screen } = context.errors;
  const lines = readableLines(linesOf(context), { screen, chosenLevel: false });
  const log = createLogger({ name: "run", level: "warn", lines, secrets });
  return { values, flags, context, dataDir, clock: systemClock, log, lines, secrets };
}

function linesOf(context: Context): Lines {
  return {
    write: (text) => context.warn(text.trimEnd()),
    dropped: () => 0,
    hasRoom: () => true,
    onRoom: () => () => undefined,
    flush: () => undefined,
  };
}
