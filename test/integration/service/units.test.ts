import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { findExecutable } from "../../../src/embedded/command.ts";
import type { StatusJson } from "../../../src/operate/status-json.ts";
import { natsServerPath } from "../../support/broker.ts";
import { bootMachine } from "./systemd.ts";
import { eventually } from "../../support/eventually.ts";

const DEPLOY = resolve(import.meta.dirname, "../../../deploy");
const run = promisify(execFile);

function read(file: string): string {
  return readFileSync(join(DEPLOY, file), "utf8");
}

test("`systemd-analyze` finds nothing wrong in the units, and each service exposes little", async ({
  annotate,
}) => {
  const analyze = findExecutable("systemd-analyze", [process.env["PATH"], "/usr/bin"].join(delimiter));
  if (analyze === undefined) return void (await annotate("not run: no systemd-analyze here", "notice"));
  const folder = await mkdtemp(join(tmpdir(), "rr-units-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, "bin"));
  for (const name of ["runner-relay", "nats-server"])
    await writeFile(join(folder, "bin", name), "#!/bin/sh\n", { mode: 0o755 });
  const units = readdirSync(join(DEPLOY, "systemd")).filter((file) =>
    /\.(?:service|socket|timer)$/.test(file),
  );
  for (const unit of units) {
    // the programs need not be installed for this
    const text = read(`systemd/${unit}`).replaceAll(
      /^(Exec\w+=)(runner-relay|nats-server)/gm,
      `$1${folder}/bin/$2`,
    );
    await writeFile(join(folder, unit), text);
  }
  const env = { PATH: process.env["PATH"], SYSTEMD_UNIT_PATH: `${folder}:` };
  const paths = units.map((unit) => join(folder, unit));
  const { stdout, stderr } = await run(analyze, ["verify", ...paths], { env });
  expect(stdout + stderr).toBe("");
  for (const path of paths.filter((it) => it.endsWith(".service"))) {
    // in tenths; exits with an error above
    const { stdout: said } = await run(analyze, ["security", "--offline=true", "--threshold=30", path], {
      env,
    });
    expect(said).toMatch(/Overall exposure level for \S+: [0-2]\.\d OK/);
  }
});

/** Of users.conf; each begins with a letter. */
const ROLES = [
  "GATEWAY",
  "RELAY",
  "CONSOLE",
  "OPERATOR",
  "ADMIN",
  "PRUNE",
  "SERVE",
  "WORKER",
  "SESSION_PRUNE",
  "TOKENS",
];

test("under a real systemd every unit starts as it stands, restarts, stops and delivers", async ({
  annotate,
}) => {
  const password = (role: string): string => `p-of-${role.toLowerCase()}`;
  const machine = await bootMachine({
    natsServer: await natsServerPath(),
    files: {
      "etc/runner-relay/nats/nats-server.conf": read("systemd/nats-server.conf"),
      "etc/runner-relay/nats/users.conf": read("nats/users.conf"),
      "etc/runner-relay/nats/passwords": ROLES.map((role) => `${role}_PASSWORD=${password(role)}\n`).join(""),
      "etc/runner-relay/gateway-password": `${password("GATEWAY")}\n`,
      "etc/runner-relay/relay-password": `${password("RELAY")}\n`,
      "etc/runner-relay/console-password": `${password("CONSOLE")}\n`,
      "etc/runner-relay/prune-password": `${password("PRUNE")}\n`,
      "etc/runner-relay/serve-password": `${password("SERVE")}\n`,
      "etc/runner-relay/worker-password": `${password("WORKER")}\n`,
      "etc/runner-relay/session-prune-password": `${password("SESSION_PRUNE")}\n`,
      "etc/runner-relay/tokens-password": `${password("TOKENS")}\n`,
      "etc/runner-relay/sessions-key": "a-key-with-all-scopes-0123456789\n",
      "etc/runner-relay/api-key": "a-key-of-the-coordinator\n",
      "etc/runner-relay/environment": "RUNNER_RELAY_COORDINATOR_URL=http://127.0.0.1:8765\n",
    },
  });
  if ("impossible" in machine) return void (await annotate(`not run: ${machine.impossible}`, "notice"));
  await using inside = machine;
  const { sh } = inside;
  const as = (role: string): string =>
    `NATS_URL=nats://127.0.0.1:4222 NATS_USER=${role.toLowerCase()} NATS_PASSWORD=${password(role)}`;
  const logs = (): Promise<string> => sh("cat /run/*.log");
  const ready = (url: string): Promise<void> =>
    eventually(async () => {
      const answer = await sh(`curl -s ${url} || true`);
      expect(answer, await logs()).toContain('"ready":true');
    });
  const send = (n: number): Promise<string> =>
    sh(
      `curl -s -i http://127.0.0.1:8766/events -H 'Content-Type: application/json' -d '{"session_id":"s1","event_type":"message","timestamp":"2026-01-01T00:00:0${n}Z"}'`,
    );
  const arrived = (count: number): Promise<void> =>
    eventually(async () => {
      const found = JSON.parse(await sh("curl -s http://127.0.0.1:8765/sessions/s1/events")) as {
        events: unknown[];
      };
      expect(found.events, await logs()).toHaveLength(count);
    });
  const show = (unit: string, property: string): Promise<string> =>
    sh(`systemctl show -P ${property} ${unit}`).then((text) => text.trim());

  await sh("runner-relay coordinator --auto-create --port 8765 >/run/coordinator.log 2>&1 &");
  // services that stand alone, beside a nats-server of one's own
  await sh("systemctl start runner-relay-nats");
  await eventually(() => sh("curl -sf http://127.0.0.1:8222/healthz"));
  await sh(`${as("ADMIN")} runner-relay provision`);
  await sh("systemctl start runner-relay-gateway runner-relay-relay runner-relay-console");
  await ready("http://127.0.0.1:8766/_relay/ready");
  await ready("http://127.0.0.1:8767/ready");
  const page = "runner-relay page --console-port 8768 --data /var/lib/runner-relay-console";
  await eventually(async () => expect(await sh(`curl -sL -c - "$(${page})"`)).toContain("Forwarding"));
  const first = await send(1); // the coordinator's own answer, or 202 while the relay still takes its shards over
  expect(first).toMatch(/^HTTP\/1.1 20[0-2]/);
  expect(first, "HONEST-1: its monitor says that every write is synced").not.toContain("unverified");
  await arrived(1);
  await sh("systemctl start runner-relay-prune");
  expect(await show("runner-relay-prune", "Result")).toBe("success");
  expect(await sh("cat /run/runner-relay-prune.service.log")).toContain("nothing to prune");

  // agent sessions: a turn is run, and what was deleted is erased
  await sh("systemctl start runner-relay-serve runner-relay-worker runner-relay-tokens");
  await ready("http://127.0.0.1:8002/ready");
  await ready("http://127.0.0.1:8769/ready");
  const call = async (method: string, path: string, body = ""): Promise<string> =>
    sh(
      `curl -s -X ${method} http://127.0.0.1:8002${path} -H 'Authorization: Bearer a-key-with-all-scopes-0123456789' -H 'Content-Type: application/json' ${body === "" ? "" : `-d '${body}'`}`,
    );
  await call("POST", "/sessions", '{"session_id":"s1","prompt":"hello"}');
  await eventually(async () =>
    expect(await call("GET", "/sessions/s1/events"), await logs()).toMatch(/"turn_ended".*"finished"/),
  );
  expect(await sh("stat -c '%a %U' /var/lib/runner-relay-worker/workspaces/*/*")).toBe(
    "700 runner-relay-worker\n",
  );
  const { join_secret: secret } = JSON.parse(await call("POST", "/sessions/s1/join-secrets")) as {
    join_secret: string;
  };
  const kind = "urn:runner-relay:token-type:join-secret";
  const form = `-d grant_type=urn:ietf:params:oauth:grant-type:token-exchange -d subject_token_type=${kind} -d subject_token=${secret}`;
  expect(await sh(`curl -s http://127.0.0.1:8769/token ${form}`)).toContain('"session_id":"s1"');
  expect(await call("DELETE", "/sessions/s1")).toContain('"deleted":true');

  // with the socket unit, systemd keeps the port while the service restarts
  await sh(
    "systemctl stop runner-relay-serve && systemctl start runner-relay-serve.socket runner-relay-serve",
  );
  await ready("http://127.0.0.1:8002/ready");
  await sh("systemctl stop runner-relay-serve");
  const health = sh("curl -s --max-time 60 http://127.0.0.1:8002/health"); // waits, and starts the service
  expect(await health).toContain('"status":"ok"');
  await sh("systemctl stop runner-relay-serve.socket");
  await sh("systemctl start runner-relay-session-prune");
  const info = `${as("OPERATOR")} runner-relay status --json`;
  await eventually(async () =>
    expect((JSON.parse(await sh(info)) as StatusJson).agentSessions).toMatchObject({ log: { messages: 0 } }),
  );
  const services = ["serve", "worker", "tokens", "session-prune"].map((it) => `runner-relay-${it}`);
  await sh(`systemctl stop ${services.join(" ")}`);
  for (const unit of services) expect(await show(unit, "Result"), unit).toBe("success");

  await sh("systemctl kill -s KILL runner-relay-relay");
  await eventually(async () => expect(await show("runner-relay-relay", "NRestarts")).toBe("1"));
  await ready("http://127.0.0.1:8767/ready");
  expect(await send(2)).toMatch(/^HTTP\/1.1 20[0-2]/);
  await arrived(2);

  // a rotated credential is seen by a restart: systemd copies it at the start
  await sh(
    "echo RUNNER_RELAY_BATCH_MAX=none >> /etc/runner-relay/environment; systemctl restart runner-relay-relay",
  );
  await eventually(async () => expect(await show("runner-relay-relay", "ActiveState")).toBe("failed"));
  expect(await show("runner-relay-relay", "ExecMainStatus"), "78 is not started again").toBe("78");
  await sh("sed -i /BATCH_MAX/d /etc/runner-relay/environment");
  await sh("systemctl stop runner-relay-gateway runner-relay-nats");
  expect(await show("runner-relay-gateway", "Result")).toBe("success");

  // everything in one service, on the same ports
  await sh("systemctl start runner-relay");
  await ready("http://127.0.0.1:8766/_relay/ready");
  await ready("http://127.0.0.1:8767/ready");
  expect(await send(3)).toMatch(/^HTTP\/1.1 20[01]/);
  await arrived(3);
  await sh("systemctl stop runner-relay");
  expect(await show("runner-relay", "Result")).toBe("success");
  expect(await sh("ls -A /var/lib/runner-relay"), "0700 and its own").not.toBe("");
  expect(await sh("stat -c '%a %U' /var/lib/runner-relay")).toBe("700 runner-relay\n");
});
