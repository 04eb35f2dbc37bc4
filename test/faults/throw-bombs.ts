import { Agent, request, type IncomingMessage } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { bombOf, type Bomb } from "./bombs.ts";
import { seededRandom } from "./random.ts";

export type ThrowPlan = {
  url: string;
  seed: number;
  bodies: number;
  /** Bombs a second, over all clients: more would measure the machine and not what bombs do to others. */
  perSecond: number;
  clients: number;
};

/** Sessions that the bombs are spread over: each stays below the limit of a runaway. */
const SESSIONS = 200;

/** Throws bombs at an even pace. Returns how often each answer came. */
async function throwAll({ url, seed, bodies, perSecond, clients }: ThrowPlan): Promise<Map<string, number>> {
  const random = seededRandom(seed);
  const told = new Map<string, number>();
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const start = performance.now();
  let thrown = 0;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (thrown < bodies) {
        const due = start + (thrown++ * 1000) / perSecond;
        const bomb = bombOf(random, SESSIONS);
        const early = due - performance.now();
        if (early > 0) await delay(early);
        const answer = await throwOne(url, agent, bomb);
        told.set(answer, (told.get(answer) ?? 0) + 1);
      }
    }),
  );
  agent.destroy();
  return told;
}

/** What it was answered: the status, with the code of an error; or why there is no answer. */
function throwOne(url: string, agent: Agent, bomb: Bomb): Promise<string> {
  const { method, path, headers, body, pieces } = bomb;
  return new Promise((resolve) => {
    const length =
      pieces === undefined ? { "content-length": body.length } : { "transfer-encoding": "chunked" };
    const outgoing = request(
      `${url}${path}`,
      { method, agent, headers: { ...headers, ...length } },
      (response) => {
        readAll(response).then(
          (text) => resolve(`${response.statusCode} ${/"code":"(\w+)"/.exec(text)?.[1] ?? ""}`.trim()),
          () => resolve("broken off"),
        );
      },
    );
    outgoing.on("error", (error: NodeJS.ErrnoException) => resolve(`none (${error.code ?? error.message})`));
    for (let at = 0; pieces !== undefined && at + pieces < body.length; at += pieces)
      outgoing.write(body.subarray(at, at + pieces));
    outgoing.end(pieces === undefined ? body : body.subarray(body.length - (body.length % pieces || pieces)));
  });
}

async function readAll(response: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk as string;
  return text;
}

if (!isMainThread) parentPort?.postMessage([...(await throwAll(workerData as ThrowPlan))], []);
