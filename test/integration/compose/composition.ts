import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parse } from "yaml";
import type { Image } from "./dockerfile.ts";

/** As much of a service as ours use. */
export type Service = {
  image?: string;
  build?: string;
  entrypoint?: string[];
  command?: string[];
  /** YAML reads a bare number as one, and engines take it as text. */
  environment?: Record<string, string | number>;
  env_file?: { path: string; required: boolean }[];
  volumes?: string[];
  ports?: string[];
  network_mode?: string;
  profiles?: string[];
  depends_on?: Record<string, { condition: string }>;
  stop_grace_period?: string;
  healthcheck?: { test: string[] };
};

export type Composition = { services: Record<string, Service>; volumes: Record<string, unknown> };

/** Reads a compose file with `${NAME:-default}` and `${NAME:?why}` filled in. Throws if a needed variable is missing. */
export function readComposition(text: string, variables: Readonly<Record<string, string>>): Composition {
  const filled = text.replaceAll(
    /\$\{(\w+)(?::([-?])([^}]*))?\}/g,
    (_, name: string, kind: string | undefined, rest: string | undefined) => {
      const value = variables[name] || undefined;
      if (value === undefined && kind !== "-") throw new Error(`${name} is missing: ${rest ?? ""}`);
      return value ?? rest ?? "";
    },
  );
  return parse(filled, { merge: true }) as Composition;
}

export type Running = {
  /** Ends when the service does. */
  process: ChildProcess;
  output: () => string;
};

/** Where the composition's ports, host names and paths are on this machine. */
export type Place = { translate: (text: string) => string };

/** A place for one run: every known port is a free one, every service is on loopback, every path is below `folder`. */
export function placeOf(
  composition: Composition,
  ports: ReadonlyMap<string, number>,
  paths: ReadonlyMap<string, string>,
): Place {
  const hosts = Object.keys(composition.services).join("|");
  return {
    translate(text) {
      let local = text.replaceAll(new RegExp(`//(?:${hosts})(?=:)`, "g"), "//127.0.0.1");
      for (const [port, free] of ports)
        local = local.replaceAll(new RegExp(`\\b${port}\\b`, "g"), String(free));
      for (const [path, folder] of paths) {
        local = local.replaceAll(new RegExp(`(?<![\\w./])${path}(?![\\w-])`, "g"), folder);
      }
      return local;
    },
  };
}

/** The folder that a bind mount becomes: its files with translated text. */
export function mount(source: string, target: string, place: Place): void {
  mkdirSync(target, { recursive: true });
  for (const entry of readdirSync(source, { withFileTypes: true })) {
    if (entry.isDirectory()) continue; // of other topologies
    const text = readFileSync(join(source, entry.name), "utf8");
    writeFileSync(join(target, entry.name), place.translate(text));
  }
}

/** Starts a service as a process: entry point and command as an engine joins them, its environment and nothing of ours. */
export function startService(
  service: Service,
  options: { image: Image | undefined; place: Place; base: Record<string, string> },
): Running {
  const { image, place, base } = options;
  const entrypoint = service.entrypoint ?? image?.entrypoint ?? [];
  // an entry point of the service's own drops the image's command
  const command = service.command ?? (service.entrypoint === undefined ? (image?.cmd ?? []) : []);
  const [file = "", ...args] = [...entrypoint, ...command].map((word) => place.translate(word));
  const child = spawn(file, args, {
    cwd: image === undefined ? undefined : join(image.root, image.workdir),
    env: environmentOf(service, options, base),
    stdio: ["ignore", "pipe", "pipe"],
    detached: true, // a shell's children end with it
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  }
  return { process: child, output: () => output };
}

/** Runs a service's health check until it passes. */
export async function untilHealthy(
  service: Service,
  running: Running,
  options: { image: Image | undefined; place: Place; base: Record<string, string> },
): Promise<void> {
  const [kind, file = "", ...args] = service.healthcheck?.test ?? [];
  if (kind !== "CMD") throw new Error("no health check");
  for (;;) {
    if (running.process.exitCode !== null || running.output().includes("a restart would not help"))
      throw new Error(`ended instead: ${running.output()}`);
    const check = spawn(
      file,
      args.map((word) => options.place.translate(word)),
      { env: environmentOf(service, options, options.base), stdio: "ignore" },
    );
    const [code] = (await once(check, "exit")) as [number | null];
    if (code === 0) return;
    await delay(200); // each check is a process
  }
}

function environmentOf(
  service: Service,
  { image, place }: { image: Image | undefined; place: Place },
  base: Record<string, string>,
): Record<string, string> {
  const own = Object.entries(service.environment ?? {}).map(([name, value]) => {
    return [name, place.translate(String(value))] as const;
  });
  return { ...base, ...environmentIn(image, base), ...Object.fromEntries(own) };
}

/** The image's environment. Its own folders come first in the PATH, then this machine's, which stand for those of the base image. */
export function environmentIn(
  image: Image | undefined,
  base: Record<string, string>,
): Record<string, string> {
  if (image === undefined) return {};
  const own = (image.env["PATH"] ?? "").split(delimiter).filter((path) => path.startsWith(image.workdir));
  const paths = own.map((path) => join(image.root, path));
  return { ...image.env, PATH: [...paths, base["PATH"] ?? ""].join(delimiter) };
}

/** Services that start without a profile or with one of these, each after what it depends on. */
export function startOrder(composition: Composition, profiles: readonly string[]): [string, Service][] {
  const started: [string, Service][] = [];
  const add = (name: string): void => {
    const service = composition.services[name];
    if (service === undefined) throw new Error(`no service ${name}`);
    if (started.some(([other]) => other === name)) return;
    for (const other of Object.keys(service.depends_on ?? {})) add(other);
    started.push([name, service]);
  };
  for (const [name, { profiles: wanted }] of Object.entries(composition.services)) {
    if (wanted === undefined || wanted.some((profile) => profiles.includes(profile))) add(name);
  }
  return started;
}
