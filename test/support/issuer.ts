import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Provider } from "oidc-provider";

/** What the front does with a request instead of handing it to the provider. `hold` keeps it until `release()`. */
type IssuerFault =
  | { kind: "answer"; status: number; body: string; headers?: Record<string, string> }
  | { kind: "hold" }
  | { kind: "reset" };

type TokenRequest = { authorization: string | undefined; form: Record<string, string | string[]> };

export interface TestIssuer extends AsyncDisposable {
  /** The issuer's name, without a trailing slash. */
  readonly url: string;
  readonly clientId: string;
  secret(): string;
  /** From now on only this secret is accepted. */
  rotate(secret: string): void;
  /** Life of the tokens issued from now on, in seconds. */
  setTtl(seconds: number): void;
  /** Every request from now on meets this fault, until it is taken away with `undefined`. */
  fault(fault: IssuerFault | undefined, at?: "token" | "discovery"): void;
  /** Hands held requests on to the provider. */
  release(): void;
  /** Requests at the token endpoint, faulty ones included. */
  tokenCalls(): number;
  /** Those that the provider itself has answered. */
  readonly tokenRequests: readonly TokenRequest[];
  stop(): Promise<void>;
  /** On the same port. */
  start(): Promise<void>;
}

/**
 * A real OpenID provider in this process, over http on loopback: client credentials, RS256 JWTs with the audience that the request
 * asks for by `audience` or `resource`. A tiny front before it plays the failures. Keys stay the same over `stop` and `start`.
 */
export async function startIssuer(
  options: { auth?: "basic" | "post"; ttl?: number; secret?: string; audience?: string } = {},
): Promise<TestIssuer> {
  const clientId = "relay-client";
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const jwk = { ...privateKey.export({ format: "jwk" }), kid: "test-key", alg: "RS256", use: "sig" };
  const tokenRequests: TokenRequest[] = [];
  const held: (() => void)[] = [];
  let ttl = options.ttl ?? 300;
  let secret = options.secret ?? "first-client-secret+/ %&";
  let tokenCalls = 0;
  let fault: { what: IssuerFault; at: "token" | "discovery" | "all" } | undefined;
  let server = await listening(createServer(front), 0);
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  let provide = provider();

  function provider(): (req: IncomingMessage, res: ServerResponse) => void {
    const made = new Provider(url, {
      adapter: NothingStored,
      jwks: { keys: [jwk] },
      clients: [
        {
          client_id: clientId,
          client_secret: secret,
          grant_types: ["client_credentials"],
          redirect_uris: [],
          response_types: [],
          token_endpoint_auth_method: options.auth === "basic" ? "client_secret_basic" : "client_secret_post",
        },
      ],
      ttl: { ClientCredentials: () => ttl },
      features: {
        clientCredentials: { enabled: true },
        devInteractions: { enabled: false },
        resourceIndicators: {
          enabled: true,
          defaultResource: (ctx: { oidc: { body?: { audience?: string } } }) =>
            ctx.oidc.body?.audience ?? options.audience ?? "urn:test:coordinator",
          getResourceServerInfo: (_ctx: unknown, audience: string) => ({
            scope: "events:write runs:write",
            audience,
            accessTokenTTL: ttl,
            accessTokenFormat: "jwt",
            jwt: { sign: { alg: "RS256" } },
          }),
        },
      },
    });
    made.use(async (ctx, next) => {
      await next();
      const form = ctx.oidc?.body;
      if (ctx.path === "/token" && form !== undefined)
        tokenRequests.push({ authorization: ctx.headers.authorization, form });
    });
    return made.callback();
  }

  function front(req: IncomingMessage, res: ServerResponse): void {
    const at = req.url === "/token" ? "token" : "discovery";
    if (at === "token") tokenCalls += 1;
    const active = fault !== undefined && (fault.at === "all" || fault.at === at) ? fault.what : undefined;
    switch (active?.kind) {
      case undefined:
        return provide(req, res);
      case "hold":
        held.push(() => provide(req, res));
        return;
      case "reset":
        req.socket.resetAndDestroy();
        return;
      case "answer":
        req.resume();
        res.writeHead(active.status, { "content-type": "application/json", ...active.headers });
        res.end(active.body);
    }
  }

  async function stop(): Promise<void> {
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  }

  async function start(): Promise<void> {
    server = await listening(createServer(front), port);
  }

  return {
    url,
    clientId,
    secret: () => secret,
    rotate(next) {
      secret = next;
      provide = provider();
    },
    setTtl(seconds) {
      ttl = seconds;
    },
    fault(what, at) {
      fault = what === undefined ? undefined : { what, at: at ?? "all" };
    },
    release() {
      for (const go of held.splice(0)) go();
    },
    tokenCalls: () => tokenCalls,
    tokenRequests,
    stop,
    start,
    [Symbol.asyncDispose]: stop,
  };
}

/** JWTs of a client need no storage; without this the provider warns at every start. */
class NothingStored {
  async upsert(): Promise<void> {}
  async find(): Promise<undefined> {}
}

async function listening(server: Server, port: number): Promise<Server> {
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}
