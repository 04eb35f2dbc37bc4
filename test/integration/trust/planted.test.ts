import { writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { startPlainServer } from "../../support/plain-server.ts";
import { dataFolder, runCli, startUp, type Up } from "../../support/up.ts";
import { startCollector } from "../observability/collector.ts";
import { sendRaw } from "../tunnel/raw.ts";
import { placeOfText, placesOfFolder, placesOfProcess, scan, type Needle, type Place } from "./scanner.ts";
import { eventually } from "../../support/eventually.ts";

/** One secret for each place that may carry one. */
const PLANTED = {
  "password in NATS_URL": "planted nats/pass@word:1a",
  "key in a file": "planted-api/key+2b",
  "inbound token": "planted-inbound-3c",
  "password of a proxy": "planted-proxy&4d",
  "header for the collector": "planted-collector-5e",
  "executor's cookie": "planted-cookie-6f",
  "executor's proxy login": "planted-proxy-login-7a",
  "executor's query": "planted-query-8b",
};
type Name = keyof typeof PLANTED;
const NEEDLES: Needle[] = Object.entries(PLANTED).map(([name, value]) => ({ name, value }));
/** Not secret: where it is found, a secret would be. */
const DECOY = "planted-decoy-9c";
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "QUERY", "TRACE"];

/** Says in every answer, and in every way, what it was sent. */
function echo(request: IncomingMessage, response: ServerResponse): void {
  const url = request.url ?? "";
  const sent = `${url}\n${request.rawHeaders.join("\n")}`;
  request.resume();
  request.on("end", () => {
    if (url === "/health") return void response.setHeader("content-type", "application/json").end("{}");
    response.setHeader("x-echo", String(request.headers.authorization));
    response.setHeader("content-type", "application/json");
    if (url.includes("/refused")) {
      response.writeHead(422);
      return void response.end(
        JSON.stringify({ detail: `${DECOY}: refused with ${request.headers.authorization}` }),
      );
    }
    if (url.includes("gzip")) {
      response.setHeader("content-encoding", "gzip");
      return void response.end(gzipSync(sent));
    }
    if (url.includes("status=")) response.statusCode = Number(/status=(\d+)/.exec(url)?.[1]);
    response.end(JSON.stringify({ ok: true, sent, again: Buffer.from(sent).toString("base64") }));
  });
}

/** Everything that an executor gets, for any method, as it is on the wire. */
async function answersOf(gateway: string): Promise<Place[]> {
  const { host } = new URL(gateway);
  const head = `Host: ${host}\r\nConnection: close\r\nAuthorization: Bearer ${PLANTED["inbound token"]}\r\nCookie: a=${PLANTED["executor's cookie"]}\r\nProxy-Authorization: Basic ${PLANTED["executor's proxy login"]}\r\n`;
  const places: Place[] = [];
  for (const method of METHODS) {
    for (const target of ["/things", "/things?status=401", "/things?status=500", "/things?gzip", "*"]) {
      const answer = await sendRaw(gateway, `${method} ${target} HTTP/1.1\r\n${head}\r\n`, { method }).catch(
        () => undefined,
      );
      if (answer === undefined) continue; // cut before its head
      const { body, ...rest } = answer;
      places.push({
        name: `answer to ${method} ${target}`,
        bytes: Buffer.concat([Buffer.from(JSON.stringify(rest)), body]),
      });
    }
  }
  for (const [path, text] of [
    ["/events", `{"session_id":"ok-${DECOY}","event_type":"message"}`],
    ["/events", `{"session_id":"refused-${DECOY}","event_type":"message"}`],
    ["/sessions/refused/events?token=" + PLANTED["executor's query"], '{"event_type":"message"}'],
  ]) {
    const request = `POST ${path} HTTP/1.1\r\n${head}Content-Type: application/json\r\nContent-Length: ${text?.length}\r\n\r\n${text}`;
    const { body, ...rest } = await sendRaw(gateway, request);
    places.push({
      name: `answer to ${path}`,
      bytes: Buffer.concat([Buffer.from(JSON.stringify(rest)), body]),
    });
  }
  return places;
}

