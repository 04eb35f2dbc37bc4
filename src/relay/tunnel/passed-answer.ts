import { endToEnd } from "../../shared/http/hop-by-hop.ts";
import type { Wire } from "../../shared/messages/tunnel/wire.ts";
import type { AnswerEvents } from "../coordinator/answer-events.ts";

/** The coordinator's answer on its way into frames. */
export type PassedAnswer = {
  readonly events: AnswerEvents;
  /** Of its head, if that came. */
  readonly status: number | undefined;
  /** Its end was written; part of it may still wait for credit. */
  readonly whole: boolean;
  /** It is a 101, so that each half of the connection ends by itself. */
  readonly upgraded: boolean;
};

export function passAnswer(deps: {
  wire: Pick<Wire, "send" | "write">;
  /** The protocol that the request wants to change to. */
  upgrade: string | undefined;
  /** Is the stream over? Then what still comes is dropped. */
  over: () => boolean;
  /** Runs with the status of the head. */
  began: (status: number) => void;
  /** Runs when its end was written. */
  ended: () => void;
  failed: (code: string, text: string) => void;
}): PassedAnswer {
  const { wire, over } = deps;
  let status: number | undefined;
  let whole = false;

  return {
    get status() {
      return status;
    },
    get whole() {
      return whole;
    },
    get upgraded() {
      return status === 101;
    },
    events: {
      head(given, statusText, raw) {
        if (over()) return;
        deps.began(given);
        const headers = endToEnd(raw);
        status = given;
        if (given === 101) headers.push("Connection", "Upgrade", "Upgrade", deps.upgrade ?? "");
        wire.send({ type: "head", status: given, statusText, headers });
      },
      data: (bytes) => over() || wire.write(bytes),
      end(trailers) {
        if (over()) return;
        whole = true;
        wire.send({ type: "end", trailers });
        deps.ended();
      },
      failed: deps.failed,
    },
  };
}
