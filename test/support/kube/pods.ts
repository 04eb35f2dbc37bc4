import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { bareEnv } from "../bare-env.ts";
import { mainOf } from "../bundle/main-of.ts";
import { freePort } from "../../../src/cli/up/free-port.ts";
import type { Container, Manifest, Probe, Workload } from "./manifests.ts";

// Containers as processes of this machine: what the manifests say of commands, variables, files and probes is used, with this machine's ports and folders.
// Users, read-only roots and limits are a cluster's.

/** A pod whose containers are processes. */
export type Pod = {
  name: string;
  /** The port of this machine that stands for one of the pod's. */
  port(number: number): number;
  /** What its containers said, by name. */
  output(container: string): string;
  /** Exit codes of a container that was started again. */
  exits(container: string): (number | null)[];
  /** Asks as a kubelet would. */
  probe(container: Container, probe: Probe): Promise<boolean>;
  /** Starts a container, and again when it ends; resolves when it ended well. */
  run(container: Container): Promise<void>;
  stop(): Promise<void>;
};

export type Machine = {
  pod(name: string, workload: Workload): Promise<Pod>;
};

/** An address that a pod could have, which is no name of its servers. */
const POD_ADDRESS = "10.244.0.7";
/** A kubelet waits longer, and longer each time. */
const AGAIN_MS = 1000;

/** This machine as the node of a cluster. */
export function machineFor(options: {
  manifests: readonly Manifest[];
  secrets: Readonly<Record<string, string>>;
  folder: string;
  natsServer: string;
}): Machine {
  const ports = new Map<string, number>();
  const known = (pod: string, port: string | number): number => ports.get(`${pod}:${port}`) ?? Number(port);

  return {
    async pod(name, workload) {
      const numbers = workload.containers.flatMap(portsOf);
      for (const number of numbers) {
        if (ports.has(`${name}:${number}`)) continue;
        ports.set(`${name}:${number}`, await freePort());
      }
      return podOf(name, workload, options, { known, numbers });
    },
  };
}

/** Where a container listens: its ports, and what its settings say of those on loopback. */
function portsOf({ ports = [], env = [] }: Container): number[] {
  const set = env.filter(({ name }) => name.endsWith("_PORT")).map(({ value }) => Number(value));
  return [...ports.map(({ containerPort }) => containerPort), ...set];
}

type Ports = { known: (pod: string, port: string | number) => number; numbers: readonly number[] };

