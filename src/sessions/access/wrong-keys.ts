import rateLimit from "@fastify/rate-limit";
import type { FastifyInstance, FastifyRequest } from "fastify";

/** Most wrong keys and tokens from one address in a minute. A client whose key was removed tries ten times a second and leaves it; nobody guesses 256 bits. */
export const MOST_WRONG = 600;
const MINUTE_MS = 60_000;

/** Counts wrong keys by address. Right ones are never refused for it, so that nobody locks out others who share the address. */
export type WrongKeys = {
  /** One more. True if there were too many from this address. */
  tooMany(request: FastifyRequest): Promise<boolean>;
};

export function limitWrongKeys(app: FastifyInstance): WrongKeys {
  void app.register(rateLimit, { global: false });
  let check: ReturnType<FastifyInstance["createRateLimit"]> | undefined;
  return {
    async tooMany(request) {
      check ??= app.createRateLimit({ max: MOST_WRONG, timeWindow: MINUTE_MS });
      const found = await check(request);
      return !found.isAllowed && found.isExceeded;
    },
  };
}
