import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { servePeer } from "./channel.ts";

/** What runner-relay replaces: a plain proxy in front of the coordinator, whose URL is the first argument. */
const target = new URL(process.argv[2] ?? "");
const agent = new Agent({ keepAlive: true });

const server = createServer((incoming, outgoing) => {
  const { method = "GET", url = "/", headers } = incoming;
  const onward = request(
    { agent, host: target.hostname, port: target.port, method, path: url, headers },
    (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    },
  );
  onward.on("error", () => {
    if (!outgoing.headersSent) outgoing.writeHead(502);
    outgoing.end();
  });
  incoming.pipe(onward);
});

server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  servePeer(`http://127.0.0.1:${port}`, async () => undefined);
});
