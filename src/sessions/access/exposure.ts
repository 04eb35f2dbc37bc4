import { isLoopback } from "../../shared/http/guard.ts";

/** Who can reach the server, and what it asks of them. */
export type Exposure = {
  /** Address that it listens on. */
  listen: string;
  /** True if a key or an issuer of tokens is configured. */
  authenticated: boolean;
  /** `--open`. */
  open: boolean;
  tls: boolean;
  /** `--behind-tls`: a proxy in front speaks TLS. */
  behindTls: boolean;
};

const KEYLESS =
  "serve needs a key, because without one any program could run agents: set RUNNER_RELAY_SESSIONS_API_KEY, RUNNER_RELAY_SESSIONS_KEYS_FILE or RUNNER_RELAY_SESSIONS_JWT_ISSUER, or take requests without a key with --open";
const CLEAR =
  "keys need TLS there; set RUNNER_RELAY_SESSIONS_TLS_CERT and RUNNER_RELAY_SESSIONS_TLS_KEY, or --behind-tls if a proxy in front speaks TLS";

/** The reason why the server may not start like this. Any local user could run code otherwise, and keys would cross a network in the clear. Pure. */
export function exposureProblem(
  exposure: Exposure,
): { code: "config_invalid" | "listen_refused"; text: string } | undefined {
  const { listen, authenticated, open, tls, behindTls } = exposure;
  if (!authenticated && !open) return { code: "config_invalid", text: KEYLESS };
  if (isLoopback(listen)) return undefined;
  if (open) return { code: "listen_refused", text: `--open listens on loopback only, not on ${listen}` };
  if (!tls && !behindTls) return { code: "listen_refused", text: `${listen} is beyond loopback: ${CLEAR}` };
  return undefined;
}
