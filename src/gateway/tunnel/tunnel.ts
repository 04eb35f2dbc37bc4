import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable, type Duplex } from "node:stream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import type { HttpErrorCode } from "../../shared/base/errors.ts";
import { relayToken, STATE_SILENCE_MS, type RelayState } from "../../shared/messages/relay-state.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { atTurnEnd } from "../../shared/base/turn-end.ts";
import { sessionToken } from "../../shared/log/schema/session-id.ts";
import { FLOW_PREFIX, questionSubject } from "../../shared/log/schema/subjects.ts";
import {
  encodeOpening,
  GATEWAY_BEAT_MS,
  TUNNEL_SUBJECT,
  type Opening,
} from "../../shared/messages/tunnel/opening.ts";
import { isOpenEnded } from "../../shared/messages/tunnel/open-ended.ts";
import { decodeMessage, encodeMessage, MAX_DATA_BYTES } from "../../shared/messages/tunnel/frame.ts";
import { createWire } from "../../shared/messages/tunnel/wire.ts";
import type { Budget } from "../../shared/http/budget.ts";
import type { Passage } from "../route/passage.ts";
import { createExchange, type Exchange, type Outlet } from "./exchange.ts";
import { copying, responseOutlet, socketOutlet } from "./outlets.ts";
import type { Registering } from "./registering.ts";
import { openingOf, readable, readSmallBody, tellsOfRun } from "./request.ts";

// request.ts reads what is asked · exchange.ts is one request under way · outlets.ts writes the answer to a response or a socket
// An exchange knows frames and credits and no HTTP, so that the same code serves responses, WebSockets and the gateway's own questions. This file alone
// knows all exchanges, because losing a relay or the broker ends many of them at once.

/** Requests under way per gateway: each may hold 2 × 2 MiB. */
const MAX_EXCHANGES = 512;
/** How long a relay may take to say that it took a request. It does so at once, unless it died before. */
const ACCEPT_MS = 3000;

/** From this many requests on, those whose body has stopped arriving make room for others: a relay takes no more than 448 of one gateway. */
const CROWDED_EXCHANGES = 384;
/** A body counts as stopped after a pause of this length. */
const SILENT_MS = 1000;

const STOPPING = ["gateway_stopping", "the gateway is stopping"] as const;

/** Longest answer that is read to learn about runs. */
export const MAX_LEARNT_BYTES: number = 256 * 1024;

export type Tunnel = {
  /** Passes a request on; `start` asks for its body. */
  serve(request: IncomingMessage, response: ServerResponse, start: () => void, passage: Passage): void;
  /** Passes an upgrade on (WebSocket). */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, passage: Passage): void;
  /** Passes on a request whose body is here, as often as it is called. `outlet` gets the answer. Returns the function that abandons the request. */
  pass(request: IncomingMessage, body: Uint8Array, passage: Passage, outlet: Outlet): () => void;
  /** Asks the coordinator a question of the gateway's own. Undefined if no answer came in time, or one with too many bytes. */
  ask(
    method: string,
    target: string,
    limits: { limitMs: number; bytes: number },
    json?: string,
  ): Promise<{ status: number; body: Uint8Array } | undefined>;
  /** A relay published its state, so it lives. */
  heard(state: RelayState): void;
  readonly size: number;
  /** Ends requests that last until something happens, because a stop need not wait for them. */
  leave(): void;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
  close(): void;
};

