import { BINARY, CLOSE, PING, PONG, TEXT, type WsFrame } from "./websocket.ts";

const text = (payload: string | Buffer, more: Partial<WsFrame> = {}): WsFrame => ({
  opcode: TEXT,
  payload: Buffer.from(payload),
  ...more,
});
const binary = (length: number): WsFrame => ({ opcode: BINARY, payload: Buffer.alloc(length, 0xfe) });
const ping = (payload: string | Buffer = ""): WsFrame => ({ opcode: PING, payload: Buffer.from(payload) });
const pong = (payload = ""): WsFrame => ({ opcode: PONG, payload: Buffer.from(payload) });
const rest = (payload: string | Buffer, fin: boolean): WsFrame => ({
  opcode: 0,
  payload: Buffer.from(payload),
  fin,
});
const close = (code?: number, reason: string | Buffer = ""): WsFrame => ({
  opcode: CLOSE,
  payload:
    code === undefined
      ? Buffer.alloc(0)
      : Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]),
});
const hex = (digits: string): Buffer => Buffer.from(digits.replaceAll(" ", ""), "hex");

/**
 * Cases of the Autobahn suite that say something of a proxy: a tunnel passes bytes, so what counts is that each sequence arrives as it was
 * sent, valid or not. Judging it is the endpoints' matter.
 */
export const CASES: [number: string, what: string, frames: WsFrame[]][] = [
  ["1.1.1", "empty text", [text("")]],
  ["1.1.2", "text of 125", [text("*".repeat(125))]],
  ["1.1.3", "text of 126", [text("*".repeat(126))]],
  ["1.1.4", "text of 127", [text("*".repeat(127))]],
  ["1.1.5", "text of 128", [text("*".repeat(128))]],
  ["1.1.6", "text of 65535", [text("*".repeat(65_535))]],
  ["1.1.7", "text of 65536", [text("*".repeat(65_536))]],
  ["1.2.1", "empty binary", [binary(0)]],
  ["1.2.7", "binary of 65536", [binary(65_536)]],
  ["2.1", "ping without payload", [ping()]],
  ["2.3", "binary ping", [ping(hex("00fffefdfcfb00ff"))]],
  ["2.4", "ping of 125", [ping(Buffer.alloc(125, 0xfe))]],
  ["2.5", "ping of 126, which is too long", [ping(Buffer.alloc(126, 0xfe))]],
  ["2.7", "unsolicited pong", [pong()]],
  ["2.8", "unsolicited pong with payload", [pong("unsolicited")]],
  ["2.9", "unsolicited pong, then ping", [pong("unsolicited"), ping("asked")]],
  ["2.10", "ten pings", Array.from({ length: 10 }, (_, i) => ping(`payload-${i}`))],
  ["3.1", "reserved bit 1", [text("a", { rsv: 1 })]],
  ["3.4", "reserved bit 3 after good text", [text("Hello"), text("Hello", { rsv: 4 }), ping()]],
  ["3.7", "all reserved bits on a close", [{ ...close(1000), rsv: 7 }]],
  ["4.1.1", "reserved opcode 3", [{ opcode: 3, payload: Buffer.alloc(0) }]],
  ["4.2.1", "reserved opcode 11", [{ opcode: 11, payload: Buffer.alloc(0) }]],
  ["5.1", "fragmented ping", [{ ...ping("frag"), fin: false }, rest("ment", true)]],
  ["5.2", "fragmented pong", [{ ...pong("frag"), fin: false }, rest("ment", true)]],
  ["5.3", "text in two", [text("frag", { fin: false }), rest("ment", true)]],
  ["5.6", "text in two, a ping between", [text("frag", { fin: false }), ping("between"), rest("ment", true)]],
  ["5.9", "continuation of nothing", [rest("nothing", true), text("Hello")]],
  ["5.12", "open continuation of nothing", [rest("nothing", false), text("Hello")]],
  [
    "5.15",
    "text in two, then a continuation of nothing",
    [
      text("a", { fin: false }),
      rest("b", true),
      rest("c", false),
      text("d", { fin: false }),
      rest("e", true),
    ],
  ],
  ["5.18", "text after an open text", [text("first", { fin: false }), text("second")]],
  [
    "5.19",
    "text in five, pings between",
    [
      text("1", { fin: false }),
      rest("2", false),
      ping("a"),
      rest("3", false),
      rest("4", false),
      ping("b"),
      rest("5", true),
    ],
  ],
  ["6.1.1", "text of no characters", [text("")]],
  ["6.1.2", "three empty fragments", [text("", { fin: false }), rest("", false), rest("", true)]],
  ["6.2.1", "UTF-8 in one", [text("Hello-\u00b5@\u00df\u00f6\u00e4\u00fc\u00e0\u00e1-UTF-8!!")]],
  [
    "6.2.3",
    "UTF-8, a byte per fragment",
    [...Buffer.from("Hello-\u00b5@\u00df\u00f6\u00e4\u00fc-UTF-8!!")].map((byte, i, all): WsFrame => ({
      opcode: i === 0 ? TEXT : 0,
      payload: Buffer.from([byte]),
      fin: i === all.length - 1,
    })),
  ],
  ["6.3.1", "invalid UTF-8", [text(hex("cebae1bdb9cf83cebcceb5eda080656469746564"))]],
  [
    "6.4.1",
    "invalid UTF-8 in fragments",
    [
      text(hex("cebae1bdb9cf83cebcceb5"), { fin: false }),
      rest(hex("f4908080"), false),
      rest(hex("656469746564"), true),
    ],
  ],
  ["6.6.2", "a character cut off", [text(hex("ceba").subarray(0, 1))]],
  ["6.9.4", "the last code point", [text(hex("f48fbfbf"))]],
  ["6.12.8", "impossible bytes", [text(hex("feff"))]],
  ["6.13.1", "lonely start bytes", [text(hex("c020c120c220"))]],
  ["6.20.1", "surrogates", [text(hex("eda080"))]],
  ["6.23.1", "non-characters", [text(hex("efbfbe"))]],
  ["7.1.1", "close after text", [text("Hello World!"), close(1000)]],
  ["7.1.2", "two closes", [close(1000), close(1000)]],
  ["7.1.3", "ping after close", [close(1000), ping("late")]],
  ["7.1.4", "text after close", [close(1000), text("late")]],
  ["7.1.5", "close inside a message", [text("frag", { fin: false }), close(1000), rest("ment", true)]],
  ["7.1.6", "close behind 256 KiB", [text("*".repeat(262_144)), close(1000), ping()]],
  ["7.3.1", "close without code", [close()]],
  ["7.3.2", "close of one byte", [{ opcode: CLOSE, payload: Buffer.from("a") }]],
  ["7.3.5", "close with the longest reason", [close(1000, "*".repeat(123))]],
  ["7.3.6", "close with a longer one", [close(1000, "*".repeat(124))]],
  ["7.5.1", "close with invalid UTF-8", [close(1000, hex("cebae1bdb9cf83cebcceb5eda080656469746564"))]],
  ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999].map(
    (code, i): [string, string, WsFrame[]] => [`7.7.${i + 1}`, `close ${code}`, [close(code)]],
  ),
  ...[0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999].map((code, i): [string, string, WsFrame[]] => [
    `7.9.${i + 1}`,
    `close ${code}, which is not allowed`,
    [close(code)],
  ]),
  ["7.13.1", "close 5000", [close(5000)]],
  ["7.13.2", "close 65535", [close(65_535)]],
];
