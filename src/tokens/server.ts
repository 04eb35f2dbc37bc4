import rateLimit from "@fastify/rate-limit";
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Clock } from "../shared/base/clock.ts";
import { errorText, isCoded, isHttpCode, type HttpErrorCode } from "../shared/base/errors.ts";
import type { Logger } from "../shared/base/logger.ts";
import { BODY_MS, readBody, refusalOf } from "../shared/http/body.ts";
import { createBudget, HELD_BYTES } from "../shared/http/budget.ts";
import { problemOf } from "../shared/http/problem.ts";
import { refuseSocket } from "../shared/http/server.ts";
import { readTls, type TlsFiles } from "../shared/http/tls-files.ts";
import type { TokenKey } from "../shared/session-log/tokens/token-keys.ts";
import type { Granted } from "./grants.ts";
import { denied, readRequest, type Denied, type OAuthError, type TokenRequest } from "./request.ts";

/** Limits, each with its reason. */
const LIMITS = {
  headMs: 10_000,
  checkEveryMs: 1000,
  /** A form with one token. */
  bodyBytes: 64 * 1024,
  /** Requests of one address in a minute: a pod asks every few minutes, and some hundred may share an address. */
  requests: 600,
  /** Refused ones of them: then the rest of them are told to wait, and right ones are granted still. Nobody guesses 256 bits. What garbage costs the API server is bounded by the line above. */
  refused: 60,
  minuteMs: 60_000,
} as const;

export type TokenServerDeps = {
  clock: Clock;
  log: Logger;
  tls: TlsFiles | undefined;
  isUp: () => boolean;
  grant: (request: Pick<TokenRequest, "subject" | "scopes">) => Promise<Granted | Denied>;
  keys: () => Promise<TokenKey[]>;
  /** The older form; undefined: it is off. */
  older: ((authorization: string | undefined) => Promise<{ token: string } | 401 | 403>) | undefined;
};

const STATUS: Record<OAuthError, number> = {
  invalid_request: 400,
  invalid_grant: 400,
  invalid_scope: 400,
  invalid_target: 400,
  unsupported_grant_type: 400,
  temporarily_unavailable: 503,
};

/** The same in the catalogue of errors (docs/errors.md). */
const CODE: Record<OAuthError, HttpErrorCode> = {
  invalid_request: "grant_malformed",
  invalid_grant: "grant_refused",
  invalid_scope: "grant_malformed",
  invalid_target: "grant_malformed",
  unsupported_grant_type: "grant_malformed",
  temporarily_unavailable: "reviewer_unreachable",
};

/** Makes the server of tokens. It listens nowhere yet. */
export function createTokenServer(deps: TokenServerDeps): FastifyInstance {
  const { clock, log, tls } = deps;
  const http = {
    headersTimeout: LIMITS.headMs,
    connectionsCheckingInterval: LIMITS.checkEveryMs,
    maxHeaderSize: 16 * 1024,
  };
  const app = fastify({
    logger: false,
    forceCloseConnections: "idle",
    requestTimeout: 0, // bodies have their own limit
    ...(tls === undefined ? { http } : { https: { ...http, ...readTls(tls) } }),
    clientErrorHandler: (_error, socket) => refuseSocket(socket, "request_malformed", ""),
  });
  app.addHook("onSend", async (_request, reply) => {
    reply.header("cache-control", "no-store").header("pragma", "no-cache");
    reply.header("x-content-type-options", "nosniff");
  });
  app.setErrorHandler((error, _request, reply) => {
    const coded = isCoded(error) && isHttpCode(error.code) ? error : undefined;
    if (coded === undefined) log.error({ err: errorText(error) }, "a request failed unexpectedly");
    const { status, headers, body } = problemOf(
      coded !== undefined && isHttpCode(coded.code) ? coded.code : "internal",
      coded?.message ?? "unexpected failure; the log has more",
    );
    return reply.code(status).headers(headers).send(body);
  });
  readForms(app, clock);
  void app.register(rateLimit, { global: false });
  void app.register(async (scope) => addRoutes(scope, deps));
  return app;
}

