/** Lets so many work at the same time; the others wait for their turn, first come, first served. */
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
