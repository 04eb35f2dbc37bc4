import { expect, test } from "vitest";
import { errorOfAnswer } from "../../../src/client/error.ts";

test.each([
  [404, '{"detail":"Session not found"}', "not_found", "404: Session not found"],
  [429, '{"detail":"too many","code":"session_backlog_full"}', "session_backlog_full", "429: too many"],
  [422, '{"detail":[{"type":"missing"}]}', "refused", '422: [{"type":"missing"}]'],
  [502, "<html>bad gateway</html>", "unavailable", "502: <html>bad gateway</html>"],
  [307, "", "unavailable", "307: "],
])("%i %s", (status, text, code, message) => {
  expect(errorOfAnswer(status, text)).toMatchObject({ code, message, status });
});
