import type { NatsConnection } from "@nats-io/nats-core";
import type { Clock } from "../../shared/base/clock.ts";
import type { Logger } from "../../shared/base/logger.ts";
import type { Tracing } from "../../shared/base/tracing.ts";
import type { Credentials } from "../../shared/credentials/index.ts";
import type { Runners } from "../registrations/index.ts";
import type { AllowRule, HeadLimits } from "./limits.ts";
import { letRunnersLeave } from "./runner-leaver.ts";
import { shieldRunner } from "./runner-shield.ts";
import { traceUpstream } from "./traced.ts";
import { serveTunnel, type RelayTunnel } from "./tunnel.ts";
import { createUpstream } from "./upstream.ts";

// tunnel.ts takes requests of gateways · stream.ts is one under way · upstream.ts speaks HTTP · traced.ts, runner-leaver.ts and runner-shield.ts stand before it

export { parseAllowList, type AllowRule } from "./limits.ts";
export type { RelayTunnel } from "./tunnel.ts";

/** The tunnel, with everything between it and the coordinator. */
export function openTunnel(deps: {
  nc: NatsConnection;
  clock: Clock;
  log: Logger;
  /** Token of this relay's process in subjects. */
  relay: string;
  coordinatorUrl: string;
  credentials: Credentials;
  tracing: Tracing | undefined;
  allow: readonly AllowRule[] | undefined;
  headLimits: HeadLimits;
  /** Answer a runner's polls, heartbeats and removal in an outage. */
  shield: boolean;
  runners: Runners;
  /** Is the coordinator known to be away? */
  away: () => boolean;
  /** Has the gate ask whether the coordinator is there. */
  doubt: () => void;
  /** Resolves to true if no event of this session waits. */
  quiet: (session: string) => Promise<boolean>;
  foreign: (what: "request" | "frame") => void;
}): RelayTunnel {
  const { coordinatorUrl, tracing } = deps;
  const untraced = createUpstream(coordinatorUrl);
  const plain = tracing ? traceUpstream(untraced, tracing, coordinatorUrl) : untraced;
  const { registrations, leaving, reports } = deps.runners;
  const upstream = deps.shield
    ? shieldRunner({
        ...deps,
        registrations,
        leaving,
        upstream: letRunnersLeave({ ...deps, upstream: plain, leaving, reports }),
      })
    : plain;
  return serveTunnel({ ...deps, upstream });
}
