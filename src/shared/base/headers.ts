/** Headers of messages in the log. They are for people with the `nats` CLI, because the payload needs a decoder. */
export const HEADER = {
  id: "Nats-Msg-Id",
  session: "Rr-Session",
  seq: "Rr-Seq",
  kind: "Rr-Kind",
  schema: "Rr-Schema",
  receivedAt: "Rr-Received-At",
  contentType: "Content-Type",
  trace: "traceparent",
  // dead letters
  error: "Rr-Error",
  status: "Rr-Status",
  attempts: "Rr-Attempts",
  origStream: "Rr-Orig-Stream",
  origSeq: "Rr-Orig-Seq",
  answered: "Rr-Answered",
  // redriven and replayed events
  replayOf: "Rr-Replay-Of",
  /** The run of `replay` or `reconcile` that requeued the event. */
  replayRun: "Rr-Replay-Run",
} as const;

/** Headers of requests to the coordinator. */
export const UPSTREAM_HEADER = {
  key: "idempotency-key",
  sessionSeq: "rr-session-seq",
  streamSeq: "rr-stream-seq",
  /** The original of a replayed event, `<stream>:<sequence>`. */
  replay: "rr-replay",
  trace: "traceparent",
  traceState: "tracestate",
} as const;

export const ENVELOPE_TYPE = "application/msgpack";
