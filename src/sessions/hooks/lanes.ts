/** Things that wait in lanes, each by its name. Those of a lane go one after the other, and lanes take turns. */
export type Lanes<T> = {
  add(name: string, it: T): void;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
};

/** `take`: does what is to be done with the first of a lane; false if it is still to be done. At most `most` at once, and none after `over`. */
export function createLanes<T>(of: {
  most: number;
  take: (first: T) => Promise<boolean>;
  over: AbortSignal;
}): Lanes<T> {
  const { most, take, over } = of;
  const lanes = new Map<string, T[]>();
  const working = new Map<string, Promise<void>>();

  async function takeFirst(lane: T[]): Promise<void> {
    const [first] = lane;
    if (first !== undefined && (await take(first))) lane.shift();
  }

  function goOn(): void {
    for (const [name, lane] of lanes) {
      if (working.size >= most || over.aborted) return;
      if (working.has(name)) continue;
      const taken = takeFirst(lane).finally(() => {
        working.delete(name);
        lanes.delete(name);
        if (lane.length > 0) lanes.set(name, lane); // behind the others
        goOn();
      });
      working.set(name, taken);
    }
  }

  return {
    add(name, it) {
      const lane = lanes.get(name) ?? [];
      lane.push(it);
      lanes.set(name, lane);
      goOn();
    },
    async idle() {
      while (working.size > 0) await Promise.all(working.values());
    },
  };
}
