import { Counter, Gauge, type Registry } from "prom-client";

/** Metrics that are read when somebody asks for them. */
export type Instruments = {
  /** A number that only grows. */
  count: (name: string, help: string, read: () => number) => void;
  /** Such numbers, by the values of a label. */
  countBy: (name: string, help: string, label: string, read: () => Iterable<[string, number]>) => void;
  /** A number that goes up and down. */
  level: (name: string, help: string, read: () => number) => void;
};

export function instrumentsIn(registry: Registry): Instruments {
  return {
    count(name, help, read) {
      registry.registerMetric(
        new Counter({
          name,
          help,
          registers: [],
          collect() {
            this.reset();
            this.inc(read());
          },
        }),
      );
    },
    countBy(name, help, label, read) {
      registry.registerMetric(
        new Counter({
          name,
          help,
          labelNames: [label],
          registers: [],
          collect() {
            this.reset();
            for (const [value, n] of read()) this.labels(value).inc(n);
          },
        }),
      );
    },
    level(name, help, read) {
      registry.registerMetric(
        new Gauge({
          name,
          help,
          registers: [],
          collect() {
            this.set(read());
          },
        }),
      );
    },
  };
}