/** Everything that is no durable write goes through a relay, which alone holds the credentials (docs/contract.md, "Requests that pass through"). */
export function createTunnel(deps: {
  connection: NatsConnection;
  /** Name of this gateway at the broker. */
  gateway: string;
  /** Subject prefix that only this process listens to. */
  inbox: string;
  nonce: string;
  clock: Clock;
  logger: Logger;
  /** Is the connection to the broker up? */
  up: () => boolean;
  /** How long a small body may take to arrive. */
  bodyMs: number;
  /** Memory that small bodies take while they arrive. */
  budget: Budget;
  refuse: (request: IncomingMessage, response: ServerResponse, code: HttpErrorCode, detail: string) => void;
  /** Reads answers that tell which session a run belongs to. */
  learn: (body: Uint8Array) => void;
  /** Reads what a runner's own call says about the runner. Returns what becomes of it if it is a registration. */
  readCall: (opening: Opening) => Registering | undefined;
}): Tunnel {
  const { connection, clock, nonce } = deps;
  const prefix = `${deps.inbox}.tunnel.`;
  const openings = questionSubject(TUNNEL_SUBJECT, deps.gateway);
  const beats = `${sessionToken(deps.gateway)}.beat.${nonce}`;
  const exchanges = new Map<string, Exchange>();
  /** The exchanges that last until something happens. */
  const openEnded = new Set<string>();
  /** When each relay's process was heard last. */
  const relaysSeen = new Map<string, number>();
  /** The newest process of each relay. */
  const processes = new Map<string, string>();
  let next = 0;
  let idle: (() => void) | undefined;
  let cancelBeat: () => void = () => {};

  const subscription = connection.subscribe(`${prefix}*`, {
    callback(error, message) {
      if (error !== null) return;
      const exchange = exchanges.get(message.subject.slice(prefix.length));
      if (exchange === undefined) return abandon(message.data);
      if (message.data.length === 0 && message.headers?.code === 503) {
        return exchange.fail("relay_unavailable", "no relay is available to forward the request");
      }
      exchange.receive(message.data);
    },
  });

  /** A relay took a request whose client has left, so the relay is asked to cancel it. */
  function abandon(data: Uint8Array): void {
    for (const frame of decodeMessage(data)?.frames ?? []) {
      if (frame.type !== "accept") continue;
      const reset = { type: "reset", code: "cancelled", text: "the client disconnected" } as const;
      connection.publish(frame.subject, encodeMessage(0, [reset]));
    }
  }

  // Frames may be lost while the connection is away, and an exchange whose end was among them would wait for ever.
  void (async () => {
    for await (const status of connection.status()) {
      if (status.type !== "reconnect") continue;
      for (const exchange of exchanges.values())
        exchange.fail("tunnel_broken", "the connection between gateway and relay was cut");
    }
  })();

  /** Ends requests whose body has stopped arriving, if there is little room for others (ISOLATE-1). */
  function endSilent(): void {
    const now = clock.now();
    for (const exchange of exchanges.values()) {
      if (now - (exchange.silentSince ?? now) < SILENT_MS) continue;
      exchange.fail("request_timeout", "the body stopped arriving while others waited");
      return;
    }
  }

  /** What in the gateway also reads the answer to a request, beside the executor. */
  function learnerOf(
    { method, target }: Opening,
    registering: Extract<Registering, { kind: "passed" }> | undefined,
  ): ((status: number, body: Uint8Array) => void) | undefined {
    if (registering !== undefined) return (status, body) => registering.answered({ status, body });
    return method === "GET" && tellsOfRun(target) ? (_, body) => deps.learn(body) : undefined;
  }

  function open(opening: Opening, outlet: Outlet): Exchange | undefined {
    if (!deps.up()) {
      outlet.fail("log_unreachable", "the broker cannot be reached");
      return undefined;
    }
    if (exchanges.size >= CROWDED_EXCHANGES) endSilent();
    if (exchanges.size >= MAX_EXCHANGES) {
      outlet.fail("tunnel_busy", `more than ${MAX_EXCHANGES} requests are under way`);
      return undefined;
    }
    const id = (next++).toString(36);
    const exchange = createExchange({
      wire: createWire(connection),
      outlet,
      upgrading: opening.upgrade !== undefined,
      clock,
      ended() {
        exchanges.delete(id);
        openEnded.delete(id);
        if (exchanges.size === 0) idle?.();
        cancel();
      },
    });
    exchanges.set(id, exchange);
    if (isOpenEnded(opening)) openEnded.add(id);
    const cancel = clock.after(ACCEPT_MS, () => {
      if (exchange.relay === undefined)
        exchange.fail("relay_lost", "no relay confirmed the request in time; one may have forwarded it");
    });
    atTurnEnd(() => {
      if (!exchanges.has(id)) return; // the executor left already
      try {
        connection.publish(openings, encodeOpening(opening), { reply: prefix + id });
      } catch {
        exchange.fail("log_unreachable", "the connection to the broker is closed");
      }
    });
    return exchange;
  }

  /** Fails the requests that this relay had taken: their answers will not come. They may have reached the coordinator, so they are not tried again. */
  function lost(relay: string): void {
    relaysSeen.delete(relay);
    for (const exchange of exchanges.values())
      if (exchange.relay === relay)
        exchange.fail("relay_lost", "the relay that forwarded the request is gone");
  }

  /** Sends beats, because relays cancel the requests of a gateway that fell silent, and fails the requests of relays that fell silent. */
  function beat(): void {
    cancelBeat = clock.after(GATEWAY_BEAT_MS, () => {
      const now = clock.now();
      const relays = new Set<string>();
      for (const exchange of exchanges.values()) {
        const { relay } = exchange;
        if (relay === undefined) continue;
        if (!relaysSeen.has(relay)) relaysSeen.set(relay, now); // it took the request before it published a state
        if (now - (relaysSeen.get(relay) ?? now) > STATE_SILENCE_MS) {
          lost(relay);
        } else relays.add(relay);
      }
      for (const relay of relays)
        if (!connection.isClosed()) connection.publish(`${FLOW_PREFIX}.${relay}.${beats}`);
      for (const [relay, at] of relaysSeen) if (now - at > 10 * STATE_SILENCE_MS) relaysSeen.delete(relay);
      beat();
    });
  }
  beat();

  return {
    serve(request, response, start, passage) {
      readSmallBody(request, { start, limitMs: deps.bodyMs, budget: deps.budget, clock }, (read) => {
        const refuse = (code: HttpErrorCode, detail: string): void =>
          deps.refuse(request, response, code, detail);
        if (read.kind === "refused") return refuse(read.code, read.detail);
        const { body } = read;
        const plain = responseOutlet(response, refuse);
        const opening = openingOf(request, body, nonce, passage);
        const registering = deps.readCall(opening);
        if (registering?.kind === "refused") {
          read.sent();
          return refuse("runner_conflict", registering.detail);
        }
        const learn = learnerOf(opening, registering);
        const outlet = learn === undefined ? plain : copying(plain, MAX_LEARNT_BYTES, learn);
        if (registering !== undefined) response.on("close", () => registering.answered(undefined));
        const exchange = open(learn === undefined ? opening : readable(opening), outlet);
        atTurnEnd(read.sent); // after the opening, with which it went
        if (exchange === undefined) return;
        if (response.destroyed) return exchange.gone();
        response.on("close", () => exchange.gone());
        if (body.kind === "frames") exchange.pump(request);
      });
    },
    pass(request, body, passage, outlet) {
      const large = body.length > MAX_DATA_BYTES;
      const travelling: Opening["body"] = large
        ? { kind: "frames", length: body.length }
        : request.headers["content-length"] === undefined
          ? { kind: "none" }
          : { kind: "whole", bytes: body };
      const exchange = open(readable(openingOf(request, travelling, nonce, passage)), outlet);
      if (large) exchange?.pump(Readable.from(Buffer.from(body)));
      return () => exchange?.gone();
    },
    upgrade(request, socket, head, passage) {
      const opening = openingOf(request, { kind: "frames" }, nonce, passage, request.headers.upgrade);
      const exchange = open(opening, socketOutlet(socket));
      socket.on("error", () => exchange?.gone());
      socket.on("close", () => exchange?.gone());
      if (exchange === undefined) return void socket.resume();
      if (head.length > 0) socket.unshift(head);
      exchange.pump(socket);
    },
    ask: (method, target, { limitMs, bytes }, json) =>
      new Promise((done) => {
        const resolve = (answer: { status: number; body: Uint8Array } | undefined): void => {
          cancel();
          done(answer);
        };
        const cancel = clock.after(limitMs, () => {
          exchange?.gone();
          done(undefined);
        });
        const nowhere: Outlet = {
          head() {},
          data: (_, taken) => taken(),
          end: () => resolve(undefined), // too long to be read
          fail: () => resolve(undefined),
        };
        const outlet = copying(nowhere, bytes, (status, body) => resolve({ status, body }));
        const exchange = open(
          {
            v: 1,
            method,
            target,
            headers: [
              "accept",
              "application/json",
              "accept-encoding",
              "identity",
              ...(json === undefined ? [] : ["content-type", "application/json"]),
            ],
            body: json === undefined ? { kind: "none" } : { kind: "whole", bytes: Buffer.from(json) },
            gateway: nonce,
          },
          outlet,
        );
      }),
    heard(state) {
      const token = relayToken(state);
      relaysSeen.set(token, clock.now());
      const before = processes.get(state.relay);
      processes.set(state.relay, token);
      if (before !== undefined && before !== token) lost(before);
    },
    get size() {
      return exchanges.size;
    },
    leave() {
      for (const id of openEnded) exchanges.get(id)?.fail(...STOPPING);
    },
    idle: () =>
      new Promise((resolve) => {
        idle = resolve;
        if (exchanges.size === 0) resolve();
      }),
    close() {
      cancelBeat();
      subscription.unsubscribe();
      for (const exchange of exchanges.values()) exchange.fail(...STOPPING);
    },
  };
}
