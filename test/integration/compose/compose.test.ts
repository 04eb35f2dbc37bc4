import { execFile } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { variableNames } from "../../../src/shared/base/config/load.ts";
import { ALL_SETTINGS } from "../../../src/shared/settings/index.ts";
import { natsServerPath } from "../../support/broker.ts";
import { networkOf } from "../../support/machine.ts";
import {
  environmentIn,
  mount,
  placeOf,
  readComposition,
  startOrder,
  startService,
  untilHealthy,
  type Composition,
  type Place,
  type Running,
} from "./composition.ts";
import { buildImage, parseDockerfile, type Image } from "./dockerfile.ts";
import { eventually } from "../../support/eventually.ts";
import { bareEnv } from "../../support/bare-env.ts";

// No engine is needed: dockerfile.ts does what a build would do, composition.ts what `docker compose up` would do, with processes on
// this machine. What only an engine can show (base images, users, read-only roots) is not shown here.

const ROOT = resolve(import.meta.dirname, "../../..");
const run = promisify(execFile);

let folder: string;
let base: Record<string, string>;
let made: Record<string, string>;
let variables: Record<string, string>;
let composition: Composition;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rr-compose-"));
  const bin = join(folder, "bin");
  mkdirSync(bin);
  symlinkSync(await natsServerPath(), join(bin, "nats-server"));
  const { PATH = "", HOME = "" } = process.env;
  base = {
    ...networkOf(process.env),
    ...bareEnv(),
    PATH: [bin, dirname(process.execPath), PATH].join(delimiter),
    HOME,
  };
  made = await makeEnv(join(folder, "fresh"));
  variables = { ...made, COORDINATOR_URL: "http://127.0.0.1:8765" };
  composition = readComposition(read("docker-compose.yml"), variables);
});

afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));

