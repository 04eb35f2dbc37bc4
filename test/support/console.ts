import type { NatsConnection } from "@nats-io/nats-core";
import { pino } from "pino";
import { startConsole, type Console, type ConsoleOptions } from "../../src/console/console.ts";
import { systemClock } from "../../src/shared/base/clock.ts";
import { silentLogger } from "../../src/shared/base/logger.ts";
import type { TestBroker } from "./broker.ts";
import { PAGE_BEARER, PAGE_TOKEN } from "./relay.ts";

/** A console inside the test's process, on its own connection. */
export type TestConsole = Console & {
  nc: NatsConnection;
  /** Failures for which its process would have ended. */
  fatal: Error[];
  /** GET, with the token. */
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** Starts a console on a provisioned broker: `await using console = await startTestConsole(broker)`. `onLine` gets every log line. */
export async function startTestConsole(
  broker: TestBroker,
  { onLine, ...options }: Partial<ConsoleOptions> & { onLine?: (line: string) => void } = {},
): Promise<TestConsole> {
  const nc = await broker.connect("console");
  const fatal: Error[] = [];
  const started = await startConsole(
    { version: "test", listen: "127.0.0.1", port: 0, token: PAGE_TOKEN, mayAct: true, ...options },
    {
      nc,
      clock: systemClock,
      log: onLine === undefined ? silentLogger() : pino({ level: "trace" }, { write: onLine }),
      fatal: (error) => fatal.push(error),
    },
  );
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    await started.close();
  };
  return {
    ...started,
    close,
    nc,
    fatal,
    get: (path, headers = {}) => fetch(started.url + path, { headers: { ...PAGE_BEARER, ...headers } }),
    [Symbol.asyncDispose]: close,
  };
}
