import { GatewayError } from "./error.ts";

/** One message of a stream of server-sent events. `id` is undefined if this message carries none. */
export type SseMessage = { event: string; data: string; id: string | undefined };

export type SseParser = {
  /** Takes the next piece of the stream, however it is cut, and returns the messages that are complete. Throws `bad_answer` when one is longer than allowed. */
  push(text: string): SseMessage[];
};

/**
 * Parses server-sent events as the HTML standard says, but that an `id` holds for its own message alone: a notice without one is no place to continue at. `maxChars` limits
 * what is kept of a message that is not complete. Pure but for its own state.
 */
export function createSseParser(maxChars: number): SseParser {
  let rest = "";
  /** Characters of `rest` that are known to hold no end of a line. */
  let scanned = 0;
  let skipFeed = false;
  let data: string[] = [];
  let size = 0;
  let event = "message";
  let id: string | undefined;

  function take(line: string, messages: SseMessage[]): void {
    if (line === "") {
      if (data.length > 0) messages.push({ event, data: data.join("\n"), id });
      [data, size, event, id] = [[], 0, "message", undefined];
      return;
    }
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") {
      size += value.length + 1;
      if (size > maxChars) throw tooLong(maxChars);
      data.push(value);
    } else if (name === "event") event = value === "" ? "message" : value;
    else if (name === "id" && !value.includes("\0")) id = value;
  }

  return {
    push(text) {
      const messages: SseMessage[] = [];
      // the line feed of a CR LF whose carriage return came with the piece before
      rest += skipFeed && text.startsWith("\n") ? text.slice(1) : text;
      if (text !== "") skipFeed = false;
      let start = 0;
      const end = /\r\n|[\r\n]/g;
      end.lastIndex = scanned;
      for (let found = end.exec(rest); found !== null; found = end.exec(rest)) {
        take(rest.slice(start, found.index), messages);
        start = end.lastIndex;
        if (found[0] === "\r" && start === rest.length) skipFeed = true;
      }
      rest = rest.slice(start);
      scanned = rest.length;
      if (rest.length > maxChars) throw tooLong(maxChars);
      return messages;
    },
  };
}

function tooLong(maxChars: number): GatewayError {
  return new GatewayError("bad_answer", `a message of the stream is longer than ${maxChars} characters`);
}
