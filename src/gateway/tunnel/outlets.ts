import type { ServerResponse } from "node:http";
import type { Duplex, Writable } from "node:stream";
import { ERRORS, type HttpErrorCode } from "../../shared/base/errors.ts";
import { problemOf } from "../../shared/http/problem.ts";
import type { Outlet } from "./exchange.ts";

/** How long a client may keep its connection open after the whole answer. */
const LINGER_MS = 2000;
const NOTHING: Buffer = Buffer.alloc(0);

/** Writes an answer to an ordinary response. */
export function responseOutlet(
  response: ServerResponse,
  refuse: (code: HttpErrorCode, detail: string) => void,
): Outlet {
  return {
    head(status, statusText, headers, alone) {
      if (response.headersSent || response.destroyed) return;
      response.sendDate = false; // the coordinator's own
      response.writeHead(status, reasonOf(statusText), headers);
      // not flushHeaders(): it would write Latin-1 values as UTF-8
      if (alone) response.write(NOTHING);
    },
    data: writerOf(response),
    end(trailers) {
      if (response.destroyed) return;
      if (trailers.length > 0) response.addTrailers(pairs(trailers));
      response.end();
    },
    fail(code, detail) {
      if (response.headersSent) response.destroy();
      else refuse(code, detail);
    },
  };
}

/** Writes an answer to the socket of an upgrade request: 101 and then bytes both ways, or an ordinary answer and the end. */
export function socketOutlet(socket: Duplex): Outlet {
  let status = 0;
  return {
    head(code, statusText, headers) {
      if (status !== 0 || socket.destroyed) return;
      status = code;
      const lines = pairs(headers).map(([name, value]) => `${name}: ${value}\r\n`);
      if (status !== 101) lines.push("Connection: close\r\n");
      socket.write(`HTTP/1.1 ${status} ${reasonOf(statusText)}\r\n${lines.join("")}\r\n`, "latin1");
    },
    data: writerOf(socket),
    end() {
      socket.end();
      if (status !== 101) closeSoon(socket);
    },
    fail(code, detail) {
      if (status !== 0) return void socket.destroy();
      const { status: failed, headers, body } = problemOf(code, detail);
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.end(
        `HTTP/1.1 ${failed} ${ERRORS[code].title}\r\n${lines.join("")}content-length: ${body.length}\r\nconnection: close\r\n\r\n${body.toString()}`,
      );
      closeSoon(socket);
    },
  };
}

/** Passes everything on to an outlet, and also gives the whole answer to `whole` if it has at most `limit` bytes. */
export function copying(
  outlet: Outlet,
  limit: number,
  whole: (status: number, body: Uint8Array) => void,
): Outlet {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let answered = 0;
  return {
    head(status, statusText, headers, alone) {
      answered = status;
      outlet.head(status, statusText, headers, alone);
    },
    data(chunk, done) {
      bytes += chunk.length;
      if (bytes <= limit) chunks.push(Buffer.from(chunk));
      outlet.data(chunk, done);
    },
    end(trailers) {
      if (bytes <= limit) whole(answered, Buffer.concat(chunks));
      outlet.end(trailers);
    },
    fail: (code, detail) => outlet.fail(code, detail),
  };
}

/** Calls `done` at once while the stream takes bytes, and otherwise when it has written what it holds. Then more may come (BOUND-1). */
function writerOf(stream: Writable): Outlet["data"] {
  let held: (() => void)[] = [];
  const drained = (): void => {
    const done = held;
    held = [];
    for (const one of done) one();
  };
  return (bytes, done) => {
    if (stream.destroyed || stream.write(bytes)) return done();
    if (held.length === 0) stream.once("drain", drained);
    held.push(done);
  };
}

/** Ends a connection after its last bytes, also if the client does not close it. */
function closeSoon(socket: Duplex): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  timer.unref();
  socket.once("close", () => clearTimeout(timer));
}

/** The reason phrase without the characters that Node refuses. No client reads it. */
function reasonOf(text: string): string {
  return text.replaceAll(/[^\t\u0020-\u007e\u0080-\u00ff]/g, "");
}

function pairs(flat: readonly string[]): [string, string][] {
  const result: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) result.push([flat[i] ?? "", flat[i + 1] ?? ""]);
  return result;
}
