import { MIN_BROKER_VERSION } from "../shared/log/schema/topology.ts";

/** The version in the output of `nats-server --version` ("nats-server: v2.15.2"). Undefined if there is none. */
export function parseServerVersion(output: string): string | undefined {
  return /^nats-server: v?(\d+\.\d+\.\d+)(?:[-+.\s]|$)/m.exec(output)?.[1];
}

/** True if a nats-server of this version has everything that we need. */
export function isNewEnough(version: string, least: string = MIN_BROKER_VERSION): boolean {
  const [a, b] = [version, least].map((v) => v.split(".").map(Number));
  for (let i = 0; i < 3; i++) {
    const difference = (a?.[i] ?? 0) - (b?.[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
