import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { Queue } from "bullmq";

// BullMQ as a forwarder, its front: POST /events puts a job into the queue, and answers 202 when Redis has it. GET /failed lists the markers of failed jobs.
// Arguments: port, port of Redis, options of jobs as JSON.

const [port, redisPort, jobOptions] = process.argv.slice(2);
const queue = new Queue("events", {
  connection: { host: "127.0.0.1", port: Number(redisPort) },
  defaultJobOptions: JSON.parse(jobOptions),
});
queue.on("error", () => undefined);

async function answer(request, response) {
  const body = await text(request);
  if (request.method === "GET" && request.url === "/failed") {
    const jobs = await queue.getFailed(0, -1);
    return response.end(JSON.stringify(jobs.map((job) => job.data.marker)));
  }
  const event = JSON.parse(body);
  const job = await queue.add("event", event, { jobId: request.headers["idempotency-key"] });
  response.writeHead(202, { "content-type": "application/json" }).end(JSON.stringify({ id: job.id }));
}

createServer((request, response) => {
  answer(request, response).catch((error) => {
    if (!response.headersSent) response.writeHead(503);
    response.end(String(error));
  });
}).listen(Number(port), "127.0.0.1");
