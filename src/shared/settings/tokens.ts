import type { Setting } from "../base/config/setting.ts";

/** Where a pod finds its own account's files. */
const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** The settings of `tokens`, the service that gives pods tokens of their sessions. */
export const TOKENS_SETTINGS = {
  tokensPort: {
    env: "RUNNER_RELAY_TOKENS_PORT",
    flag: "tokens-port",
    kind: { type: "integer", min: 0, max: 65_535 },
    help: "port of the token service (default: 8769 if it is free, otherwise a free one)",
  },
  tokensListen: {
    env: "RUNNER_RELAY_TOKENS_LISTEN",
    flag: "tokens-listen",
    kind: { type: "text" },
    fallback: "127.0.0.1",
    help: "address that the token service listens on; beyond loopback it needs a certificate, or a proxy that speaks TLS",
  },
  tokensTlsCert: {
    env: "RUNNER_RELAY_TOKENS_TLS_CERT",
    kind: { type: "path" },
    help: "PEM file of the token service's certificate with its chain; read again when it changes",
  },
  tokensTlsKey: {
    env: "RUNNER_RELAY_TOKENS_TLS_KEY",
    kind: { type: "path" },
    help: "PEM file of the certificate's private key",
  },
  tokensBehindTls: {
    env: "RUNNER_RELAY_TOKENS_BEHIND_TLS",
    kind: { type: "flag" },
    fallback: false,
    help: "a proxy in front of the token service speaks TLS, so that it may listen beyond loopback without",
  },
  tokensKubernetesUrl: {
    env: "RUNNER_RELAY_TOKENS_KUBERNETES_URL",
    kind: { type: "url" },
    help: "Kubernetes' API server, which is asked whose a pod's token is (TokenReview); in a pod https://kubernetes.default.svc. Without it only join secrets are exchanged",
  },
  tokensKubernetesCa: {
    env: "RUNNER_RELAY_TOKENS_KUBERNETES_CA",
    kind: { type: "path" },
    fallback: `${ACCOUNT}/ca.crt`,
    help: "PEM file of the authority that the API server's certificate comes from",
  },
  tokensKubernetesLogin: {
    env: "RUNNER_RELAY_TOKENS_KUBERNETES_LOGIN",
    kind: { type: "path" },
    fallback: `${ACCOUNT}/token`,
    help: "file with the token of the service's own account, which may create TokenReviews; read for each question",
  },
  tokensAudience: {
    env: "RUNNER_RELAY_TOKENS_AUDIENCE",
    kind: { type: "text" },
    fallback: "runner-relay",
    help: "audience that the projected token of a pod must have",
  },
  tokensOlderKey: {
    env: "RUNNER_RELAY_TOKENS_OLDER_KEY",
    kind: { type: "path" },
    help: "PEM file of an RSA private key: turns on `GET /token`, for runners that cannot do better. Who has its public half can get tokens of every session that has a pod",
  },
} as const satisfies Record<string, Setting>;
