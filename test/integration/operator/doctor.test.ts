import { SHARDS } from "../../support/eight-shards.ts";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { DiscardPolicy, jetstreamManager } from "@nats-io/jetstream";
import { expect, test } from "vitest";
import { examine, type Patient } from "../../../src/operate/doctor/examine.ts";
import type { Line } from "../../../src/shared/messages/checks/line.ts";
import { systemClock } from "../../../src/shared/base/clock.ts";
import { createDeadLetters } from "../../../src/relay/coordinator/dead-letters.ts";
import { openControl } from "../../../src/shared/log/state/control.ts";
import { HOLDINGS_SUBJECT } from "../../../src/shared/log/schema/subjects.ts";
import {
  consumerName,
  DEAD_STREAM,
  EVENTS_STREAM,
  STATE_STREAM,
} from "../../../src/shared/log/schema/topology.ts";
import { provisionSessions } from "../../../src/shared/session-log/provision.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { PAGE_TOKEN, provisioned, startTestRelay } from "../../support/relay.ts";
import { runCli } from "../../support/up.ts";
import { startTestGateway } from "../gateway/harness.ts";
import { eventually } from "../../support/eventually.ts";

const bad = (lines: Line[]): string[] =>
  lines.filter(({ level }) => level !== "ok").map(({ level, check, text }) => `${level} ${check}: ${text}`);

/** What is looked at without relays and gateways. */
function patientOf(broker: TestBroker, more: Partial<Patient> = {}): Patient {
  return {
    access: broker.access("operator"),
    sync: { configFile: broker.configFile },
    store: broker.dataDir,
    staging: undefined,
    gateways: [],
    relay: undefined,
    sessions: undefined,
    relayToken: PAGE_TOKEN,
    wall: clockOf(broker),
    ...more,
  };
}

/** The broker's clock, as far as this one goes: a container's or a virtual machine's may be another one. */
const offsets = new WeakMap<TestBroker, number>();
const clockOf = (broker: TestBroker) => (): number => Date.now() + (offsets.get(broker) ?? 0);

async function start(options: { sync?: boolean } = {}): Promise<TestBroker> {
  const broker = await provisioned(await startTestBroker(options));
  await provisionSessions(await broker.connect("admin"), {
    replicas: 1,
    isNew: true,
    freeBytes: 4 * 1024 ** 3,
  });
  const jsm = await jetstreamManager(await broker.connect("operator"), { checkAPI: false });
  const { ts } = await jsm.streams.info(EVENTS_STREAM);
  offsets.set(broker, Date.parse(ts ?? "") - Date.now());
  return broker;
}

const ALONE = ["fail relays: no relay is running", "warn gateway: no gateway is known here"];

test.concurrent("all is well: every line ok, exit code 0; a relay that is paused, a gateway and a broker that go are said, exit code 1", async () => {
  await using broker = await start();
  await using coordinator = await startCoordinator();
  await using relay = await startTestRelay(broker, coordinator.url);
  await using gateway = await startTestGateway(broker);
  const url = gateway.url();
  const patient = patientOf(broker, { gateways: [url], relay: relay.adminUrl });
  const lines = await examine(patient);
  expect(bad(lines)).toEqual([]);
  expect(lines.map(({ check }) => check)).toEqual([
    "broker",
    "jetstream",
    "permissions",
    "stream RR_EVENTS",
    "stream RR_DEAD",
    "stream KV_RR_STATE",
    "stream RR_SESSIONS",
    "stream KV_RR_SES_STATE",
    "consumers",
    "durability",
    "writes",
    "contents",
    "room in the log",
    "room in the log of sessions",
    "disk",
    "clock",
    "relays",
    "credentials of relay-a",
    "coordinator by relay-a",
    "relay on this machine",
    "sessions of the coordinator",
    "dead letters",
    "workers",
    "turns",
    "index of sessions",
    `gateway ${url}`,
  ]);
  const nc = await broker.connect("operator");
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  for (const stream of [EVENTS_STREAM, DEAD_STREAM]) {
    expect((await jsm.streams.info(stream)).state.messages).toBe(0); // looking changes nothing
  }
  expect(await (await openControl(nc, systemClock)).readControls()).toEqual({ sessions: [] });

  const { user = "", password = "" } = broker.access("operator");
  const env = {
    NATS_URL: broker.url,
    NATS_USER: user,
    NATS_PASSWORD: password,
    RUNNER_RELAY_BROKER_CONFIG: broker.configFile,
  };
  const cli = (...args: string[]) => runCli(["doctor", "--gateway", url, ...args], { env });
  expect(await cli()).toMatchObject({ code: 0, stdout: expect.stringMatching(/^(?:ok {2}\S.*\n)+$/) });
  const control = await openControl(nc, systemClock);
  await control.pauseAll("");
  await eventually(async () =>
    expect(bad(await examine(patient))).toEqual([
      "warn coordinator by relay-a: an operator paused everything",
    ]),
  );
  await broker.kill9();
  await gateway.close();
  await relay.close();
  const away = await cli("--json");
  expect(away.code).toBe(1);
  expect(bad(JSON.parse(away.stdout) as Line[])).toEqual([
    expect.stringMatching(/^fail broker: log_unreachable: /),
    "fail relays: only the broker knows",
    expect.stringMatching(/^fail gateway .*ECONNREFUSED/),
  ]);
});

