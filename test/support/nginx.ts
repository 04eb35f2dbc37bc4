import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../../src/cli/up/free-port.ts";
import { runCommand } from "../../src/embedded/command.ts";
import { guarded, orphanGuard } from "../../src/embedded/orphan.ts";
import { errorText } from "../../src/shared/base/errors.ts";
import { bareEnv } from "./bare-env.ts";
import { findDebianTool, type FoundTool } from "./debian-tool.ts";

const DEPLOYED = new URL("../../deploy/nginx/", import.meta.url).pathname;
const READY_MS = 30_000;

/** An nginx that runs here, or why there is none: the package needs libraries that a small machine may lack. */
export async function findNginx(): Promise<FoundTool> {
  const found = await findDebianTool({ package: "nginx", file: "usr/sbin/nginx" });
  if ("missing" in found) return found;
  return await runCommand(found.path, ["-v"], { env: bareEnv(), timeoutMs: READY_MS }).then(
    () => found,
    (error: unknown) => ({ missing: errorText(error) }),
  );
}

/** What Debian's nginx understands of deploy/nginx: it is too old to look names up again. Pure. */
export function forDebian(text: string): string {
  return text.replaceAll(" resolve;", ";").replace(/^ *resolver .*\n/m, "");
}

export type Nginx = {
  url: string;
  /** Of its first process. */
  pid: number;
  /** What it complained of. */
  errors(): string;
  [Symbol.asyncDispose](): Promise<void>;
};

/** Runs nginx with the configuration of deploy/nginx in front of servers, on a loopback port of its own. */
export async function startNginx(binary: string, servers: readonly string[]): Promise<Nginx> {
  const dir = await mkdtemp(join(tmpdir(), "rr-nginx-"));
  const port = await freePort();
  const list = servers.map((url) => `server ${new URL(url).host} max_fails=0;`).join(" ");
  for (const name of ["nginx.conf", "sessions.conf"]) {
    const text = forDebian(readFileSync(join(DEPLOYED, name), "utf8"))
      .replaceAll(/(?: *server serve-\d.*\n)+/g, `${list}\n`)
      .replaceAll("listen 8002;", `listen 127.0.0.1:${port};`)
      .replaceAll("/tmp/", `${dir}/`);
    writeFileSync(join(dir, name), text);
  }
  mkdirSync(join(dir, "logs"));
  const command = [binary, "-p", dir, "-e", "stderr", "-c", join(dir, "nginx.conf"), "-g", "daemon off;"];
  const [file, ...args] = guarded(orphanGuard(process.platform, process.env["PATH"]), command);
  const child = spawn(file, args, { env: bareEnv(), stdio: ["pipe", "ignore", "pipe"] });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const exited = once(child, "exit");
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await exited;
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
  };
  for (const end = performance.now() + READY_MS; !(await isOpen(port)); await delay(20)) {
    if (child.exitCode === null && performance.now() < end) continue;
    await stop();
    throw new Error(`nginx does not listen: ${errors}`);
  }
  return {
    url: `http://127.0.0.1:${port}`,
    pid: child.pid ?? 0,
    errors: () => errors,
    [Symbol.asyncDispose]: stop,
  };
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
