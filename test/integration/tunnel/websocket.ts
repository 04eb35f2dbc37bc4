import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";

/** One frame of RFC 6455. */
export type WsFrame = {
  opcode: number;
  payload: Buffer;
  /** Default true. */
  fin?: boolean;
  /** Reserved bits, 1 to 7. */
  rsv?: number;
};

export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

/** Clients mask. */
export function encodeFrame({ opcode, payload, fin = true, rsv = 0 }: WsFrame, mask?: Buffer): Buffer {
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  const bit = mask === undefined ? 0 : 0x80;
  const { length } = payload;
  const head =
    length < 126
      ? Buffer.from([first, bit | length])
      : length < 65_536
        ? Buffer.from([first, bit | 126, length >> 8, length & 255])
        : Buffer.from([
            first,
            bit | 127,
            0,
            0,
            0,
            0,
            length >>> 24,
            (length >> 16) & 255,
            (length >> 8) & 255,
            length & 255,
          ]);
  if (mask === undefined) return Buffer.concat([head, payload]);
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ (mask[i % 4] ?? 0))]);
}

/** Answers the handshake as a server does. */
export function accept(request: IncomingMessage, socket: Duplex, protocol?: string): void {
  const key = `${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${createHash("sha1").update(key).digest("base64")}`,
    ...(protocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
  ];
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
}

/** Echoes whole frames, unmasked, as a server must. */
export function echo(socket: Duplex): void {
  let held: Buffer[] = [];
  let bytes = 0;
  let wanted = 2;
  socket.on("data", (chunk: Buffer) => {
    held.push(chunk);
    bytes += chunk.length;
    if (bytes < wanted) return;
    let buffer = Buffer.concat(held);
    for (;;) {
      const frame = readMasked(buffer);
      if (typeof frame === "number") {
        wanted = frame;
        break;
      }
      socket.write(encodeFrame(frame.frame));
      if (frame.frame.opcode === CLOSE) return void socket.end();
      buffer = buffer.subarray(frame.size);
    }
    held = [buffer];
    bytes = buffer.length;
  });
}

/** The first frame, or how many bytes it takes to read it. */
function readMasked(buffer: Buffer): { frame: WsFrame; size: number } | number {
  if (buffer.length < 6) return 6;
  const short = (buffer[1] ?? 0) & 0x7f;
  const at = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (buffer.length < at) return at;
  const length = short === 127 ? buffer.readUInt32BE(6) : short === 126 ? buffer.readUInt16BE(2) : short;
  const size = at + 4 + length;
  if (buffer.length < size) return size;
  const mask = buffer.subarray(at, at + 4);
  const payload = Buffer.from(buffer.subarray(at + 4, size)).map((byte, i) => byte ^ (mask[i % 4] ?? 0));
  const first = buffer[0] ?? 0;
  return { frame: { opcode: first & 15, fin: first >= 128, payload: Buffer.from(payload) }, size };
}

/** A connection after its handshake, byte by byte. */
export type RawUpgrade = {
  socket: Socket;
  head: string;
  received(): Buffer;
  ended(): boolean;
  closed(): boolean;
};

/** Asks for an upgrade on a raw socket; resolves with the head of the answer. */
export async function rawUpgrade(
  url: string,
  lines: string[] = [],
  options: { key?: boolean } = {},
): Promise<RawUpgrade> {
  const { hostname, port, host } = new URL(url);
  const socket = connect({ port: Number(port), host: hostname, allowHalfOpen: true });
  const chunks: Buffer[] = [];
  let headEnd = -1;
  let ended = false;
  let closed = false;
  socket.on("error", () => {});
  socket.on("end", () => (ended = true));
  socket.on("close", () => (closed = true));
  socket.write(
    [
      "GET /ws?x=1 HTTP/1.1",
      `Host: ${host}`,
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      ...(options.key === false ? [] : ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]),
      ...lines,
      "",
      "",
    ].join("\r\n"),
  );
  await new Promise<void>((resolve, reject) => {
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      if (headEnd >= 0) return;
      headEnd = Buffer.concat(chunks).indexOf("\r\n\r\n");
      if (headEnd >= 0) resolve();
    });
    socket.on("close", () => reject(new Error(`no answer: ${Buffer.concat(chunks).toString("latin1")}`)));
  });
  return {
    socket,
    head: Buffer.concat(chunks).subarray(0, headEnd).toString("latin1"),
    received: () => Buffer.concat(chunks).subarray(headEnd + 4),
    ended: () => ended,
    closed: () => closed,
  };
}
