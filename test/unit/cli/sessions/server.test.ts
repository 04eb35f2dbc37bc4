import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { findServer, serverOf } from "../../../../src/cli/sessions/server.ts";
import { learnReach } from "../../../../src/shared/base/own-command.ts";

const OWN = "http://127.0.0.1:8002";
const ELSEWHERE = "http://gateway.example:8002";
const KEY = "key-of-the-data-folder-0123456789";
const GIVEN = "key-that-was-given-0123456789";

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "rr-find-"));
});
afterEach(() => {
  rmSync(dataDir, { recursive: true });
  learnReach([]); // the next file of this worker prints commands as well
});

/** What `up` leaves in its data folder while it runs. */
function runs(sessions?: string): void {
  const url = "http://127.0.0.1:1";
  const places = { gateway: url, relay: url, coordinator: url, nats: "nats://127.0.0.1:1", pid: process.pid };
  writeFileSync(join(dataDir, "running.json"), JSON.stringify({ ...places, sessions }));
  writeFileSync(join(dataDir, "sessions.key"), `${KEY}\n`, { mode: 0o600 });
}

const find = (env: Record<string, string> = {}, flags: Record<string, string> = {}) =>
  findServer({ env, flags: { data: dataDir, ...flags } });

test.each([
  ["the server of `up`, with its key", {}, {}, { url: OWN, key: KEY }],
  ["a key that is given counts more", { RUNNER_RELAY_SESSIONS_API_KEY: GIVEN }, {}, { url: OWN, key: GIVEN }],
  ["the same server by its name", {}, { "gateway-url": `${OWN}/` }, { url: OWN, key: KEY }],
  [
    "another one gets no key of this folder",
    {},
    { "gateway-url": ELSEWHERE },
    { url: ELSEWHERE, key: undefined },
  ],
  ["by variable", { RUNNER_RELAY_SESSIONS_URL: ELSEWHERE }, {}, { url: ELSEWHERE, key: undefined }],
  [
    "by the variables of existing installations",
    { UA_GATEWAY_URL: ELSEWHERE, UA_INTERNAL_API_TOKEN: GIVEN },
    {},
    { url: ELSEWHERE, key: GIVEN },
  ],
])("%s", (_, env, flags, server) => {
  runs(OWN);
  expect(find(env, flags)).toEqual({ kind: "server", server });
});

test("where nothing runs there is none, and a command that needs one says what to do", () => {
  expect(find()).toEqual({ kind: "none", dataDir, key: undefined });
  expect(() => serverOf({ env: {}, flags: { data: dataDir } })).toThrow(/run `.*up.*`.*--gateway-url/);
});

test("where `up` runs without one, nothing is started beside it", () => {
  runs();
  expect(() => find()).toThrow(expect.objectContaining({ code: "nothing_found" }));
});
