import type { NatsConnection } from "@nats-io/transport-node";
import type { Clock } from "../../../base/clock.ts";

/** After a reconnect the broker may still be busy with what came over the old connection. */
const SETTLE_MS = 20;

/** Knows whether the broker can be reached. */
export type Link = {
  up(): boolean;
  /** How often the connection was lost. */
  losses(): number;
  /** Resolves when it is up, or when `ms` are over. */
  whenUp(ms: number): Promise<void>;
  /** From here on it is down. */
  close(): void;
};

/** Follows the state of a connection. `lost` runs each time that it breaks, `failed` with each error that the broker reports beside its answers. */
export function createLink(deps: {
  connection: NatsConnection;
  clock: Clock;
  lost: () => void;
  failed: (error: Error) => void;
}): Link {
  const { connection, clock, lost, failed } = deps;
  let up = !connection.isClosed();
  let losses = 0;
  const waiters = new Set<() => void>();

  async function follow(status: ReturnType<NatsConnection["status"]>): Promise<void> {
    for await (const event of status) {
      if (event.type === "disconnect" || event.type === "close") {
        up = false;
        losses++;
        lost();
      } else if (event.type === "reconnect") comeBack(losses);
      else if (event.type === "error") failed(event.error);
    }
  }

  function comeBack(seen: number): void {
    clock.after(SETTLE_MS, () => {
      if (seen !== losses) return; // lost again meanwhile
      up = true;
      for (const wake of waiters) wake();
    });
  }

  void follow(connection.status());

  return {
    up: () => up,
    losses: () => losses,
    whenUp(ms) {
      if (up) return Promise.resolve();
      return new Promise((resolve) => {
        let cancel = (): void => undefined;
        const wake = (): void => {
          cancel();
          waiters.delete(wake);
          resolve();
        };
        cancel = clock.after(ms, wake);
        waiters.add(wake);
      });
    },
    close: () => void (up = false),
  };
}
