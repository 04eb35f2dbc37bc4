import { randomUUID } from "node:crypto";
import type { Msg, NatsConnection, Subscription } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { ERRORS } from "../../shared/base/errors.ts";
import type { Logger } from "../../shared/base/logger.ts";
import { traceIdOf, traceOf } from "../../shared/base/tracing.ts";
import { askingGateway, FLOW_PREFIX } from "../../shared/log/schema/subjects.ts";
import { WINDOW_FRAMES } from "../../shared/messages/tunnel/frame.ts";
import { decodeOpening, TUNNEL_SUBJECT, type Opening } from "../../shared/messages/tunnel/opening.ts";
import { notPassable } from "../../shared/messages/tunnel/passable.ts";
import { createWire, type Wire } from "../../shared/messages/tunnel/wire.ts";
import type { Credentials } from "../../shared/credentials/index.ts";
import { createSentCredentials } from "../coordinator/echo/needles.ts";
import { createAcceptances, type AcceptSoon } from "./acceptances.ts";
import { watchBeats, type Beats } from "./beats.ts";
import { behindEvents } from "./deletions.ts";
import { isAllowed, type AllowRule, type HeadLimits } from "./limits.ts";
import { createStream } from "./stream.ts";
import { Streams } from "./streams.ts";
import { traceHeaders } from "./traced.ts";
import type { Upstream } from "./upstream.ts";

// limits.ts bounds · acceptances.ts says that a request was taken · stream.ts is one under way, streams.ts all of them · deletions.ts waits for events ·
// beats.ts notices gateways that are gone · upstream.ts speaks HTTP with the coordinator · traced.ts traces that
// A request is ours from the moment in which we say that we took it. So every refusal comes before that, and everything that may end it finds it by its id.

const QUEUE = "relay";

export type RelayTunnel = {
  readonly size: number;
  /** Takes no more requests, and ends those that last until something happens. Resolves when the others are over. */
  leave(): Promise<void>;
  /** The connection to the broker was interrupted. Frames may be lost, and a stream whose end was among them would wait for ever. */
  reconnected(): void;
  /** Ends what is under way, here and at the coordinator. */
  close(): Promise<void>;
};

export type TunnelDeps = {
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
};

/** What the tunnel consists of. */
type Parts = {
  deps: TunnelDeps;
  /** Subjects of frames begin with it. The gateway's name follows. The broker lets only that gateway publish under it, so frames of others find no stream. */
  prefix: string;
  streams: Streams;
  beats: Beats;
  acceptSoon: AcceptSoon;
  /** Knows the credentials that must not come back in an answer. */
  sent: ReturnType<typeof createSentCredentials>;
  stopped: boolean;
};

/** Why a request is not taken; undefined if it is. */
function refusalOf(
  { deps, streams }: Parts,
  asker: string,
  opening: Opening | undefined,
): { code: string; text: string } | undefined {
  if (opening === undefined)
    return { code: "schema_newer", text: "the gateway speaks a version that this relay does not know" };
  const refused = notPassable(opening);
  if (refused !== undefined) return refused;
  if (streams.isFull(asker))
    return { code: "tunnel_busy", text: "too many requests are under way at this relay" };
  if (deps.allow !== undefined && !isAllowed(deps.allow, opening.method, opening.target))
    return { code: "path_not_allowed", text: `${opening.method} is not allowed on this path` };
  return undefined;
}

function traceField(headers: readonly string[]): { trace?: string } {
  const trace = traceIdOf(traceOf(traceHeaders(headers)));
  return trace === undefined ? {} : { trace };
}

function logEnd(log: Logger, opening: Opening, outcome: string, rest: { status?: number; ms: number }): void {
  const level = outcome in ERRORS ? "info" : "debug";
  if (!log.isLevelEnabled(level)) return; // its fields are work for every request
  log[level](
    {
      request: opening.id,
      ...traceField(opening.headers),
      method: opening.method,
      path: opening.target.split("?", 1)[0], // a query may hold anything
      outcome,
      ...rest,
    },
    "request passed through",
  );
}

/** Starts a request that was taken. `gateway`: the process that asks. */
function begin(
  parts: Parts,
  wire: Wire,
  { id, asker, gateway, opening }: { id: string; asker: string; gateway: string; opening: Opening },
): void {
  const { deps, streams, sent } = parts;
  const { clock, log } = deps;
  const began = clock.now();
  const stream = createStream({
    ...deps,
    wire,
    gateway,
    opening,
    sent,
    turn: () => behindEvents({ ...deps, stopped: () => parts.stopped }, opening),
    ended(outcome, status) {
      streams.remove(id, asker);
      const ms = Math.round(clock.now() - began);
      logEnd(log, opening, outcome, status === undefined ? { ms } : { status, ms });
    },
  });
  streams.add(id, asker, stream);
}

