import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../../src/cli/up/free-port.ts";
import { startProgram } from "./program.ts";
import type { Rival, RivalStart } from "./rival.ts";

const READY_MS = 30_000;

/** Restate: a virtual object for each session, whose handler posts to the coordinator. As it comes: it syncs its log before it answers. */
export async function startRestate(
  { server, service }: { server: string; service: string },
  { coordinatorUrl, held }: RivalStart,
): Promise<Rival> {
  await using scope = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "rr-bench-restate-"));
  scope.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const [node, admin, ingress, own] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const at = (port: number): string => `127.0.0.1:${port}`;
  const restate = scope.use(
    await startProgram([server, "--no-logo"], {
      port: ingress,
      env: {
        RESTATE_BASE_DIR: folder,
        RESTATE_NODE_NAME: "bench",
        RESTATE_LISTEN_MODE: "tcp",
        RESTATE_BIND_IP: "127.0.0.1",
        RESTATE_BIND_ADDRESS: at(node),
        RESTATE_ADMIN__BIND_ADDRESS: at(admin),
        RESTATE_INGRESS__BIND_ADDRESS: at(ingress),
        RESTATE_DISABLE_TELEMETRY: "true",
      },
    }),
  );
  const program = [process.execPath, service, String(own), coordinatorUrl, held ? "held" : ""] as const;
  const handler = scope.use(await startProgram(program, { port: own }));
  await register(`http://${at(admin)}/deployments`, `http://${at(own)}`);
  const home = scope.move();
  return {
    url: `http://${at(ingress)}`,
    accept: "/session/{session}/event/send",
    whole: "/session/{session}/event",
    pids: { server: restate.pid, service: handler.pid },
    async release() {
      process.kill(handler.pid, "SIGUSR2");
    },
    [Symbol.asyncDispose]: () => home.disposeAsync(),
  };
}

async function register(url: string, service: string): Promise<void> {
  const body = JSON.stringify({ uri: service });
  for (const end = performance.now() + READY_MS; ; await delay(100)) {
    const headers = { "content-type": "application/json" };
    const answer = await fetch(url, { method: "POST", headers, body }).catch(() => undefined);
    if (answer?.ok) return;
    if (performance.now() > end) throw new Error(`Restate takes no service: ${await answer?.text()}`);
  }
}
