import { expect, test } from "vitest";
import { createSessionClient } from "../../../src/client/session-client.ts";

test.each(["http://u:S3cret@127.0.0.1:1", "http://S3cret@127.0.0.1:1", "S3cret", "http://u:S3cret/x@h"])(
  "CRED-1: a base URL with a login is refused, and not quoted: %s",
  (baseUrl) => {
    try {
      createSessionClient({ baseUrl });
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: "base_url_invalid" });
      expect(String(error)).not.toContain("S3cret");
    }
  },
);

test("an error names the host that does not answer", async () => {
  const client = createSessionClient({
    baseUrl: "http://127.0.0.1:1/base",
    fetch: () => Promise.reject(new Error("refused")),
  });
  await expect(client.getSession("s1")).rejects.toMatchObject({
    code: "unreachable",
    message: "no connection to 127.0.0.1:1",
  });
});
