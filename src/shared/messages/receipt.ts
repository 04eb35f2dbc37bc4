/** Where an accepted event is. Asked by a gateway on `rr.rpc.receipt`, answered by any relay; both sides are JSON. */
export type ReceiptQuestion = { id: string; seq: number };
export type Receipt =
  | { state: "pending"; seq: number }
  | { state: "delivered"; seq: number }
  | { state: "superseded"; seq: number; reason: string }
  | { state: "dead"; seq: number; reason: string; status?: number; attempts?: number }
  /** The log held it and lost it. Whether it was delivered before, nobody knows. */
  | { state: "lost"; seq: number; reason: string }
  /** Below the retention: pruned, so it was settled, but nobody knows how. */
  | { state: "gone" }
  /** The sequence holds another event, or none was ever stored there. */
  | { state: "unknown" };
