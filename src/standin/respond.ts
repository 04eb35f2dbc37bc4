import type { ServerResponse } from "node:http";
import type { Clock } from "../shared/base/clock.ts";
import { JSON_TYPE, type Reply } from "./call.ts";
import type { Strike } from "./faults.ts";

/** Sends a reply as the coordinator's server does: no keep-alive hint, though it closes idle connections after 5 s. */
export function send(response: ServerResponse, reply: Reply): void {
  writeHead(response, reply);
  response.end(reply.body);
}

function writeHead(response: ServerResponse, reply: Reply): void {
  if (response.shouldKeepAlive) response.removeHeader("connection");
  const head = ["vary", "Origin", ...reply.headers];
  if (reply.type !== "") head.push("content-type", reply.type);
  if (reply.status !== 204) head.push("content-length", String(Buffer.byteLength(reply.body)));
  response.writeHead(reply.status, head);
}

const PAGE = "<!doctype html><html><body><h1>Welcome</h1></body></html>";
const HTML_TYPE = "text/html; charset=utf-8";

/** The answer that a strike makes of the normal one, for those that are answers at all; undefined for broken ones. */
export function scripted(strike: Strike): Reply | undefined {
  const { action } = strike;
  const base = { headers: [], applied: false };
  switch (action.kind) {
    case "status": {
      const html = typeof action.body === "string" ? action.body : undefined;
      const headers = Object.entries(action.headers ?? {});
      const type = headers.find(([name]) => name.toLowerCase() === "content-type")?.[1];
      return {
        ...base,
        status: action.status,
        body: html ?? JSON.stringify(action.body ?? {}),
        type: type ?? (html !== undefined ? HTML_TYPE : JSON_TYPE),
        headers: headers.filter(([name]) => name.toLowerCase() !== "content-type").flat(),
      };
    }
    case "html":
      return { ...base, status: 200, body: PAGE, type: HTML_TYPE };
    case "redirect":
      return {
        ...base,
        status: action.status ?? 307,
        body: "",
        type: "",
        headers: ["location", action.location],
      };
    case "hang":
    case "delay":
    case "reset":
    case "half_body":
    case "garbage":
    case "slow":
      return undefined;
  }
}

/** Plays a strike that is not an answer of its own; `normal` is what the coordinator would have answered. */
export function play(response: ServerResponse, strike: Strike, normal: Reply, clock: Clock): void {
  const { action } = strike;
  const socket = response.socket;
  const middle = Math.floor(Buffer.byteLength(normal.body) / 2);
  switch (action.kind) {
    case "hang":
      return;
    case "delay":
      clock.after(action.ms, () => send(response, normal));
      return;
    case "garbage":
      socket?.end("\u0000\u0001 this is not HTTP \r\n\r\n");
      return;
    case "reset":
      if (action.at === "before_head") {
        socket?.resetAndDestroy();
        return;
      }
      writeHead(response, normal);
      flushed(response, "", () => socket?.resetAndDestroy());
      return;
    case "half_body":
      writeHead(response, normal);
      flushed(response, Buffer.from(normal.body).subarray(0, middle), () => socket?.destroy());
      return;
    case "slow":
      writeHead(response, normal);
      trickle(response, Buffer.from(normal.body), action.ms, clock);
      return;
    case "status":
    case "html":
    case "redirect":
      send(response, normal);
  }
}

/** Resolves when the head and `part` were handed to the system, so that a reset does not overtake them. */
function flushed(response: ServerResponse, part: string | Buffer, then: () => void): void {
  if (part.length === 0) {
    response.flushHeaders();
    // an empty write on the socket itself ends after everything before it
    response.socket?.write("", () => then());
  } else {
    response.write(part, () => then());
  }
}

function trickle(response: ServerResponse, body: Buffer, ms: number, clock: Clock): void {
  const step = ms / Math.max(1, body.length);
  const next = (at: number): void => {
    if (at >= body.length) {
      response.end();
      return;
    }
    response.write(body.subarray(at, at + 1));
    clock.after(step, () => next(at + 1));
  };
  next(0);
}
