import type { FastifyReply, FastifyRequest } from "fastify";
import type { Clock } from "../../base/clock.ts";
import { rest } from "../../base/rest.ts";
import { TOKEN_PARAMETER, type Door } from "./door.ts";

/** Delay of the answer to a wrong token. It makes guessing useless, and costs little after a typing error. */
export const WRONG_MS = 500;
/** Most wrong tokens whose answers are delayed at once. More are refused at once, so that they hold no memory. */
export const MOST_WRONG = 20;

export type Doorkeeper = {
  /** Answers a request that may not pass, or that has a token in its address. Returns true if it did. */
  stops(request: FastifyRequest, reply: FastifyReply): Promise<boolean>;
  /** Handles a token from a form. Answers with a cookie and a redirect to the page, or with a refusal. */
  enter(request: FastifyRequest, reply: FastifyReply, token: string): Promise<FastifyReply>;
};

/**
 * Stands at a door, over HTTP. The right token always passes at once, so wrong tokens cannot lock others out.
 * `ask` is the page that asks a browser for the token; a port without pages has none.
 */
export function createDoorkeeper(deps: {
  door: Door;
  clock: Clock;
  ask?: ((wrong: boolean) => string) | undefined;
}): Doorkeeper {
  const { door, clock } = deps;
  let waiting = 0;

  async function refuse(request: FastifyRequest, reply: FastifyReply, wrong: boolean): Promise<FastifyReply> {
    reply.header("www-authenticate", 'Bearer realm="runner-relay"');
    if (wrong && waiting >= MOST_WRONG)
      return reply.code(429).header("retry-after", "1").send({ code: "too_many_attempts" });
    if (wrong) await slowly();
    reply.code(401);
    if (deps.ask === undefined || !request.headers.accept?.includes("text/html"))
      return reply.send({
        code: "token_required",
        detail:
          "`runner-relay page` with the data folder of this service (--data) prints the address with the token; programs send it as Authorization: Bearer",
      });
    return reply.type("text/html; charset=utf-8").send(deps.ask(wrong));
  }

  async function slowly(): Promise<void> {
    waiting++;
    try {
      await rest(clock, WRONG_MS);
    } finally {
      waiting--;
    }
  }

  /** `no-referrer` keeps the address, which may contain the token, from the pages that the answer leads to. */
  function leadIn(reply: FastifyReply, cookie: string | undefined, to: string): FastifyReply {
    if (cookie !== undefined) reply.header("set-cookie", cookie);
    return reply.header("referrer-policy", "no-referrer").redirect(to, 303);
  }

  return {
    async stops(request, reply) {
      const { authorization, cookie } = request.headers;
      const reads = request.method === "GET" || request.method === "HEAD";
      const judged = door.judge({
        authorization,
        cookie,
        offered: reads ? tokenOf(request.url) : undefined,
      });
      if (judged.kind === "open") return false;
      if (judged.kind === "exchange") leadIn(reply, judged.cookie, withoutToken(request.url));
      else await refuse(request, reply, judged.wrong);
      return true;
    },
    async enter(request, reply, token) {
      const cookie = door.exchange(token);
      return cookie === undefined ? refuse(request, reply, true) : leadIn(reply, cookie, "/");
    },
  };
}

function tokenOf(target: string): string | undefined {
  const query = target.includes("?") ? target.slice(target.indexOf("?") + 1) : "";
  return new URLSearchParams(query).get(TOKEN_PARAMETER) ?? undefined;
}

/** The same path without the token, always on this server and never on another one (`//evil.example`). Pure. */
export function withoutToken(target: string): string {
  const [path = "", ...behind] = target.split("?");
  const query = new URLSearchParams(behind.join("?"));
  query.delete(TOKEN_PARAMETER);
  const left = query.toString();
  return `/${path.replace(/^[/\\]+/, "")}${left === "" ? "" : `?${left}`}`;
}
