import * as fc from "fast-check";
import { expect, test } from "vitest";
import { readAddresses } from "../../../../src/sessions/runner/address.ts";

const CLUSTER = "http://session-{session}.{user}.svc.cluster.local:8001";

test("the address of a session's runner", () => {
  const addresses = readAddresses(CLUSTER);
  const url = addresses.of({ session: "abc-1", user: "team" });
  expect(url?.href).toBe("http://session-abc-1.team.svc.cluster.local:8001/");
  const paths = readAddresses("https://proxy.example:443/runners/{user}/s-{session}");
  expect(paths.of({ session: "a", user: "b" })?.href).toBe("https://proxy.example/runners/b/s-a/");
});

test.each([
  "",
  "session-{session}.{user}",
  "ftp://{session}.{user}.example",
  "http://{session}.example",
  "http://{user}.example",
  "http://{session}-{user}.example", // a-b and c would be a and b-c
  "http://{session}.{session}.{user}.example",
  "http://login:word@{session}.{user}.example",
  "http://{session}.{user}.example/?q",
  "http://{session}.{user}.example/#f",
  "http://example/{user}{session}/",
])("%j is no address of runners", (template) => {
  expect(() => readAddresses(template)).toThrow(expect.objectContaining({ code: "config_invalid" }));
});

test.each([
  "evil.example#",
  "a.b",
  "a/b",
  "a@b",
  "..",
  "",
  "-a",
  "a-",
  "A",
  "ä",
  "a%2eb",
  "a b",
  "a:1",
  "a\\b",
  "x".repeat(56), // with "session-" 64
])("the session or user %j has no runner", (name) => {
  const addresses = readAddresses(CLUSTER);
  expect(addresses.of({ session: name, user: "team" })).toBeUndefined();
  if (name.length < 56) expect(addresses.of({ session: "abc", user: name })).toBeUndefined();
});

test("whatever names are given, an address is that of its session and of no other one", () => {
  const name = fc.oneof(fc.stringMatching(/^[a-z0-9-]{1,8}$/), fc.string({ maxLength: 8 }));
  const template = fc.constantFrom(CLUSTER, "http://h/{user}/{session}/x", "http://{session}.{user}.example");
  fc.assert(
    fc.property(template, name, name, (text, session, user) => {
      const addresses = readAddresses(text);
      const url = addresses.of({ session, user });
      if (url === undefined) return;
      expect(addresses.at(url)).toEqual({ session, user });
      expect(addresses.at(new URL("tasks/k/output", url))).toEqual({ session, user });
      expect(new URL(text.replace("{session}", "a").replace("{user}", "b")).port).toBe(url.port);
    }),
  );
});

test.each([
  "http://session-a.team.svc.cluster.local.evil.example:8001/",
  "http://session-a.team.svc.cluster.local:8002/",
  "https://session-a.team.svc.cluster.local:8001/",
  "http://session-a.team.svc.cluster.local:8001@evil.example/",
  "http://evil.example/http://session-a.team.svc.cluster.local:8001/",
  "http://x.session-a.team.svc.cluster.local:8001/",
  "http://session-a.b.team.svc.cluster.local:8001/",
  "http://user:word@session-a.team.svc.cluster.local:8001/",
])("%s is no address of a runner", (text) => {
  expect(readAddresses(CLUSTER).at(new URL(text))).toBeUndefined();
});
