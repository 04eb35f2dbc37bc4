import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BrokerAccess } from "../../src/shared/log/broker.ts";
import { startService, type Service } from "./service.ts";
import { startTestBroker, type TestBroker } from "../support/broker.ts";
import { provisioned } from "../support/relay.ts";

/** Gateway and relays as processes of their own, to be killed. */
export type Processes = {
  gateway: Service;
  relays: Service[];
  broker: TestBroker;
  [Symbol.asyncDispose](): Promise<void>;
};

export async function startProcesses(
  coordinatorUrl: string,
  options: {
    relays?: number;
    env?: Record<string, string>;
    /** For logs, and left as it is; without it, a folder that is removed at the end. */
    dir?: string;
  } = {},
): Promise<Processes> {
  await using scope = new AsyncDisposableStack();
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "rr-tunnel-")));
  if (options.dir === undefined) scope.defer(() => rm(dir, { recursive: true, force: true }));
  const broker = scope.use(await provisioned(await startTestBroker()));
  const journal = (): void => undefined;
  const relays: Service[] = [];
  for (let i = 0; i < (options.relays ?? 1); i++) {
    const name = `relay-${i}`;
    const env = {
      ...loginEnv(broker.access("relay")),
      RUNNER_RELAY_COORDINATOR_URL: coordinatorUrl,
      RUNNER_RELAY_RELAY: name,
      ...options.env,
    };
    const logFile = join(dir, `${name}.log`);
    relays.push(scope.use(await startService({ name, main: "relay/main.ts", logFile, journal, env })));
  }
  const env = {
    ...loginEnv(broker.access("gateway", "gw1")),
    RUNNER_RELAY_DATA: join(dir, "gateway"),
    RUNNER_RELAY_GATEWAY: "gw1",
    ...options.env,
  };
  const logFile = join(dir, "gateway.log");
  const gateway = scope.use(
    await startService({ name: "gateway", main: "gateway/main.ts", logFile, journal, env }),
  );
  const home = scope.move();
  return { gateway, relays, broker, [Symbol.asyncDispose]: () => home.disposeAsync() };
}

function loginEnv(access: BrokerAccess): Record<string, string> {
  return {
    NATS_URL: access.servers.join(","),
    NATS_USER: access.user ?? "",
    NATS_PASSWORD: access.password ?? "",
  };
}
