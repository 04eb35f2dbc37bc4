/** First in, first out, without moving what is left. */
export type Fifo<T> = {
  readonly length: number;
  push(item: T): void;
  /** The i-th from the front. */
  at(i: number): T | undefined;
  /** Takes the first `count`. */
  take(count: number): T[];
  /** Keeps only what `keep` says, in order; returns the others, in order. */
  sift(keep: (item: T) => boolean): T[];
};

const COMPACT_AT = 1024; // taken entries before the array is cut: rare enough to cost nothing, small enough to hold no memory

export function createFifo<T>(): Fifo<T> {
  let items: T[] = [];
  let head = 0;
  const compact = (): void => {
    if (head === items.length) items = [];
    else if (head >= COMPACT_AT) items = items.slice(head);
    else return;
    head = 0;
  };
  return {
    get length() {
      return items.length - head;
    },
    push(item) {
      items.push(item);
    },
    at: (i) => items[head + i],
    take(count) {
      const taken = items.slice(head, head + count);
      items.fill(undefined as T, head, head + taken.length); // do not hold bodies that are gone
      head += taken.length;
      compact();
      return taken;
    },
    sift(keep) {
      const kept: T[] = [];
      const others: T[] = [];
      for (const item of items.slice(head)) (keep(item) ? kept : others).push(item);
      items = kept;
      head = 0;
      return others;
    },
  };
}