function podOf(
  name: string,
  workload: Workload,
  { manifests, secrets, folder, natsServer }: Parameters<typeof machineFor>[0],
  { known, numbers }: Ports,
): Pod {
  const children = new Map<string, ChildProcess>();
  const outputs = new Map<string, string>();
  const exits = new Map<string, (number | null)[]>();
  let stopped = false;
  const volume = (it: string): string => join(folder, name, it);

  /** A text of the container as it has to be here. */
  function here(text: string, container: Container): string {
    let local = text
      .replaceAll(
        /\bnats-(\d)\.nats:(\d+)/g,
        (_, n: string, port: string) => `127.0.0.1:${known(`nats-${n}`, port)}`,
      )
      .replaceAll("0.0.0.0", "127.0.0.1");
    for (const number of numbers)
      local = local.replaceAll(
        new RegExp(`(?<!127\\.0\\.0\\.1:)\\b${number}\\b`, "g"),
        String(known(name, number)),
      );
    local = local.replaceAll(/127\.0\.0\.1:(\d+)/g, (_, port: string) => `127.0.0.1:${known(name, port)}`);
    const mounts = (container.volumeMounts ?? []).toSorted((a, b) => b.mountPath.length - a.mountPath.length);
    for (const { name: it, mountPath } of mounts)
      local = local.replaceAll(new RegExp(`(?<![\\w./])${mountPath}(?![\\w-])`, "g"), volume(it));
    return local;
  }

  function environment(container: Container): Record<string, string> {
    const env: Record<string, string> = {};
    for (const { configMapRef } of container.envFrom ?? [])
      Object.assign(env, manifests.find(({ metadata }) => metadata.name === configMapRef?.name)?.data);
    for (const { name: variable, value, valueFrom } of container.env ?? []) {
      const { secretKeyRef } = valueFrom ?? {};
      const text = value ?? (secretKeyRef === undefined ? name : (secrets[secretKeyRef.key] ?? ""));
      env[variable] = text.replaceAll(/\$\((\w+)\)/g, (_, other: string) => env[other] ?? "");
    }
    const local = Object.entries(env).map(([variable, text]) => [variable, here(text, container)]);
    const path = [dirname(process.execPath), dirname(natsServer), bareEnv()["PATH"]].join(delimiter);
    return { HOME: join(folder, "none"), ...Object.fromEntries(local), ...bareEnvWithout(), PATH: path };
  }

  function command(container: Container): [string, string[]] {
    const ours = [process.execPath, mainOf("cli")]; // they may lie below a path that the container mounts, as /tmp
    const words = (container.command ?? [process.execPath, mainOf("cli")]).concat(container.args ?? []);
    const [file = "", ...args] = words.map((word) => (ours.includes(word) ? word : here(word, container)));
    return [file === "nats-server" ? natsServer : file, args];
  }

  /** Folders of volumes, with the files of configuration. */
  function mountAll(container: Container): void {
    for (const { name: it, mountPath } of container.volumeMounts ?? []) {
      mkdirSync(volume(it), { recursive: true });
      if (mountPath !== "/etc/nats") continue;
      const maps = manifests.filter(
        ({ kind, metadata }) => kind === "ConfigMap" && metadata.name.startsWith("nats-"),
      );
      for (const [file, text] of maps.flatMap(({ data }) => Object.entries(data ?? {}))) {
        const onLoopback = text.replaceAll(/^( *)port: /gm, '$1host: "127.0.0.1"\n$1port: ');
        writeFileSync(join(volume(it), file), here(onLoopback, container));
      }
    }
  }

  async function once_(container: Container): Promise<number | null> {
    const [file, args] = command(container);
    const child = spawn(file, args, {
      env: environment(container),
      cwd: join(folder, name),
      stdio: ["ignore", "pipe", "pipe"],
    });
    children.set(container.name, child);
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) =>
        outputs.set(container.name, `${outputs.get(container.name) ?? ""}${chunk.toString()}`),
      );
    const [code] = (await once(child, "close")) as [number | null];
    exits.set(container.name, [...(exits.get(container.name) ?? []), code]);
    return code;
  }

  return {
    name,
    port: (number) => known(name, number),
    output: (it) => outputs.get(it) ?? "",
    exits: (it) => exits.get(it) ?? [],
    async probe(container, { httpGet, exec, tcpSocket }) {
      const number = (port: string | number): number =>
        known(name, container.ports?.find((it) => it.name === port)?.containerPort ?? port);
      if (exec !== undefined)
        return await execProbe(
          exec.command.map((word) => here(word, container)),
          environment(container),
        );
      if (httpGet === undefined)
        return (
          (await answers({ port: number(tcpSocket?.port ?? 0), path: "/", host: POD_ADDRESS })) !== undefined
        );
      const host = httpGet.httpHeaders?.find((it) => it.name === "Host")?.value ?? POD_ADDRESS;
      const status = await answers({ port: number(httpGet.port), path: httpGet.path, host });
      return status !== undefined && status >= 200 && status < 400;
    },
    async run(container) {
      mountAll(container);
      while (!stopped && (await once_(container)) !== 0) await delay(AGAIN_MS);
    },
    async stop() {
      stopped = true;
      const running = [...children.values()].filter((it) => it.exitCode === null && it.signalCode === null);
      await Promise.all(
        running.map((child) => {
          const gone = once(child, "close");
          child.kill("SIGTERM");
          return gone;
        }),
      );
    },
  };
}

function bareEnvWithout(): Record<string, string> {
  const { PATH: _, ...rest } = bareEnv();
  return rest;
}

async function execProbe([file = "", ...args]: string[], env: Record<string, string>): Promise<boolean> {
  const child = spawn(file, args, { env, stdio: "ignore" });
  const [code] = (await once(child, "close")) as [number | null];
  return code === 0;
}

/** The status of an answer; undefined if there is none. */
function answers({
  port,
  path,
  host,
}: {
  port: number;
  path: string;
  host: string;
}): Promise<number | undefined> {
  return new Promise((resolve) => {
    const asked = request(
      { host: "127.0.0.1", port, path, headers: { host }, timeout: 5000, agent: false },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      },
    );
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => resolve(undefined));
    asked.end();
  });
}
