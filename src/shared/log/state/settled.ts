import { deflateRawSync, inflateRawSync } from "node:zlib";

/** Bits of one chunk: 2^15 sequences in 4 KiB, so that a stuck event with millions settled behind it costs little. */
const CHUNK_BITS = 1 << 15;
const CHUNK_BYTES: number = CHUNK_BITS / 8;
const INDEX_BYTES = 8;
const RECORD_BYTES: number = INDEX_BYTES + CHUNK_BYTES;
/**
 * Longest set that is taken over, unpacked: 16,352 chunks, which are 535 million sequences above a stuck floor; an hour of 10,000 events a second makes 36
 * million. There must be a limit, because zeros are packed a thousandfold and a stored value of 8 MiB could ask for gigabytes.
 */
const MAX_SNAPSHOT_BYTES: number = 64 * 1024 * 1024;
/** The list of arrived sequences is thinned out when it has grown by this many and has doubled. */
const THIN_ABOVE = 8192;

/**
 * What a shard has settled: everything up to `floor`, and a sparse set above it. Acks and resets of the broker are not this memory
 * (acks do not survive a broker's kill, a reset forgets every ack above the ack floor), so the relay keeps its own (docs/contract.md, "Memory of what is settled").
 *
 * Sequences are the stream's; those of other shards are never passed in here. The floor moves over them: it is right below the lowest sequence that has
 * arrived and is unsettled, or at the highest one that has arrived.
 */
export class Settled {
  #floor: number;
  #chunks = new Map<number, Uint8Array>();
  /** Sequences that arrived above the floor, ascending; `#head` is the first that still counts. Of settled ones in a row, only the last may be kept. */
  #arrived: number[] = [];
  #head = 0;
  /** When it gets longer than this, {@link #thin} runs. */
  #limit = THIN_ABOVE;
  #version = 0;

  constructor(floor = 0) {
    this.#floor = floor;
  }

  get floor(): number {
    return this.#floor;
  }

  /** Grows with every change, so that a writer knows whether there is something to write. */
  get version(): number {
    return this.#version;
  }

  /** True if a sequence has arrived and is not settled. After a reset, no ack remembers what is settled above it. */
  get held(): boolean {
    return this.#head < this.#arrived.length;
  }

