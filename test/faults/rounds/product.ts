import { join } from "node:path";
import type { BrokerAccess } from "../../../src/shared/log/broker.ts";
import { startService, type Service } from "../service.ts";
import { createClock, jumpsOf } from "./clock.ts";
import type { OwnNemesis, Part, Stand } from "./subject.ts";

/** One of them stands by. */
const RELAYS = ["relay-a", "relay-b"];
const GATEWAY = "gateway";

/** A gateway and two relays, as processes of their own. */
export type Product = {
  url: () => string;
  parts: Part[];
  /** Their clocks jump. */
  own: OwnNemesis[];
  [Symbol.asyncDispose](): Promise<void>;
};

export async function startProduct(
  { coordinatorUrl, dir }: Stand,
  options: {
    gatewayAccess: BrokerAccess;
    relayAccess: BrokerAccess;
    gatewayEnv?: Record<string, string>;
    /** Flags of the relays' Node: a control puts a mistake in. */
    relayNode?: readonly string[];
  },
): Promise<Product> {
  await using scope = new AsyncDisposableStack();
  const common = { journal: () => undefined };
  const clocks = [...RELAYS, GATEWAY].map((name) => createClock(dir, name));
  const clockOf = (name: string): readonly string[] =>
    clocks.find((clock) => clock.name === name)?.nodeOptions ?? [];
  const relays: Service[] = [];
  for (const name of RELAYS) {
    const env = {
      ...loginEnv(options.relayAccess),
      RUNNER_RELAY_COORDINATOR_URL: coordinatorUrl,
      RUNNER_RELAY_RELAY: name,
    };
    const logFile = join(dir, `${name}.log`);
    const nodeOptions = [...clockOf(name), ...(options.relayNode ?? [])];
    const main = "relay/main.ts";
    relays.push(scope.use(await startService({ ...common, name, main, logFile, nodeOptions, env })));
  }
  const gateway = scope.use(
    await startService({
      ...common,
      name: GATEWAY,
      main: "gateway/main.ts",
      logFile: join(dir, "gateway.log"),
      nodeOptions: clockOf(GATEWAY),
      env: {
        ...loginEnv(options.gatewayAccess),
        RUNNER_RELAY_DATA: join(dir, "gateway"),
        RUNNER_RELAY_GATEWAY: "gw1",
        ...options.gatewayEnv,
      },
    }),
  );
  const home = scope.move();
  return {
    url: () => gateway.url(),
    parts: [gateway, ...relays].map(partOf),
    own: clocks.flatMap(jumpsOf),
    [Symbol.asyncDispose]: () => home.disposeAsync(),
  };
}

function partOf(service: Service): Part {
  return {
    name: service.name,
    kill9: (downMs) => service.kill9(downMs),
    signal: (signal) => service.signal(signal),
    ready: () => service.ready(),
  };
}

function loginEnv({ servers, user = "", password = "" }: BrokerAccess): Record<string, string> {
  return { NATS_URL: servers.join(","), NATS_USER: user, NATS_PASSWORD: password };
}
