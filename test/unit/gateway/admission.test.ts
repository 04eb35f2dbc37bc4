import { mkdtempSync, rmSync, writeFileSync, readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { createBacklogLimits } from "../../../src/gateway/writes/backlog-limits.ts";
import { createGuard, isLoopback } from "../../../src/shared/http/guard.ts";
import { isUsableKey, keyedIds } from "../../../src/gateway/writes/identity.ts";
import { bodyForm } from "../../../src/shared/http/media-type.ts";
import { createKeptPort } from "../../../src/gateway/port.ts";
import { problemOf } from "../../../src/shared/http/problem.ts";
import { questionOf } from "../../../src/gateway/report/receipts.ts";
import { readSyncAlwaysOfMonitor } from "../../../src/shared/log/durability/durability.ts";
import { readSyncAlways } from "../../../src/shared/log/durability/sync-always.ts";
import { ERRORS, type ErrorCode, type HttpErrorCode } from "../../../src/shared/base/errors.ts";
import { shardOf } from "../../../src/shared/log/schema/partition.ts";
import type { RelayState } from "../../../src/shared/messages/relay-state.ts";

describe("guard", () => {
  const guard = createGuard({ listen: "127.0.0.1", token: undefined });

  test.each(["localhost", "localhost:8080", "LOCALHOST:1", "127.0.0.1:4000", "[::1]:4000", undefined])(
    "host %s is served",
    (host) => {
      expect(guard({ host })).toBeUndefined();
      expect(guard({ host })).toBeUndefined();
    },
  );

  test.each([
    "evil.example",
    "evil.example:80",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "",
    "10.0.0.1",
    "localhost:80:80",
  ])("host %s is refused", (host) => expect(guard({ host })).toMatchObject({ code: "host_refused" }));

  test("whatever a browser's page sends is refused", () => {
    expect(guard({ host: "localhost", origin: "http://localhost" })).toMatchObject({
      code: "origin_refused",
    });
    expect(guard({ host: "localhost", origin: "null" })).toMatchObject({ code: "origin_refused" });
  });

  test("with a token every request must bring it", () => {
    const strict = createGuard({ listen: "0.0.0.0", token: "s3cret" });
    expect(strict({ host: "any.example" })).toMatchObject({ code: "inbound_unauthorized" });
    expect(strict({ host: "any.example", authorization: "Bearer wrong" })).toMatchObject({
      code: "inbound_unauthorized",
    });
    expect(strict({ host: "any.example", authorization: "Bearer s3cret" })).toBeUndefined();
    const named = createGuard({ listen: "10.1.2.3", token: "s3cret" });
    expect(named({ host: "10.1.2.3:80", authorization: "Bearer s3cret" })).toBeUndefined();
    expect(named({ host: "other:80", authorization: "Bearer s3cret" })).toMatchObject({
      code: "host_refused",
    });
  });

  test("what is loopback", () => {
    expect(["127.0.0.1", "127.1.2.3", "::1", "localhost"].every(isLoopback)).toBe(true);
    expect(["0.0.0.0", "::", "10.0.0.1", "127.evil", "example"].some(isLoopback)).toBe(false);
  });
});

describe("the form of a body", () => {
  test.each([
    [undefined, "application/json"],
    ["application/json", "application/json"],
    ["Application/JSON; charset=UTF-8", "application/json"],
    ["application/vnd.x+json", "application/vnd.x+json"],
  ])("%s is taken", (type, short) => expect(bodyForm(type, undefined)).toEqual({ ok: true, type: short }));

  test.each([
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/json; charset=latin1",
    "json",
    "application/msgpack",
  ])("%s is not", (type) => expect(bodyForm(type, undefined).ok).toBe(false));

  test("nor is anything compressed", () => {
    expect(bodyForm("application/json", "gzip").ok).toBe(false);
    expect(bodyForm("application/json", "identity").ok).toBe(true);
  });
});

describe("backlog of a session", () => {
  const shardOfSession = (session: string): number => shardOf(session);
  const shard = shardOfSession("s");
  const state = (part: Partial<RelayState>): RelayState => ({
    v: 1,
    relay: "r",
    shards: [{ shard, behind: false }],
    coordinator: { state: "away" },
    backlog: [],
    overflow: false,
    ...part,
  });

  test("429 at the limit of events or bytes, alarm at half, once", () => {
    const alarms: string[] = [];
    const backlog = createBacklogLimits({
      maxEvents: 4,
      maxBytes: 1000,
      onHalf: (session, { events }) => void alarms.push(`${session}:${events}`),
    });
    for (let i = 0; i < 4; i++) {
      expect(backlog.admits("s", shard)).toBe(true);
      backlog.stored("s", shard, 10);
    }
    expect(backlog.admits("s", shard)).toBe(false);
    expect(alarms).toEqual(["s:2"]);
    backlog.stored("t", shardOfSession("t"), 1000);
    expect(backlog.admits("t", shardOfSession("t"))).toBe(false);
    expect(backlog.admits("u", shardOfSession("u"))).toBe(true);
  });

  test("a relay's report replaces what was counted, where it is whole", () => {
    const alarms: string[] = [];
    const backlog = createBacklogLimits({
      maxEvents: 4,
      maxBytes: 1000,
      onHalf: (session) => void alarms.push(session),
    });
    for (let i = 0; i < 4; i++) backlog.stored("s", shard, 1);
    backlog.reported(state({ overflow: true }));
    backlog.reported(state({ shards: [{ shard, behind: true }] }));
    backlog.reported(state({ shards: [{ shard: (shard + 1) % 8, behind: false }] }));
    expect(backlog.admits("s", shard)).toBe(false);
    backlog.reported(state({ backlog: [{ session: "s", events: 3, bytes: 3 }] }));
    expect(backlog.admits("s", shard)).toBe(true);
    backlog.stored("s", shard, 1);
    expect(backlog.admits("s", shard)).toBe(false);
    backlog.reported(state({}));
    expect(backlog.admits("s", shard)).toBe(true);
    for (let i = 0; i < 2; i++) backlog.stored("s", shard, 1);
    expect(alarms).toEqual(["s", "s"]); // it was below in between
  });

  test("a relay that does not have the shard says nothing of its sessions, in whatever order relays speak", () => {
    const owner = (events: number): RelayState =>
      state({ backlog: [{ session: "s", events, bytes: events }] });
    const others = [
      state({ relay: "b", shards: [], standby: [shard] }),
      state({ relay: "b", shards: [{ shard: (shard + 1) % 8, behind: false }], standby: [shard] }),
      state({ relay: "b", shards: [{ shard, behind: true }] }), // takes over, and has not read all of it
      state({ relay: "b", shards: [], standby: [shard], coordinator: { state: "up" } }),
      state({ relay: "b", shards: [], standby: [shard], stopping: true }),
    ];
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(fc.constant("owner" as const), fc.constantFrom(...others), fc.constant("write" as const)),
          {
            maxLength: 60,
          },
        ),
        (story) => {
          const backlog = createBacklogLimits({ maxEvents: 20, maxBytes: 1e9, onHalf: () => {} });
          let taken = 0;
          for (const step of story) {
            if (step === "owner") backlog.reported(owner(taken));
            else if (step !== "write") backlog.reported(step);
            else if (backlog.admits("s", shard)) {
              taken++;
              backlog.stored("s", shard, 1);
            }
          }
          expect(taken).toBe(Math.min(20, story.filter((step) => step === "write").length));
        },
      ),
    );
  });

  test("ISOLATE-1: while more sessions stand still than a relay can name, one that flows is not refused some day", () => {
    const backlog = createBacklogLimits({ maxEvents: 4, maxBytes: 1000, onHalf: () => {} });
    const stuck = state({
      coordinator: { state: "up" },
      overflow: true,
      backlog: [{ session: "s", events: 4, bytes: 4 }],
    });
    const flowing =
      Array.from({ length: 100 }, (_, i) => `t${i}`).find((it) => shardOfSession(it) === shard) ?? "";
    for (let i = 0; i < 10; i++) {
      backlog.stored(flowing, shard, 1);
      backlog.reported(stuck);
    }
    expect(backlog.admits(flowing, shard)).toBe(true);
    expect(backlog.admits("s", shard)).toBe(false);
  });
});

