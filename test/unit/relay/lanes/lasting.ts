/** What outlives a relay: the log, the state bucket, the coordinator. */
export type Lasting = {
  log: { seq: number; session: string }[];
  /** The bucket: held pointers and operators' wishes by key. */
  bucket: Map<string, Uint8Array>;
  /** Of every key that was ever written, deleted ones too. */
  revisions: Map<string, number>;
  checkpoint: { floor: number; snapshot: Uint8Array };
  /** How long a call of the broker takes, whether it fails, how many events a replica lacks, whether deletes fail or arrive late. */
  broker: { delayMs: number; down: boolean; lag?: number; refuseDeletes?: boolean; deleteDelayMs?: number };
  /** Sessions whose events fail, and events that are poison. */
  sick: Set<string>;
  poison: Set<number>;
  /** How long the coordinator takes for an answer. */
  sendMs: number;
  delivered: Set<number>;
  /** Settled, and whoever comes after a crash may know it. */
  known: Set<number>;
  broken: string[];
};

export type HeldWorldOptions = {
  holdAbove: number;
  batchMax: number;
  /** A crash comes right after a save, so that ONCE-1 can be judged: a relay saves twice a second. */
  savedCrashes: boolean;
};
