import type { Closing } from "../../stream/closing.ts";
import type { SseForm } from "../../stream/sse.ts";
import { sseBytes } from "../../stream/sse-bytes.ts";
import type { AguiEvent } from "./agui-event.ts";
import type { Reading } from "./reading.ts";
import { createTelling, type Wanted } from "./telling.ts";

/** Why a stream ends that its client need not open again. */
const LAST_WORDS: Partial<Record<Closing, { code: string; message: string }>> = {
  deleted: { code: "session_deleted", message: "the session was deleted" },
  auth: { code: "auth_ended", message: "the key or token is not valid any more" },
};

/** A session's events, from a cursor on. */
export function readingForm(reading: Reading): SseForm {
  return {
    frames: (item) => reading.take(item).map(({ event, id }) => bytesOf(event, id)),
    closed(why) {
      const words = LAST_WORDS[why];
      return words && Buffer.concat(reading.closed(words.code, words.message).map((it) => bytesOf(it)));
    },
  };
}

/** The events of one run, until it ends. A client of it does not come back, so that it hears of every other end as well. */
export function runForm(thread: string, wanted: Wanted, over: () => void): SseForm {
  const telling = createTelling(thread, wanted);
  let wasInRun = false;
  return {
    frames(item) {
      if (item.kind !== "event") return [];
      const events = telling.take(item.event);
      if (events.some(({ type }) => type === "RUN_STARTED")) wasInRun = true;
      const isOver = wasInRun && !telling.isInRun();
      if (isOver) over();
      return events.map((event) => bytesOf(event));
    },
    closed(why) {
      if (why === "over") return undefined;
      const stopping = {
        code: "server_stopping",
        message: "the server stops; the run goes on, and can be read from the session's events",
      };
      const { code, message } = LAST_WORDS[why] ?? stopping;
      return bytesOf({ type: "RUN_ERROR", message, code });
    },
  };
}

/** An event of a stream. Line ends within are escaped by JSON, for a client reads each line feed as the end of a line. */
function bytesOf(event: AguiEvent, id?: string): Uint8Array {
  return sseBytes(Buffer.from(JSON.stringify(event)), id);
}
