/** Limits how many work at the same time. The others wait for their turn, in the order in which they came. */
export type Places = { run<T>(work: () => Promise<T>): Promise<T> };

export function createPlaces(count: number): Places {
  let free = count;
  const waiting: (() => void)[] = [];
  return {
    async run(work) {
      if (free > 0) free--;
      else await new Promise<void>((resolve) => waiting.push(resolve)); // who ends hands its place on
      try {
        return await work();
      } finally {
        const next = waiting.shift();
        if (next === undefined) free++;
        else next();
      }
    },
  };
}
