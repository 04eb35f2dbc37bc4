/** Up to where the log of a creation time was pruned, in KV under `stateKey.pruned`: what is gone below was meant to go. Written before it goes. */
type Pruned = { created: string; below: number };

export function encodePruned(pruned: Pruned): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(pruned));
}

/** Undefined for another log's, and for anything that is none. */
export function prunedBelow(value: Uint8Array, created: string): number | undefined {
  try {
    const it = JSON.parse(new TextDecoder().decode(value)) as Partial<Pruned>;
    return it.created === created && Number.isSafeInteger(it.below) ? it.below : undefined;
  } catch {
    return undefined;
  }
}
