/**
 * CRED-1: whether credentials for the coordinator may go to this address. Scheme, host and port must be equal; text that is no
 * absolute URL is never equal.
 */
export function sameOrigin(target: string | URL, coordinator: string | URL): boolean {
  const [a, b] = [URL.parse(String(target)), URL.parse(String(coordinator))];
  return a !== null && b !== null && a.origin === b.origin && a.origin !== "null";
}
