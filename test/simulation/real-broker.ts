import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { natsServerPath } from "../support/broker.ts";

/** A real nats-server without users, with which the simulated one is compared. */
export async function startRealBroker(): Promise<{ nc: NatsConnection } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), "rr-real-"));
  const args = [
    "-a",
    "127.0.0.1",
    "-p",
    "-1",
    "--ports_file_dir",
    folder,
    "-js",
    "-sd",
    join(folder, "store"),
  ];
  const server = spawn(await natsServerPath(), args, { stdio: "ignore" });
  const nc = await connect({ servers: await addressOf(folder, server) });
  return {
    nc,
    async [Symbol.asyncDispose]() {
      await nc.close();
      server.kill();
      await once(server, "exit");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The server writes its address down when it listens. */
async function addressOf(folder: string, server: ChildProcess): Promise<string> {
  for (;;) {
    if (server.exitCode !== null) throw new Error(`nats-server ended with ${server.exitCode}`);
    const file = (await readdir(folder)).find((name) => name.endsWith(".ports"));
    const text = file === undefined ? "" : await readFile(join(folder, file), "utf8");
    if (text.endsWith("}")) return (JSON.parse(text) as { nats: string[] }).nats[0] ?? "";
    await delay(20);
  }
}
