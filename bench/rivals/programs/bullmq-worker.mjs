import { Agent, request } from "node:http";
import { Worker } from "bullmq";

// Posts each event to the coordinator. Arguments: port of Redis, URL of the coordinator.

const [redisPort, coordinator] = process.argv.slice(2);
const AT_ONCE = 32;
const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });

function forward(job) {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify(job.data);
    const headers = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
      "idempotency-key": job.id,
    };
    const url = `${coordinator}/sessions/${encodeURIComponent(job.data.session_id)}/events`;
    request(url, { agent, method: "POST", headers }, (answer) => {
      answer.resume().on("end", () => {
        if (answer.statusCode < 300) resolve();
        else reject(new Error(String(answer.statusCode)));
      });
    })
      .on("error", reject)
      .end(body);
  });
}

new Worker("events", forward, {
  connection: { host: "127.0.0.1", port: Number(redisPort) },
  concurrency: AT_ONCE,
}).on("error", () => undefined);
