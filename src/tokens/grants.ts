import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Logger } from "../shared/base/logger.ts";
import { isDeleted } from "../shared/session-log/registry/find.ts";
import { makeJoinSecret, useJoinSecret } from "../shared/session-log/tokens/join-secrets.ts";
import { sessionOfPod } from "../shared/session-log/tokens/pods.ts";
import type { TokenSession } from "../shared/session-log/tokens/session-token.ts";
import { denied, type Denied, type Subject, type TokenRequest } from "./request.ts";
import type { Signer } from "./signer.ts";
import type { Reviewer } from "./token-review.ts";

/** A token that is given out. `refresh`: a secret by which the next one is got, where no cluster says who asks. */
export type Granted = {
  kind: "granted";
  token: string;
  seconds: number;
  scope: string;
  session: TokenSession;
  refresh: string | undefined;
};

type Deps = {
  nc: NatsConnection;
  jsm: JetStreamManager;
  signer: Signer;
  /** Undefined: no cluster is asked. */
  review: Reviewer | undefined;
  log: Logger;
};

/** The same for all that is refused: it tells nobody which pods, secrets and sessions there are. Only the log says more. */
const REFUSED: Denied = denied("invalid_grant", "what was shown does not count, or its session is over");
const LATER: Denied = denied("temporarily_unavailable", "the cluster does not answer; try again");

/** Gives out a token for what is shown, if our own record knows a session for it that exists. Rejects with `log_unreachable`. */
export async function grant(
  deps: Deps,
  { subject, scopes }: Pick<TokenRequest, "subject" | "scopes">,
): Promise<Granted | Denied> {
  const { nc, jsm, signer, log } = deps;
  const session = await sessionFor(deps, subject);
  if ("kind" in session) return session;
  if (await isDeleted(jsm, session.name)) {
    log.warn({ subject: subject.kind, session: session.id }, "no token: the session was deleted");
    return REFUSED;
  }
  const { token, seconds } = await signer.sign(session, scopes);
  const refresh = subject.kind === "pod" ? undefined : await makeJoinSecret({ nc }, "refresh", session);
  log.info({ subject: subject.kind, session: session.id, scopes }, "token given out");
  return { kind: "granted", token, seconds, scope: scopes.join(" "), session, refresh };
}

async function sessionFor({ nc, jsm, review, log }: Deps, subject: Subject): Promise<TokenSession | Denied> {
  const no = (why: string, more: object = {}): Denied => {
    log.warn({ subject: subject.kind, why, ...more }, "no token");
    return REFUSED;
  };
  if (subject.kind !== "pod")
    return (await useJoinSecret({ nc, jsm }, subject.kind, subject.secret)) ?? no("unknown or used");
  if (review === undefined) return no("RUNNER_RELAY_TOKENS_KUBERNETES_URL is not set");
  const reviewed = await review(subject.token);
  if (reviewed.kind === "unknown") return LATER;
  if (reviewed.kind === "refused") return no(reviewed.detail);
  const { pod } = reviewed;
  return (await sessionOfPod(jsm, pod)) ?? no("no session is recorded for this pod", { pod });
}
