import { errors, type NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import type { Credentials } from "../../shared/credentials/index.ts";
import type { Coordinator } from "../coordinator/client.ts";
import type { Connections } from "../lanes/index.ts";

// A relay of one log ends with its process when it finds that it must not go on: nothing that it remembers is written any more, and nothing is sent. Beside
// others in a process it ends here instead, and just as suddenly: its time stands still, its coordinator never answers, its connection takes no word.

/** What a relay lives on. */
export type Life = {
  clock: Clock;
  coordinator: Coordinator;
  connections: Connections;
  /** Aborted at the end. */
  gone: AbortSignal;
  readonly isOver: boolean;
  /** The connection ends with the life; at once, if that is over. */
  holds(nc: NatsConnection): void;
  /** Ends everything in this moment. What was on its way counts as after a kill of the process: it is sent again, with its key (ONCE-1). */
  end(): void;
};

export function createLife(deps: { clock: Clock; coordinator: Coordinator; connections: Connections }): Life {
  const gone = new AbortController();
  const isOver = (): boolean => gone.signal.aborted;
  const time = stoppable(deps.clock);
  const held: NatsConnection[] = [];
  return {
    clock: time.clock,
    coordinator: untilOver(deps.coordinator, isOver),
    connections: {
      most: () => deps.connections.most(),
      used(inUse, wanting) {
        if (!isOver()) deps.connections.used(inUse, wanting);
      },
    },
    gone: gone.signal,
    get isOver() {
      return isOver();
    },
    holds(nc) {
      if (isOver()) sever(nc);
      else held.push(nc);
    },
    end() {
      if (isOver()) return;
      time.stop();
      deps.connections.used(0, false);
      gone.abort(); // requests that pass through end, and their gateways hear of it, while there is a connection
      deps.coordinator.close().catch(() => {});
      for (const nc of held) sever(nc);
    },
  };
}

/** The process's credentials, which do not end with one of its relays. */
export function lent(credentials: Credentials): Credentials {
  return {
    current: () => credentials.current(),
    headers: (signal) => credentials.headers(signal),
    refused: (generation) => credentials.refused(generation),
    describe: () => credentials.describe(),
    close: () => {},
  };
}

function stoppable(clock: Clock): { clock: Clock; stop: () => void } {
  const timers = new Set<() => void>();
  let stopped = false;
  return {
    clock: {
      now: () => clock.now(),
      wall: () => clock.wall(),
      after(ms, fn) {
        if (stopped) return () => {};
        const cancel = clock.after(ms, () => {
          timers.delete(cancel);
          fn();
        });
        timers.add(cancel);
        return () => {
          timers.delete(cancel);
          cancel();
        };
      },
    },
    stop() {
      stopped = true;
      for (const cancel of timers) cancel();
      timers.clear();
    },
  };
}

function untilOver(coordinator: Coordinator, isOver: () => boolean): Coordinator {
  return {
    send(request) {
      const attempt = isOver() ? undefined : coordinator.send(request);
      return {
        result: new Promise((resolve) => {
          void attempt?.result.then((found) => {
            if (!isOver()) resolve(found);
          });
        }),
        abort(cause) {
          if (!isOver()) attempt?.abort(cause);
        },
      };
    },
    close: () => coordinator.close(),
  };
}

/** Ends a connection in this moment. The client's own `close` would still send what is said until it is through. */
function sever(nc: NatsConnection): void {
  const refuse = (): never => {
    throw new errors.ClosedConnectionError();
  };
  const reject = (): Promise<never> => Promise.reject(new errors.ClosedConnectionError());
  Object.assign(nc, {
    publish: refuse,
    publishMessage: refuse,
    respondMessage: refuse,
    subscribe: refuse,
    request: reject,
    requestMany: reject,
    flush: reject,
    drain: reject,
  });
  nc.close().catch(() => {});
}
