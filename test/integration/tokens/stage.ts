import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { pino } from "pino";
import { systemClock } from "../../../src/shared/base/clock.ts";
import type { Cluster } from "../../../src/tokens/token-review.ts";
import { startTokens, type Tokens } from "../../../src/tokens/tokens.ts";
import type { TestBroker } from "../../support/broker.ts";
import { startTestServe, type TestServe } from "../../support/serve.ts";
import { sessionsBroker } from "../session-log/harness.ts";

export const EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
export const JWT = "urn:ietf:params:oauth:token-type:jwt";
export const JOIN = "urn:runner-relay:token-type:join-secret";

/** How the API server of a test answers: what the real one does is in test/kube. */
export type Reviews = (
  token: string,
  asked: Record<string, unknown>,
) => { status: number; body: string; headers?: Record<string, string> } | "silence";

export type OAuthAnswer = { status: number; headers: Headers; json: Record<string, unknown> };

/** A broker, a server of sessions and a token service with an API server that says what the test wants. */
export type TokenStage = {
  broker: TestBroker;
  serve: TestServe;
  tokens: Tokens;
  /** What the token service logged. */
  lines: string[];
  olderKeys: { publicKey: KeyObject; privateKey: KeyObject };
  /** From now on tokens are reviewed so. */
  review(how: Reviews): void;
  /** How often the API server was asked. */
  reviewed(): number;
  /** A `POST /token` with this form. */
  ask(form: Record<string, string> | URLSearchParams): Promise<OAuthAnswer>;
  close(): Promise<void>;
};

/** A text of the form of a JWT, for a pod by this name. */
export function podToken(uid: string): string {
  const part = (it: object): string => Buffer.from(JSON.stringify(it)).toString("base64url");
  return `${part({ alg: "RS256" })}.${part({ uid })}.c2lnbmVk`;
}

/** The answer of an API server that knows a pod. */
export function knows(uid: string, more: { account?: string; audiences?: string[] } = {}): string {
  const { account = "system:serviceaccount:runners:runner", audiences = ["runner-relay"] } = more;
  return JSON.stringify({
    status: {
      authenticated: true,
      audiences,
      user: { username: account, extra: { "authentication.kubernetes.io/pod-uid": [uid] } },
    },
  });
}

/** `cluster`: a real API server, instead of one that says what the test wants. */
export async function tokenStage(options: { older?: boolean; cluster?: Cluster } = {}): Promise<TokenStage> {
  const broker = await sessionsBroker();
  const serve = await startTestServe(broker);
  let how: Reviews = () => "silence";
  let count = 0;
  const cluster = await startApi((token, asked) => {
    count++;
    return how(token, asked);
  });
  const folder = mkdtempSync(join(tmpdir(), "rr-tokens-"));
  writeFileSync(join(folder, "token"), "token-of-the-service\n", { mode: 0o600 });
  const olderKeys = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const lines: string[] = [];
  const tokens = await startTokens(
    {
      listen: "127.0.0.1",
      port: 0,
      tls: undefined,
      cluster: options.cluster ?? {
        url: `http://127.0.0.1:${(cluster.address() as AddressInfo).port}`,
        caFile: join(folder, "none"),
        tokenFile: join(folder, "token"),
        audience: "runner-relay",
      },
      olderKey: options.older ? olderKeys.privateKey : undefined,
    },
    {
      nc: await broker.connect("tokens"),
      clock: systemClock,
      log: pino({ level: "trace" }, { write: (line: string) => void lines.push(line) }),
      fatal: (error) => {
        throw error;
      },
    },
  );
  return {
    broker,
    serve,
    tokens,
    lines,
    olderKeys,
    review: (it) => void (how = it),
    reviewed: () => count,
    async ask(form) {
      const body = form instanceof URLSearchParams ? form : new URLSearchParams(form);
      const answer = await fetch(`${tokens.url}/token`, { method: "POST", body });
      return {
        status: answer.status,
        headers: answer.headers,
        json: (await answer.json()) as Record<string, unknown>,
      };
    },
    async close() {
      await tokens.close();
      await serve[Symbol.asyncDispose]();
      cluster.closeAllConnections();
      cluster.close();
      rmSync(folder, { recursive: true, force: true });
      await broker[Symbol.asyncDispose]();
    },
  };
}

async function startApi(answer: Reviews): Promise<Server> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const asked = JSON.parse(Buffer.concat(chunks).toString()) as { spec: { token: string } };
      const given = answer(asked.spec.token, { ...asked, authorization: request.headers.authorization });
      if (given !== "silence") response.writeHead(given.status, given.headers).end(given.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}
