import { SHARDS } from "../../support/eight-shards.ts";
import { jetstreamManager } from "@nats-io/jetstream";
import { onTestFinished } from "vitest";
import { createDeadLetters } from "../../../src/relay/coordinator/dead-letters.ts";
import { encodeEnvelope, ENVELOPE_VERSION } from "../../../src/shared/log/schema/envelope.ts";
import { startTestBroker, type TestBroker } from "../../support/broker.ts";
import { startTestConsole } from "../../support/console.ts";
import { startCoordinator } from "../../support/coordinator.ts";
import { PAGE_BEARER, provisioned, startTestRelay } from "../../support/relay.ts";

/** The status page without a browser: what it answers, to whom, and what it refuses. test/page opens it in a real one. */

const bodyOf = (session: string): string =>
  JSON.stringify({
    session_id: session,
    event_type: "message",
    timestamp: "2026-01-01T00:00:00Z",
    role: "assistant",
    content: [],
  });

export const EVIL = `"><script>alert('x')</script> \u001b[31m`;

export async function setUp(options: Parameters<typeof startTestConsole>[1] = {}) {
  const broker = await provisioned(await startTestBroker({ sync: false }));
  onTestFinished(() => broker[Symbol.asyncDispose]());
  const coordinator = await startCoordinator({ autoCreateSessions: true });
  onTestFinished(() => coordinator[Symbol.asyncDispose]());
  const relay = await startTestRelay(broker, coordinator.url);
  onTestFinished(() => relay[Symbol.asyncDispose]());
  const page = await startTestConsole(broker, options);
  onTestFinished(() => page[Symbol.asyncDispose]());
  const { url, get } = page;
  return {
    broker,
    coordinator,
    relay,
    page,
    url,
    get,
    jsm: await jetstreamManager(page.nc, { checkAPI: false }),
  };
}

/** A dead letter as a relay stores it, of an event that never was in the log. */
export async function bury(
  broker: TestBroker,
  id: string,
  session: string,
  body = bodyOf(session),
  seq = 1,
): Promise<void> {
  const nc = await broker.connect("relay");
  const letters = createDeadLetters(nc, await jetstreamManager(nc, { checkAPI: false }), SHARDS);
  const at = 1_700_000_000_000;
  const envelope = {
    v: ENVELOPE_VERSION,
    id,
    kind: "event",
    session,
    runner: "r1",
    epoch: "e0",
    seq,
    at,
  } as const;
  await letters.put({
    id,
    runner: "r1",
    session,
    kind: "event",
    seq,
    payload: encodeEnvelope({ ...envelope, type: "application/json", body: Buffer.from(body) }),
    death: { reason: EVIL, status: 422, attempts: 1 },
  });
}

/** The form of a confirmation, as a browser would send it. */
export async function formOf(url: string, path: string): Promise<URLSearchParams> {
  const text = await (await fetch(url + path, { headers: PAGE_BEARER })).text();
  const fields = [...text.matchAll(/<input\s+type="hidden"\s+name="([^"]+)"\s+value="([^"]*)"/g)];
  return new URLSearchParams(fields.map(([, name = "", value = ""]): [string, string] => [name, value]));
}

export const post = (
  url: string,
  body: URLSearchParams,
  headers: Record<string, string> = {},
): Promise<Response> =>
  fetch(url, { method: "POST", body, headers: { ...PAGE_BEARER, ...headers }, redirect: "manual" });
