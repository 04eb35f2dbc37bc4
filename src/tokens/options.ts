import type { KeyObject } from "node:crypto";
import type { Values } from "../shared/base/config/load.ts";
import { codedError } from "../shared/base/errors.ts";
import { isLoopback } from "../shared/http/guard.ts";
import type { TlsFiles } from "../shared/http/tls-files.ts";
import type { TOKENS_SETTINGS } from "../shared/settings/index.ts";
import { readOlderKey } from "./older-form.ts";
import type { Cluster } from "./token-review.ts";

export type TokensOptions = {
  listen: string;
  /** Undefined: the usual one where it is free. */
  port: number | undefined;
  tls: TlsFiles | undefined;
  cluster: Cluster | undefined;
  olderKey: KeyObject | undefined;
};

/** Reads the settings. Throws `config_invalid`, and `listen_refused` where tokens would cross a network in the clear. */
export function optionsOf(values: Values<typeof TOKENS_SETTINGS>): TokensOptions {
  const { tokensListen: listen, tokensKubernetesUrl: url, tokensOlderKey: olderKey } = values;
  const tls = tlsOf(values);
  if (!isLoopback(listen) && tls === undefined && !values.tokensBehindTls)
    throw codedError(
      "listen_refused",
      `${listen} is beyond loopback: tokens need TLS there; set RUNNER_RELAY_TOKENS_TLS_CERT and RUNNER_RELAY_TOKENS_TLS_KEY, or RUNNER_RELAY_TOKENS_BEHIND_TLS if a proxy in front speaks TLS`,
    );
  return {
    listen,
    port: values.tokensPort,
    tls,
    cluster: url === undefined ? undefined : clusterOf(values, url),
    olderKey: olderKey === undefined ? undefined : readOlderKey(olderKey),
  };
}

function clusterOf(values: Values<typeof TOKENS_SETTINGS>, url: string): Cluster {
  const { protocol, hostname } = new URL(url);
  if (protocol !== "https:" && !isLoopback(hostname.replaceAll(/^\[|\]$/g, "")))
    throw codedError("config_invalid", "RUNNER_RELAY_TOKENS_KUBERNETES_URL must be an https URL");
  const { tokensKubernetesCa: caFile, tokensKubernetesLogin: tokenFile, tokensAudience: audience } = values;
  return { url, caFile, tokenFile, audience };
}

function tlsOf({
  tokensTlsCert: cert,
  tokensTlsKey: key,
}: Values<typeof TOKENS_SETTINGS>): TlsFiles | undefined {
  if (cert !== undefined && key !== undefined) return { cert, key };
  if (cert === undefined && key === undefined) return undefined;
  throw codedError(
    "config_invalid",
    "RUNNER_RELAY_TOKENS_TLS_CERT and RUNNER_RELAY_TOKENS_TLS_KEY need each other",
  );
}
