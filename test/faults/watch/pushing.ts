import { setTimeout as delay } from "node:timers/promises";
import { status } from "@grpc/grpc-js";
import { podClient, type PodClient } from "../../support/pod-client.ts";
import type { Random } from "../random.ts";
import type { Push } from "./writers.ts";

/** A pod's own limit for a push, its pause before the next try, and after what it tries again. */
const PUSH_MS = 5000;
const AGAIN_MS = 100;
const AGAIN: readonly status[] = [
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.CANCELLED,
  status.INTERNAL,
];

/** Pushes by gRPC, to any of the servers, until one of them has stored it: a repeat with the same key is the same event. */
export function startPushing(
  scope: AsyncDisposableStack,
  { urls, key, user, random }: { urls: () => readonly string[]; key: string; user: string; random: Random },
): Push {
  const clients = new Map<string, PodClient>();
  scope.defer(() => {
    for (const client of clients.values()) client.close();
  });
  const clientFor = (url: string): PodClient => {
    const client = clients.get(url) ?? podClient(url, { key, user });
    clients.set(url, client);
    return client;
  };
  return async (session, once) => {
    for (;;) {
      const all = urls();
      const client = clientFor(all[Math.floor(random.next() * all.length)] ?? "");
      try {
        const { seq } = await client.push(session, "assistant", "x".repeat(100), {
          key: once,
          timeoutMs: PUSH_MS,
        });
        return Number(seq);
      } catch (error) {
        const { code } = error as { code?: status };
        if (code === undefined || !AGAIN.includes(code)) throw error;
        await delay(random.exponential(AGAIN_MS));
      }
    }
  };
}
