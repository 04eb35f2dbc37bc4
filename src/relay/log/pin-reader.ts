import type { Msg } from "@nats-io/nats-core";

const PIN_HEADER = "Nats-Pin-Id";

/**
 * Reads the pin that a message was delivered under; empty if it has none. The client decodes all headers of a message to read one, which was a
 * tenth of a draining relay's time. The broker puts the pin last, right before the payload and within the same buffer, and it is the same for
 * thousands of messages: so those bytes are compared first, and the headers are decoded only where they differ.
 */
export function createPinReader(): (msg: Msg) => string {
  let pin = "";
  let tail: Uint8Array = new Uint8Array();
  let around: Uint8Array = new Uint8Array(); // the buffer that the last message came in, which holds a hundred of them
  return (msg) => {
    const { data } = msg;
    if (data.buffer !== around.buffer) around = new Uint8Array(data.buffer);
    if (pin !== "" && endsAt(around, data.byteOffset, tail)) return pin;
    pin = msg.headers?.get(PIN_HEADER) ?? "";
    tail = Buffer.from(`\r\n${PIN_HEADER}: ${pin}\r\n\r\n`);
    return pin;
  };
}

/** Do these bytes end right before an offset? */
function endsAt(buffer: Uint8Array, offset: number, bytes: Uint8Array): boolean {
  const start = offset - bytes.length;
  if (start < 0) return false;
  // from the end: the pin is what differs
  for (let i = bytes.length - 1; i >= 0; i--) if (buffer[start + i] !== bytes[i]) return false;
  return true;
}
