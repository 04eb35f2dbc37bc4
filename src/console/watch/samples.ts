/** The log at one moment. Rates are per second, since the sample before. */
export type Sample = {
  /** Wall clock, milliseconds since 1970. */
  at: number;
  backlog: number;
  accepted: number;
  delivered: number;
  dead: number;
};

/** What a sample is made of: counts that only grow, and what lies there now. */
export type Counts = {
  /** clock.now(), milliseconds. */
  now: number;
  wall: number;
  backlog: number;
  /** Highest sequence of the log. */
  lastSeq: number;
  /** Delivered by all relays since the console watches. */
  delivered: number;
  dead: number;
};

const FINE = 900; // 15 min at one a second
const COARSE = 1440; // 24 h at one a minute
const COARSE_MS = 60_000;
/** Nothing was known here: a line is not drawn across. */
const HOLE: Omit<Sample, "at"> = { backlog: NaN, accepted: NaN, delivered: NaN, dead: NaN };

/** The newest values up to a number, the oldest one is overwritten. */
class Ring {
  readonly #capacity: number;
  readonly #items: Sample[] = [];
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  push(item: Sample): void {
    this.#items[this.#next] = item;
    this.#next = (this.#next + 1) % this.#capacity;
  }

  /** Oldest first. */
  list(): Sample[] {
    return [...this.#items.slice(this.#next), ...this.#items.slice(0, this.#next)];
  }

  newest(): Sample | undefined {
    return this.#items[(this.#next || this.#items.length) - 1];
  }
}

/** Samples of the console's life: each of the last 15 minutes, one a minute of the last 24 hours. 200 KB, whatever happens. */
export class Samples {
  readonly #fine = new Ring(FINE);
  readonly #coarse = new Ring(COARSE);
  #last: Counts | undefined;
  #minute: Sample[] = [];

  add(counts: Counts): void {
    const before = this.#last;
    this.#last = counts;
    if (before === undefined || counts.now <= before.now) return;
    const seconds = (counts.now - before.now) / 1000;
    const rate = (now: number, then: number): number => Math.max(0, now - then) / seconds; // a log made anew counts from 1
    this.#push({
      at: counts.wall,
      backlog: counts.backlog,
      accepted: rate(counts.lastSeq, before.lastSeq),
      delivered: rate(counts.delivered, before.delivered),
      dead: counts.dead,
    });
  }

  /** The log could not be read. What was accepted meanwhile is not spread over the hole. */
  hole(wall: number): void {
    this.#last = undefined;
    this.#push({ at: wall, ...HOLE });
  }

  /** Of the last `ms`, oldest first, from the finest series that reaches back so far. */
  since(now: number, ms: number): Sample[] {
    const series = ms <= FINE * 1000 ? this.#fine.list() : [...this.#coarse.list(), ...tail(this.#minute)];
    return series.filter(({ at }) => at >= now - ms && at <= now);
  }

  /** The newest one. */
  latest(): Sample | undefined {
    return this.#fine.newest();
  }

  #push(sample: Sample): void {
    this.#fine.push(sample);
    const [first] = this.#minute;
    if (first !== undefined && Math.floor(first.at / COARSE_MS) !== Math.floor(sample.at / COARSE_MS)) {
      this.#coarse.push(summary(this.#minute));
      this.#minute = [];
    }
    this.#minute.push(sample);
  }
}

function tail(minute: readonly Sample[]): Sample[] {
  return minute.length === 0 ? [] : [summary(minute)];
}

/** One sample for several: rates on average, the backlog at its highest, so that a peak does not vanish. Pure. */
export function summary(samples: readonly Sample[]): Sample {
  const at = samples.at(-1)?.at ?? 0;
  const known = samples.filter(({ backlog }) => !Number.isNaN(backlog));
  const last = known.at(-1);
  if (last === undefined) return { at, ...HOLE };
  const mean = (of: (sample: Sample) => number): number =>
    known.reduce((sum, sample) => sum + of(sample), 0) / known.length;
  return {
    at,
    backlog: Math.max(...known.map(({ backlog }) => backlog)),
    accepted: mean((it) => it.accepted),
    delivered: mean((it) => it.delivered),
    dead: last.dead,
  };
}

/** An estimate needs this many samples of one drain. */
const DRAIN_SAMPLES = 5;

/** Milliseconds until a backlog is empty, at the speed at which it shrank over some samples, oldest first. Undefined if it does not shrink. Pure. */
export function drainMs(samples: readonly Sample[], backlog: number): number | undefined {
  const known = samples.filter((sample) => !Number.isNaN(sample.backlog));
  const [first, last] = [known[0], known.at(-1)];
  if (first === undefined || last === undefined || known.length < DRAIN_SAMPLES) return undefined;
  const perMs = (first.backlog - last.backlog) / (last.at - first.at);
  return perMs > 0 && backlog > 0 ? backlog / perMs : undefined;
}

/** Lengths of slices of time, milliseconds. */
const SLICES = [1, 2, 5, 10, 20, 30, 60, 120, 240, 480, 960, 1800, 3600, 6000].map((s) => s * 1000);

/** The shortest slice by which a span falls into at most about `most` of them. Pure. */
export function sliceOf(spanMs: number, most: number): number {
  return SLICES.find((slice) => slice * most >= spanMs) ?? spanMs / most;
}

/** Samples summed up by slices with fixed boundaries, so that the line does not tremble as time passes. Pure. */
export function thin(samples: readonly Sample[], slice: number): Sample[] {
  const out: Sample[] = [];
  let gathered: Sample[] = [];
  for (const sample of samples) {
    const [first] = gathered;
    if (first !== undefined && Math.floor(first.at / slice) !== Math.floor(sample.at / slice)) {
      out.push(summary(gathered));
      gathered = [];
    }
    gathered.push(sample);
  }
  if (gathered.length > 0) out.push(summary(gathered));
  return out;
}
