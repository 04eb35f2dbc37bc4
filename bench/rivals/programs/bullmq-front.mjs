import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { Queue, QueueEvents } from "bullmq";

// POST /sessions/{id}/events answers when the worker did, POST /sessions/{id}/events/send when Redis has the job. Arguments: port, port of Redis.

const [port, redisPort] = process.argv.slice(2);
// A job that is removed at once cannot be waited for: it may be gone before the question.
const connection = { host: "127.0.0.1", port: Number(redisPort) };
const defaultJobOptions = {
  attempts: 10,
  backoff: { type: "exponential", delay: 1000 },
  removeOnComplete: { count: 10_000 },
};
const queue = new Queue("events", { connection, defaultJobOptions });
const events = new QueueEvents("events", { connection });
for (const it of [queue, events]) it.on("error", () => undefined);
await events.waitUntilReady();
events.setMaxListeners(0);

async function answer(request, response) {
  const body = await text(request);
  const job = await queue.add("event", JSON.parse(body));
  const accepted = request.url.endsWith("/send");
  if (!accepted) await job.waitUntilFinished(events, 30_000);
  response.writeHead(accepted ? 202 : 201, { "content-type": "application/json" });
  response.end(JSON.stringify({ id: job.id }));
}

createServer((request, response) => {
  answer(request, response).catch((error) => {
    if (!response.headersSent) response.writeHead(503);
    response.end(String(error));
  });
}).listen(Number(port), "127.0.0.1");
