import type { Socket } from "node:net";
import type { Clock } from "../../shared/base/clock.ts";

/** What a connection speaks. `nothing`: its client closed it before it said so. */
export type Version = "http/1" | "http/2" | "nothing";

/** With these bytes every connection of HTTP/2 begins, and no request of HTTP/1. */
const PREFACE = Buffer.from("PRI");

/** What begins with these bytes; undefined if more of them are needed. Pure. */
export function versionOf(head: Uint8Array): Version | undefined {
  const seen = Math.min(head.length, PREFACE.length);
  if (Buffer.compare(head.subarray(0, seen), PREFACE.subarray(0, seen)) !== 0) return "http/1";
  return seen < PREFACE.length ? undefined : "http/2";
}

/** Reads the first bytes of a connection, and puts them back for who reads on: it stays paused. A client that says nothing for `limitMs` is cut off. */
export function beginning(
  socket: Socket,
  { clock, limitMs }: { clock: Clock; limitMs: number },
  decided: (version: Version) => void,
): void {
  let head = Buffer.alloc(0);
  const cancel = clock.after(limitMs, () => socket.destroy());
  const failed = (): void => void socket.destroy();

  function decide(version: Version): void {
    cancel();
    socket.off("data", take);
    socket.off("end", end);
    socket.off("error", failed);
    socket.off("close", close);
    socket.pause();
    if (version !== "nothing" && head.length > 0) socket.unshift(head);
    decided(version);
  }

  function take(bytes: Buffer): void {
    head = Buffer.concat([head, bytes]);
    const version = versionOf(head);
    if (version !== undefined) decide(version);
  }

  function end(): void {
    socket.end();
    decide("nothing");
  }

  function close(): void {
    decide("nothing");
  }

  socket.on("data", take);
  socket.on("end", end);
  socket.on("error", failed);
  socket.on("close", close);
}
