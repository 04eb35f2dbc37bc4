import { jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../shared/base/clock.ts";
import type { Logger } from "../shared/base/logger.ts";
import { openOwnPort } from "../shared/http/door/own-port.ts";
import { USUAL_PORT } from "../shared/settings/index.ts";
import { createControl } from "../shared/log/state/control.ts";
import { observe } from "./observe.ts";
import { addActs } from "./routes/act.ts";
import { createActions } from "./routes/actions.ts";
import { createAgentActs } from "./routes/agent-actions.ts";
import { createAgentSessions } from "./watch/agent-sessions.ts";
import type { Frame } from "./routes/frame.ts";
import { addLooks } from "./routes/look.ts";
import { Notices } from "./routes/notices.ts";
import { addStatus } from "./routes/status-json.ts";
import { createLetterGroups } from "./routes/letter-groups.ts";
import { LetterIndex } from "./watch/letter-index.ts";
import { createConsoleServer } from "./server.ts";

// observe.ts joins what is watched · watch/reader.ts asks the broker · watch/relays.ts hears and asks relays (watch/gates.ts, watch/delivered.ts) · watch/samples.ts and watch/timeline.ts remember ·
// watch/session-events.ts reads events, watch/letter-pages.ts and watch/letter-index.ts dead letters · watch/checks.ts does doctor's checks ·
// ../shared/messages/standing/session-standing.ts says how sessions stand · views/layout.ts frames every page · routes/look.ts and routes/look-sessions.ts show · routes/act.ts acts (routes/actions.ts, routes/letter-groups.ts) ·
// routes/status-json.ts is for programs · server.ts is the port and its door
// The console holds no event and no credential of the coordinator. It sees what an operator sees, and does nothing that a person did not confirm.

export type ConsoleOptions = {
  version: string;
  listen: string;
  /** Undefined: the usual one where it is free. */
  port: number | undefined;
  /** The one that the last run had (own-port.ts). */
  keptPort?: number | undefined;
  /** Everyone who has it sees everything, and may act. */
  token: string;
  /** Buttons are shown and carried out. */
  mayAct: boolean;
  /** Where the broker's sync setting can be read. */
  sync?: { configFile?: string; monitor?: string };
};

export type ConsoleDeps = {
  nc: NatsConnection;
  clock: Clock;
  log: Logger;
  /** A failure that a restart cannot heal by itself; the process is to end with it. */
  fatal: (error: Error) => void;
};

/** A running console. */
export type Console = { url: string; close(): Promise<void> };

/** Starts the status page on an open connection (docs/contract.md, "Programs around `up`"). Throws `port_taken`. */
export async function startConsole(options: ConsoleOptions, deps: ConsoleDeps): Promise<Console> {
  const { nc, clock, log } = deps;
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  const observer = observe({ ...deps, jsm, options, sync: options.sync ?? {} });
  const { samples, snapshot, connected } = observer;
  const frame: Frame = { snapshot, connected, notices: new Notices() };
  const app = createConsoleServer({ clock, ...options });
  addStatus(app, frame);
  const index = new LetterIndex(jsm);
  const agents = createAgentSessions(jsm);
  addLooks(app, { jsm, frame, samples, index, checks: observer.checks, agents });
  if (options.mayAct) {
    const control = createControl({ nc, jsm, clock, by: "the console" });
    const groups = createLetterGroups({ nc, jsm, clock, log, index });
    addActs(app, {
      actions: createActions({
        nc,
        jsm,
        clock,
        control,
        log,
        groups,
        tryNow: observer.tryNow,
        agentActs: createAgentActs({ nc, jsm, clock, log, agents }),
      }),
      frame,
    });
  }
  const url = await openOwnPort(app, {
    name: "the console's",
    flag: "--console-port (RUNNER_RELAY_CONSOLE_PORT)",
    listen: options.listen,
    port: options.port,
    kept: options.keptPort,
    usual: USUAL_PORT.console,
  });
  observer.start();
  return {
    url,
    async close() {
      observer.stop();
      await app.close();
      await nc.drain().catch(() => undefined);
    },
  };
}