test.concurrent("relays and gateways that hang are said as what they are, and the login is not blamed", async () => {
  await using broker = await start();
  const sockets: Socket[] = [];
  const stuck = createServer((socket) => void sockets.push(socket)).listen(0, "127.0.0.1");
  await once(stuck, "listening");
  const { port } = stuck.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  // subscribed at the broker, as a relay that was stopped
  (await broker.connect("admin")).subscribe(HOLDINGS_SUBJECT);
  try {
    const lines = await examine(patientOf(broker, { relay: url, gateways: [url] }));
    expect(bad(lines)).toEqual([
      "fail relays: no relay is running",
      "fail relay on this machine: no answer within 3 s",
      `fail gateway ${url}: no answer within 3 s`,
    ]);
  } finally {
    stuck.close();
    for (const socket of sockets) socket.destroy();
  }
});

test("dead letters whose refusal no executor received are named", async () => {
  await using broker = await start();
  const jsm = await jetstreamManager(await broker.connect("relay"), { checkAPI: false });
  const letters = createDeadLetters(await broker.connect("relay"), jsm, SHARDS);
  const letter = { runner: "r", session: "s", kind: "event", seq: 1, payload: new Uint8Array() } as const;
  const death = { reason: "no", status: 422, attempts: 1 };
  const said = async (): Promise<string[]> =>
    bad(await examine(patientOf(broker))).filter((line) => line.includes("dead letters"));
  await letters.put({ ...letter, id: "ev1", death: { ...death, answered: true } });
  expect(await said(), "its executor knows").toEqual([]);
  await letters.put({ ...letter, id: "ev2", death });
  expect(await said()).toEqual([
    expect.stringMatching(
      /^warn dead letters: 2; no executor received the refusal of 1; the oldest is \d+s old$/,
    ),
  ]);
});

test.concurrent("HONEST-1: a broker that does not sync, a missing consumer, changed streams", async () => {
  await using broker = await start({ sync: false });
  const jsm = await jetstreamManager(await broker.connect("admin"));
  await jsm.consumers.delete(EVENTS_STREAM, consumerName(5));
  await jsm.streams.update(EVENTS_STREAM, { allow_direct: false });
  await jsm.streams.update(DEAD_STREAM, { discard: DiscardPolicy.Old });
  expect(bad(await examine(patientOf(broker, { store: undefined })))).toEqual([
    "warn stream RR_EVENTS: not as it must be: allow_direct",
    "fail stream RR_DEAD: discard is old, must be new",
    "fail consumers: relay-5 does not exist",
    expect.stringMatching(/^fail durability: the broker does not sync every write/),
    ...ALONE,
  ]);
  expect(bad(await examine(patientOf(broker, { sync: {} })))).toContainEqual(
    expect.stringMatching(/^warn durability: cannot verify that/),
  );
});

test.concurrent("a login that is no operator's, one that is refused, and a clock that is wrong", async () => {
  await using broker = await start();
  const relay = await examine(patientOf(broker, { access: broker.access("relay") }));
  expect(bad(relay)).toEqual([
    "fail permissions: this login may not receive answers on _INBOX_op.>, so it is not an operator's",
    "fail relays: this login may not subscribe to them",
    "warn gateway: no gateway is known here",
  ]);
  const refused = await examine(
    patientOf(broker, { access: { ...broker.access("operator"), password: "x" } }),
  );
  expect(bad(refused)[0]).toMatch(/^fail broker: broker_refused: /);
  await eventually(async () => {
    const late = await examine(patientOf(broker, { wall: () => clockOf(broker)() - 60_000 }));
    expect(bad(late), "a slow answer says less").toEqual([
      expect.stringMatching(/^warn clock: .* (?:60|59)\.\d s behind the broker's$/),
      ...ALONE,
    ]);
  });
});

test.concurrent("a broker that takes no more, one without a log, one that says nothing: nothing hangs", async () => {
  await using broker = await start();
  const jsm = await jetstreamManager(await broker.connect("admin"));
  await jsm.streams.update(STATE_STREAM, { max_bytes: 1 });
  expect(bad(await examine(patientOf(broker)))).toContainEqual("fail writes: maximum bytes exceeded");
  for (const stream of [EVENTS_STREAM, DEAD_STREAM, STATE_STREAM]) await jsm.streams.delete(stream);
  const empty = bad(await examine(patientOf(broker)));
  expect(empty.slice(0, 3)).toEqual([
    "fail stream RR_EVENTS: it does not exist",
    "fail stream RR_DEAD: it does not exist",
    "fail stream KV_RR_STATE: it does not exist",
  ]);

  const sockets: Socket[] = [];
  const silent = createServer((socket) => void sockets.push(socket));
  await new Promise<void>((done) => silent.listen(0, "127.0.0.1", done));
  await using scope = new AsyncDisposableStack();
  scope.defer(() => {
    silent.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = silent.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const lines = await examine({
    ...patientOf(broker),
    access: { servers: [`nats://127.0.0.1:${port}`] },
    gateways: [`http://127.0.0.1:${port}`],
    relay: `http://127.0.0.1:${port}`,
  });
  expect(lines.map(({ level, check }) => `${level} ${check.split(" ")[0]}`)).toEqual([
    "fail broker",
    "ok disk",
    "fail relays",
    "fail relay",
    "fail gateway",
  ]);
});
