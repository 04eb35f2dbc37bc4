/** A queue (first in, first out) that does not move the remaining entries. */
export type Fifo<T> = {
  readonly length: number;
  push(item: T): void;
  /** The i-th from the front. */
  at(i: number): T | undefined;
  /** Takes the first `count`. */
  take(count: number): T[];
  /** Keeps only the entries for which `keep` is true, and returns the others. Both stay in order. */
  sift(keep: (item: T) => boolean): T[];
};

const COMPACT_AT = 1024; // taken entries before the array is cut, which is rare enough to be cheap and small enough to waste no memory

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
      items.fill(undefined as T, head, head + taken.length); // release taken bodies to the garbage collector
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
