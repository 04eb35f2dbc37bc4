import type { Clock } from "../../shared/base/clock.ts";
import { errorText, isCoded, type ErrorCode } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { rest } from "../../shared/base/rest.ts";
import type { Child } from "./child.ts";
import type { ChildPlan } from "./child-run.ts";
import type { Start } from "./crew.ts";
import type { ReadyInfo } from "./kept.ts";
import type { OwnSocket } from "./own-socket.ts";

/** How long `up` waits for the sessions server before it says that all is ready: it starts within a second, and executors wait for the ready file. */
const SERVE_WAIT_MS = 5000;

/** What a person set wrongly ends `up` when it starts. Later, and for any other reason, everything else runs on without sessions. */
const WRONG_SETTINGS: readonly ErrorCode[] = ["config_invalid", "listen_refused", "port_taken"];

/** The sessions server and the worker, which may not run yet. */
export type LateSessions = {
  /** Settles when the server serves, when it cannot start, or after a while. Never rejects. */
  ready: Promise<void>;
  stop(graces: { serve: number; worker: number }): Promise<void>;
};

/**
 * Keeps the sessions server and the worker running. They start after what executors wait for; the worker after the server, so that fewer processes start at once. Without a log of
 * sessions neither does.
 */
export function keepSessions(options: {
  /** Settles when gateway and relay are ready: is there a log of sessions? */
  after: Promise<boolean>;
  start: Start;
  /** Ends `up`. */
  fail: (error: Error) => void;
  plans: { serve: ChildPlan; worker: ChildPlan };
  /** Opens the server's socket, which outlives its runs. Undefined where that cannot be done: then the server opens it. */
  openSocket: (keptPort: number | undefined) => OwnSocket | undefined;
  /** Learns the server's address. */
  info: Partial<ReadyInfo>;
  clock: Clock;
  log: Logger;
}): LateSessions {
  const { after, start, plans, info, clock, log } = options;
  const children: { serve?: Child; worker?: Child } = {};
  const socket = socketOf(options);
  let stopped = false;

  function sayWithout(what: string, error: Error): void {
    const code = isCoded(error) ? error.code : "internal";
    log.error({ code, err: errorText(error) }, `${what} cannot be started; everything else runs without it`);
  }

  function startServe(): Child {
    let everReady = false;
    return start(
      plans.serve,
      (url) => {
        everReady = true;
        info.sessions = url;
        plans.serve.keptPort = Number(new URL(url).port); // clients have its address
        socket.keepOnly(plans.serve.keptPort);
      },
      (error) => {
        delete info.sessions;
        if (!everReady && isCoded(error) && WRONG_SETTINGS.includes(error.code)) options.fail(error);
        else sayWithout("the sessions server", error);
      },
    );
  }

  async function begin(): Promise<void> {
    if (!(await after) || stopped) return;
    socket.open();
    children.serve = startServe();
    await Promise.race([children.serve.ready.catch(() => undefined), rest(clock, SERVE_WAIT_MS)]);
    if (stopped) return;
    children.worker = start(
      plans.worker,
      () => undefined,
      (error) => sayWithout("the worker", error),
    );
  }

  return {
    ready: begin().catch(() => undefined), // what it waits for is awaited elsewhere, too
    async stop(graces) {
      stopped = true;
      await Promise.all([children.serve?.stop(graces.serve), children.worker?.stop(graces.worker)]);
      socket.close();
    },
  };
}

/** The server's socket in its plan. */
function socketOf({
  plans: { serve },
  openSocket,
  fail,
}: Pick<Parameters<typeof keepSessions>[0], "plans" | "openSocket" | "fail">): {
  open(): void;
  /** Closes it if it is at another port: another program was quicker, and the server opened one itself. */
  keepOnly(port: number): void;
  close(): void;
} {
  let socket: OwnSocket | undefined;
  function close(): void {
    socket?.close();
    serve.socket = socket = undefined;
  }
  return {
    open() {
      try {
        serve.socket = socket = openSocket(serve.keptPort);
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error))); // a port that was asked for
      }
    },
    keepOnly(port) {
      if (socket?.port !== port) close();
    },
    close,
  };
}