  has(seq: number): boolean {
    if (seq <= this.#floor) return true;
    const chunk = this.#chunks.get(Math.floor(seq / CHUNK_BITS));
    if (chunk === undefined) return false;
    return isSet(chunk, seq % CHUNK_BITS);
  }

  /** Forgets what has arrived, but not what is settled: after a reset everything above the ack floor arrives again. */
  restart(): void {
    this.#arrived = [];
    this.#head = 0;
    this.#limit = THIN_ABOVE;
  }

  /** A message of this shard has arrived. To be called in ascending order since the last {@link restart}. */
  arrived(seq: number): void {
    if (seq <= this.#floor) return;
    this.#arrived.push(seq);
    if (this.#arrived.length > this.#limit) this.#thin();
    if (this.#arrived.length - this.#head === 1) this.#advance();
  }

  /** Marks a sequence as settled. Idempotent. */
  settle(seq: number): void {
    if (this.has(seq)) return;
    this.#mark(seq);
    this.#version++;
    this.#advance();
  }

  /** The highest settled sequence. */
  get highest(): number {
    return this.#chunks.size === 0 ? this.#floor : Math.max(this.#floor, this.#last());
  }

  /** How many sequences of ascending ranges are settled above the floor. Those below it do not count, because other shards' sequences are among them. */
  countIn(ranges: readonly [from: number, to: number][]): number {
    let count = 0;
    for (const [index, chunk] of this.#chunks) {
      const first = index * CHUNK_BITS;
      for (const [from, to] of ranges) {
        const begin = Math.max(from, first, this.#floor + 1) - first;
        const end = Math.min(to, first + CHUNK_BITS - 1) - first;
        for (let bit = begin; bit <= end; bit++) if (isSet(chunk, bit)) count++;
      }
    }
    return count;
  }

  /** Forgets everything above a sequence: the log lost it, and other events get these numbers. */
  truncate(seq: number): void {
    for (const [index, chunk] of this.#chunks) {
      const first = Math.max(0, seq + 1 - index * CHUNK_BITS);
      if (first === 0) this.#chunks.delete(index);
      else
        for (let bit = first; bit < CHUNK_BITS; bit++)
          chunk[bit >> 3] = (chunk[bit >> 3] ?? 0) & ~(1 << (bit & 7));
    }
    this.#floor = Math.min(this.#floor, seq);
    this.restart();
    this.#version++;
  }

  /** The set above the floor in a compact form for {@link merge}; empty when nothing is settled there. */
  snapshot(): Uint8Array {
    const chunks = [...this.#chunks].filter(([index]) => (index + 1) * CHUNK_BITS > this.#floor + 1);
    if (chunks.length === 0) return new Uint8Array();
    const raw = new Uint8Array(chunks.length * RECORD_BYTES);
    const view = new DataView(raw.buffer);
    for (const [i, [index, bits]] of chunks.entries()) {
      view.setFloat64(i * RECORD_BYTES, index);
      raw.set(bits, i * RECORD_BYTES + INDEX_BYTES);
    }
    return deflateRawSync(raw, { level: 1 });
  }

  /** Takes over what another memory of the same shard knew. Throws for a damaged snapshot, and takes nothing from it. */
  merge(other: { floor: number; snapshot: Uint8Array }): void {
    const raw = other.snapshot.length > 0 ? unpacked(other.snapshot) : undefined;
    if (other.floor > this.#floor) this.#raiseFloor(other.floor);
    if (raw !== undefined) {
      for (let at = 0; at + RECORD_BYTES <= raw.length; at += RECORD_BYTES) {
        const index = raw.readDoubleBE(at);
        const bits = raw.subarray(at + INDEX_BYTES, at + RECORD_BYTES);
        const mine = this.#chunk(index);
        for (let i = 0; i < mine.length; i++) mine[i] = (mine[i] ?? 0) | (bits[i] ?? 0);
      }
    }
    this.#version++;
    this.#advance();
  }

  #mark(seq: number): void {
    if (seq <= this.#floor) return;
    const chunk = this.#chunk(Math.floor(seq / CHUNK_BITS));
    const bit = seq % CHUNK_BITS;
    chunk[bit >> 3] = (chunk[bit >> 3] ?? 0) | (1 << (bit & 7));
  }

  /** Highest settled sequence of the chunks; 0 for none. It looks at as few bits as possible, because there may be hundreds of millions. */
  #last(): number {
    for (const index of [...this.#chunks.keys()].sort((a, b) => b - a)) {
      const chunk = this.#chunks.get(index);
      for (let bit = CHUNK_BITS - 1; chunk !== undefined && bit >= 0; bit--)
        if (isSet(chunk, bit)) return index * CHUNK_BITS + bit;
    }
    return 0;
  }

  #chunk(index: number): Uint8Array {
    let chunk = this.#chunks.get(index);
    if (chunk === undefined) this.#chunks.set(index, (chunk = new Uint8Array(CHUNK_BYTES)));
    return chunk;
  }

  #advance(): void {
    let floor = this.#floor;
    while (this.#head < this.#arrived.length) {
      const seq = this.#arrived[this.#head] ?? 0;
      if (seq > floor && !this.has(seq)) break;
      floor = Math.max(floor, seq);
      this.#head++;
    }
    if (this.#head > 1024 && this.#head * 2 > this.#arrived.length) {
      this.#arrived = this.#arrived.slice(this.#head);
      this.#head = 0;
    }
    if (floor > this.#floor) this.#raiseFloor(floor);
  }

  /** Thins out the list of arrived sequences: one event that waits for long, with millions settled behind it, must not cost memory for each (BOUND-1). */
  #thin(): void {
    const rest = this.#arrived.slice(this.#head);
    const settled = rest.map((seq) => this.has(seq));
    this.#arrived = rest.filter((_, i) => !settled[i] || settled[i + 1] !== true);
    this.#head = 0;
    this.#limit = 2 * this.#arrived.length + THIN_ABOVE;
  }

  #raiseFloor(floor: number): void {
    const before = Math.floor(this.#floor / CHUNK_BITS);
    const now = Math.floor(floor / CHUNK_BITS);
    this.#floor = floor;
    this.#version++;
    if (now === before) return;
    for (const index of this.#chunks.keys()) if (index < now) this.#chunks.delete(index);
  }
}

function isSet(chunk: Uint8Array, bit: number): boolean {
  return ((chunk[bit >> 3] ?? 0) & (1 << (bit & 7))) !== 0;
}

function unpacked(snapshot: Uint8Array): Buffer {
  const raw = inflateRawSync(snapshot, { maxOutputLength: MAX_SNAPSHOT_BYTES });
  if (raw.length % RECORD_BYTES !== 0) throw new Error("the set of settled sequences is cut");
  for (let at = 0; at < raw.length; at += RECORD_BYTES) {
    const index = raw.readDoubleBE(at);
    if (!Number.isInteger(index) || index < 0 || !Number.isSafeInteger(index * CHUNK_BITS))
      throw new Error("the set of settled sequences names none");
  }
  return raw;
}