describe("identity of an event", () => {
  test("the same for the same session, route and key, and for nothing else", () => {
    const keyedId = keyedIds("a secret");
    const id = keyedId("s", "event", "k");
    expect(keyedIds("a secret")("s", "event", "k")).toBe(id);
    const others = [
      keyedId("t", "event", "k"),
      keyedId("s", "bind", "k"),
      keyedId("s", "event", "l"),
      keyedId("s,event", "event", "k"),
      keyedIds("another")("s", "event", "k"), // who does not know the secret cannot be there first
    ];
    expect(others).not.toContain(id);
    expect(id).toMatch(/^[a-f0-9]{32}$/);
  });

  test.each(["k", "a b", "~!", "x".repeat(255)])("key %s is usable", (key) =>
    expect(isUsableKey(key)).toBe(true),
  );
  test.each(["", " a", "a ", "é", "a\u0000", "x".repeat(256)])("key %s is not", (key) =>
    expect(isUsableKey(key)).toBe(false),
  );
});

describe("the question of a receipt", () => {
  test.each([
    ["abc-1", "seq=7", { id: "abc-1", seq: 7 }],
    ["abc", "", { code: "field_missing" }],
    ["abc", "seq=0", { code: "field_invalid" }],
    ["abc", "seq=1e3", { code: "field_invalid" }],
    ["abc", "seq=9999999999999999", { code: "field_invalid" }],
    ["a.b", "seq=1", { code: "not_found" }],
    ["*", "seq=1", { code: "not_found" }],
  ])("%s?%s", (id, query, question) => expect(questionOf(id, query)).toMatchObject(question));
});

