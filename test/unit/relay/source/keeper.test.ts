import type { ServerInfo } from "@nats-io/nats-core";
import { expect, test } from "vitest";
import { keeperOf, type Kept } from "../../../../src/relay/source/keeper.ts";

const server = { server_id: "P", server_name: "one", jetstream: true };

test.each<{ why: string; info: Partial<ServerInfo> | undefined; kept: Kept; keeper: string | undefined }>([
  { why: "a single broker", info: server, kept: {}, keeper: "P" },
  { why: "the leader is who we talk to", info: server, kept: { cluster: { leader: "one" } }, keeper: "P" },
  { why: "the leader is another one", info: server, kept: { cluster: { leader: "two" } }, keeper: undefined },
  { why: "nobody leads now", info: server, kept: { cluster: {} }, keeper: undefined },
  {
    why: "a leaf node that keeps nothing",
    info: { ...server, jetstream: false },
    kept: {},
    keeper: undefined,
  },
  { why: "no connection", info: undefined, kept: {}, keeper: undefined },
])("SETTLE-1: whose acks count: $why", ({ info, kept, keeper }) => {
  expect(keeperOf(info as ServerInfo | undefined, kept)).toBe(keeper);
  expect(keeperOf(info as ServerInfo | undefined, kept, true), "a hub that has streams of its own").toBe(
    undefined,
  );
});
