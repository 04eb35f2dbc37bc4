import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { openSessions } from "../../../src/client/sessions/index.ts";
import { connectBroker } from "../../../src/shared/log/broker.ts";
import { ADMIN_INBOX } from "../../../src/shared/log/schema/subjects.ts";
import { eventually } from "../../support/eventually.ts";
import { forDebian } from "../../support/nginx.ts";
import {
  environmentIn,
  mount,
  placeOf,
  startOrder,
  startService,
  untilHealthy,
  type Place,
  type Running,
} from "./composition.ts";
import { buildImage, type Image } from "./dockerfile.ts";
import { freshComposition, read, ROOT, type Fresh } from "./fresh.ts";

// No engine is needed: dockerfile.ts does what a build would do, composition.ts what `docker compose up` would do, with processes on
// this machine. What only an engine can show (base images, users, read-only roots) is not shown here.

const run = promisify(execFile);

let { folder, base, variables, composition, nginx, remove } = {} as Fresh;
let image: Image;
let place: Place;
const running = new Map<string, Running>();
const ports = new Map<string, number>();

beforeAll(async () => {
  ({ folder, base, variables, composition, nginx, remove } = await freshComposition());
  const allowed = read(".dockerignore")
    .split("\n")
    .filter((line) => line.startsWith("!"))
    .map((line) => line.slice(1));
  image = await buildImage({
    dockerfile: read("Dockerfile"),
    context: ROOT,
    admits: (source) => allowed.includes(source),
    folder: join(folder, "image"),
    base: { ...base, npm_config_prefer_offline: "true" },
  });
  for (const port of ["4222", "8222", "8765", "8766", "8767", "8768", "8769", "8002", "8021", "8022", "8023"])
    ports.set(port, await freePort());
  const paths = new Map([
    ["/tmp", join(folder, "tmp")], // first, because the others are below this machine's
    ["/etc/nginx", join(folder, "nginx")],
    ["/app/worker", join(folder, "worker")],
    ["/etc/nats", join(folder, "etc")],
    ["/data", join(folder, "data")],
    ["/app/data", join(folder, "gateway-data")],
  ]);
  place = placeOf(composition, ports, paths);
  mount(join(ROOT, "deploy/nats"), join(folder, "etc"), place);
  mount(join(ROOT, "deploy/nginx"), join(folder, "nginx"), onThisMachine(place));
  mkdirSync(join(folder, "tmp"));
}, 600_000); // it installs the image's packages, which a loaded machine does in minutes

afterAll(async () => {
  for (const { process: child } of [...running.values()].toReversed()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const gone = once(child, "exit");
    process.kill(-(child.pid ?? 0), "SIGTERM");
    await gone;
  }
  await remove();
});

test("the image prints its help", async () => {
  const [file = "", ...args] = [...image.entrypoint, ...image.cmd];
  const env = { ...base, ...environmentIn(image, base) };
  const { stdout } = await run(file, args, { cwd: join(image.root, image.workdir), env });
  expect(stdout).toContain("gateway");
  expect(existsSync(join(image.root, "app/node_modules/vitest")), "nothing of development").toBe(false);
});

test("every service of the demo becomes ready in its order, and an event reaches the coordinator", async () => {
  for (const [name, service] of startOrder(composition, ["demo", "tokens"])) {
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      const before = running.get(other);
      expect(before, `${name} after ${other}`).toBeDefined();
      if (condition === "service_completed_successfully") expect(before?.process.exitCode).toBe(0);
    }
    if (name === "nginx" && "missing" in nginx) continue;
    const options = { image: service.build === undefined ? undefined : image, place, base };
    const it = startService(service, options);
    running.set(name, it);
    if (name === "provision") await once(it.process, "exit");
    else if (service.healthcheck !== undefined) await untilHealthy(service, it, options);
  }
  const servers = ["serve-1", "serve-2", "serve-3", ...("path" in nginx ? ["nginx"] : [])];
  const ours = ["console", "coordinator", "gateway", "nats", "provision", "prune", "relay"];
  expect([...running.keys()].toSorted()).toEqual(
    [...ours, ...servers, "worker", "session-prune", "tokens"].toSorted(),
  );

  const gateway = `http://127.0.0.1:${ports.get("8766")}`;
  const ready = await (await fetch(`${gateway}/_relay/ready`)).json();
  expect(ready, "HONEST-1: the monitor says that every write is synced").toMatchObject({
    ready: true,
    durability: "fsync",
  });
  const sent = await fetch(`${gateway}/events`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"session_id":"s1","event_type":"message","timestamp":"2026-01-01T00:00:00Z"}',
  });
  expect(sent.ok).toBe(true);
  await expect
    .poll(async () => {
      const answer = await fetch(`http://127.0.0.1:${ports.get("8765")}/sessions/s1/events`);
      return answer.ok ? await answer.text() : "";
    })
    .toContain('"message"');
  await eventually(() => expect(running.get("prune")?.output()).toContain("nothing to prune"));
});

