import type { KeyObject } from "node:crypto";
import { jetstreamManager, type JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../shared/base/clock.ts";
import type { Logger } from "../shared/base/logger.ts";
import { openOwnPort } from "../shared/http/door/own-port.ts";
import { followTls } from "../shared/http/tls-files.ts";
import { followConnection } from "../shared/log/connection.ts";
import { TOKENS_INBOX } from "../shared/log/schema/subjects.ts";
import { createPages, type Pages } from "../shared/session-log/follow/pages.ts";
import { SESSION_STATE } from "../shared/session-log/follow/stored-event.ts";
import { listSessions } from "../shared/session-log/registry/list.ts";
import { keyOf, keySubject } from "../shared/session-log/state/keys.ts";
import { TOKEN_SCOPES } from "../shared/session-log/tokens/session-token.ts";
import { decodeTokenKey, publishTokenKey, type TokenKey } from "../shared/session-log/tokens/token-keys.ts";
import { USUAL_PORT } from "../shared/settings/index.ts";
import { grant } from "./grants.ts";
import { shownBy } from "./older-form.ts";
import type { TokensOptions } from "./options.ts";
import { createTokenServer } from "./server.ts";
import { createSigner, type Signer } from "./signer.ts";
import { createReviewer } from "./token-review.ts";

// request.ts reads what is asked for · grants.ts decides, by what token-review.ts hears from the cluster and by our record of pods and secrets (shared/session-log/tokens) · signer.ts signs with keys that end with
// this process · older-form.ts is for runners that cannot do better · server.ts answers · options.ts reads the settings
// A process of its own, because it holds what the others must not have: keys that every server of sessions believes, and an account that may ask the cluster. It reads no event of any session.

/** How long one answer of the broker is awaited. */
const ANSWER_MS = 2000;

export type Tokens = { url: string; close(): Promise<void> };

type Deps = { nc: NatsConnection; clock: Clock; log: Logger; fatal: (error: Error) => void };

/** Starts the token service on an open connection. Throws `port_taken`, `listen_refused`, and `log_unreachable` if its first key cannot be published. */
export async function startTokens(options: TokensOptions, deps: Deps): Promise<Tokens> {
  const { nc, clock, log, fatal } = deps;
  const { cluster, olderKey, tls } = options;
  const jsm = await jetstreamManager(nc, { checkAPI: false, timeout: ANSWER_MS });
  const ended = new AbortController();
  const connection = followConnection({
    nc,
    lost: () => log.warn("the broker is away"),
    regained: () => log.info("the broker is back"),
    fatal,
  });
  const publish = (key: TokenKey, seconds: number): Promise<void> => publishTokenKey(nc, key, seconds);
  const signer = await createSigner({ clock, log, publish });
  const review = cluster && createReviewer(cluster, { clock, log });
  const pages = createPages({ nc, clock, inboxPrefix: TOKENS_INBOX, store: SESSION_STATE });
  const lookUp = { jsm, keys: pages, clock, signal: ended.signal };
  const app = createTokenServer({
    clock,
    log,
    tls,
    isUp: () => connection.up(),
    grant: (request) => grant({ nc, jsm, signer, review, log }, request),
    keys: () => publishedKeys(pages),
    older: olderKey && ((shown) => answerOlder(shown, { olderKey, signer, lookUp, log })),
  });
  const stopTls = tls && followTls(app.server, tls, { clock, log });
  const url = await openOwnPort(app, {
    name: "the token service's",
    flag: "--tokens-port (RUNNER_RELAY_TOKENS_PORT)",
    listen: options.listen,
    port: options.port,
    kept: undefined,
    usual: USUAL_PORT.tokens,
  });
  return {
    url,
    async close() {
      stopTls?.();
      connection.leave();
      await app.close();
      signer.close();
      ended.abort();
      await nc.drain().catch(() => undefined);
    },
  };
}

/** The keys of all token services, as a copy of the bucket has them. */
async function publishedKeys(pages: Pages): Promise<TokenKey[]> {
  const { events } = await pages.read(keySubject(keyOf.tokenKey("*")), 1);
  return events.flatMap(({ subject, data }) => decodeTokenKey(subject.split(".").at(-1) ?? "", data) ?? []);
}

type LookUp = { jsm: JetStreamManager; keys: Pages; clock: Clock; signal: AbortSignal };

/** Nothing says who asks here: so a token is given out only for a session that exists, belongs to a pod, and is the only one with its id. */
async function answerOlder(
  authorization: string | undefined,
  { olderKey, signer, lookUp, log }: { olderKey: KeyObject; signer: Signer; lookUp: LookUp; log: Logger },
): Promise<{ token: string } | 401 | 403> {
  const shown = shownBy(authorization, olderKey);
  if (shown.kind === "unreadable") return 401;
  if (shown.kind === "unusable") return 403;
  const { sessions } = await listSessions(lookUp, { id: shown.id, after: 0, limit: 2 });
  const [session, another] = sessions;
  if (session?.kind !== "pod" || another !== undefined) return 403;
  const { token } = await signer.sign(session, TOKEN_SCOPES);
  log.info({ subject: "older form", session: session.id }, "token given out");
  return { token };
}
