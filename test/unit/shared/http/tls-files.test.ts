import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { followTls, readTls } from "../../../../src/shared/http/tls-files.ts";
import { systemClock } from "../../../../src/shared/base/clock.ts";
import { silentLogger } from "../../../../src/shared/base/logger.ts";
import { selfSigned } from "../../../support/certificate.ts";

function files(): { cert: string; key: string; put(made: ReturnType<typeof selfSigned>): void } {
  const folder = mkdtempSync(join(tmpdir(), "tls-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  return {
    cert,
    key,
    put(made) {
      writeFileSync(key, made.key);
      writeFileSync(cert, made.certificate);
    },
  };
}

test("a certificate that is missing, or of another key, stops the start", () => {
  const at = files();
  expect(() => readTls(at)).toThrow(/cannot be used together/);
  at.put({ ...selfSigned(), key: selfSigned().key });
  expect(() => readTls(at)).toThrow(/cannot be used together/);
});

test("a new certificate is used without a restart, and one that does not fit is not", async () => {
  const at = files();
  at.put(selfSigned());
  const server = createServer(readTls(at)).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  onTestFinished(followTls(server, at, { clock: systemClock, log: silentLogger(), everyMs: 10 }));
  const { port } = server.address() as AddressInfo;
  const shown = async (): Promise<string> => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
    await once(socket, "secureConnect");
    const { raw } = socket.getPeerCertificate();
    socket.destroy();
    return raw.toString("base64");
  };
  const inPem = ({ certificate }: { certificate: string }): string =>
    certificate.replaceAll(/-----[^-]+-----|\n/g, "");
  const [second, third] = [selfSigned(), selfSigned()];
  at.put(second);
  await expect.poll(shown).toBe(inPem(second));
  writeFileSync(at.key, "half a k");
  at.put(third);
  await expect.poll(shown).toBe(inPem(third));
});
