/** Headers of messages in the log, made for people with the `nats` CLI: the payload alone needs a decoder. */
export const HEADER = {
  id: "Nats-Msg-Id",
  session: "Rr-Session",
  seq: "Rr-Seq",
  kind: "Rr-Kind",
  schema: "Rr-Schema",
  receivedAt: "Rr-Received-At",
  contentType: "Content-Type",
  trace: "traceparent",
  // of a dead letter
  error: "Rr-Error",
  status: "Rr-Status",
  attempts: "Rr-Attempts",
  origStream: "Rr-Orig-Stream",
  origSeq: "Rr-Orig-Seq",
  answered: "Rr-Answered",
  // of a redriven or replayed event
  replayOf: "Rr-Replay-Of",
  /** The run of `replay` or `reconcile` that put it in. */
  replayRun: "Rr-Replay-Run",
} as const;

/** Headers of a request to the coordinator. */
export const UPSTREAM_HEADER = {
  key: "idempotency-key",
  sessionSeq: "rr-session-seq",
  streamSeq: "rr-stream-seq",
  /** What a replayed event repeats, `<stream>:<sequence>`. */
  replay: "rr-replay",
  trace: "traceparent",
  traceState: "tracestate",
} as const;

export const ENVELOPE_TYPE = "application/msgpack";
