import fastify from "fastify";
import { servePeer } from "./channel.ts";

/** The limit of ingest: a bare Fastify route that parses JSON and answers it. */
const app = fastify();
app.post("/sessions/:id/events", (request) => request.body);
servePeer(await app.listen({ host: "127.0.0.1", port: 0 }), async () => undefined);
