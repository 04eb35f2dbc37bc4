/** Up to which number a log was pruned, in KV under `stateKey.pruned`. Events below it are gone on purpose. It is written before they are removed. */
type Pruned = { created: string; below: number };

export function encodePruned(pruned: Pruned): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(pruned));
}

/** The number below which the log was pruned. Undefined for the record of another log, and for a value that is no such record. */
export function prunedBelow(value: Uint8Array, created: string): number | undefined {
  try {
    const it = JSON.parse(new TextDecoder().decode(value)) as Partial<Pruned>;
    return it.created === created && Number.isSafeInteger(it.below) ? it.below : undefined;
  } catch {
    return undefined;
  }
}
