import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable, type Duplex } from "node:stream";
import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import type { HttpErrorCode } from "../../shared/base/errors.ts";
import { atTurnEnd } from "../../shared/base/turn-end.ts";
import type { BodyBudget } from "../../shared/http/budget.ts";
import { questionSubject } from "../../shared/log/schema/subjects.ts";
import type { RelayState } from "../../shared/messages/relay-state.ts";
import { decodeMessage, encodeMessage, MAX_DATA_BYTES } from "../../shared/messages/tunnel/frame.ts";
import { TUNNEL_SUBJECT, type Opening } from "../../shared/messages/tunnel/opening.ts";
import type { Passage } from "../route/passage.ts";
import { askThrough, type QuestionAnswer } from "./ask.ts";
import { createBeats } from "./beats.ts";
import type { Outlet } from "./exchange.ts";
import { copying, responseOutlet, socketOutlet } from "./outlets.ts";
import type { Registering } from "./registering.ts";
import { openingOf, readable, readSmallBody, tellsOfRun, type Travelling } from "./request.ts";
import { createUnderWay, type UnderWay } from "./under-way.ts";

// request.ts reads what is asked · exchange.ts is one request under way, under-way.ts are all of them · outlets.ts writes the answer to a response or a socket ·
// ask.ts is a question of the gateway's own · beats.ts knows which relays live
// An exchange knows frames and credits and no HTTP, so that the same code serves responses, WebSockets and the gateway's own questions. Losing a relay or the
// broker ends many exchanges at once, so one file knows all of them.

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
  ): Promise<QuestionAnswer | undefined>;
  /** A relay published its state, so it lives. */
  heard(state: RelayState): void;
  readonly size: number;
  /** Ends requests that last until something happens, because a stop need not wait for them. */
  leave(): void;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
  close(): void;
};

export type TunnelDeps = {
  connection: NatsConnection;
  /** Name of this gateway at the broker. */
  gateway: string;
  /** Subject prefix that only this process listens to. */
  inbox: string;
  nonce: string;
  clock: Clock;
  /** Is the connection to the broker up? */
  up: () => boolean;
  /** How long a small body may take to arrive. */
  bodyMs: number;
  /** Memory that small bodies take while they arrive. */
  budget: BodyBudget;
  refuse: (request: IncomingMessage, response: ServerResponse, code: HttpErrorCode, detail: string) => void;
  /** Reads answers that tell which session a run belongs to. */
  learn: (body: Uint8Array) => void;
  /** Reads what a runner's own call says about the runner. Returns what becomes of it if it is a registration. */
  readCall: (opening: Opening) => Registering | undefined;
};

/** Everything that is no durable write goes through a relay, which alone holds the credentials (docs/contract.md, "Requests that pass through"). */
export function createTunnel(deps: TunnelDeps): Tunnel {
  const { connection, gateway, clock, nonce, up } = deps;
  const prefix = `${deps.inbox}.tunnel.`;
  const openings = questionSubject(TUNNEL_SUBJECT, gateway);
  const underWay = createUnderWay({ connection, openings, prefix, up, clock });
  const scope = new DisposableStack();
  const beats = scope.use(createBeats({ connection, gateway, nonce, underWay, clock }));
  scope.defer(hearAnswers(connection, prefix, underWay));
  void failWhenCut(connection, underWay);

  return {
    serve(request, response, start, passage) {
      const limits = { start, limitMs: deps.bodyMs, budget: deps.budget, clock };
      readSmallBody(request, limits, (read) => {
        if (read.kind === "refused") deps.refuse(request, response, read.code, read.detail);
        else serveRead(deps, underWay, request, response, passage, read);
      });
    },
    pass(request, body, passage, outlet) {
      const large = body.length > MAX_DATA_BYTES;
      const travelling: Opening["body"] = large
        ? { kind: "frames", length: body.length }
        : request.headers["content-length"] === undefined
          ? { kind: "none" }
          : { kind: "whole", bytes: body };
      const opening = readable(openingOf(request, travelling, nonce, passage));
      const exchange = underWay.open(opening, outlet);
      if (large) exchange?.pump(Readable.from(Buffer.from(body)));
      return () => exchange?.gone();
    },
    upgrade(request, socket, head, passage) {
      const opening = openingOf(request, { kind: "frames" }, nonce, passage, request.headers.upgrade);
      const exchange = underWay.open(opening, socketOutlet(socket));
      socket.on("error", () => exchange?.gone());
      socket.on("close", () => exchange?.gone());
      if (exchange === undefined) return void socket.resume();
      if (head.length > 0) socket.unshift(head);
      exchange.pump(socket);
    },
    ask: (method, target, limits, json) =>
      askThrough((...asked) => underWay.open(...asked), { method, target, json }, limits, deps),
    heard: (state) => beats.heard(state),
    get size() {
      return underWay.size;
    },
    leave: () => underWay.leave(),
    idle: () => underWay.idle(),
    close() {
      scope.dispose();
      underWay.close();
    },
  };
}

