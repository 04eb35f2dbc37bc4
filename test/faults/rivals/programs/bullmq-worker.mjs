import { UnrecoverableError, Worker } from "bullmq";

// BullMQ as a forwarder, its worker: one job after the other, which is the default. Arguments: port of Redis, URL of the coordinator.

const [redisPort, coordinator] = process.argv.slice(2);

async function forward(job) {
  const answer = await fetch(`${coordinator}/sessions/${encodeURIComponent(job.data.session_id)}/events`, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": job.id },
    body: JSON.stringify(job.data),
    signal: AbortSignal.timeout(10_000),
  });
  await answer.text();
  if (answer.ok) return;
  if (answer.status === 400 || answer.status === 422) throw new UnrecoverableError(`${answer.status}`);
  throw new Error(`${answer.status}`);
}

const worker = new Worker("events", forward, { connection: { host: "127.0.0.1", port: Number(redisPort) } });
worker.on("error", () => undefined);
