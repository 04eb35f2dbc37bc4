import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import {
  connect,
  credsAuthenticator,
  errors,
  type ConnectionOptions,
  type NatsConnection,
} from "@nats-io/transport-node";
import { leaveHungServers } from "./hung-server.ts";
import { codedError, errorText, type CodedError } from "../base/errors.ts";
import { showUrl } from "../base/show-url.ts";
import { violationOf } from "../base/violation.ts";
import { tolerateOddHeaders } from "../base/odd-headers.ts";

tolerateOddHeaders();

/** How to reach the broker; parsed by `config/`. Passwords and tokens are values here, files were read already. */
export type BrokerAccess = {
  /** One or more `nats://` or `tls://` URLs, without a login. */
  servers: string[];
  user?: string;
  password?: string;
  token?: string;
  /** Path of a `.creds` file (JWT and seed). */
  credsFile?: string;
  caFile?: string;
  certFile?: string;
  keyFile?: string;
  /** TLS before the broker's first word (`handshake_first`). */
  tlsFirst?: boolean;
};

/** How long a service that starts waits for a broker that does not answer. A broker that is restarting is back by then, and a wrong address is reported soon. */
export const BROKER_WAIT_MS = 3000;
const AGAIN_MS = 100;
/** How long a server may take to answer a new connection. One of several that hangs must not delay a start for long. */
const TRY_MS = { one: 5000, several: 1500 };

/**
 * Connects and keeps connecting for ever after. The first attempt fails loudly after `timeoutMs` (`broker_refused` when the broker
 * answered and said no, else `log_unreachable`, and that only if there is no answer within `waitMs`, default 0).
 */
export async function connectBroker(
  access: BrokerAccess,
  options: { name: string; inboxPrefix: string; timeoutMs?: number; waitMs?: number },
): Promise<NatsConnection> {
  const { servers } = access;
  const ordered = servers.some((url) => /^tls:/i.test(url)); // the client would continue without TLS, and send the password in the clear
  const tls =
    ordered || access.tlsFirst || access.caFile || access.certFile
      ? {
          tls: {
            ...(access.caFile ? { caFile: access.caFile } : {}),
            ...(access.certFile ? { certFile: access.certFile } : {}),
            ...(access.keyFile ? { keyFile: access.keyFile } : {}),
            ...(access.tlsFirst ? { handshakeFirst: true } : {}),
          },
        }
      : {};
  const hung = leaveHungServers();
  const settings: ConnectionOptions = {
    reconnectToServer: hung.next,
    servers,
    name: options.name,
    inboxPrefix: options.inboxPrefix,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 100,
    reconnectJitter: 50,
    reconnectJitterTLS: 50,
    timeout: options.timeoutMs ?? (servers.length > 1 ? TRY_MS.several : TRY_MS.one),
    pingInterval: 5000, // a silent peer is noticed after 3 × 5 s
    maxPingOut: 2,
    noAsyncTraces: true, // a stack per request costs 22 % of a publish
    ...(access.user === undefined ? {} : { user: access.user }),
    ...(access.password === undefined ? {} : { pass: access.password }),
    ...(access.token === undefined ? {} : { token: access.token }),
    ...(access.credsFile === undefined
      ? {}
      : { authenticator: credsAuthenticator(credsIn(access.credsFile)) }),
    ...tls,
  };
  const until = performance.now() + (options.waitMs ?? 0);
  for (;;) {
    try {
      const nc = await connect(settings);
      if (servers.length > 1 || nc.info?.cluster !== undefined) hung.watch(nc);
      return nc;
    } catch (cause) {
      const error = failureOf(access, cause);
      if (error.code !== "log_unreachable" || performance.now() > until) throw error;
      await delay(AGAIN_MS);
    }
  }
}

/** Throws `config_invalid` for a file that cannot be read. */
function credsIn(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw codedError("config_invalid", `NATS_CREDS: ${errorText(cause)}`, { cause });
  }
}

function failureOf(access: BrokerAccess, cause: unknown): CodedError {
  const text = `${errorText(cause)}${hint(access, cause)}`;
  const refused = /authori[sz]ation|authentication|certificate|credentials|permissions|'tls'/i.test(text);
  const message = `${showUrl(access.servers.join(", "))}: ${text}`;
  return codedError(refused ? "broker_refused" : "log_unreachable", message, { cause });
}

/** What the client throws when the broker went away while it was asked, or when JetStream is not there yet. */
const WENT_AWAY = [
  errors.ConnectionError,
  errors.ClosedConnectionError,
  errors.DrainingConnectionError,
  errors.NoRespondersError,
  errors.RequestError,
  errors.TimeoutError,
];

/**
 * A start whose broker went away in its middle failed as `log_unreachable`, and one whose login has not our permissions as `broker_refused`: it is another
 * user's. Every other error stays what it is. Pure.
 */
export function unreachableOr(error: unknown): unknown {
  const violation = violationOf(error);
  if (violation !== undefined) {
    const text = `this login lacks the permission for that; is it the one of another role? ${errorText(violation)}`;
    return codedError("broker_refused", text, { cause: error });
  }
  if (!WENT_AWAY.some((known) => error instanceof known)) return error;
  return codedError("log_unreachable", `the broker went away: ${errorText(error)}`, { cause: error });
}

/** What helps if the two sides disagree about which speaks first: each waits for the other, or takes the other's bytes for TLS. */
function hint({ tlsFirst }: BrokerAccess, cause: unknown): string {
  const text = errorText(cause);
  if (tlsFirst)
    return /wrong version number|packet length|protocol/i.test(text)
      ? ". The broker does not begin with TLS: NATS_TLS_FIRST is for one with handshake_first"
      : "";
  // which side gives up first is chance: a time-out here, or the broker ended the connection, which the client calls an undefined error
  return /timeout|undefined error/i.test(text)
    ? ". A broker that begins with TLS (handshake_first) needs NATS_TLS_FIRST=true"
    : "";
}