/** What commands say, in peace and where they fail, and what the ports show. */
async function shownBy(up: Up, env: Record<string, string>): Promise<Place[]> {
  const info = await up.ready();
  const token = new URL(info.page ?? "").searchParams.get("token") ?? "";
  const ports = await Promise.all([
    ...["/status", "/metrics", "/ready", "/health"].map(async (path) =>
      placeOfText(
        `relay ${path}`,
        await (await fetch(info.relay + path, { headers: { authorization: `Bearer ${token}` } })).text(),
      ),
    ),
    ...["/", "/dead", "/status.json", "/health"].map(async (path) =>
      placeOfText(
        `console ${path}`,
        await (
          await fetch(new URL(path, info.page), { headers: { authorization: `Bearer ${token}` } })
        ).text(),
      ),
    ),
    ...["metrics", "ready", "health", "openapi.json"].map(async (path) => {
      const headers = { authorization: `Bearer ${PLANTED["inbound token"]}` };
      return placeOfText(
        `gateway ${path}`,
        await (await fetch(`${info.gateway}/_relay/${path}`, { headers })).text(),
      );
    }),
  ]);
  const wrong = (url: string): Record<string, string> => ({ ...env, NATS_URL: url });
  const secret = encodeURIComponent(PLANTED["password in NATS_URL"]);
  const runs: [string[], Record<string, string>][] = [
    [["status"], env],
    [["status", "--json"], env],
    [["dead", "ls"], env],
    [["doctor"], env],
    [["config", "--json"], env],
    [["status"], wrong(`nats://u:${secret}@127.0.0.1:1`)],
    [["status"], wrong(`nats://${secret}@127.0.0.1:1,nats://u:${secret}@127.0.0.1:2`)],
    [["status"], wrong(`nats://u:${PLANTED["password in NATS_URL"]}@127.0.0.1:1`)],
    [["status"], wrong(`${env["NATS_URL"]?.replace("relay:", "other:")}`)],
    [["status"], { ...env, NATS_USER: "other" }],
    [["status", "--nats", `nats://u:${secret}@127.0.0.1:1`], {}],
    [["doctor"], wrong(`tls://u:${secret}@127.0.0.1:1`)],
    [["status"], { RUNNER_RELAY_BROKER_MONITOR: `http://u:${secret}@127.0.0.1:1` }],
    [["up", "--coordinator", `https://u:${secret}@coordinator.example`], {}],
    [["up", "--coordinator", `https://coordinator.example/?token=${secret}`], {}],
    [
      ["up"],
      { RUNNER_RELAY_OIDC_ISSUER: `https://u:${secret}@id.example`, RUNNER_RELAY_OIDC_CLIENT_ID: "a" },
    ],
    [["up"], { AUTH0_DOMAIN: `u:${secret}@tenant.example` }],
    [["exec", "--gateway-url", `http://u:${secret}@127.0.0.1:1`, "--", "true"], {}],
  ];
  const outputs: Place[] = [];
  for (const [args, variables] of runs) {
    const { stdout, stderr, code } = await runCli(args, {
      env: { RUNNER_RELAY_DATA: up.dataDir, ...variables },
    });
    const name = args.filter((word) => !word.includes("://")).join(" ");
    outputs.push(placeOfText(`output of ${name} (${code})`, stdout + stderr));
  }
  return [...ports, ...outputs];
}

