import { readFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { PATIENCE_MS } from "../../support/eventually.ts";
import { dataFolder, type Up } from "../../support/up.ts";

/** A folder for the `up` of one test. */
export async function folder(): Promise<string> {
  const it = await dataFolder();
  onTestFinished(() => it[Symbol.asyncDispose]());
  return it.path;
}

/** The process that runs a composition root of ours. */
export function pidOf(up: Up, part: string): number {
  const pid = up.processes().find((it) => commandOf(it).includes(`/${part}/main.`) && it !== up.process.pid);
  if (pid === undefined) throw new Error(`no ${part} runs`);
  return pid;
}

export function brokerOf(up: Up): number {
  const pid = up.processes().find((it) => commandOf(it).includes("nats-server.conf"));
  if (pid === undefined) throw new Error("no broker runs");
  return pid;
}

export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

export function post(
  gateway: string,
  session: string,
  n: number,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(`${gateway}/events`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({
      session_id: session,
      event_type: "message",
      timestamp: "2026-01-01T00:00:00Z",
      n,
    }),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
}

/** The status of an event, or 0 while the gateway cannot be reached. */
export function posted(gateway: string, session: string): Promise<number> {
  return post(gateway, session, 1).then(
    (it) => it.status,
    () => 0,
  );
}

/** The logins at the embedded broker. */
export function passwordsOf(up: Up): Record<string, string> {
  const kept = readFileSync(join(up.dataDir, "broker", "kept.json"), "utf8");
  return (JSON.parse(kept) as { passwords: Record<string, string> }).passwords;
}
