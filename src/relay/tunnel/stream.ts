import { errorText } from "../../shared/base/errors.ts";
import type { Frame } from "../../shared/messages/tunnel/frame.ts";
import { isOpenEnded } from "../../shared/messages/tunnel/open-ended.ts";
import type { Opening } from "../../shared/messages/tunnel/opening.ts";
import type { Wire } from "../../shared/messages/tunnel/wire.ts";
import type { Credentials, ReadyCredential } from "../../shared/credentials/index.ts";
import type { Needles } from "../coordinator/echo/needles.ts";
import { screened, type ScreenedEvents } from "../coordinator/echo/screened.ts";
import { createFramedBody } from "./framed-body.ts";
import type { HeadLimits } from "./limits.ts";
import { passAnswer, type PassedAnswer } from "./passed-answer.ts";
import { requestOf } from "./request.ts";
import type { Upstream, UpstreamCall } from "./upstream.ts";

// framed-body.ts has what the executor sends · request.ts makes the coordinator's request of it · upstream.ts makes the call ·
// passed-answer.ts passes the answer on · ../coordinator/echo/screened.ts searches it for the credential

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

/** Why an answer is cut off while it is searched for the credential. */
const CUT: Record<"quoted" | "bomb", [code: string, text: string]> = {
  quoted: ["credential_echoed", "the answer contains the relay's credentials"],
  bomb: ["tunnel_broken", "the answer is too large to be searched after decompression"],
};

export type StreamDeps = {
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
};

// oxlint-disable-next-line max-lines-per-function -- each method is short; the answer, the frames and the end of a stream share its state
export function createStream(deps: StreamDeps): Stream {
  const { wire, opening, credentials, upstream } = deps;
  const body = createFramedBody(opening, wire);
  let call: UpstreamCall | undefined;
  let answering: ScreenedEvents | undefined;
  let over = false;
  /** Undefined before the credentials for the request are there. */
  let answer: PassedAnswer | undefined;

  function end(outcome: string): void {
    if (over) return;
    over = true;
    answering?.close();
    deps.ended(outcome, answer?.status);
  }

  function cancel(why: string): void {
    if (over) return;
    end(why);
    body.drop();
    call?.abort();
  }

  function fail(code: string, text: string): void {
    if (over) return;
    wire.send({ type: "reset", code, text });
    wire.flush();
    cancel(code);
  }

  /** Ends the stream once everything is out. Each half of an upgraded connection ends by itself. */
  function settle(): void {
    if (over || !answer?.whole || wire.blocked || (answer.upgraded && !body.whole)) return;
    end("answered");
    if (!body.whole) body.drop();
  }

  async function begin(): Promise<void> {
    if (!(await deps.turn())) return fail("session_busy", "the session still has pending events");
    const pass = credentials.current() ?? (await credentials.headers());
    if (over) return;
    if (pass.kind === "unavailable") return fail("token_unavailable", pass.reason);
    const needles = deps.sent.of(pass);
    const { headLimits } = deps;
    const searched = needles.all.length > 0;
    const request = requestOf(opening, { pass, body: body.stream, headLimits, searched });
    answer = passAnswer({
      wire,
      upgrade: opening.upgrade,
      over: () => over,
      began(status) {
        if (status === 401 || status === 403) credentials.refused(pass.generation);
      },
      ended: settle,
      failed: fail,
    });
    answering = screened(needles, answer.events, {
      resume: () => call?.resume(),
      cut: (why) => fail(...CUT[why]),
    });
    call = upstream.call(request, answering);
  }

  function take(frame: Frame): void {
    switch (frame.type) {
      case "data":
        return body.write(frame.bytes);
      case "end":
        body.end();
        return settle();
      case "reset":
        return cancel(frame.text);
      case "accept":
      case "head":
      case "credit":
        return;
    }
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
        take(frame);
        if (frame.type === "reset") return;
      }
    },
    cancel,
    fail,
  };
}
