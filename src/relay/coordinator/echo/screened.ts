import type { AnswerEvents } from "../answer-events.ts";
import { struckOut, type Needles } from "./needles.ts";
import { createScreen } from "./screen.ts";
import { createUnpacked } from "./unpacked.ts";

// needles.ts what is looked for · screen.ts in bytes as they pass · unpacked.ts in compressed ones

/** An answer on its way to an executor. */
export type ScreenedEvents = AnswerEvents & { close(): void };

/** The content coding of a raw header list. Several codings, one upon the other, are not unpacked. */
function codingOf(headers: readonly string[]): string | undefined {
  for (let i = 0; i + 1 < headers.length; i += 2)
    if (headers[i]?.toLowerCase() === "content-encoding") return headers[i + 1];
  return undefined;
}

/**
 * An answer that quotes the credential which the request carried must not hand it to the executor (CRED-1): it is struck out in reason phrase,
 * headers, body, trailers and the frames of a WebSocket, and a compressed answer is cut. Costs a search per chunk and no copy.
 */
export function screened(
  needles: Needles,
  events: AnswerEvents,
  control: { resume(): void; cut(why: "quoted" | "bomb"): void },
): ScreenedEvents {
  if (needles.all.length === 0) return { ...events, close() {} };
  const screen = createScreen(needles);
  const strike = (texts: string[]): string[] => texts.map((text) => struckOut(text, needles));
  let unpacked: ReturnType<typeof createUnpacked>;
  let begin: (() => void) | undefined;

  /** The head of a compressed answer goes out with its first bytes: until then there can be an error instead of a cut. */
  function started(): void {
    begin?.();
    begin = undefined;
  }

  /** Compressed bytes are searched too, because their coding may be wrongly declared. */
  function pass(bytes: Uint8Array): boolean {
    const passed = screen.take(bytes);
    return passed.length === 0 || events.data(passed);
  }

  return {
    head(status, statusText, headers) {
      const passed = strike(headers);
      const coding = codingOf(headers);
      if (coding !== undefined) unpacked = createUnpacked(coding, needles, control);
      begin = () => events.head(status, struckOut(statusText, needles), passed);
      if (unpacked === undefined) started();
    },
    data(bytes) {
      if (unpacked === undefined) return pass(bytes);
      unpacked.take(bytes, () => {
        started();
        if (pass(bytes)) control.resume();
      });
      return false; // one chunk after the other
    },
    end(trailers) {
      const last = (): void => {
        started();
        const rest = screen.end();
        if (rest.length > 0) events.data(rest);
        events.end(strike(trailers));
      };
      if (unpacked === undefined) last();
      else unpacked.end(last);
    },
    failed: (code, text) => events.failed(code, struckOut(text, needles)),
    close: () => unpacked?.close(),
  };
}
