import { randomBytes } from "node:crypto";
import type { Notice } from "../views/layout.ts";

const MOST_NOTICES = 100;

/** What actions did, until the page that follows them shows it. The address contains a random name instead of the text. */
export class Notices {
  readonly #notices = new Map<string, Notice>();

  /** Keeps a notice; its name. */
  keep(notice: Notice): string {
    const id = randomBytes(9).toString("base64url");
    this.#notices.set(id, notice);
    const [oldest] = this.#notices.keys();
    if (this.#notices.size > MOST_NOTICES && oldest !== undefined) this.#notices.delete(oldest);
    return id;
  }

  get(id: string | undefined): Notice | undefined {
    return id === undefined ? undefined : this.#notices.get(id);
  }
}
