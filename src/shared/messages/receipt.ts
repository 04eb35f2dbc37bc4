/** The state of an accepted event. A gateway asks on `rr.rpc.receipt`, and any relay answers. Question and answer are JSON. */
export type ReceiptQuestion = { id: string; seq: number };
export type Receipt =
  | { state: "pending"; seq: number }
  | { state: "delivered"; seq: number }
  | { state: "superseded"; seq: number; reason: string }
  | { state: "dead"; seq: number; reason: string; status?: number; attempts?: number }
  /** The coordinator refused it, and an operator dropped the dead letter. */
  | { state: "dropped"; seq: number; reason: string }
  /** The log had the event and lost it. It is not known whether it was delivered before. */
  | { state: "lost"; seq: number; reason: string }
  /** Older than the retention. It was pruned, so it was settled, but it is not known how. */
  | { state: "gone" }
  /** The sequence belongs to another event, or to none. */
  | { state: "unknown" };