it("CRED-1: a secret in every URL, header, file and variable that may carry one is nowhere else, whatever is asked and whatever fails", async () => {
  await using folder = await dataFolder();
  await using collector = await startCollector();
  const password = PLANTED["password in NATS_URL"];
  await using broker = await startPlainServer({ jetstream: true, login: { user: "relay", password } });
  const coordinator = createServer(echo);
  await new Promise<void>((resolve) => coordinator.listen(0, "127.0.0.1", resolve));
  const keyFile = join(folder.path, "key");
  await writeFile(keyFile, PLANTED["key in a file"]);
  const env = {
    NATS_URL: broker.url.replace("nats://", `nats://relay:${encodeURIComponent(password)}@`),
    RUNNER_RELAY_API_KEY_FILE: keyFile,
    RUNNER_RELAY_INBOUND_TOKEN: PLANTED["inbound token"],
    RUNNER_RELAY_LOG_BYTES: "64MiB",
    HTTP_PROXY: `http://proxy:${encodeURIComponent(PLANTED["password of a proxy"])}@127.0.0.1:9`,
    NO_PROXY: "127.0.0.1",
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer%20${PLANTED["header for the collector"]}`,
    OTEL_BSP_SCHEDULE_DELAY: "50",
  };
  try {
    const url = `http://127.0.0.1:${(coordinator.address() as AddressInfo).port}`;
    const up = startUp(folder.path, {
      args: ["--coordinator", url, "--log-level", "trace"],
      env,
      also: ["sessions", "console"],
    });
    const { gateway } = await up.ready();
    const answers = await answersOf(gateway);
    expect(answers.length).toBeGreaterThan(40);
    await eventually(async () => {
      const { stdout } = await runCli(["dead", "ls", "--data", up.dataDir], { env });
      expect(stdout).toContain(DECOY);
    });
    await eventually(() => expect(collector.spans().map(({ name }) => name)).toContain("GET"));
    const places: Place[] = [
      ...answers,
      ...(await shownBy(up, env)),
      placeOfText("traces", collector.texts().join("\n")),
      placeOfText("stdout", up.output.stdout),
      placeOfText("ready file", readFileSync(up.readyFile, "utf8")),
      ...placesOfFolder(up.dataDir),
      ...up
        .processes()
        .flatMap((pid) => placesOfProcess(pid, String(pid)).filter(({ name }) => name.startsWith("cmdline"))),
    ];
    expect(await up.stop()).toMatchObject({ code: 0 });
    places.push(placeOfText("logs", up.output.stderr));

    // the scanner sees: each secret where it was planted, and the decoy where a secret could be
    for (const needle of NEEDLES)
      for (const form of [
        needle.value,
        encodeURIComponent(needle.value),
        Buffer.from(`ab${needle.value}yz`).toString("base64"),
      ])
        expect(scan([placeOfText("sample", form)], [needle]), form).toHaveLength(1);
    const decoys = scan(places, [{ name: "decoy", value: DECOY }]).map((found) =>
      found.slice("decoy in ".length),
    );
    for (const place of ["logs", "traces", "answer to /events", "console /dead", "output of dead ls (0)"])
      expect(decoys).toContain(place);
    expect(answers.some(({ bytes }) => bytes.includes("*".repeat(PLANTED["key in a file"].length)))).toBe(
      true,
    );

    // an executor gets its own query back, and it is part of what is stored for the coordinator
    const own = new Set<Name>(["executor's query"]);
    expect(
      scan(
        places,
        NEEDLES.filter(({ name }) => !own.has(name as Name)),
      ),
    ).toEqual([]);
    expect(
      scan(
        places.filter(({ name }) => !name.startsWith("answer")),
        NEEDLES,
      ),
    ).toEqual([]);
  } finally {
    coordinator.closeAllConnections();
    coordinator.close();
  }
});

it("CRED-1: a collector's URL with a login is said to be wrong, and not repeated", async () => {
  await using folder = await dataFolder();
  const login = "planted-login-0d";
  const up = startUp(folder.path, {
    args: ["--log-level", "trace"],
    also: ["sessions", "console"],
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://u:${login}@127.0.0.1:1` },
  });
  await up.ready();
  const info = readFileSync(up.readyFile, "utf8");
  await eventually(() => expect(up.output.stderr).toContain("must not carry a login"));
  expect(await up.stop()).toMatchObject({ code: 0 });
  expect(up.output.stderr + up.output.stdout + info).not.toContain(login);
});
