import type { Msg } from "@nats-io/nats-core";

const PIN_HEADER = "Nats-Pin-Id";
/** The name, a pin of 22 characters and the end of the headers take 39 bytes. */
const LONGEST = 256;
const LAST_LINE = new RegExp(`${PIN_HEADER}: ([^\r\n]*)\r\n\r\n$`);

/** Do these bytes end right before an offset? */
function endsAt(buffer: Uint8Array, offset: number, bytes: Uint8Array): boolean {
  const start = offset - bytes.length;
  if (start < 0) return false;
  // from the end: the pin is what differs
  for (let i = bytes.length - 1; i >= 0; i--) if (buffer[start + i] !== bytes[i]) return false;
  return true;
}

/**
 * Reads the pin that a message was delivered under; empty if it has none. The broker puts it last, right before the payload and within the same
 * buffer, so it is read there: the client decodes all headers of a message to read one, which was a tenth of a draining relay's time, and throws
 * at malformed ones, which any publisher may store (a name with a space). An exception here would end the reading of the whole connection. A header of
 * the same name that a publisher wrote stands further in front. The pin is the same for thousands of messages, so its bytes are only compared.
 */
export function createPinReader(): (msg: Pick<Msg, "data">) => string {
  let pin = "";
  let tail: Uint8Array = new Uint8Array();
  let around: Uint8Array = new Uint8Array(); // the buffer that the last message came in, which holds a hundred of them
  return ({ data }) => {
    if (data.buffer !== around.buffer) around = new Uint8Array(data.buffer);
    if (pin !== "" && endsAt(around, data.byteOffset, tail)) return pin;
    const before = around.subarray(Math.max(0, data.byteOffset - LONGEST), data.byteOffset);
    pin = LAST_LINE.exec(Buffer.from(before).toString("latin1"))?.[1] ?? "";
    tail = Buffer.from(`${PIN_HEADER}: ${pin}\r\n\r\n`);
    return pin;
  };
}
