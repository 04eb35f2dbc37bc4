import { MAX_STREAMS, MAX_STREAMS_PER_GATEWAY } from "./limits.ts";
import type { Stream } from "./stream.ts";

/** Requests under way at this relay, by `<gateway>.t.<id>`. */
export class Streams {
  readonly #streams = new Map<string, Stream>();
  /** How many of them each gateway has. */
  readonly #counts = new Map<string, number>();
  readonly #idle: (() => void)[] = [];

  get size(): number {
    return this.#streams.size;
  }

  /** May this gateway open no more of them now? */
  isFull(asker: string): boolean {
    return this.size >= MAX_STREAMS || (this.#counts.get(asker) ?? 0) >= MAX_STREAMS_PER_GATEWAY;
  }

  add(id: string, asker: string, stream: Stream): void {
    this.#streams.set(id, stream);
    this.#counts.set(asker, (this.#counts.get(asker) ?? 0) + 1);
  }

  /** To be called once for each that was added. */
  remove(id: string, asker: string): void {
    if (!this.#streams.delete(id)) return;
    const left = (this.#counts.get(asker) ?? 1) - 1;
    if (left > 0) this.#counts.set(asker, left);
    else this.#counts.delete(asker);
    if (this.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
  }

  get(id: string): Stream | undefined {
    return this.#streams.get(id);
  }

  all(): Iterable<Stream> {
    return this.#streams.values();
  }

  /** Resolves when none is under way. */
  async idle(): Promise<void> {
    if (this.size > 0) await new Promise<void>((resolve) => void this.#idle.push(resolve));
  }
}
