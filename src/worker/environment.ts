/** Variables that a program needs to find its folders, its language and the network. Nothing of ours, and no credential: those of a turn are given with it. */
const ALLOWED: ReadonlySet<string> = new Set([
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  "LANG",
  "LANGUAGE",
  "TZ",
  "TMPDIR",
  "XDG_CONFIG_HOME",
  "XDG_CACHE_HOME",
  "XDG_DATA_HOME",
  "XDG_STATE_HOME",
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
]);
const LOCALE = /^LC_[A-Z]+$/;

/** What every agent gets of the worker's environment. Pure. */
export function agentEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const kept = Object.entries(env).flatMap(([name, value]) =>
    value !== undefined && (ALLOWED.has(name) || LOCALE.test(name)) ? [[name, value] as const] : [],
  );
  return Object.fromEntries(kept);
}
