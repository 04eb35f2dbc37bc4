import { randomUUID } from "node:crypto";
import type { Msg, NatsConnection, Subscription } from "@nats-io/nats-core";
import type { Clock } from "../../shared/clock.ts";
import { ERRORS } from "../../shared/errors.ts";
import type { Logger } from "../../shared/logger.ts";
import { traceIdOf, traceOf } from "../../shared/tracing.ts";
import { FLOW_PREFIX, isInbox } from "../../shared/subjects.ts";
import { WINDOW_FRAMES, type Frame } from "../../shared/tunnel/frame.ts";
import { decodeOpening, GATEWAY_SILENCE_MS, TUNNEL_SUBJECT } from "../../shared/tunnel/opening.ts";
import { notPassable } from "../../shared/tunnel/passable.ts";
import { createWire, type Wire } from "../../shared/tunnel/wire.ts";
import type { Credentials } from "../credentials/index.ts";
import { createSentCredentials } from "../echo/needles.ts";
import { deletedSession, isAllowed, MAX_STREAMS, type AllowRule } from "./limits.ts";
import { createStream, type Stream } from "./stream.ts";
import { traceHeaders } from "./traced.ts";
import type { Upstream } from "./upstream.ts";

// limits.ts bounds · stream.ts is one request under way · upstream.ts speaks HTTP with the coordinator · traced.ts traces that

const QUEUE = "relay";
const CHECK_MS = 1000;
/** A gateway waits seconds for the word that its request was taken; most answers of a coordinator nearby come before this. */
const ACCEPT_AFTER_MS = 5;
/** How long the deletion of a session waits for its events (DESIGN 5). */
const DELETE_WAIT_MS = 30_000;
const DELETE_LOOK_MS = 50;

export type RelayTunnel = {
  readonly size: number;
  /** Takes no more requests; resolves when those under way are over. */
  leave(): Promise<void>;
  /** The connection to the broker was away: frames may be lost, and an end among them would be waited for for ever. */
  reconnected(): void;
  /** Ends what is under way, here and at the coordinator. */
  close(): Promise<void>;
};

