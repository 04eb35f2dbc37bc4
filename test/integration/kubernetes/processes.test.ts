import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectBroker } from "../../../src/shared/log/broker.ts";
import { ADMIN_INBOX } from "../../../src/shared/log/schema/subjects.ts";
import { natsServerPath } from "../../support/broker.ts";
import { eventually } from "../../support/eventually.ts";
import {
  KUBERNETES,
  render,
  workloadsOf,
  type Container,
  type Workload,
} from "../../support/kube/manifests.ts";
import { machineFor, type Pod } from "../../support/kube/pods.ts";

// The local overlay as processes, started all at once, as a cluster does it.

let folder: string;
let workloads: Map<string, Workload>;
let passwords: Record<string, string>;
const pods = new Map<string, Pod>();
const runs: Promise<void>[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "rr-pods-"));
  const made = execFileSync("/bin/sh", [join(KUBERNETES, "make-passwords.sh")], { encoding: "utf8" });
  passwords = Object.fromEntries(
    made
      .trim()
      .split("\n")
      .map((line) => line.split("=") as [string, string]),
  );
  const manifests = await render("local");
  workloads = new Map(workloadsOf(manifests).map((it) => [it.name, it]));
  const natsServer = await natsServerPath();
  const machine = machineFor({ manifests, secrets: passwords, folder, natsServer });
  for (const [name, workload] of workloads)
    for (let n = 0; n < (name === "nats" ? 3 : 1); n++) {
      const pod = await machine.pod(`${name}-${n}`, workload);
      pods.set(pod.name, pod);
    }
  for (const pod of pods.values())
    for (const container of containersOf(pod)) if (container.name !== "prune") runs.push(pod.run(container));
});

afterAll(async () => {
  const nats = [...pods.values()].filter(({ name }) => name.startsWith("nats"));
  const others = [...pods.values()].filter((it) => !nats.includes(it));
  await Promise.all(others.map((it) => it.stop()));
  await Promise.all(nats.map((it) => it.stop()));
  await Promise.all(runs);
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
});

function containersOf({ name }: Pod): Container[] {
  return workloads.get(name.replace(/-\d$/, ""))?.containers ?? [];
}

function podOf(name: string): Pod {
  const pod = pods.get(name);
  if (pod === undefined) throw new Error(`no pod ${name}`);
  return pod;
}

test("every probe passes", async () => {
  let asked = 0;
  await Promise.all(
    [...pods.values()].map(async (pod) => {
      for (const container of containersOf(pod))
        for (const kind of ["startupProbe", "readinessProbe", "livenessProbe"] as const) {
          const probe = container[kind];
          if (probe === undefined) continue;
          asked += 1;
          await eventually(async () => {
            const passes = await pod.probe(container, probe);
            expect(passes, `${pod.name} ${container.name} ${kind}: ${pod.output(container.name)}`).toBe(true);
          }, 300);
        }
    }),
  );
  expect(asked).toBe(3 * (3 + 2 + 1 + 1 + 1 + 1 + 1 + 2));
});

test("three servers have each stream", async () => {
  const provision = podOf("provision-0");
  await eventually(() => expect(provision.exits("provision").at(-1), provision.output("provision")).toBe(0));
  expect(provision.output("provision")).not.toContain("sessions_unavailable");
  const servers = [0, 1, 2].map((n) => `nats://127.0.0.1:${podOf(`nats-${n}`).port(4222)}`);
  const access = { servers, user: "admin", password: passwords["ADMIN_PASSWORD"] ?? "" };
  const nc = await connectBroker(access, { name: "test", inboxPrefix: ADMIN_INBOX });
  const jsm = await jetstreamManager(nc);
  const copies: Record<string, number> = {};
  for await (const { config } of jsm.streams.list()) copies[config.name] = config.num_replicas;
  await nc.close();
  expect(copies).toEqual({ RR_EVENTS: 3, RR_DEAD: 3, KV_RR_STATE: 3, RR_SESSIONS: 3, KV_RR_SES_STATE: 3 });
});

test("HONEST-1: an event reaches the coordinator, and all three servers said that they sync", async () => {
  const gateway = podOf("runner-0");
  await eventually(async () => {
    const ready = await fetch(`http://127.0.0.1:${gateway.port(8766)}/_relay/ready`);
    expect(await ready.json()).toMatchObject({ ready: true, durability: "fsync" });
  });
  await eventually(async () => {
    const answer = await fetch(`http://127.0.0.1:${podOf("relay-0").port(8765)}/sessions/demo/events`);
    expect(await answer.text()).toContain('"message"');
  });
});

test("a turn that was asked for at the sessions server runs at the worker", async () => {
  const at = `http://127.0.0.1:${podOf("serve-0").port(8002)}/sessions`;
  const headers = {
    authorization: `Bearer ${passwords["SESSIONS_KEY"]}`,
    "content-type": "application/json",
  };
  const post = async (path: string, body: object): Promise<Record<string, unknown>> => {
    const answer = await fetch(`${at}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    expect(answer.ok, await answer.clone().text()).toBe(true);
    return (await answer.json()) as Record<string, unknown>;
  };
  const { session_id: id } = await post("", {});
  await post(`/${String(id)}/turns`, { user_input: "hello" });
  await eventually(async () => {
    const events = await (await fetch(`${at}/${String(id)}/events`, { headers })).text();
    expect(events).toContain("turn_ended");
  });
});

test("what is settled is pruned", async () => {
  const pod = podOf("prune-0");
  const [container] = containersOf(pod);
  if (container === undefined) throw new Error("no container");
  await pod.run(container);
  expect(pod.output("prune")).toContain("nothing to prune");
});

test("nobody needs a folder that a read-only root does not give", () => {
  for (const pod of pods.values())
    for (const { name } of containersOf(pod))
      expect(pod.output(name), pod.name).not.toMatch(/EROFS|EACCES|ENOENT/);
});
