import { runCommand } from "../../../src/embedded/command.ts";
import { bareEnv } from "../../support/bare-env.ts";
import { natsServerPath } from "../../support/broker.ts";

/** Version of the nats-server that brokers run on here. */
export async function brokerVersion(): Promise<string> {
  const said = await runCommand(await natsServerPath(), ["--version"], { env: bareEnv(), timeoutMs: 30_000 });
  return /\d+\.\d+\.\d+\S*/.exec(said)?.[0] ?? said.trim();
}