/** Reads bodies as they are, within bounds. What they say is read by the route, whose errors have OAuth's form. */
function readForms(app: FastifyInstance, clock: Clock): void {
  const budget = createBudget(HELD_BYTES, clock);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (request, _payload, done) => {
    const options = { limit: LIMITS.bodyBytes, limitMs: BODY_MS, budget, clock, start: () => undefined };
    readBody(request.raw, options, (result) => {
      if (result.kind === "body") {
        const text = Buffer.from(result.bytes).toString("utf8");
        result.release();
        return done(null, text);
      }
      const why =
        result.kind === "aborted" ? "the client went away" : refusalOf(result.kind, LIMITS.bodyBytes).detail;
      done(null, denied("invalid_request", why));
    });
  });
}

function addRoutes(app: FastifyInstance, deps: TokenServerDeps): void {
  const { log } = deps;
  const all = app.createRateLimit({ max: LIMITS.requests, timeWindow: LIMITS.minuteMs });
  const bad = app.createRateLimit({ max: LIMITS.refused, timeWindow: LIMITS.minuteMs });
  const exceeds = async (limit: typeof all, request: FastifyRequest): Promise<boolean> => {
    const found = await limit(request);
    return !found.isAllowed && found.isExceeded;
  };
  const tooMany = (reply: FastifyReply): FastifyReply =>
    sendDenied(
      reply.code(429).header("retry-after", "60"),
      denied("temporarily_unavailable", "too many requests from this address"),
    );

  app.post("/token", async (request, reply) => {
    if (await exceeds(all, request)) return tooMany(reply);
    const read = formOf(request);
    const outcome = read.kind === "denied" ? read : await deps.grant(read);
    if (outcome.kind === "granted") return sendGranted(reply, outcome);
    if (outcome.error !== "temporarily_unavailable" && (await exceeds(bad, request))) return tooMany(reply);
    reply.code(STATUS[outcome.error]);
    if (outcome.error === "temporarily_unavailable") reply.header("retry-after", "2");
    return sendDenied(reply, outcome);
  });

  app.get("/token", async (request, reply) => {
    const { older } = deps;
    if (older === undefined)
      return sendDenied(reply.code(405).header("allow", "POST"), denied("invalid_request", "ask by POST"));
    if (await exceeds(all, request)) return tooMany(reply);
    const outcome = await older(request.headers.authorization);
    if (typeof outcome === "object") return reply.send(outcome);
    log.warn({ status: outcome }, "no token for a request of the older form");
    if (await exceeds(bad, request)) return tooMany(reply);
    return sendDenied(reply.code(outcome), denied("invalid_grant", "there is no token for this"));
  });

  app.get("/.well-known/jwks.json", async (request, reply) => {
    if (await exceeds(all, request)) return tooMany(reply); // each answer is read from the broker
    const keys = await deps.keys();
    return { keys: keys.map((it) => ({ ...it, use: "sig", alg: "ES256" })) };
  });
  app.get("/health", () => ({ status: "ok" }));
  app.get("/healthz", (_request, reply) => reply.type("text/plain").send("ok"));
  app.get("/ready", (_request, reply) => {
    const ready = deps.isUp();
    return reply.code(ready ? 200 : 503).send({ ready });
  });
}

/** Only forms: RFC 6749 knows no other body, and a web page cannot send JSON, but a form, to whom it likes. So nothing here depends on who the caller is beside what it shows. */
function formOf({ headers, body }: FastifyRequest): TokenRequest | Denied {
  if (body !== null && typeof body === "object") return body as Denied;
  const type = headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== "application/x-www-form-urlencoded" || typeof body !== "string")
    return denied("invalid_request", "the body is a form: application/x-www-form-urlencoded");
  return readRequest(new URLSearchParams(body));
}

function sendGranted(reply: FastifyReply, granted: Granted): FastifyReply {
  const { token, seconds, scope, session, refresh } = granted;
  return reply.send({
    access_token: token,
    issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
    token_type: "Bearer",
    expires_in: seconds,
    scope,
    session_id: session.id,
    ...(refresh === undefined ? {} : { refresh_token: refresh }),
  });
}

function sendDenied(reply: FastifyReply, { error, detail }: Denied): FastifyReply {
  const code = reply.statusCode === 429 ? "too_many_attempts" : CODE[error];
  return reply.send({ error, error_description: detail, code });
}
