import httpProxy from "@fastify/http-proxy";
import fastify from "fastify";
import { servePeer } from "./channel.ts";

/** The limit of passing through: a well-kept proxy in front of the upstream, whose URL is the first argument. */
const app = fastify();
await app.register(httpProxy, { upstream: process.argv[2] ?? "" });
servePeer(await app.listen({ host: "127.0.0.1", port: 0 }), async () => undefined);
