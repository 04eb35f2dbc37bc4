import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { NatsContainer } from "@testcontainers/nats";
import { getContainerRuntimeClient } from "testcontainers";
import { brokerConfig, USERS_FILE, usersConfig } from "../../src/embedded/config.ts";
import { brokerUsers, loginOf } from "../../src/embedded/users.ts";
import type { GatewayUser } from "../../src/shared/messages/permissions.ts";
import type { BrokerBox } from "./broker.ts";

const IMAGE = "nats:2.15-alpine";
const HOME = "/runner-relay";

/** Whether a container engine answers here. */
export async function engineAnswers(): Promise<boolean> {
  return getContainerRuntimeClient().then(
    () => true,
    () => false,
  );
}

/** The broker of the tests in a container, with the product's configuration. */
export async function startBrokerContainer(
  dataDir: string,
  gateways: GatewayUser[],
  syncAlways: boolean,
): Promise<BrokerBox> {
  const users = brokerUsers(gateways);
  const layout = { port: 4222, runDir: HOME, storeDir: `${HOME}/store`, syncAlways };
  const configFile = join(dataDir, "nats-server.conf");
  await writeFile(configFile, brokerConfig(layout));
  const port = await freePort(); // a mapped port would change with a restart
  const container = await new NatsContainer(IMAGE)
    .withExposedPorts({ container: 4222, host: port })
    .withCopyContentToContainer([
      { content: brokerConfig(layout), target: `${HOME}/nats-server.conf` },
      { content: usersConfig(users), target: `${HOME}/${USERS_FILE}` },
    ])
    .withArg("-c", `${HOME}/nats-server.conf`)
    .withArg("-a", "0.0.0.0")
    .start();
  const url = `nats://${container.getHost()}:${port}`;
  return {
    url,
    configFile,
    access: (role, gateway) => ({ servers: [url], ...loginOf(users, role, gateway) }),
    pid() {
      throw new Error("a broker in a container has no pid here");
    },
    async kill9() {
      await container.stop({ remove: false, timeout: 0 });
    },
    restart: () => container.restart(),
    linkStaging: async () => undefined,
    async stop() {
      await container.stop();
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
