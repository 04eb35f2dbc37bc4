/**
 * CRED-1: true if credentials for the coordinator may be sent to this address. Scheme, host and port must be equal. A text that is not an absolute URL
 * is never equal.
 */
export function sameOrigin(target: string | URL, coordinator: string | URL): boolean {
  const [a, b] = [URL.parse(String(target)), URL.parse(String(coordinator))];
  return a !== null && b !== null && a.origin === b.origin && a.origin !== "null";
}
