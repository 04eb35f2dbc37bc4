import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { connectBroker } from "../../../src/shared/log/broker.ts";
import { dataFolder, runCli, startUp, type Up } from "../../support/up.ts";
import { call } from "../gateway/harness.ts";

/** Every port that `up` opens, seen as another user of the machine sees it. */

const PROMPT = "MY SECRET PROMPT";
const LISTENS = "0A";

/** What the processes of an `up` listen on, as the kernel has it. */
function listenersOf(up: Up): string[] {
  const inodes = new Set([up.process.pid ?? 0, ...up.processes()].flatMap(socketsOf));
  return ["tcp", "tcp6"].flatMap((table) =>
    readFileSync(`/proc/net/${table}`, "utf8")
      .trim()
      .split("\n")
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode]) => state === LISTENS && inodes.has(inode ?? ""))
      .map(([, local = ""]) => addressOf(local)),
  );
}

function socketsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      const [, inode] = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`)) ?? [];
      return inode === undefined ? [] : [inode];
    });
  } catch {
    return []; // gone meanwhile
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** `0100007F:1F90` is 127.0.0.1:8080: bytes of a machine word, on a machine that has the lowest first. */
function addressOf(local: string): string {
  const [address = "", port = ""] = local.split(":");
  const bytes = (address.match(/../g) ?? []).toReversed().map((byte) => Number.parseInt(byte, 16));
  return `${bytes.join(".")}:${Number.parseInt(port, 16)}`;
}

const portOf = (url: string): string => `127.0.0.1:${new URL(url).port}`;

async function refusedByBroker(
  url: string,
  login: { user: string; password: string } | undefined,
): Promise<string> {
  const connecting = connectBroker(
    { servers: [url], ...login },
    { name: "stranger", inboxPrefix: "_INBOX", timeoutMs: 3000 },
  );
  return connecting.then(
    async (nc) => {
      await nc.close();
      return "let in";
    },
    (error: unknown) => String((error as { code?: unknown }).code),
  );
}

test("up opens six ports, all on loopback, and none but the gateway's shows or takes anything without a secret", async () => {
  const where = await dataFolder();
  onTestFinished(() => where[Symbol.asyncDispose]());
  const up = startUp(where.path, { also: ["sessions", "console"] });
  onTestFinished(async () => void (await up.stop()));
  const { gateway, relay, coordinator, nats, page = "", sessions = "" } = await up.ready();
  await expect
    .poll(async () => {
      const body = {
        session_id: "ses-private",
        event_type: "message",
        timestamp: "2026-01-01T00:00:00Z",
        content: PROMPT,
      };
      return (await call(gateway, "POST", "/events", body)).status;
    })
    .toBeGreaterThanOrEqual(400); // a dead letter: the stand-in wants a list
  await expect
    .poll(async () => (await runCli(["dead", "ls", "--data", up.dataDir])).stdout)
    .toContain("ses-private");

  const known = [gateway, relay, coordinator, nats, page, sessions].map(portOf).toSorted();
  expect([...new Set(listenersOf(up))].toSorted()).toEqual(known);

  const paths = [
    "/",
    "/sessions",
    "/dead",
    "/letter?seq=1",
    "/status",
    "/status.json",
    "/metrics",
    "/ready",
    "/health",
  ];
  const more = [
    "/sessions/ses-private/events",
    "/sse/sessions",
    "/_ledger",
    "/runs",
    "/debug",
    "/varz",
    "/connz",
    "/jsz",
  ];
  for (const url of [relay, coordinator, new URL(page).origin, sessions]) {
    for (const path of [...paths, ...more]) {
      const { text, status } = await call(url, "GET", path);
      expect(text, `${url}${path} ${status}`).not.toMatch(/SECRET|ses-private/);
    }
  }
  for (const path of ["/_relay/health", "/_relay/ready", "/_relay/metrics", "/_relay/openapi.json"])
    expect((await call(gateway, "GET", path)).text, path).not.toMatch(/SECRET|ses-private/);
  expect(await refusedByBroker(nats, undefined)).toBe("broker_refused");
  for (const user of ["admin", "operator", "relay", "console", "serve", "worker", "gateway-gw1"])
    expect(await refusedByBroker(nats, { user, password: user })).toBe("broker_refused");
  expect(await firstLine(nats)).toMatch(/^INFO \{.*"auth_required":true/);
});

/** What the broker says to anyone who connects. */
function firstLine(url: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    socket.once("error", reject);
    socket.once("data", (chunk) => {
      socket.destroy();
      resolve(chunk.toString());
    });
  });
}
