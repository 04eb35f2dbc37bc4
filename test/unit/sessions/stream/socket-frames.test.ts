import { EventEmitter } from "node:events";
import type { WebSocket } from "@fastify/websocket";
import { expect, test } from "vitest";
import { BYTES_PER_SECOND } from "../../../../src/sessions/stream/frame-rate.ts";
import { readFrames } from "../../../../src/sessions/stream/socket-frames.ts";
import { createFakeClock, promises, type FakeClock } from "../../../support/fake-clock.ts";

const MIB = 1024 * 1024;

type Stage = { clock: FakeClock; socket: EventEmitter & { isPaused: boolean }; handled: number[] };

function stage(): Stage {
  const clock = createFakeClock();
  const socket = Object.assign(new EventEmitter(), {
    isPaused: false,
    pause: () => void (socket.isPaused = true),
    resume: () => void (socket.isPaused = false),
  });
  const handled: number[] = [];
  readFrames(
    socket as unknown as WebSocket,
    { clock, signal: new AbortController().signal },
    {
      handle: async (bytes) => void handled.push(bytes.length),
      alive: () => undefined,
      flood: () => expect.unreachable("no flood"),
    },
  );
  return { clock, socket, handled };
}

test("BOUND-1: large frames of a socket are read at a pace, in order, and what comes behind them waits in the network", async () => {
  const { clock, socket, handled } = stage();
  for (const bytes of [MIB, MIB, 10]) socket.emit("message", Buffer.alloc(bytes), false);
  await promises();
  expect(handled).toEqual([MIB]);
  expect(socket.isPaused).toBe(true);
  const pace = (MIB / BYTES_PER_SECOND) * 1000;
  await clock.pass(pace - 1);
  expect(handled).toEqual([MIB]);
  await clock.pass(1);
  expect(handled).toEqual([MIB, MIB]);
  await clock.pass(pace);
  expect(handled).toEqual([MIB, MIB, 10]);
  expect(socket.isPaused).toBe(false);
});

test("small frames follow each other at once", async () => {
  const { socket, handled } = stage();
  for (let i = 0; i < 10; i++) socket.emit("message", Buffer.alloc(1000), false);
  await promises();
  expect(handled).toHaveLength(10);
});