test("a turn runs through nginx, with the key of .env, and a session that is deleted is removed", async ({
  annotate,
}) => {
  if ("missing" in nginx) return void (await annotate(`not run: ${nginx.missing}`, "notice"));
  const url = `http://127.0.0.1:${ports.get("8002")}`;
  expect((await fetch(`${url}/sessions`)).status).toBe(401);
  await using client = openSessions({ url, key: variables["SESSIONS_KEY"] ?? "" });
  const session = await client.createSession();
  expect(await client.runQuery(session, "hello")).toMatchObject({ outcome: "finished" });
  await client.delete(session);
  const servers = [`nats://127.0.0.1:${ports.get("4222")}`];
  const login = { servers, user: "admin", password: variables["ADMIN_PASSWORD"] ?? "" };
  const admin = await connectBroker(login, { name: "test", inboxPrefix: ADMIN_INBOX });
  onTestFinished(() => admin.close());
  const jsm = await jetstreamManager(admin);
  await expect.poll(async () => (await jsm.streams.info("RR_SESSIONS")).state.messages).toBe(0);
});

test("the relay's metrics ask for the page token, because its port listens beyond loopback", async () => {
  const metrics = `http://127.0.0.1:${ports.get("8767")}/metrics`;
  expect((await fetch(metrics)).status).toBe(401);
  const headers = { authorization: `Bearer ${variables["PAGE_TOKEN"]}` };
  expect((await fetch(metrics, { headers })).status).toBe(200);
});

test("the gateway keeps its runs in its volume", () => {
  expect(composition.services["gateway"]?.volumes).toEqual(["gateway:/app/data"]);
  expect(readdirSync(join(folder, "gateway-data"))).not.toEqual([]);
});

test("a service that a restart cannot heal stays, says why, and ends when it is stopped", async () => {
  const relay = composition.services["relay"];
  const environment = { ...relay?.environment, RUNNER_RELAY_COORDINATOR_URL: "no URL" };
  const it = startService({ ...relay, environment }, { image, place, base });
  await eventually(() => expect(it.output()).toContain("a restart would not help"));
  expect(it.output()).toContain("config_invalid");
  expect(it.process.exitCode).toBeNull();
  const gone = once(it.process, "exit");
  it.process.kill("SIGTERM");
  expect(await gone).toEqual([78, null]);
});

test("a service that is stopped ends with the code of its process", async () => {
  const gateway = composition.services["gateway"];
  const environment = {
    ...gateway?.environment,
    RUNNER_RELAY_PORT: "0",
    RUNNER_RELAY_DATA: join(folder, "other"),
  };
  const it = startService({ ...gateway, environment }, { image, place, base });
  await eventually(() => expect(it.output()).toContain("gateway ready"));
  const gone = once(it.process, "exit");
  it.process.kill("SIGTERM");
  expect(await gone).toEqual([0, null]);
});

test("the operator's service shows the status", async () => {
  const operator = composition.services["operator"];
  if (operator === undefined) throw new Error("no operator");
  const it = startService(operator, { image, place, base });
  const [code] = (await once(it.process, "close")) as [number];
  expect(it.output()).toMatch(/^backlog +0 events/m);
  expect(it.output()).toMatch(/^durability +fsync$/m);
  expect(code).toBe(0);
});

/** nginx finds the servers by their names in the engine's network. */
function onThisMachine({ translate }: Place): Place {
  const local = (text: string): string =>
    forDebian(text)
      .replaceAll(/\bserve-\d:/g, "127.0.0.1:")
      .replaceAll("listen ", "listen 127.0.0.1:");
  return { translate: (text) => translate(local(text)) };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
