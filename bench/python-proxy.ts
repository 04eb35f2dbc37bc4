import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export type PythonProxy = { url: string; [Symbol.asyncDispose](): Promise<void> };

/** Starts the proxy of Python's standard library in front of a coordinator. Undefined where there is no Python. */
export async function startPythonProxy(coordinatorUrl: string): Promise<PythonProxy | undefined> {
  const script = fileURLToPath(new URL("./peers/proxy.py", import.meta.url));
  const child = spawn("python3", [script, coordinatorUrl], { stdio: ["pipe", "pipe", "ignore"] });
  const ended = once(child, "close").catch(() => undefined); // rejects where there is no Python
  const lines = createInterface({ input: child.stdout });
  const [url] = await Promise.race([once(lines, "line") as Promise<[string]>, ended.then(() => [undefined])]);
  if (url === undefined) return undefined;
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
    },
  };
}
