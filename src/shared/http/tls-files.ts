import { createSecureContext, Server } from "node:tls";
import type { Clock } from "../base/clock.ts";
import { codedError, errorText } from "../base/errors.ts";
import type { Logger } from "../base/logger.ts";
import { readShortFileSync } from "../base/short-file.ts";
import { watchFiles } from "../base/watch-files.ts";

/** How often the files are looked at. Certificates are replaced days before they end. */
const LOOK_MS = 5000;

/** Files of a certificate with its chain, and of its key, both PEM. */
export type TlsFiles = { cert: string; key: string };

export type TlsTexts = { cert: string; key: string };

/** Reads a certificate and its key. Throws `config_invalid` if they cannot be used together. */
export function readTls(files: TlsFiles): TlsTexts {
  try {
    const texts = { cert: readShortFileSync(files.cert), key: readShortFileSync(files.key) };
    createSecureContext(texts);
    return texts;
  } catch (cause) {
    const names = `the certificate ${files.cert} and the key ${files.key}`;
    throw codedError("config_invalid", `${names} cannot be used together: ${errorText(cause)}`, { cause });
  }
}

/**
 * Uses a new certificate as soon as its files have changed. Connections that are open keep the old one. Files that do not fit are named in the log and
 * change nothing. Returns what stops it.
 */
export function followTls(
  server: object,
  files: TlsFiles,
  deps: { clock: Clock; log: Logger; everyMs?: number },
): () => void {
  const { clock, log, everyMs = LOOK_MS } = deps;
  function changed(): void {
    try {
      if (server instanceof Server) server.setSecureContext(readTls(files));
      log.info({ cert: files.cert }, "certificate read again");
    } catch (error) {
      log.error({ reason: errorText(error) }, "new certificate cannot be used; the old one stays");
    }
  }
  return watchFiles([files.cert, files.key], { clock, everyMs, changed });
}
