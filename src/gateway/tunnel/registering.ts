/** What becomes of a registration: passed on, and `answered` is called with what the coordinator said; or refused with `runner_conflict`. */
export type Registering =
  | { kind: "passed"; answered: (answer: { status: number; body: Uint8Array } | undefined) => void }
  | { kind: "refused"; detail: string };
