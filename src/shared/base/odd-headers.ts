import { MsgHdrsImpl } from "@nats-io/nats-core";

const STATUS_ONLY = "NATS/1.0";
/** A name that the client takes, and a value without a line break of any kind. */
const LINE = /^[!-9;-~]+:[^\r\n]*$/;
/** Stands in every message that the broker reads from a stream for somebody, and in no status of its own. */
const STORED = "Nats-Sequence";

/**
 * The broker accepts any bytes as headers, from every user that may publish. The client throws at a name with a space, also where it reads the log, and takes
 * a stored status line for the broker's own word: one such message would blind every command that meets it. So lines that are no headers are left
 * out, and a stored message has no status. Holds for every connection of this process.
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
