import type { Runner } from "./port.ts";

/** Makes the runner of an adapter. */
export type Adapters = Readonly<Record<string, () => Runner>>;

/** The runners of a process: one per adapter, made when it is asked for the first time. */
export type Registry = {
  /** The runner of an adapter, or of the usual one. Throws if there is no such adapter. */
  get(name?: string): Runner;
  has(name: string): boolean;
};

/** `usual`: the adapter that is meant where none is named. */
export function createRegistry(adapters: Adapters, usual?: string): Registry {
  const runners = new Map<string, Runner>();
  const has = (name: string): boolean => Object.hasOwn(adapters, name);
  return {
    get(name = usual) {
      if (name === undefined) throw new Error("no agent adapter is configured");
      const known = runners.get(name);
      if (known !== undefined) return known;
      const make = has(name) ? adapters[name] : undefined;
      if (make === undefined) throw new Error(`Unknown agent adapter: ${name}`);
      const runner = make();
      runners.set(name, runner);
      return runner;
    },
    has,
  };
}