/** Takes or refuses a gateway's request. */
function open(parts: Parts, msg: Msg): void {
  const { deps, prefix, beats } = parts;
  const { reply, subject } = msg;
  const asker = askingGateway(TUNNEL_SUBJECT, subject, reply);
  if (asker === undefined || reply === undefined) return deps.foreign("request");
  const opening = decodeOpening(msg.data);
  const wire = createWire(deps.nc);
  wire.connect(reply, WINDOW_FRAMES);
  // only its gateway knows the subject of a request's frames; others cannot guess it
  const id = `${asker}.t.${randomUUID()}`;
  const accept = { type: "accept", relay: deps.relay, subject: prefix + id } as const;
  const refused = refusalOf(parts, asker, opening);
  if (refused !== undefined || opening === undefined) {
    wire.send({ ...accept, credit: 0 });
    if (refused !== undefined) wire.send({ type: "reset", ...refused });
    return;
  }
  const beat = `beat.${opening.gateway}`;
  const gateway = subject === TUNNEL_SUBJECT ? beat : `${asker}.${beat}`; // of before ADR 0018: without a name
  beats.expect(gateway);
  if (opening.body.kind === "frames") wire.send({ ...accept, credit: WINDOW_FRAMES });
  else parts.acceptSoon(wire, { ...accept, credit: WINDOW_FRAMES });
  begin(parts, wire, { id, asker, gateway, opening });
}

/** Subscribes so that an exception in `take` does not end the reading of the connection. */
function listen(
  { deps: { nc, log } }: Parts,
  subject: string,
  take: (msg: Msg) => void,
  queue?: string,
): Subscription {
  return nc.subscribe(subject, {
    ...(queue === undefined ? {} : { queue }),
    callback(error, msg) {
      try {
        if (error === null) take(msg);
      } catch (cause) {
        log.error({ err: cause, subject: msg.subject }, "message of a gateway not processed");
      }
    },
  });
}

/** Subscribes to what belongs to requests under way: their frames, and the beats of their gateways. */
function listenToFlow(parts: Parts): Subscription[] {
  const { deps, prefix, streams, beats } = parts;
  const heard = (msg: Msg): void => beats.heard(msg.subject.slice(prefix.length));
  return [
    listen(parts, `${prefix}*.t.*`, (msg) => {
      const stream = streams.get(msg.subject.slice(prefix.length));
      if (stream === undefined) deps.foreign("frame");
      else stream.receive(msg.data);
    }),
    listen(parts, `${prefix}*.beat.*`, heard),
    listen(parts, `${prefix}beat.*`, heard), // of before ADR 0018
  ];
}

/** Passes requests of gateways on to the coordinator, with our credentials, and to no other address (CRED-1; docs/contract.md, "Requests that pass through"). */
export function serveTunnel(deps: TunnelDeps): RelayTunnel {
  const { clock } = deps;
  const streams = new Streams();
  const parts: Parts = {
    deps,
    prefix: `${FLOW_PREFIX}.${deps.relay}.`,
    streams,
    beats: watchBeats({ clock, streams }),
    acceptSoon: createAcceptances(clock),
    sent: createSentCredentials(),
    stopped: false,
  };
  const openings = [TUNNEL_SUBJECT, `${TUNNEL_SUBJECT}.*`].map((subject) =>
    listen(parts, subject, (msg) => open(parts, msg), QUEUE),
  );
  const flow = listenToFlow(parts);

  return {
    get size() {
      return streams.size;
    },
    async leave() {
      await Promise.all(openings.map((subscription) => subscription.drain())); // requests that are on their way here are still taken
      for (const stream of streams.all())
        if (stream.openEnded) stream.fail("relay_lost", "the relay is stopping");
      await streams.idle();
    },
    reconnected() {
      for (const stream of streams.all())
        stream.fail("tunnel_broken", "the connection between gateway and relay was cut");
    },
    async close() {
      parts.stopped = true;
      parts.beats.stop();
      for (const subscription of [...openings, ...flow])
        if (!subscription.isClosed()) subscription.unsubscribe();
      for (const stream of streams.all()) stream.fail("relay_lost", "the relay is stopping");
      await deps.upstream.close();
    },
  };
}
