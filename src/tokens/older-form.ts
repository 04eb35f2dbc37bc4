import { constants, createPrivateKey, privateDecrypt, type KeyObject } from "node:crypto";
import { codedError, errorText } from "../shared/base/errors.ts";
import { readShortFileSync } from "../shared/base/short-file.ts";

// The older form of seed 004's runners: `GET /token` with the id of a session, encrypted with a public key. Anyone who has that key, which lies in every pod, can ask for any session that has a pod: it is off unless
// its private key is set.

/** Longest credential: 4096 bits in Base64. */
const MOST = 700;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** What a request of the older form shows. `unreadable`: 401; `unusable`: it was encrypted for us, and is no id of a session: 403. */
export type Shown = { kind: "session"; id: string } | { kind: "unreadable" } | { kind: "unusable" };

/** Reads the private key. Throws `config_invalid`. */
export function readOlderKey(file: string): KeyObject {
  try {
    return createPrivateKey(readShortFileSync(file));
  } catch (cause) {
    throw codedError("config_invalid", `RUNNER_RELAY_TOKENS_OLDER_KEY: ${errorText(cause)}`, { cause });
  }
}

/** Reads `Authorization: Bearer <Base64 of RSA-OAEP, SHA-256>`. Pure. */
export function shownBy(authorization: string | undefined, key: KeyObject): Shown {
  const text = /^bearer +(\S+)$/i.exec(authorization?.trim() ?? "")?.[1];
  if (text === undefined || text.length > MOST || !BASE64.test(text)) return { kind: "unreadable" };
  try {
    const options = { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" };
    const id = privateDecrypt(options, Buffer.from(text, "base64")).toString("utf8");
    return id.length < 8 || /\s/.test(id) ? { kind: "unusable" } : { kind: "session", id };
  } catch {
    return { kind: "unreadable" };
  }
}
