import type { Payload, PublishOptions } from "@nats-io/nats-core";
import { MsgHdrsImpl } from "@nats-io/nats-core/internal";
import { encoded, type Wire } from "./wire.ts";

type Publisher = { publish(subject: string, data?: Payload, options?: PublishOptions): void };

/** A message as the product receives it. */
export class SimMsg {
  readonly subject: string;
  readonly reply: string | undefined;
  readonly data: Uint8Array;
  readonly sid = 0;
  readonly #bytes: Uint8Array;
  readonly #header: number;
  readonly #connection: Publisher;
  #headers: ReturnType<typeof MsgHdrsImpl.decode> | undefined;

  constructor(message: Wire, connection: Publisher) {
    const { bytes, header } = encoded(message);
    this.subject = message.subject;
    this.reply = message.reply;
    this.#bytes = bytes;
    this.#header = header;
    this.#connection = connection;
    this.data = header === -1 ? bytes : bytes.subarray(header);
  }

  get headers(): ReturnType<typeof MsgHdrsImpl.decode> | undefined {
    if (this.#header === -1) return undefined;
    this.#headers ??= MsgHdrsImpl.decode(this.#bytes.subarray(0, this.#header));
    return this.#headers;
  }

  string(): string {
    return Buffer.from(this.data).toString();
  }

  json(): unknown {
    return JSON.parse(this.string());
  }

  respond(data?: Payload, options?: PublishOptions): boolean {
    if (this.reply === undefined) return false;
    this.#connection.publish(this.reply, data, options);
    return true;
  }
}
