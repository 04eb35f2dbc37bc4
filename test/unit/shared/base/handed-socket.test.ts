import { expect, test } from "vitest";
import { handedSocketIn, socketArgument } from "../../../../src/shared/base/handed-socket.ts";

test("the argument that is written is read back, among other arguments", () => {
  expect(handedSocketIn(["--under-up", socketArgument(3)], {}, 7)).toEqual({ kind: "socket", fd: 3 });
});

test.each([
  ["nothing", [], {}, { kind: "none" }],
  ["systemd's", [], { LISTEN_FDS: "1", LISTEN_PID: "7" }, { kind: "socket", fd: 3 }],
  ["another process's", [], { LISTEN_FDS: "1", LISTEN_PID: "8" }, { kind: "none" }],
  ["one without an owner", [], { LISTEN_FDS: "1" }, { kind: "none" }],
  ["two", [], { LISTEN_FDS: "2", LISTEN_PID: "7" }, { kind: "wrong" }],
  ["garbage", [], { LISTEN_FDS: "x", LISTEN_PID: "7" }, { kind: "wrong" }],
  ["an argument without a number", ["--socket-fd=x"], {}, { kind: "wrong" }],
  ["an empty argument", ["--socket-fd="], {}, { kind: "wrong" }],
] as const)("%s", (_, args, env, expected) => {
  expect(handedSocketIn(args, env, 7)).toMatchObject(expected);
});
