import type { NatsConnection } from "@nats-io/nats-core";
import { codedError } from "../shared/base/errors.ts";

/** The state of the connection to the broker. The client reconnects by itself, but answers to earlier requests never arrive. */
export type Connection = {
  /** Runs a request as long as the broker is connected. Throws `log_unreachable` instead of waiting for a time-out. */
  whileUp<T>(asked: Promise<T>): Promise<T>;
};

export function connectionOf(nc: NatsConnection): Connection {
  let up = true;
  const waiting = new Set<() => void>();
  void (async () => {
    for await (const { type } of nc.status()) {
      if (type === "reconnect") up = true;
      if (type !== "disconnect") continue;
      up = false;
      for (const fail of waiting) fail();
    }
  })();
  return {
    async whileUp(asked) {
      let fail = (): void => {};
      const lost = new Promise<never>((_, reject) => {
        fail = () => reject(codedError("log_unreachable", "the broker does not answer"));
      });
      waiting.add(fail);
      if (!up) fail();
      asked.catch(() => undefined); // it may fail long after the connection was lost
      try {
        return await Promise.race([asked, lost]);
      } finally {
        waiting.delete(fail);
      }
    },
  };
}
