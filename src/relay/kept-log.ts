import type { Clock } from "../shared/base/clock.ts";
import { codedError, errorText, isCoded, type CodedError } from "../shared/base/errors.ts";
import { connectBroker, unreachableOr, type BrokerAccess } from "../shared/log/broker.ts";
import { RELAY_INBOX } from "../shared/log/schema/subjects.ts";
import type { Coordinator } from "./coordinator/client.ts";
import type { Connections } from "./lanes/index.ts";
import { needsSomebody, pauseBefore } from "./logs/again.ts";
import { createLife, lent, type Life } from "./logs/life.ts";
import type { LogState, Told } from "./logs/standing.ts";
import type { RelayDeps, RelayOptions, RelayPart } from "./options.ts";
import { startRelay, type Relay } from "./relay.ts";

/** A log that was served for this long and then fails is tried again after the shortest pause, as after its first failure. */
const STEADY_MS = 60_000;
/** A stop that takes longer is ended. */
const LAST_RESORT_MS = 8000;

/** One of the logs that a process serves. */
export type KeptLog = {
  state(): LogState;
  /** Resolves when the log is served, or could not be at the first try. */
  tried: Promise<void>;
  /** Ends the relay as a process does at a signal. */
  stop(): Promise<void>;
};

export type KeptLogDeps = Omit<
  RelayDeps,
  "nc" | "coordinator" | "fatal" | "part" | "openAdmin" | "linesDropped"
> & {
  /** Made anew for each try, because they end with a relay. */
  openCoordinator: () => Coordinator;
  connections: () => Connections;
  mostWholeBytes: RelayPart["mostWholeBytes"];
};

function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}

function codedOf(error: unknown): CodedError {
  const named = unreachableOr(error);
  return isCoded(named) ? named : codedError("internal", errorText(named), { cause: named });
}

/** A log, and what is needed to serve it. */
type Given = {
  options: RelayOptions;
  access: () => BrokerAccess;
  deps: KeptLogDeps;
  /** Resolves when the log is to be served no longer. */
  stopped: Promise<void>;
  isStopping: () => boolean;
};

type Heard = {
  /** The relay tells of itself from now on. */
  told: (told: Told) => void;
  served: () => void;
};

async function begin(
  { options, access, deps }: Given,
  life: Life,
  on: Pick<Heard, "told"> & { fail: (error: Error) => void },
): Promise<Relay> {
  const nc = await connectBroker(access(), { name: `relay ${options.relay}`, inboxPrefix: RELAY_INBOX });
  life.holds(nc);
  return startRelay(options, {
    ...deps,
    nc,
    clock: life.clock,
    coordinator: life.coordinator,
    credentials: lent(deps.credentials),
    part: { connections: life.connections, mostWholeBytes: deps.mostWholeBytes, gone: life.gone },
    openAdmin(told) {
      if (!life.isOver) on.told(told);
      return Promise.resolve({ url: "", close: () => Promise.resolve() });
    },
    fatal(error) {
      life.end();
      on.fail(error);
    },
  });
}

/** Serves the log until that fails, or until the stop, after which there is no error. */
async function live(given: Given, on: Heard): Promise<{ error: CodedError | undefined; servedMs: number }> {
  const { deps, stopped, isStopping } = given;
  const { clock } = deps;
  let servedAt = Infinity;
  const over = (error?: CodedError): Awaited<ReturnType<typeof live>> => ({
    error: isStopping() ? undefined : error,
    servedMs: Math.max(0, clock.now() - servedAt),
  });
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const life = createLife({ clock, coordinator: deps.openCoordinator(), connections: deps.connections() });
  try {
    const starting = begin(given, life, { told: on.told, fail: failed.reject });
    starting.catch(() => {}); // after the end nobody waits for it
    const relay = await Promise.race([starting, failed.promise, stopped]);
    if (relay === undefined) return over();
    servedAt = clock.now();
    on.served();
    await Promise.race([failed.promise, stopped]);
    await Promise.race([relay.close(), pause(clock, LAST_RESORT_MS)]);
    return over();
  } catch (error) {
    return over(codedOf(error));
  } finally {
    life.end();
  }
}

/**
 * Serves a log as its process and its supervisor would: with a relay that is started again, after a pause, when it fails. Nothing that is wrong with the log
 * leaves it. `access` is read at each try, and throws what is wrong with it.
 */
export function keepLog(options: RelayOptions, access: () => BrokerAccess, deps: KeptLogDeps): KeptLog {
  const { clock, random, log } = deps;
  const tried = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<void>();
  let stopping = false;
  let state: LogState = { phase: "starting", since: clock.wall() };
  const given: Given = { options, access, deps, stopped: stopped.promise, isStopping: () => stopping };

  function tell(error: CodedError, pauseMs: number): void {
    const { code } = error;
    const text = errorText(error);
    const since = state.phase === "served" ? clock.wall() : state.since;
    const isNew = state.phase !== "failed" || state.code !== code;
    state = { phase: "failed", since, code, text, againAt: clock.wall() + pauseMs };
    if (!isNew) return;
    const err = code === "internal" ? error.cause : text; // with its stack
    log[needsSomebody(code) ? "error" : "warn"]({ code, err }, "the log is not served; it is tried again");
  }

  async function keep(): Promise<void> {
    let failures = 0;
    while (!stopping) {
      const { error, servedMs } = await live(given, {
        told: (told) => void (state = { phase: "served", told }),
        served: tried.resolve,
      });
      if (error === undefined) return;
      failures = servedMs > STEADY_MS ? 1 : failures + 1;
      const pauseMs = pauseBefore(failures, error.code, random());
      tell(error, pauseMs);
      tried.resolve();
      await Promise.race([pause(clock, pauseMs), stopped.promise]);
    }
  }

  const keeping = keep();
  return {
    state: () => state,
    tried: tried.promise,
    async stop() {
      stopping = true;
      stopped.resolve();
      await keeping;
    },
  };
}
