import { Counter, Gauge, type Registry } from "prom-client";

/** Metrics that are read when they are scraped. A value that is read as undefined is not known, and stays as it was shown last. */
export type Instruments = {
  /** A number that goes up and down. */
  level: (name: string, help: string, read: () => Reading<number>) => void;
  /** Such numbers, by the values of a label. */
  levels: (
    name: string,
    help: string,
    label: string,
    read: () => Reading<Iterable<[string, number]>>,
  ) => void;
  /** Numbers that only grow, by the values of a label. */
  counts: (name: string, help: string, label: string, read: () => Iterable<[string, number]>) => void;
  /** A number that only grows. */
  count: (name: string, help: string, read: () => number) => void;
};

type Reading<T> = T | undefined | Promise<T | undefined>;

export function instrumentsIn(registry: Registry): Instruments {
  const registers = [registry];
  return {
    level(name, help, read) {
      const metric: Gauge = new Gauge({
        name,
        help,
        registers,
        async collect() {
          const now = await read();
          if (now !== undefined) metric.set(now);
        },
      });
    },
    levels(name, help, label, read) {
      const metric: Gauge = new Gauge({
        name,
        help,
        labelNames: [label],
        registers,
        async collect() {
          const now = await read();
          if (now === undefined) return;
          metric.reset();
          for (const [value, n] of now) metric.set({ [label]: value }, n);
        },
      });
    },
    counts(name, help, label, read) {
      const metric: Counter = new Counter({
        name,
        help,
        labelNames: [label],
        registers,
        collect() {
          metric.reset();
          for (const [value, n] of read()) metric.inc({ [label]: value }, n);
        },
      });
    },
    count(name, help, read) {
      const metric: Counter = new Counter({
        name,
        help,
        registers,
        collect() {
          metric.reset();
          metric.inc(read());
        },
      });
    },
  };
}
