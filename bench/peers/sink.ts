import { createServer, type AddressInfo, type Socket } from "node:net";
import { servePeer } from "./channel.ts";

/** Count `total` events; the clock starts at the one after `warm`. Each answer comes `delayMs` after its request. */
export type Count = { total: number; warm: number; delayMs: number };
/** Refuses every connection from now on, until the next `Count`. */
export type Leave = { away: true };
/** From the event number `warm` to the last. `firstMs`: from the question to the first event. */
export type Counted = { events: number; ms: number; firstMs: number };

/**
 * A coordinator that costs next to nothing, so that it limits neither side: requests are cut from the stream by their content length,
 * every answer is the same text. Requests never come pipelined, which undici does not do either unless it is told to.
 */
const OK = answer(201, '{"ok":true}');
const HEALTHY = answer(200, '{"status":"ok"}');
const BATCH_ITEM = /"key":"([^"]+)"/g;

let away = false;
const sockets = new Set<Socket>();
let seen = 0;
let startedAt = 0;
let askedAt = 0;
let firstMs = 0;
let delayMs = 0;
let warm = 0;
let total = Infinity;
let done: (counted: Counted) => void = () => {};

function answer(status: number, body: string): string {
  return `HTTP/1.1 ${status} OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

function count(events: number): void {
  const before = seen;
  if (before === 0) firstMs = performance.now() - askedAt;
  seen += events;
  if (before < warm && seen >= warm) startedAt = performance.now();
  if (before < total && seen >= total)
    done({ events: total - warm, ms: performance.now() - startedAt, firstMs });
}

function reply(socket: Socket, head: string, body: string): void {
  if (!head.startsWith("POST")) return void socket.write(HEALTHY);
  let text = OK;
  if (head.slice(0, head.indexOf("\r\n")).includes(":batch ")) {
    // Keys are ids of ours: inside the bodies quotes are escaped, and no executor of the bench sends a field "key".
    const keys = [...body.matchAll(BATCH_ITEM)].map(([, key]) => key);
    text = answer(200, JSON.stringify({ results: keys.map((key) => ({ key, status: 201 })) }));
    count(keys.length);
  } else count(1);
  if (delayMs === 0) socket.write(text);
  else setTimeout(() => socket.write(text), delayMs);
}

const server = createServer({ noDelay: true }, (socket) => {
  if (away) return void socket.destroy();
  sockets.add(socket);
  socket.on("close", () => sockets.delete(socket));
  let rest = "";
  socket.setEncoding("latin1");
  socket.on("error", () => {});
  socket.on("data", (chunk: string) => {
    rest += chunk;
    const end = rest.indexOf("\r\n\r\n");
    if (end === -1) return;
    const head = rest.slice(0, end);
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
    if (rest.length < end + 4 + length) return;
    const body = rest.slice(end + 4);
    rest = "";
    reply(socket, head, body);
  });
});

server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  servePeer(
    `http://127.0.0.1:${port}`,
    (ask) =>
      new Promise<Counted | undefined>((resolve) => {
        away = "away" in (ask as Count | Leave);
        if (away) {
          for (const socket of sockets) socket.destroy();
          return resolve(undefined);
        }
        seen = 0;
        startedAt = askedAt = performance.now();
        ({ delayMs, warm, total } = ask as Count);
        done = resolve;
      }),
  );
});
