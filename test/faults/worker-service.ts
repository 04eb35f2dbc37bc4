import { join } from "node:path";
import type { TestBroker } from "../support/broker.ts";
import { startService, type Service } from "./service.ts";

/**
 * Runs a worker with scripted agents (test/support/worker-process.ts), as a process that is started again when it ends. Its workspaces and its log lie in `dir`. `url` is where it
 * reaches the broker, if there is something in between.
 */
export function startWorkerService(
  broker: TestBroker,
  name: string,
  dir: string,
  url?: string,
): Promise<Service> {
  const { servers, user = "", password = "" } = broker.access("worker");
  return startService({
    name,
    main: "../test/support/worker-process.ts",
    logFile: join(dir, `${name}.log`),
    journal: () => undefined,
    env: {
      NATS_URL: url ?? servers.join(","),
      NATS_USER: user,
      NATS_PASSWORD: password,
      WORKER_NAME: name,
      WORKSPACES: join(dir, "workspaces"),
      RUNS_FILE: join(dir, "runs"),
    },
  });
}
