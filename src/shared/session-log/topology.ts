/** The log of sessions (docs/architecture.md, "The log of sessions"). */
export const SESSIONS_STREAM = "RR_SESSIONS";
export const SESSIONS_SUBJECT = "rr.ses.>";
/** The broker publishes here what was stored, so that each process hears of all sessions by one subscription. */
export const LIVE_SUBJECT = "rr.live.>";
/** What is known about sessions: index, floors, tombstones, leases. A KV bucket of its own, so that no user of it reaches the relays' state. */
export const SESSION_STATE_BUCKET = "RR_SES_STATE";
/** The stream behind the bucket. */
export const SESSION_STATE_STREAM: string = `KV_${SESSION_STATE_BUCKET}`;

/** How long the broker recognises a repeated message id. Appends rely on their expected sequence; about 155 B of its memory per event. */
export const SESSIONS_DUPLICATE_WINDOW_MS: number = 2 * 60 * 1000;
