/** `runner-relay/sessions`, and `runner-relay-client/sessions`: sessions of agents, from Node and from browsers. Its only dependency is `fetch`. */
export type { ClientClock } from "../clock.ts";
export type { RetryPolicy } from "../retry.ts";
export type { Fetch } from "../transport.ts";
export type { SessionRef } from "./address.ts";
export { openSessions, type Sessions, type SessionsOptions } from "./client.ts";
export { ConnectionError, GatewayError } from "./error.ts";
export type { Decision, Input, NewSession, Session, Turn } from "./session.ts";
export { isNotice, type Notice, type SessionEvent, type Watched } from "./event.ts";
export type { CallOptions, Outcome, TurnInput, TurnItem, TurnResult } from "./turn.ts";
export type { WatchOptions } from "./watch.ts";
