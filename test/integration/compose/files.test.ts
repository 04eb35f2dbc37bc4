import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { OF_SERVE, OF_WORKER, SMALL } from "../../../src/cli/up/child-memory.ts";
import { variableNames } from "../../../src/shared/base/config/load.ts";
import { ALL_SETTINGS } from "../../../src/shared/settings/index.ts";
import { readComposition } from "./composition.ts";
import { parseDockerfile } from "./dockerfile.ts";
import { freshComposition, isForeign, makeEnv, read, ROOT, type Fresh } from "./fresh.ts";

let folder: string;
let made: Fresh["made"];
let composition: Fresh["composition"];
let remove: Fresh["remove"];

beforeAll(async () => {
  ({ folder, made, composition, remove } = await freshComposition());
});
afterAll(() => remove());

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
  expect(new Set(Object.values(made)).size).toBe(12);
  for (const value of Object.values(made)) expect(value).toMatch(/^p[0-9a-f]{48}$/);
  const secrets = new Set<string | number>(Object.values(made));
  for (const [name, { environment }] of Object.entries(composition.services)) {
    if (isForeign(name)) continue;
    const held = Object.values(environment ?? {}).filter((it) => secrets.has(it));
    // beside their passwords console and relay have the token of the page, and servers of sessions their key
    expect(held.length, name).toBe(name === "coordinator" ? 0 : /console|relay|serve/.test(name) ? 2 : 1);
  }
});

test("CRED-1: only the relay reads the coordinator's credentials", () => {
  const readers = Object.entries(composition.services).filter(([, it]) => it.env_file !== undefined);
  expect(readers.map(([name]) => name)).toEqual(["relay"]);
});

test("every variable is a setting", () => {
  const known = new Set(variableNames(ALL_SETTINGS));
  for (const [name, { environment }] of Object.entries(composition.services)) {
    if (isForeign(name)) continue;
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
  const least = { nats: 60, gateway: 10, relay: 10, console: 2, "serve-1": 8, worker: 9 };
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
  const script = read("deploy/container/runner-relay.sh");
  for (const [name, { nodeOptions }] of Object.entries({
    relay: SMALL,
    serve: OF_SERVE,
    worker: OF_WORKER,
  })) {
    const heap = new RegExp(`^.*\\b${name}\\b.*heap=(\\d+)`, "m").exec(script)?.[1];
    expect(nodeOptions, name).toContain(`--max-old-space-size=${heap}`);
  }
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
