import type { NatsConnection } from "@nats-io/nats-core";
import { codedError } from "../shared/base/errors.ts";

/** Whether the broker is there. The client connects again by itself, but answers to what was asked before never come. */
export type Connection = {
  /** What is asked of the broker, as long as it is there. Throws `log_unreachable`, instead of waiting for a time-out. */
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
      asked.catch(() => undefined); // it may fail long after the connection did
      try {
        return await Promise.race([asked, lost]);
      } finally {
        waiting.delete(fail);
      }
    },
  };
}
