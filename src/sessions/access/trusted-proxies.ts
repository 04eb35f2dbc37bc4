import { isIP } from "node:net";
import { listOf } from "./page-guard.ts";

/** Names of networks that the framework knows. */
const NAMED = new Set(["loopback", "linklocal", "uniquelocal"]);

/** Addresses and networks of proxies, as `10.0.0.0/8, ::1, loopback`. Returns the first text that is none. Pure. */
export function readProxies(text: string): { ok: true; proxies: string[] } | { ok: false; wrong: string } {
  const proxies = listOf(text);
  const wrong = proxies.find((one) => !NAMED.has(one) && !isNetwork(one));
  return wrong === undefined ? { ok: true, proxies } : { ok: false, wrong };
}

function isNetwork(text: string): boolean {
  const [address = "", bits, ...more] = text.split("/");
  const version = isIP(address);
  if (version === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}
