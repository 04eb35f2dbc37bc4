import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { connectBroker, type BrokerAccess } from "../../../src/shared/log/broker.ts";
import { selfSigned } from "../../support/certificate.ts";
import { startPlainServer } from "../../support/plain-server.ts";

/** A server with TLS, and how it is reached; `first`: its `handshake_first`. */
async function tlsServer(first: boolean): Promise<BrokerAccess> {
  const dir = await mkdtemp(join(tmpdir(), "rr-tls-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  const [caFile, keyFile] = [join(dir, "cert.pem"), join(dir, "key.pem")];
  const { certificate, key } = selfSigned();
  await writeFile(caFile, certificate);
  await writeFile(keyFile, key);
  const server = await startPlainServer({
    jetstream: false,
    settings: `tls { cert_file: "${caFile}", key_file: "${keyFile}", handshake_first: ${first} }`,
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  return { servers: [server.url.replace(/^nats:/, "tls:")], caFile };
}

/** Where both sides wait for the other to begin, only the limit ends it. */
async function connected(access: BrokerAccess, timeoutMs = 20_000): Promise<boolean> {
  const nc = await connectBroker(access, { name: "test", inboxPrefix: "_INBOX", timeoutMs });
  await nc.close();
  return true;
}

test("a broker that begins with TLS is reached with tlsFirst, and the error without it says so", async () => {
  const access = await tlsServer(true);
  expect(await connected({ ...access, tlsFirst: true })).toBe(true);
  await expect(connected(access, 2000)).rejects.toMatchObject({
    code: "log_unreachable",
    message: expect.stringContaining("NATS_TLS_FIRST=true"),
  });
});

test("a broker that speaks first is reached without it, and the error with it says so", async () => {
  const access = await tlsServer(false);
  expect(await connected(access)).toBe(true);
  await expect(connected({ ...access, tlsFirst: true }, 2000)).rejects.toMatchObject({
    message: expect.stringContaining("does not begin with TLS"),
  });
});

test("a certificate of another authority is refused", async () => {
  const [access, other] = [await tlsServer(true), await tlsServer(true)];
  await expect(connected({ ...access, tlsFirst: true, caFile: other.caFile ?? "" })).rejects.toMatchObject({
    code: "broker_refused",
  });
});
