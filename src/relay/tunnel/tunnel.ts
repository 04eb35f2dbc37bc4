import { randomUUID } from "node:crypto";
import type { Msg, NatsConnection, Subscription } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { ERRORS } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { traceIdOf, traceOf } from "../../shared/base/tracing.ts";
import { askingGateway, FLOW_PREFIX } from "../../shared/log/schema/subjects.ts";
import { WINDOW_FRAMES, type Frame } from "../../shared/messages/tunnel/frame.ts";
import { decodeOpening, GATEWAY_SILENCE_MS, TUNNEL_SUBJECT } from "../../shared/messages/tunnel/opening.ts";
import { notPassable } from "../../shared/messages/tunnel/passable.ts";
import { createWire, type Wire } from "../../shared/messages/tunnel/wire.ts";
import type { Credentials } from "../../shared/credentials/index.ts";
import { createSentCredentials } from "../coordinator/echo/needles.ts";
import {
  deletedSession,
  isAllowed,
  MAX_STREAMS,
  MAX_STREAMS_PER_GATEWAY,
  type AllowRule,
  type HeadLimits,
} from "./limits.ts";
import { createStream, type Stream } from "./stream.ts";
import { traceHeaders } from "./traced.ts";
import type { Upstream } from "./upstream.ts";

// limits.ts bounds · stream.ts is one request under way · upstream.ts speaks HTTP with the coordinator · traced.ts traces that

const QUEUE = "relay";
const CHECK_MS = 1000;
/** After this time the relay says that it took the request. Most answers of a coordinator nearby come earlier and say it too; a gateway waits for seconds. */
const ACCEPT_AFTER_MS = 5;
/** How long the deletion of a session waits for its events (docs/contract.md, "Refusals and limits"). */
const DELETE_WAIT_MS = 30_000;
const DELETE_LOOK_MS = 50;

export type RelayTunnel = {
  readonly size: number;
  /** Takes no more requests, and ends those that last until something happens. Resolves when the others are over. */
  leave(): Promise<void>;
  /** The connection to the broker was interrupted. Frames may be lost, and a stream whose end was among them would wait for ever. */
  reconnected(): void;
  /** Ends what is under way, here and at the coordinator. */
  close(): Promise<void>;
};

/** Passes requests of gateways on to the coordinator, with our credentials and to nobody else (CRED-1; docs/contract.md, "Requests that pass through"). */
export function serveTunnel(deps: {
  nc: NatsConnection;
  clock: Clock;
  log: Logger;
  /** Token of this relay in subjects. */
  relay: string;
  credentials: Credentials;
  upstream: Upstream;
  headLimits: HeadLimits;
  /** Resolves to true if no event of this session waits. */
  quiet: (session: string) => Promise<boolean>;
  /** Undefined: everything. */
  allow: readonly AllowRule[] | undefined;
  /** Counts a request whose answer would go to another gateway, and a frame for a stream that is over or belongs to another sender. */
  foreign: (what: "request" | "frame") => void;
}): RelayTunnel {
  const { nc, clock, log, relay } = deps;
  const sent = createSentCredentials();
  // The gateway's name follows. The broker lets only that gateway publish under it, so frames of others find no stream.
  const prefix = `${FLOW_PREFIX}.${relay}.`;
  /** By `<gateway>.t.<id>`. */
  const streams = new Map<string, Stream>();
  /** How many of them each gateway has. */
  const counts = new Map<string, number>();
  /** When each process with streams was heard last, by `<gateway>.beat.<process>`. */
  const gateways = new Map<string, number>();
  /** Wires whose acceptance may not have gone out yet. */
  const accepting: Wire[] = [];
  let stopped = false;
  let idle: (() => void) | undefined;

  function open(msg: Msg): void {
    const { reply, subject } = msg;
    const asker = askingGateway(TUNNEL_SUBJECT, subject, reply);
    if (asker === undefined || reply === undefined) return deps.foreign("request");
    const opening = decodeOpening(msg.data);
    const wire = createWire(nc);
    wire.connect(reply, WINDOW_FRAMES);
    // nobody but its gateway can guess where a request's frames go
    const id = `${asker}.t.${randomUUID()}`;
    const refuse = (code: string, text: string): void => {
      wire.send({ type: "accept", relay, subject: prefix + id, credit: 0 });
      wire.send({ type: "reset", code, text });
    };
    if (opening === undefined)
      return refuse("schema_newer", "the gateway speaks a version that this relay does not know");
    const refused = notPassable(opening);
    if (refused !== undefined) return refuse(refused.code, refused.text);
    const count = counts.get(asker) ?? 0;
    if (streams.size >= MAX_STREAMS || count >= MAX_STREAMS_PER_GATEWAY)
      return refuse("tunnel_busy", "too many requests are under way at this relay");
    if (deps.allow !== undefined && !isAllowed(deps.allow, opening.method, opening.target)) {
      return refuse("path_not_allowed", `${opening.method} is not allowed on this path`);
    }
    const beat = `beat.${opening.gateway}`;
    const gateway = subject === TUNNEL_SUBJECT ? beat : `${asker}.${beat}`; // of before ADR 0018: without a name
    gateways.set(gateway, clock.now());
    const accept = { type: "accept", relay, subject: prefix + id, credit: WINDOW_FRAMES } as const;
    if (opening.body.kind === "frames") wire.send(accept);
    else acceptSoon(wire, accept);
    const began = clock.now();
    const stream = createStream({
      wire,
      gateway,
      opening,
      credentials: deps.credentials,
      upstream: deps.upstream,
      headLimits: deps.headLimits,
      sent,
      turn: () => behindEvents(opening.method, opening.target),
      ended(outcome, status) {
        streams.delete(id);
        counts.set(asker, (counts.get(asker) ?? 1) - 1);
        if (counts.get(asker) === 0) counts.delete(asker);
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
    counts.set(asker, count + 1);
  }

  /** Says that the request was taken. A quick answer carries that with it; otherwise it goes out in a message of its own. */
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
  const openings = [TUNNEL_SUBJECT, `${TUNNEL_SUBJECT}.*`].map((subject) => listen(subject, open, QUEUE));
  const heard = (msg: Msg): void => {
    const gateway = msg.subject.slice(prefix.length);
    if (gateways.has(gateway)) gateways.set(gateway, clock.now()); // others have nothing open here
  };
  const subscriptions = [
    ...openings,
    listen(`${prefix}*.t.*`, (msg) => {
      const stream = streams.get(msg.subject.slice(prefix.length));
      if (stream === undefined) deps.foreign("frame");
      else stream.receive(msg.data);
    }),
    listen(`${prefix}*.beat.*`, heard),
    listen(`${prefix}beat.*`, heard), // of before ADR 0018
  ];

  function check(): void {
    clock.after(CHECK_MS, () => {
      if (stopped) return;
      const now = clock.now();
      for (const stream of streams.values()) {
        if (now - (gateways.get(stream.gateway) ?? 0) > GATEWAY_SILENCE_MS)
          stream.cancel("the gateway is gone");
      }
      const used = new Set(Array.from(streams.values(), (stream) => stream.gateway));
      for (const gateway of gateways.keys()) if (!used.has(gateway)) gateways.delete(gateway);
      check();
    });
  }
  check();

  return {
    get size() {
      return streams.size;
    },
    async leave() {
      await Promise.all(openings.map((subscription) => subscription.drain())); // requests that are on their way here are still taken
      for (const stream of streams.values())
        if (stream.openEnded) stream.fail("relay_lost", "the relay is stopping");
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
