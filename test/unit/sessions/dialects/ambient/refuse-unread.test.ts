import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { unreadAnswer } from "../../../../../src/sessions/dialects/ambient/refuse-unread.ts";

const error = new ConnectError("no, ä", Code.ResourceExhausted);
const json = '{"error":{"code":"resource_exhausted","message":"no, ä"}}';

test.each([
  "application/grpc",
  "application/grpc+proto",
  "application/grpc-web",
  "application/grpc-web+json",
])("%s: the status is in the head", (type) => {
  expect(unreadAnswer(type, error, 429)).toEqual({
    status: 200,
    headers: { "content-type": type, "grpc-status": "8", "grpc-message": "no, %C3%A4" },
    body: Buffer.alloc(0),
  });
});

test("a stream of the Connect protocol has it in its last envelope", () => {
  const { status, body } = unreadAnswer("application/connect+json", error, 429);
  expect(status).toBe(200);
  expect(body[0]).toBe(2);
  expect(body.readUInt32BE(1)).toBe(Buffer.byteLength(json));
  expect(body.subarray(5).toString()).toBe(json);
});

test.each(["application/json", "", "text/plain"])("a call as %j has a status of HTTP", (type) => {
  const { status, headers, body } = unreadAnswer(type, error, 429);
  expect(status).toBe(429);
  expect(headers).toEqual({ "content-type": "application/json" });
  expect(body.toString()).toBe('{"code":"resource_exhausted","message":"no, ä"}');
});
