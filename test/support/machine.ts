const CERTIFICATES = /^(NODE_EXTRA_CA_CERTS|NODE_USE_SYSTEM_CA|SSL_CERT_(FILE|DIR))$/;
const PROXIES = /^((https?|all|no)_proxy|NODE_USE_ENV_PROXY)$/i;
/** Of npm's own settings those that lead to the registry; the others belong to the npm that runs us. */
const NPM =
  /^npm_config_(registry|ca|cafile|strict_ssl|proxy|http_proxy|https_proxy|noproxy|userconfig|globalconfig|cache|prefer_offline)$/i;

/**
 * Variables without which programs of this machine may reach no registry: its certificates, its proxies, and what npm was told of either.
 * For tests that run npm in an otherwise empty environment. Pure.
 */
export function networkOf(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined && [CERTIFICATES, PROXIES, NPM].some((names) => names.test(entry[0])),
    ),
  );
}