/** Passes requests of gateways on to the coordinator, with our credentials and to nobody else (CRED-1, DESIGN 7). */
export function serveTunnel(deps: {
  nc: NatsConnection;
  clock: Clock;
  log: Logger;
  /** Token of this relay in subjects. */
  relay: string;
  credentials: Credentials;
  upstream: Upstream;
  /** Does nothing of this session wait? */
  quiet: (session: string) => Promise<boolean>;
  /** Undefined: everything. */
  allow: readonly AllowRule[] | undefined;
}): RelayTunnel {
  const { nc, clock, log, relay } = deps;
  const prefix = `${FLOW_PREFIX}.${relay}.t.`;
  const beats = `${FLOW_PREFIX}.${relay}.beat.`;
  const sent = createSentCredentials();
  const streams = new Map<string, Stream>();
  const gateways = new Map<string, number>();
  /** Wires whose acceptance may not have gone out yet. */
  const accepting: Wire[] = [];
  let stopped = false;
  let idle: (() => void) | undefined;

  function open(msg: Msg): void {
    const { reply } = msg;
    const opening = decodeOpening(msg.data);
    if (!isInbox(reply)) return;
    const wire = createWire(nc);
    wire.connect(reply, WINDOW_FRAMES);
    // nobody but its gateway can guess where a request's frames go
    const id = randomUUID();
    const refuse = (code: string, text: string): void => {
      wire.send({ type: "accept", relay, subject: prefix + id, credit: 0 });
      wire.send({ type: "reset", code, text });
    };
    if (opening === undefined)
      return refuse("schema_newer", "the gateway speaks a version that this relay does not know");
    const refused = notPassable(opening);
    if (refused !== undefined) return refuse(refused.code, refused.text);
    if (streams.size >= MAX_STREAMS)
      return refuse("tunnel_busy", `more than ${MAX_STREAMS} requests are under way`);
    if (deps.allow !== undefined && !isAllowed(deps.allow, opening.method, opening.target)) {
      return refuse("path_not_allowed", `${opening.method} is not allowed on this path`);
    }
    gateways.set(opening.gateway, clock.now());
    const accept = { type: "accept", relay, subject: prefix + id, credit: WINDOW_FRAMES } as const;
    if (opening.body.kind === "frames") wire.send(accept);
    else acceptSoon(wire, accept);
    const began = clock.now();
    const stream = createStream({
      wire,
      opening,
      credentials: deps.credentials,
      upstream: deps.upstream,
      sent,
      turn: () => behindEvents(opening.method, opening.target),
      ended(outcome, status) {
        streams.delete(id);
        if (streams.size === 0) idle?.();
        log[outcome in ERRORS ? "info" : "debug"](
          {
            request: opening.id,
            ...traceField(opening.headers),
            method: opening.method,
            path: opening.target.split("?", 1)[0], // a query may hold anything
            outcome,
            status,
            ms: Math.round(clock.now() - began),
          },
          "request passed through",
        );
      },
    });
    streams.set(id, stream);
  }

  /** A quick answer brings the word along that its request was taken; otherwise that goes out by itself. */
  function acceptSoon(wire: Wire, accept: Frame & { type: "accept" }): void {
    wire.sendLater(accept);
    if (accepting.push(wire) > 1) return;
    clock.after(ACCEPT_AFTER_MS, () => {
      for (const one of accepting.splice(0)) one.flush();
    });
  }

  /** A deletion must not overtake the session's own events; everything else is not ordered with them. */
  async function behindEvents(method: string, target: string): Promise<boolean> {
    const session = method === "DELETE" ? deletedSession(target) : undefined;
    if (session === undefined) return true;
    const until = clock.now() + DELETE_WAIT_MS;
    // the broker may be away for a moment
    while (!(await deps.quiet(session).catch(() => false))) {
      if (clock.now() > until || stopped) return false;
      await new Promise<void>((resolve) => void clock.after(DELETE_LOOK_MS, resolve));
    }
    return true;
  }

  /** An exception in a callback would end the reading of the connection. */
  const listen = (subject: string, take: (msg: Msg) => void, queue?: string): Subscription =>
    nc.subscribe(subject, {
      ...(queue === undefined ? {} : { queue }),
      callback(error, msg) {
        try {
          if (error === null) take(msg);
        } catch (cause) {
          log.error({ err: cause, subject: msg.subject }, "message of a gateway could not be taken");
        }
      },
    });
  const openings = listen(TUNNEL_SUBJECT, open, QUEUE);
  const subscriptions = [
    openings,
    listen(`${prefix}*`, (msg) => streams.get(msg.subject.slice(prefix.length))?.receive(msg.data)),
    listen(`${beats}*`, ({ subject }) => {
      const gateway = subject.slice(beats.length);
      if (gateways.has(gateway)) gateways.set(gateway, clock.now()); // others have nothing open here
    }),
  ];

  function check(): void {
    clock.after(CHECK_MS, () => {
      if (stopped) return;
      const now = clock.now();
      for (const stream of streams.values()) {
        if (now - (gateways.get(stream.gateway) ?? 0) > GATEWAY_SILENCE_MS)
          stream.cancel("the gateway is gone");
      }
      for (const [gateway, at] of gateways) if (now - at > 10 * GATEWAY_SILENCE_MS) gateways.delete(gateway);
      check();
    });
  }
  check();

  return {
    get size() {
      return streams.size;
    },
    async leave() {
      await openings.drain(); // what is on its way here is still taken
      if (streams.size === 0) return;
      await new Promise<void>((resolve) => {
        idle = resolve;
      });
    },
    reconnected() {
      for (const stream of streams.values())
        stream.fail("tunnel_broken", "the connection between gateway and relay was cut");
    },
    async close() {
      stopped = true;
      for (const subscription of subscriptions) if (!subscription.isClosed()) subscription.unsubscribe();
      for (const stream of streams.values()) stream.fail("relay_lost", "the relay is stopping");
      await deps.upstream.close();
    },
  };
}

function traceField(headers: readonly string[]): { trace?: string } {
  const trace = traceIdOf(traceOf(traceHeaders(headers)));
  return trace === undefined ? {} : { trace };
}
