/** `runner-relay-client`, and `runner-relay/client`: what an executor needs to talk to its gateway. Its only dependency is `fetch`. */
export type { ClientClock } from "./clock.ts";
export type { DeliveryState } from "./delivery.ts";
export { SessionClientError } from "./error.ts";
export type { RetryPolicy } from "./retry.ts";
export {
  createSessionClient,
  type Affinity,
  type Session,
  type SessionClient,
  type SessionClientOptions,
  type SessionEvent,
  type SessionResult,
  type WriteOptions,
  type WriteResult,
} from "./session-client.ts";
export type { Fetch } from "./transport.ts";
