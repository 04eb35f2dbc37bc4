import { createServer } from "node:http2";
import * as restate from "@restatedev/restate-sdk";

// Restate as a forwarder: a virtual object for each session, which takes one event after the other. Arguments: port, URL of the coordinator.

const [port, coordinator] = process.argv.slice(2);

const session = restate.object({
  name: "session",
  handlers: {
    event: async (context, event) => {
      const key = context.rand.uuidv4(); // the same in each attempt
      await context.run("forward", () => forward(context.key, key, event));
    },
  },
});

async function forward(id, key, event) {
  const answer = await fetch(`${coordinator}/sessions/${encodeURIComponent(id)}/events`, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": key },
    body: JSON.stringify(event),
    signal: AbortSignal.timeout(10_000),
  });
  await answer.text();
  if (answer.ok) return;
  const what = `${answer.status} [${event.marker}]`;
  if (answer.status === 400 || answer.status === 422) throw new restate.TerminalError(what);
  throw new Error(what);
}

createServer(restate.createEndpointHandler({ services: [session] })).listen(Number(port), "127.0.0.1");