function read(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

/** Runs `deploy/make-env.sh` in a copy; returns what it wrote. */
async function makeEnv(copy: string): Promise<Record<string, string>> {
  cpSync(join(ROOT, "deploy"), join(copy, "deploy"), { recursive: true });
  await run("/bin/sh", [join(copy, "deploy/make-env.sh")]);
  const file = join(copy, ".env");
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const text = readFileSync(file, "utf8");
  await run("/bin/sh", [join(copy, "deploy/make-env.sh")]);
  expect(readFileSync(file, "utf8"), "what stands in an .env stays").toBe(text);
  const lines = text.trim().split("\n");
  return Object.fromEntries(lines.map((line) => line.split("=") as [string, string]));
}

describe("what the files say", () => {
  test("an .env of before gets what is missing, and keeps the rest", async () => {
    const copy = join(folder, "upgraded");
    mkdirSync(copy);
    writeFileSync(join(copy, ".env"), "RELAY_PASSWORD=p0\nCOORDINATOR_URL=http://127.0.0.1:1\n", {
      mode: 0o600,
    });
    const upgraded = await makeEnv(copy);
    expect(upgraded).toMatchObject({ RELAY_PASSWORD: "p0", COORDINATOR_URL: "http://127.0.0.1:1" });
    expect(Object.keys(upgraded).toSorted()).toEqual([...Object.keys(made), "COORDINATOR_URL"].toSorted());
  });

  test("secrets are needed, and only the services that use them have them", () => {
    expect(() => readComposition(read("docker-compose.yml"), {})).toThrow(/make-env/);
    expect(() => readComposition(read("docker-compose.yml"), made)).toThrow(/COORDINATOR_URL is missing/);
    expect(new Set(Object.values(made)).size).toBe(10);
    for (const value of Object.values(made)) expect(value).toMatch(/^p[0-9a-f]{48}$/);
    const secrets = new Set<string | number>(Object.values(made));
    for (const [name, { environment }] of Object.entries(composition.services)) {
      if (name === "nats") continue;
      const held = Object.values(environment ?? {}).filter((it) => secrets.has(it));
      // beside their passwords console and relay have the token of the page
      expect(held.length, name).toBe(name === "coordinator" ? 0 : /console|relay/.test(name) ? 2 : 1);
    }
  });

  test("CRED-1: only the relay reads the coordinator's credentials", () => {
    const readers = Object.entries(composition.services).filter(([, it]) => it.env_file !== undefined);
    expect(readers.map(([name]) => name)).toEqual(["relay"]);
  });

  test("every variable is a setting", () => {
    const known = new Set(variableNames(ALL_SETTINGS));
    for (const [name, { environment }] of Object.entries(composition.services)) {
      if (name === "nats") continue;
      for (const variable of Object.keys(environment ?? {})) expect(known, name).toContain(variable);
    }
  });

  test("ports are published on loopback only, and every address is in reach", () => {
    const published = Object.values(composition.services).flatMap(({ ports }) => ports ?? []);
    for (const port of published) expect(port).toMatch(/^127\.0\.0\.1:(\d+):\1$/);
    for (const [name, { environment, network_mode: network }] of Object.entries(composition.services)) {
      const url = environment?.["NATS_URL"];
      if (typeof url !== "string") continue;
      const { hostname, port } = new URL(url);
      if (network === "host") expect(published, name).toContain(`127.0.0.1:${port}:${port}`);
      else expect(Object.keys(composition.services), name).toContain(hostname);
    }
    expect(composition.services["coordinator"]?.network_mode).toBe("service:relay");
  });

  test("every service has the time that its stop needs", () => {
    const least = { nats: 60, gateway: 10, relay: 10, console: 2 };
    for (const [name, seconds] of Object.entries(least)) {
      const period = /^(\d+)s$/.exec(composition.services[name]?.stop_grace_period ?? "");
      expect(Number(period?.[1]), name).toBeGreaterThanOrEqual(seconds);
    }
  });

  test("heaps are small in services, and as Node has them in operators' commands", () => {
    const stages = parseDockerfile(read("Dockerfile"));
    expect(stages.flatMap(({ steps }) => steps).filter(({ text }) => text.includes("max-old-space"))).toEqual(
      [],
    );
    expect(read("deploy/container/runner-relay.sh")).toContain("--max-old-space-size=96");
  });

  test("volumes that are mounted exist, and the image runs as an ordinary user", () => {
    for (const volume of Object.values(composition.services).flatMap(({ volumes }) => volumes ?? [])) {
      const [source = ""] = volume.split(":");
      if (source.startsWith("./")) expect(existsSync(join(ROOT, source)), source).toBe(true);
      else expect(Object.keys(composition.volumes)).toContain(source);
    }
    const stages = parseDockerfile(read("Dockerfile"));
    expect(stages.map(({ from }) => from)).toEqual(["node:24-slim", "node:24-slim"]);
    expect(stages.at(-1)?.steps).toContainEqual({ op: "USER", text: "node" });
  });
});

describe("what the files do", () => {
  let image: Image;
  let place: Place;
  const running = new Map<string, Running>();
  const ports = new Map<string, number>();

  beforeAll(async () => {
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
    for (const port of ["4222", "8222", "8765", "8766", "8767", "8768"]) ports.set(port, await freePort());
    const paths = new Map([
      ["/etc/nats", join(folder, "etc")],
      ["/data", join(folder, "data")],
      ["/app/data", join(folder, "gateway-data")],
    ]);
    place = placeOf(composition, ports, paths);
    mount(join(ROOT, "deploy/nats"), join(folder, "etc"), place);
  }, 180_000);

  afterAll(async () => {
    for (const { process: child } of [...running.values()].toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, "exit");
      process.kill(-(child.pid ?? 0), "SIGTERM");
      await gone;
    }
    rmSync(join(folder, "image"), { recursive: true, force: true });
  });

  test("the image prints its help", async () => {
    const [file = "", ...args] = [...image.entrypoint, ...image.cmd];
    const env = { ...base, ...environmentIn(image, base) };
    const { stdout } = await run(file, args, { cwd: join(image.root, image.workdir), env });
    expect(stdout).toContain("gateway");
    expect(existsSync(join(image.root, "app/node_modules/vitest")), "nothing of development").toBe(false);
  });

  test("every service of the demo becomes ready in its order, and an event reaches the coordinator", async () => {
    for (const [name, service] of startOrder(composition, ["demo"])) {
      for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
        const before = running.get(other);
        expect(before, `${name} after ${other}`).toBeDefined();
        if (condition === "service_completed_successfully") expect(before?.process.exitCode).toBe(0);
      }
      const options = { image: service.build === undefined ? undefined : image, place, base };
      const it = startService(service, options);
      running.set(name, it);
      if (name === "provision") await once(it.process, "exit");
      else if (service.healthcheck !== undefined) await untilHealthy(service, it, options);
    }
    expect([...running.keys()].toSorted()).toEqual(
      ["console", "coordinator", "gateway", "nats", "provision", "prune", "relay"].toSorted(),
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
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
