import { expect, test } from "vitest";
import { welcome } from "../../../../src/cli/up/welcome.ts";

const INFO = {
  gateway: "http://127.0.0.1:8766",
  relay: "http://127.0.0.1:8767",
  nats: "nats://127.0.0.1:4222",
  coordinator: "http://127.0.0.1:4711",
  pid: 7,
  page: "http://127.0.0.1:8768/?token=secret",
};
const HOW = {
  dataDir: "/data",
  standIn: true,
  journal: false,
  console: true,
  sessions: true,
  portChosen: false,
};

test("it names the console as a web page, the coordinator, and what to do next", () => {
  const text = welcome(INFO, HOW);
  expect(text).toMatch(
    /^ {2}console {6}http:\/\/127\.0\.0\.1:8768\/\?token=secret {2}\(open it in a browser\)$/m,
  );
  expect(text).toMatch(
    /^ {2}coordinator {2}http:\/\/127\.0\.0\.1:4711 {2}\(a stand-in, .*--coordinator URL/m,
  );
  expect(text).toMatch(/^Next:$/m);
  expect(text).toContain("curl http://127.0.0.1:8766/events");
  for (const line of text.split("\n")) expect(line).not.toMatch(/\s$/);
});

test("a port that is not the usual one has its reason", () => {
  const other = { ...INFO, gateway: "http://127.0.0.1:41234" };
  expect(welcome(other, HOW)).toMatch(
    /41234 {2}\(executors .*; 8766 was in use at the first start with this/,
  );
  expect(welcome(other, { ...HOW, portChosen: true })).not.toContain("8766");
  expect(welcome(INFO, HOW)).not.toContain("in use");
});

test("with a coordinator of the user's nothing is sent to try it", () => {
  const text = welcome(INFO, { ...HOW, standIn: false });
  expect(text).not.toMatch(/stand-in|curl/);
  expect(text).toMatch(/^ {2}coordinator {2}http:\/\/127\.0\.0\.1:4711$/m);
});

test("in a journal no token is printed, and without a console there is none", () => {
  expect(welcome(INFO, { ...HOW, journal: true })).not.toContain("secret");
  expect(welcome(INFO, { ...HOW, journal: true })).toContain("http://127.0.0.1:8768  (a web page;");
  expect(welcome(INFO, { ...HOW, console: false })).not.toMatch(/^ {2}console/m);
  const { page: _, ...without } = INFO;
  expect(welcome(without, HOW)).toMatch(
    /^ {2}console {6}is not running yet; the log says when it is, or why it cannot be$/m,
  );
  expect(welcome({ ...INFO, socket: "/run/s" }, HOW)).toMatch(/^ {2}socket {7}\/run\/s$/m);
});

test("sessions have an address and a line to try, where there are any", () => {
  const text = welcome({ ...INFO, sessions: "http://127.0.0.1:8002" }, HOW);
  expect(text).toMatch(/^ {2}sessions {5}http:\/\/127\.0\.0\.1:8002 {2}\(/m);
  expect(text).toMatch(/^ {2}a session {4}.*runner-relay run --session ses_demo hello$/m);
  expect(welcome(INFO, HOW)).toMatch(
    /^ {2}sessions {5}are not running yet; the log says when they are, or why they cannot be$/m,
  );
  expect(welcome(INFO, { ...HOW, sessions: false })).not.toContain("sessions");
});
