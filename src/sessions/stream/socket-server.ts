import websocket, { type WebsocketPluginOptions } from "@fastify/websocket";
import type { FastifyInstance } from "fastify";
import { FRAME_BYTES } from "./action.ts";
import { CLOSE_CODES } from "./closing.ts";

/** The protocol of our sockets. */
const PROTOCOL = "rr.v1";

const OPTIONS: WebsocketPluginOptions = {
  options: {
    maxPayload: FRAME_BYTES,
    // a compressed socket was measured to cost 245 KiB instead of 22
    perMessageDeflate: false,
    // socket-frames.ts answers pings: they count as frames, so that nobody floods with them
    autoPong: false,
    // a client names its key as a protocol beside this one, which is the only one that is agreed to
    handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
    clientTracking: false,
  },
  // Who serves a socket hears of its errors too, and the plugin's own way would cut off the close frame. An open one is left by a handler that failed.
  errorHandler(_error, socket) {
    if (socket.readyState === socket.OPEN) socket.close(CLOSE_CODES.failed, "failed");
  },
  // streams end by `stopping`, each with its last words
  preClose: (done) => done(),
};

/** Has the server accept sockets on the routes that are added behind this, in a scope of their own. */
export function acceptSockets(app: FastifyInstance): void {
  // Nobody reads a connection whose upgrade was refused, so that nobody would notice its end. The plugin ends those only that it had seen before they were refused.
  app.addHook("onResponse", async ({ raw }) => {
    if (raw.headers.upgrade !== undefined) raw.socket.destroySoon();
  });
  void app.register(websocket, OPTIONS);
}
