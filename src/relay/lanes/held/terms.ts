/** Counts the terms of each shard here. A shard that is lost or loaded anew begins a new one, and work that began in an earlier one is void. */
export class Terms {
  readonly #terms = new Map<number, number>();

  current(shard: number): number {
    return this.#terms.get(shard) ?? 0;
  }

  begin(shard: number): void {
    this.#terms.set(shard, this.current(shard) + 1);
  }
}
