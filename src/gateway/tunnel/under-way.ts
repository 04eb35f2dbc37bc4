import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import { atTurnEnd } from "../../shared/base/turn-end.ts";
import { isOpenEnded } from "../../shared/messages/tunnel/open-ended.ts";
import { encodeOpening, type Opening } from "../../shared/messages/tunnel/opening.ts";
import { createWire } from "../../shared/messages/tunnel/wire.ts";
import { createExchange, type Exchange, type Outlet } from "./exchange.ts";

/** Requests under way per gateway: each may hold 2 × 2 MiB. */
const MAX_EXCHANGES = 512;
/** From this many requests on, those whose body has stopped arriving make room for others: a relay takes no more than 448 of one gateway. */
const CROWDED_EXCHANGES = 384;
/** A body counts as stopped after a pause of this length. */
const SILENT_MS = 1000;
/** How long a relay may take to say that it took a request. It does so at once, unless it died before. */
const ACCEPT_MS = 3000;

const STOPPING = ["gateway_stopping", "the gateway is stopping"] as const;

/** The requests of the tunnel that are under way. */
export type UnderWay = {
  /** Sends a request on its way. Returns undefined if that is impossible; `outlet` then got the reason. */
  open(opening: Opening, outlet: Outlet): Exchange | undefined;
  get(id: string): Exchange | undefined;
  all(): Iterable<Exchange>;
  readonly size: number;
  /** Ends requests that last until something happens, because a stop need not wait for them. */
  leave(): void;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
  /** Ends everything. */
  close(): void;
};

type UnderWayDeps = {
  connection: NatsConnection;
  /** Subject on which relays take requests of this gateway. */
  openings: string;
  /** Subject of what they say to one, up to its id. */
  prefix: string;
  /** Is the connection to the broker up? */
  up: () => boolean;
  clock: Clock;
};

// oxlint-disable-next-line max-lines-per-function -- each method is short; all of them read and write the one map of exchanges
export function createUnderWay(deps: UnderWayDeps): UnderWay {
  const { clock } = deps;
  const exchanges = new Map<string, Exchange>();
  /** The exchanges that last until something happens. */
  const openEnded = new Set<string>();
  let next = 0;
  let idle: (() => void) | undefined;

  function begin(id: string, opening: Opening, outlet: Outlet): Exchange {
    let cancel = (): void => undefined;
    const exchange = createExchange({
      wire: createWire(deps.connection),
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
    cancel = clock.after(ACCEPT_MS, () => endUntaken(exchange));
    return exchange;
  }

  return {
    open(opening, outlet) {
      if (!deps.up()) {
        outlet.fail("log_unreachable", "the broker cannot be reached");
        return undefined;
      }
      if (exchanges.size >= CROWDED_EXCHANGES) endSilent(exchanges.values(), clock.now());
      if (exchanges.size >= MAX_EXCHANGES) {
        outlet.fail("tunnel_busy", `more than ${MAX_EXCHANGES} requests are under way`);
        return undefined;
      }
      const id = (next++).toString(36);
      const exchange = begin(id, opening, outlet);
      atTurnEnd(() => {
        if (exchanges.has(id)) publish(deps, id, opening, exchange); // otherwise the executor left already
      });
      return exchange;
    },
    get: (id) => exchanges.get(id),
    all: () => exchanges.values(),
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
      for (const exchange of exchanges.values()) exchange.fail(...STOPPING);
    },
  };
}

function publish(deps: UnderWayDeps, id: string, opening: Opening, exchange: Exchange): void {
  try {
    deps.connection.publish(deps.openings, encodeOpening(opening), { reply: deps.prefix + id });
  } catch {
    exchange.fail("log_unreachable", "the connection to the broker is closed");
  }
}

/** Ends a request that no relay has taken in time. */
function endUntaken(exchange: Exchange): void {
  if (exchange.relay === undefined)
    exchange.fail("relay_lost", "no relay confirmed the request in time; one may have forwarded it");
}

/** Ends the first request whose body has stopped arriving, because there is little room for others (ISOLATE-1). */
function endSilent(exchanges: Iterable<Exchange>, now: number): void {
  for (const exchange of exchanges) {
    if (now - (exchange.silentSince ?? now) < SILENT_MS) continue;
    exchange.fail("request_timeout", "the body stopped arriving while others waited");
    return;
  }
}
