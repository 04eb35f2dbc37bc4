import { once } from "node:events";
import { WebSocket } from "ws";

export type Frame = Record<string, unknown>;

export type SocketReader = {
  socket: WebSocket;
  /** Every frame so far. */
  frames: Frame[];
  send(frame: Frame): void;
  /** Resolves with the first frame, not taken before, of which `wanted` is true; those before it are taken as well. Throws if the socket closes. */
  until(wanted: (frame: Frame) => boolean): Promise<Frame>;
  /** Resolves when there are more frames than `count`, or none will come. */
  more(count: number): Promise<void>;
  /** Resolves with code and reason when it is closed. */
  closed: Promise<{ code: number; reason: string }>;
  close(): void;
};

/** Opens a socket. Throws if the server refuses it. */
export async function openSocket(url: string, headers: Record<string, string> = {}): Promise<SocketReader> {
  const socket = new WebSocket(url.replace(/^http/, "ws"), { headers, perMessageDeflate: true });
  const frames: Frame[] = [];
  let taken = 0;
  let changed = Promise.withResolvers<void>();
  const tell = (): void => {
    changed.resolve();
    changed = Promise.withResolvers<void>();
  };
  socket.on("message", (data: Buffer) => {
    frames.push(JSON.parse(data.toString()) as Frame);
    tell();
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on("close", (code, reason) => {
      resolve({ code, reason: reason.toString() });
      tell();
    });
  });
  await once(socket, "open");
  socket.on("error", () => undefined); // `closed` tells
  async function more(count: number): Promise<void> {
    while (frames.length <= count && socket.readyState !== socket.CLOSED) await changed.promise;
  }

  return {
    socket,
    frames,
    more,
    send: (frame) => socket.send(JSON.stringify(frame)),
    async until(wanted) {
      for (;;) {
        for (let frame = frames[taken]; frame !== undefined; frame = frames[taken]) {
          taken++;
          if (wanted(frame)) return frame;
        }
        await more(taken);
        if (frames.length <= taken)
          throw new Error(`the socket closed after ${JSON.stringify(frames.at(-1))}`);
      }
    },
    closed,
    close: () => socket.terminate(),
  };
}
