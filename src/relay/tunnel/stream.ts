import { PassThrough } from "node:stream";
import { errorText } from "../../shared/base/errors.ts";
import { endToEnd } from "../../shared/http/hop-by-hop.ts";
import { isOpenEnded } from "../../shared/messages/tunnel/open-ended.ts";
import type { Opening } from "../../shared/messages/tunnel/opening.ts";
import { USER_AGENT } from "../../shared/base/version.ts";
import type { Wire } from "../../shared/messages/tunnel/wire.ts";
import type { Credentials, ReadyCredential } from "../../shared/credentials/index.ts";
import type { Needles } from "../coordinator/echo/needles.ts";
import { screened, type ScreenedEvents } from "../coordinator/echo/screened.ts";
import { headLimit, type HeadLimits } from "./limits.ts";
import type { AnswerEvents } from "../coordinator/answer-events.ts";
import type { Upstream, UpstreamCall } from "./upstream.ts";

/** One passed-through request at the relay, from its opening to its end. */
export type Stream = {
  readonly gateway: string;
  /** True for a request that lasts until something happens, such as a poll or a stream, so that a stop does not wait for its end. */
  readonly openEnded: boolean;
  receive(payload: Uint8Array): void;
  /** Ends it, because its client does not wait for it any more. */
  cancel(why: string): void;
  /** Ends it with an error, which the gateway gets. */
  fail(code: string, text: string): void;
};

/** Headers that the relay writes, such as credentials and framing. A gateway sends none of them; if one does, they are not passed on beside ours. */
const OURS = new Set(["authorization", "cookie", "host", "content-length", "expect"]);

export function createStream(deps: {
  wire: Wire;
  /** The process that asks. */
  gateway: string;
  opening: Opening;
  credentials: Credentials;
  upstream: Upstream;
  headLimits: HeadLimits;
  /** Knows the credentials that must not come back in an answer. */
  sent: { of(pass: ReadyCredential): Needles };
  /** Resolves when the request may go out; false if it never may. */
  turn: () => Promise<boolean>;
  /** `status`: of the coordinator's answer, if there was one. */
  ended: (outcome: string, status: number | undefined) => void;
}): Stream {
  const { wire, opening, credentials, upstream } = deps;
  const body = opening.body.kind === "frames" ? new PassThrough() : undefined;
  let call: UpstreamCall | undefined;
  let answering: ScreenedEvents | undefined;
  let over = false;
  /** The answer's end was written; part of it may still wait for credit. */
  let answered = false;
  /** The request's body, or the executor's half of an upgraded connection, is whole. */
  let asked = body === undefined;
  let upgraded = false;
  let answer: number | undefined;
  /** Data frames in `body` that no credit was given for yet. */
  let unread = 0;
  body?.on("drain", () => {
    for (; unread > 0; unread--) wire.consumed();
  });
  body?.on("error", () => {}); // the code that reads it reports what happened

  function end(outcome: string): void {
    if (over) return;
    over = true;
    answering?.close();
    deps.ended(outcome, answer);
  }

  function fail(code: string, text: string): void {
    if (over) return;
    wire.send({ type: "reset", code, text });
    wire.flush();
    end(code);
    body?.destroy();
    call?.abort();
  }

  function cancel(why: string): void {
    if (over) return;
    end(why);
    body?.destroy();
    call?.abort();
  }

  /** Ends the stream once everything is out. Each half of an upgraded connection ends by itself. */
  function settle(): void {
    if (over || !answered || wire.blocked || (upgraded && !asked)) return;
    end("answered");
    if (!asked) body?.destroy();
  }

  async function begin(): Promise<void> {
    if (!(await deps.turn())) return fail("session_busy", "the session still has pending events");
    const pass = credentials.current() ?? (await credentials.headers());
    if (over) return;
    if (pass.kind === "unavailable") return fail("token_unavailable", pass.reason);
    const needles = deps.sent.of(pass);
    const ours = new Set([...OURS, ...Object.keys(pass.headers)]);
    // compressed frames could not be searched
    if (opening.upgrade !== undefined && needles.all.length > 0) ours.add("sec-websocket-extensions");
    const headers = [...endToEnd(opening.headers, ours), ...Object.entries(pass.headers).flat()];
    // a firewall may refuse requests without a user agent; an executor that sends one keeps its own
    if (!headers.some((name, i) => i % 2 === 0 && name.toLowerCase() === "user-agent"))
      headers.push("User-Agent", USER_AGENT);
    const request = {
      method: opening.method,
      target: opening.target,
      headers,
      headLimitMs: headLimit(deps.headLimits, opening.target),
      body: opening.body.kind === "whole" ? opening.body.bytes : body,
      ...(opening.body.kind === "frames" && opening.body.length !== undefined
        ? { length: opening.body.length }
        : {}),
      ...(opening.upgrade === undefined ? {} : { upgrade: opening.upgrade }),
    };
    const events: AnswerEvents = {
      head(status, statusText, raw) {
        if (over) return;
        if (status === 401 || status === 403) credentials.refused(pass.generation);
        const passed = endToEnd(raw);
        answer = status;
        upgraded = status === 101;
        if (upgraded) passed.push("Connection", "Upgrade", "Upgrade", opening.upgrade ?? "");
        wire.send({ type: "head", status, statusText, headers: passed });
      },
      data: (bytes) => over || wire.write(bytes),
      end(trailers) {
        if (over) return;
        answered = true;
        wire.send({ type: "end", trailers });
        settle();
      },
      failed: (code, text) => fail(code, text),
    };
    answering = screened(needles, events, {
      resume: () => call?.resume(),
      cut: (why) =>
        why === "quoted"
          ? fail("credential_echoed", "the answer contains the relay's credentials")
          : fail("tunnel_broken", "the answer is too large to be searched after decompression"),
    });
    call = upstream.call(request, answering);
  }

  wire.onDrain(() => {
    call?.resume();
    settle();
  });
  begin().catch((error: unknown) => fail("request_malformed", errorText(error)));

  return {
    gateway: deps.gateway,
    openEnded: isOpenEnded(opening),
    receive(payload) {
      if (over) return;
      const received = wire.receive(payload);
      if (received.kind === "broken") return fail("tunnel_broken", `the request: ${received.why}`);
      for (const frame of received.frames) {
        switch (frame.type) {
          case "data":
            if (body === undefined || body.destroyed) break;
            if (body.write(frame.bytes)) wire.consumed();
            else unread++;
            break;
          case "end":
            asked = true;
            body?.end();
            settle();
            break;
          case "reset":
            cancel(frame.text);
            return;
          case "accept":
          case "head":
          case "credit":
            break;
        }
      }
    },
    cancel,
    fail,
  };
}
