import { Agent, request } from "node:http";
import { createServer } from "node:http2";
import * as restate from "@restatedev/restate-sdk";

// A virtual object for each session posts its events to the coordinator. Arguments: port, URL of the coordinator, "held" to wait for SIGUSR2 before the first.

const [port, coordinator, held] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: 32 }); // as many as our relay has
const released =
  held === "held" ? new Promise((resolve) => process.once("SIGUSR2", resolve)) : Promise.resolve();

const session = restate.object({
  name: "session",
  handlers: {
    event: async (context, event) => {
      const key = context.rand.uuidv4(); // the same in each attempt
      await context.run("forward", () => forward(context.key, key, event));
      return { ok: true };
    },
  },
  options: { inactivityTimeout: 600_000, abortTimeout: 600_000 },
});

async function forward(id, key, event) {
  await released;
  await new Promise((resolve, reject) => {
    const body = JSON.stringify(event);
    const headers = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
      "idempotency-key": key,
    };
    request(
      `${coordinator}/sessions/${encodeURIComponent(id)}/events`,
      { agent, method: "POST", headers },
      (answer) => {
        answer.resume().on("end", () => {
          if (answer.statusCode < 300) resolve();
          else reject(new Error(String(answer.statusCode)));
        });
      },
    )
      .on("error", reject)
      .end(body);
  });
}

createServer(restate.createEndpointHandler({ services: [session] })).listen(Number(port), "127.0.0.1");