test("every problem has the fields of the catalogue, and 429 and 503 say when to come back", () => {
  const codes = (Object.keys(ERRORS) as ErrorCode[]).filter(
    (code): code is HttpErrorCode => "status" in ERRORS[code],
  );
  expect(codes.length).toBeGreaterThan(20);
  for (const code of codes) {
    const { status, headers, body } = problemOf(code, "why");
    expect(JSON.parse(body.toString())).toEqual({
      type: `urn:runner-relay:error:${code}`,
      title: ERRORS[code].title,
      status,
      detail: "why",
      code,
    });
    expect(headers["content-type"]).toBe("application/problem+json");
    expect(headers["retry-after"] !== undefined, code).toBe(status === 503 || status === 429);
  }
});

describe("the kept port", () => {
  const folders: string[] = [];
  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
  });

  test("is kept per gateway; nonsense in the file counts as none", () => {
    const folder = mkdtempSync(join(tmpdir(), "rr-port-"));
    folders.push(folder);
    const data = join(folder, "data");
    const port = createKeptPort(data, "gw/1");
    expect(port.read()).toBeUndefined();
    port.keep(4711);
    expect(port.read()).toBe(4711);
    expect(createKeptPort(data, "gw2").read()).toBeUndefined();
    const [file = ""] = readdirSync(data);
    for (const text of ["", "0", "70000", "abc"]) {
      writeFileSync(join(data, file), text);
      expect(port.read()).toBeUndefined();
    }
  });
});

describe("HONEST-1: does the broker sync every write?", () => {
  test.each([
    "jetstream { sync_interval: always }",
    "jetstream: {\n  store_dir: '/x'\n  sync_interval = \"always\" # yes\n}",
    "port: 4222 // nats://x\nroutes = [nats://a:1, nats://b:2]\nJetStream {sync: ALWAYS}",
    "jetstream { limits { a: 1 }\n sync_interval always }",
    'include "users.conf"\njetstream{store_dir:"/a#b",sync_interval:always}',
  ])("yes: %s", (text) => expect(readSyncAlways(text)).toBe(true));

  test.each([
    "",
    "jetstream { store_dir: x }",
    "jetstream { sync_interval: 2m }",
    "jetstream { # sync_interval: always\n}",
    "jetstream { // sync_interval: always\n}",
    "sync_interval: always",
    "cluster { sync_interval: always }",
    "jetstream { limits { sync_interval: always } }",
    "jetstream { sync_interval: always, sync_interval: 1s }",
    'jetstream { store_dir: "sync_interval: always" }',
    "jetstream: enabled\nsync_interval: always",
  ])("no: %s", (text) => expect(readSyncAlways(text)).toBe(false));

  test("as the monitoring page has it", () => {
    expect(readSyncAlwaysOfMonitor({ config: { sync_interval: 120e9, sync_always: true } })).toBe(true);
    for (const no of [
      null,
      "x",
      {},
      { config: null },
      { config: { sync_interval: 120e9 } },
      { config: { sync_always: "true" } },
    ]) {
      expect(readSyncAlwaysOfMonitor(no)).toBe(false);
    }
  });
});
