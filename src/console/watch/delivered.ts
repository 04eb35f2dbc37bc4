import type { RelayView } from "../../shared/messages/standing/relay-view.ts";

/** How much all relays delivered while the console watched. Each relay counts since its own start, so only what is added counts here. */
export class Delivered {
  #last = new Map<string, number>();
  #total = 0;

  /** What relays tell now. `heard`: the names of those that are there; the others are forgotten. */
  take(views: readonly RelayView[], heard: readonly string[]): void {
    for (const { relay, instance, delivered } of views) {
      const key = `${relay} ${instance}`;
      this.#total += Math.max(0, delivered - (this.#last.get(key) ?? delivered));
      this.#last.set(key, delivered);
    }
    this.#last = new Map(
      [...this.#last].filter(([key]) => heard.includes(key.slice(0, key.lastIndexOf(" ")))),
    );
  }

  get total(): number {
    return this.#total;
  }
}
