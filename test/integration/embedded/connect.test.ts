import { jetstreamManager } from "@nats-io/jetstream";
import { expect, test } from "vitest";
import { connectBroker, unreachableOr } from "../../../src/shared/log/broker.ts";
import { ADMIN_INBOX, RELAY_INBOX } from "../../../src/shared/log/schema/subjects.ts";
import { errorText } from "../../../src/shared/base/errors.ts";
import { startTestBroker } from "../../support/broker.ts";

const as = { name: "test", inboxPrefix: "_INBOX_test" };

test("a service waits for a broker that is being started again; a command says at once, and once, that no broker answers", async () => {
  await using broker = await startTestBroker();
  const access = broker.access("admin");
  await broker.kill9();
  const connecting = connectBroker(access, { ...as, waitMs: 60_000 });
  const refusal: unknown = await connectBroker(access, as).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: "log_unreachable" });
  expect(errorText(refusal).match(/ECONNREFUSED/g)).toHaveLength(1);
  await broker.restart();
  await using scope = new AsyncDisposableStack();
  const nc = await connecting;
  scope.defer(() => nc.close());
  expect(nc.isClosed()).toBe(false);
});

test("a refused login is not tried again", async () => {
  await using broker = await startTestBroker();
  const access = { ...broker.access("admin"), password: "wrong" };
  await expect(connectBroker(access, { ...as, waitMs: 600_000 })).rejects.toMatchObject({
    code: "broker_refused",
  });
});

test("a file of credentials that cannot be read is a mistake of the configuration", async () => {
  const access = { servers: ["nats://127.0.0.1:1"], credsFile: "/nonexistent/relay.creds" };
  await expect(connectBroker(access, as)).rejects.toMatchObject({
    code: "config_invalid",
    message: expect.stringMatching(/^NATS_CREDS: .*ENOENT/),
  });
});

test("a login of another role is refused, and not away", async () => {
  await using broker = await startTestBroker();
  await using scope = new AsyncDisposableStack();
  const nc = await connectBroker(broker.access("operator"), { ...as, inboxPrefix: RELAY_INBOX });
  scope.defer(() => nc.close());
  const refusal: unknown = await jetstreamManager(nc, { checkAPI: true }).then(String, unreachableOr);
  expect(refusal).toMatchObject({ code: "broker_refused" });
  expect(errorText(refusal)).toContain(RELAY_INBOX);
});

test("a broker that goes away while a service starts is unreachable, whatever the client calls it; other errors stay what they are", async () => {
  await using broker = await startTestBroker();
  await using scope = new AsyncDisposableStack();
  const nc = await connectBroker(broker.access("admin"), { ...as, inboxPrefix: ADMIN_INBOX });
  scope.defer(() => nc.close());
  const fate = (asked: Promise<unknown>): Promise<unknown> => asked.then(String, unreachableOr);
  const nobody = await fate(nc.request("rr.ev.passed", "", { timeout: 20_000 }));
  expect(nobody).toMatchObject({ code: "log_unreachable" });
  await broker.kill9();
  const silent = await fate(jetstreamManager(nc, { checkAPI: true, timeout: 200 }));
  expect(silent).toMatchObject({ code: "log_unreachable" });
  await nc.close();
  const closed = await fate(nc.flush());
  expect(closed).toMatchObject({ code: "log_unreachable" });
  const other = new TypeError("x");
  expect(unreachableOr(other)).toBe(other);
});
