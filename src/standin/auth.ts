import { createHash, timingSafeEqual } from "node:crypto";
import { detail, type Reply } from "./call.ts";

/** The refusal, or undefined where the credentials are good: 401 for missing or malformed ones, 403 for others than `token`. */
export function authRefusal(authorization: string | undefined, token: string): Reply | undefined {
  if (!authorization) {
    return detail(401, "Missing credentials. Use 'Authorization: Bearer <token>' header");
  }
  const [scheme, credentials, ...more] = authorization.split(/\s+/);
  if (scheme?.toLowerCase() !== "bearer" || !credentials || more.length > 0) {
    return detail(401, "Invalid Authorization header format. Use 'Bearer <token>'");
  }
  return timingSafeEqual(digest(credentials), digest(token)) ? undefined : detail(403, "Invalid API key");
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
