import * as fc from "fast-check";
import { expect, test } from "vitest";
import { credentialOf } from "../../../../src/sessions/access/credential.ts";

const one = (secret: string): unknown => ({ kind: "one", secret });

test.each([
  [{}, { kind: "none" }],
  [{ authorization: "Bearer k1" }, one("k1")],
  [{ authorization: "bearer  k1 " }, one("k1")],
  [{ authorization: "Basic dXNlcjpwYXNz" }, { kind: "none" }],
  [{ authorization: "Basic dXNlcjpwYXNz", "x-api-key": "k1" }, one("k1")],
  [{ authorization: "Bearer" }, { kind: "none" }],
  [{ "x-api-key": "" }, { kind: "none" }],
  [{ "x-api-key": "k1" }, one("k1")],
  [{ authorization: "Bearer k1", "x-ua-internal-token": "k1", "x-ua-ops-token": "k1" }, one("k1")],
  [{ authorization: "Bearer k1", "x-ua-ops-token": "k2" }, { kind: "several" }],
  [{ "sec-websocket-protocol": "rr.v1, rr.key.azE" }, one("k1")],
  [{ "sec-websocket-protocol": "rr.v1,rr.key.azE,rr.key.azI" }, { kind: "several" }],
  [{ "sec-websocket-protocol": "graphql-ws" }, { kind: "none" }],
])("%j", (headers, sent) => {
  expect(credentialOf(headers)).toEqual(sent);
});

test("every key comes through a subprotocol as it is", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, unit: "grapheme" }), (key) => {
      const protocol = `rr.v1, rr.key.${Buffer.from(key).toString("base64url")}`;
      expect(credentialOf({ "sec-websocket-protocol": protocol })).toEqual(one(key));
    }),
  );
});
