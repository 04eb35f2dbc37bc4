import { MsgHdrsImpl } from "@nats-io/nats-core";

const STATUS_ONLY = "NATS/1.0";
/** A header line with a name that the client accepts, and a value without any line break. */
const LINE = /^[!-9;-~]+:[^\r\n]*$/;
/** A header that the broker adds to every message that it reads from a stream, and never to its own status messages. */
const STORED = "Nats-Sequence";

/**
 * Makes the client tolerate odd headers, for every connection of this process. The broker accepts any bytes as headers from every user that may publish.
 * The client throws at a name with a space, even when it reads the log, and takes a stored status line for the broker's own answer, so that one such
 * message would break every command that reads it. With this, lines that are not headers are ignored, and a stored message has no status.
 */
export function tolerateOddHeaders(): void {
  const strict = MsgHdrsImpl.decode.bind(MsgHdrsImpl);
  MsgHdrsImpl.decode = (bytes) => {
    try {
      const decoded = strict(bytes);
      if (decoded.code === 0 || !decoded.has(STORED)) return decoded;
    } catch {
      // below
    }
    const [status = STATUS_ONLY, ...lines] = new TextDecoder().decode(bytes).split("\r\n");
    const kept = lines.filter((line) => LINE.test(line));
    const first = kept.some((line) => line.startsWith(`${STORED}:`)) ? STATUS_ONLY : status;
    return strict(new TextEncoder().encode([first, ...kept, "", ""].join("\r\n")));
  };
}
