const BUCKETS = 10;

type Bucket = { slot: number; attempts: number; hits: number; sessions: Set<string> };

/** Attempts of the last `windowMs` and how many of them were of one kind, over how many sessions. Times are `clock.now()`. */
export class Outcomes {
  readonly #windowMs: number;
  #buckets: Bucket[] = [];

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  record(now: number, session: string, hit: boolean): void {
    const bucket = this.#bucket(now);
    bucket.attempts++;
    if (!hit) return;
    bucket.hits++;
    bucket.sessions.add(session);
  }

  /** `sessions` counts those with a hit. */
  summary(): { attempts: number; hits: number; sessions: number } {
    const sessions = new Set<string>();
    let attempts = 0;
    let hits = 0;
    for (const bucket of this.#buckets) {
      attempts += bucket.attempts;
      hits += bucket.hits;
      for (const session of bucket.sessions) sessions.add(session);
    }
    return { attempts, hits, sessions: sessions.size };
  }

  clear(): void {
    this.#buckets = [];
  }

  #bucket(now: number): Bucket {
    const slot = Math.floor((now * BUCKETS) / this.#windowMs);
    let bucket = this.#buckets.at(-1);
    if (bucket?.slot !== slot) {
      bucket = { slot, attempts: 0, hits: 0, sessions: new Set() };
      this.#buckets.push(bucket);
      this.#buckets = this.#buckets.filter((b) => b.slot > slot - BUCKETS);
    }
    return bucket;
  }
}
