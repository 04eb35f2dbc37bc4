import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { pick, sizeOf } from "./message-bombs.ts";
import { seededRandom, type Random } from "./random.ts";

type Answer = {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
  /** Every byte of it in a chunk of its own. */
  crumbs: boolean;
};

/** Different answers that are kept: building one takes time in which nobody could be measured here. */
const REPERTOIRE = 400;
const MOST_BYTES: number = 5 * 1024 * 1024; // above what a relay reads
const UNITS = [
  "{}",
  "[]",
  "1",
  '"\\u0041"',
  '{"a":{"b":[]}}',
  "9".repeat(400),
  '"é😀"',
  `"${"x".repeat(500)}"`,
];

/** Most are successes: a coordinator that fails for all is away for all. */
function answerOf(random: Random): Answer {
  const length = Math.min(MOST_BYTES, 4 * sizeOf(random));
  const unit = pick(random, UNITS);
  const units = Array<string>(1 + Math.floor(length / (unit.length + 1))).fill(unit);
  const list = random.next() < 0.2 ? "[".repeat(length / 2) + "]".repeat(length / 2) : `[${units.join(",")}]`;
  const drawn = random.next();
  const status = drawn < 0.85 ? 200 : drawn < 0.95 ? 422 : pick(random, [404, 409, 400]);
  const text = status === 200 ? `{"ok":true,"a":${list}}` : `{"detail":[{"msg":"no","input":${list}}]}`;
  const headers: Record<string, string> = { "content-type": "application/json" };
  if (random.next() < 0.05) for (let i = 0; i < 600; i++) headers[`x-${i}`] = "";
  return { status, headers, body: Buffer.from(text), crumbs: length < 20_000 && random.next() < 0.02 };
}

export type HostileCoordinator = { url: string; bombs(): number; [Symbol.asyncDispose](): Promise<void> };

/**
 * Starts a coordinator that is well to all sessions but those whose name begins with `bomb-`. Those get answers that are built to be expensive. It has a
 * thread of its own: an answer of 20,000 chunks keeps a thread busy for as long as the calls of the other sessions may take.
 */
export async function startHostileCoordinator(seed: number): Promise<HostileCoordinator> {
  const worker = new Worker(new URL(import.meta.url), { workerData: seed });
  let bombs = 0;
  const [url] = (await once(worker, "message")) as [string];
  worker.on("message", (thrown: number) => (bombs = thrown));
  return {
    url,
    bombs: () => bombs,
    async [Symbol.asyncDispose]() {
      await worker.terminate();
    },
  };
}

/** Serves in its thread: reports its address first, then, each second, how many bombs it has thrown. */
async function serve(seed: number): Promise<void> {
  const random = seededRandom(seed);
  const repertoire = Array.from({ length: REPERTOIRE }, () => answerOf(random));
  let bombs = 0;
  const server = createServer((incoming, response) => {
    incoming.resume();
    incoming.on("end", () => {
      if (incoming.url?.startsWith("/sessions/bomb-") !== true)
        return void response.setHeader("content-type", "application/json").end('{"ok":true}');
      send(response, repertoire[bombs++ % REPERTOIRE]);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  parentPort?.postMessage(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, []);
  setInterval(() => parentPort?.postMessage(bombs, []), 1000).unref();
}

function send(response: ServerResponse, answer: Answer | undefined): void {
  if (answer === undefined) return void response.end();
  const { status, headers, body, crumbs } = answer;
  response.writeHead(status, headers);
  if (crumbs) for (const byte of body) response.write(Buffer.of(byte));
  response.end(crumbs ? undefined : body);
}

if (!isMainThread) await serve(workerData as number);
