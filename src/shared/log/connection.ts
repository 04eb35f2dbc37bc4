import type { NatsConnection } from "@nats-io/nats-core";
import { codedError, errorText } from "../base/errors.ts";

/** The connection to the broker, as the parts of a process need to know of it. */
export type Connection = {
  up(): boolean;
  /** The process itself closes it now. */
  leave(): void;
};

/**
 * Tells when the broker is lost and when it is there again. The client reconnects for ever, unless the broker refuses its login twice. The process would do
 * nothing then, and it would go unnoticed, so that is `broker_refused`.
 */
export function followConnection(deps: {
  nc: NatsConnection;
  lost: () => void;
  regained: () => void;
  fatal: (error: Error) => void;
}): Connection {
  const { nc } = deps;
  let up = true;
  let leaving = false;

  void nc.closed().then((error) => {
    if (!leaving) deps.fatal(codedError("broker_refused", errorText(error ?? "connection closed")));
  });
  void (async () => {
    for await (const status of nc.status()) {
      if (status.type === "disconnect") {
        up = false;
        deps.lost();
      } else if (status.type === "reconnect") {
        up = true;
        deps.regained();
      }
    }
  })();

  return { up: () => up, leave: () => void (leaving = true) };
}
