import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "../../../src/cli/up/free-port.ts";
import { startLink } from "../../support/link.ts";
import type { Stand, Subject } from "../rounds/subject.ts";
import { fetchPackages } from "./fetch.ts";
import { startSupervised } from "../rounds/supervised.ts";
import { versionIn } from "./version-in.ts";

const SERVER = "@restatedev/restate-server";
const READY_MS = 60_000;

/** Restate: executors send to its ingress, and a virtual object for each session forwards. */
export async function startRestate({ coordinatorUrl, dir }: Stand): Promise<Subject> {
  await using scope = new AsyncDisposableStack();
  const packages = await fetchPackages();
  const [service, node, admin, ingress] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const binary = join(
    packages,
    `node_modules/${SERVER}-${process.platform}-${process.arch}/bin/restate-server`,
  );
  const at = (port: number): string => `127.0.0.1:${port}`;
  const server = scope.use(
    await startSupervised({
      name: "restate-server",
      command: [binary, "--no-logo"],
      env: {
        RESTATE_BASE_DIR: join(dir, "restate"),
        RESTATE_NODE_NAME: "rounds",
        RESTATE_LISTEN_MODE: "tcp",
        RESTATE_BIND_IP: "127.0.0.1",
        RESTATE_BIND_ADDRESS: at(node),
        RESTATE_ADMIN__BIND_ADDRESS: at(admin),
        RESTATE_INGRESS__BIND_ADDRESS: at(ingress),
        RESTATE_DISABLE_TELEMETRY: "true",
        RESTATE_LOG_DISABLE_ANSI_CODES: "true",
      },
      logFile: join(dir, "restate-server.log"),
      port: ingress,
    }),
  );
  const program = join(packages, "programs", "restate-service.mjs");
  const handler = scope.use(
    await startSupervised({
      name: "service",
      command: [process.execPath, program, String(service), coordinatorUrl],
      logFile: join(dir, "service.log"),
      port: service,
    }),
  );
  const link = scope.use(await startLink("server – service", { host: "127.0.0.1", port: service }));
  const adminUrl = `http://${at(admin)}`;
  await register(adminUrl, `http://${link.address}`);
  const url = `http://${at(ingress)}`;
  const home = scope.move();
  return {
    versions: {
      Restate: versionIn(packages, SERVER),
      "Restate's SDK": versionIn(packages, "@restatedev/restate-sdk"),
    },
    settings:
      "one server as it comes; a virtual object for each session, one-way calls with the executor's key; a key of the request from the invocation's own random numbers",
    url: () => url,
    path: (session) => `/session/${encodeURIComponent(session)}/event/send`,
    parts: [server, handler],
    links: [link],
    own: [],
    dead: () => failedOf(adminUrl),
    [Symbol.asyncDispose]: () => home.disposeAsync(),
  };
}

async function register(adminUrl: string, service: string): Promise<void> {
  const body = JSON.stringify({ uri: service });
  const headers = { "content-type": "application/json" };
  for (const end = performance.now() + READY_MS; ; await delay(100)) {
    const answer = await fetch(`${adminUrl}/deployments`, { method: "POST", headers, body }).catch(
      () => undefined,
    );
    if (answer?.ok) return;
    if (performance.now() > end) throw new Error(`Restate takes no service: ${await answer?.text()}`);
  }
}

/** Markers in the errors of invocations that failed for good. */
async function failedOf(adminUrl: string): Promise<Set<string>> {
  const query = "SELECT completion_failure FROM sys_invocation WHERE completion_result = 'failure'";
  const answer = await fetch(`${adminUrl}/query`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify({ query }),
  });
  const { rows } = (await answer.json()) as { rows: { completion_failure: string }[] };
  return new Set(rows.flatMap((row) => /\[(.+)\]/.exec(row.completion_failure)?.[1] ?? []));
}
