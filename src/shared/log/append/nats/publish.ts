import type { MsgHdrs, NatsConnection } from "@nats-io/transport-node";
import type { LogMessage } from "../log.ts";

const HEAD = "NATS/1.0\r\n";

/** Publishes a message. `extra`: header lines behind its own, each closed by CRLF. Throws when the connection is closed. */
export function publish(
  connection: NatsConnection,
  message: LogMessage,
  reply: string | undefined,
  extra: string,
): void {
  const bytes = Buffer.from(`${HEAD}${message.head}${extra}\r\n`, "utf8");
  // The client only ever calls `encode`; its own header object costs more than all the rest of a publish.
  const headers = { encode: () => bytes } as unknown as MsgHdrs;
  connection.publish(
    message.subject,
    message.payload,
    reply === undefined ? { headers } : { headers, reply },
  );
}

/** Is the message, with its headers, larger than the broker takes? */
export function tooLarge(connection: NatsConnection, message: LogMessage): boolean {
  const limit = connection.info?.max_payload;
  return limit !== undefined && message.payload.length + message.head.length * 3 + 200 > limit;
}
