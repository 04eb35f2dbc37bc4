import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { natsServerPath } from "./broker.ts";
import { eventually } from "./eventually.ts";

/** A nats-server as somebody else would run it: one user or none, no settings of ours. */
export type PlainServer = { url: string; [Symbol.asyncDispose](): Promise<void> };

/** Starts it on a free port; `maxFileStore` in bytes, `settings` at the top of its configuration and `limits` in its jetstream block as they are. */
export async function startPlainServer(options: {
  jetstream: boolean;
  maxFileStore?: number;
  login?: { user: string; password: string };
  limits?: string;
  settings?: string;
}): Promise<PlainServer> {
  const dir = await mkdtemp(join(tmpdir(), "rr-plain-"));
  const limit = options.maxFileStore === undefined ? "" : `max_file_store: ${options.maxFileStore}`;
  const jetstream = options.jetstream
    ? `jetstream { store_dir: "${dir}/store", ${limit}\n${options.limits ?? ""} }`
    : "";
  const login = options.login === undefined ? "" : `authorization ${JSON.stringify(options.login)}`;
  await writeFile(
    join(dir, "nats.conf"),
    `host: "127.0.0.1"\nport: -1\nports_file_dir: "${dir}"\n${jetstream}\n${login}\n${options.settings ?? ""}\n`,
  );
  const child = spawn(await natsServerPath(), ["-c", join(dir, "nats.conf")], { stdio: "ignore" });
  const url = await eventually(async () => {
    const { nats } = JSON.parse(await readFile(join(dir, `nats-server_${child.pid}.ports`), "utf8")) as {
      nats: [string];
    };
    return nats[0];
  });
  return {
    url,
    async [Symbol.asyncDispose]() {
      const gone = once(child, "exit");
      child.kill("SIGTERM");
      await gone;
      await rm(dir, { recursive: true, force: true });
    },
  };
}