/** Passes on a request whose body is here, or travels in frames. */
function serveRead(
  deps: TunnelDeps,
  underWay: UnderWay,
  request: IncomingMessage,
  response: ServerResponse,
  passage: Passage,
  { body, sent }: Travelling,
): void {
  const refuse = (code: HttpErrorCode, detail: string): void => deps.refuse(request, response, code, detail);
  const plain = responseOutlet(response, refuse);
  const opening = openingOf(request, body, deps.nonce, passage);
  const registering = deps.readCall(opening);
  if (registering?.kind === "refused") {
    sent();
    return refuse("runner_conflict", registering.detail);
  }
  const learn = learnerOf(deps, opening, registering);
  const outlet = learn === undefined ? plain : copying(plain, MAX_LEARNT_BYTES, learn);
  if (registering !== undefined) response.on("close", () => registering.answered(undefined));
  const exchange = underWay.open(learn === undefined ? opening : readable(opening), outlet);
  atTurnEnd(sent); // after the opening, with which it went
  if (exchange === undefined) return;
  if (response.destroyed) return exchange.gone();
  response.on("close", () => exchange.gone());
  if (body.kind === "frames") exchange.pump(request);
}

/** What in the gateway also reads the answer to a request, beside the executor. */
function learnerOf(
  deps: TunnelDeps,
  { method, target }: Opening,
  registering: Extract<Registering, { kind: "passed" }> | undefined,
): ((status: number, body: Uint8Array) => void) | undefined {
  if (registering !== undefined) return (status, body) => registering.answered({ status, body });
  return method === "GET" && tellsOfRun(target) ? (_, body) => deps.learn(body) : undefined;
}

/** Takes what relays say to the requests under way. Returns the function that ends it. */
function hearAnswers(connection: NatsConnection, prefix: string, underWay: UnderWay): () => void {
  const subscription = connection.subscribe(`${prefix}*`, {
    callback(error, message) {
      if (error !== null) return;
      const exchange = underWay.get(message.subject.slice(prefix.length));
      if (exchange === undefined) return abandon(connection, message.data);
      if (message.data.length === 0 && message.headers?.code === 503) {
        return exchange.fail("relay_unavailable", "no relay is available to forward the request");
      }
      exchange.receive(message.data);
    },
  });
  return () => subscription.unsubscribe();
}

/** A relay took a request whose client has left, so the relay is asked to cancel it. */
function abandon(connection: NatsConnection, data: Uint8Array): void {
  for (const frame of decodeMessage(data)?.frames ?? []) {
    if (frame.type !== "accept") continue;
    const reset = { type: "reset", code: "cancelled", text: "the client disconnected" } as const;
    connection.publish(frame.subject, encodeMessage(0, [reset]));
  }
}

/** Frames may be lost while the connection is away, and an exchange whose end was among them would wait for ever. */
async function failWhenCut(connection: NatsConnection, underWay: UnderWay): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type !== "reconnect") continue;
    for (const exchange of underWay.all())
      exchange.fail("tunnel_broken", "the connection between gateway and relay was cut");
  }
}
