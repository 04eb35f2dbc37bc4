import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCli } from "../../support/up.ts";

/** Answers as a gateway does when it is asked for its health, and refuses as a proxy. */
const gateway = createServer((request, response) => {
  response.statusCode = request.url === "/_relay/health" ? 200 : 502;
  response.end();
});
let url: string;
let folder: string;

beforeAll(async () => {
  gateway.listen(0, "127.0.0.1");
  await once(gateway, "listening");
  url = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
  folder = mkdtempSync(join(tmpdir(), "rr-exec-"));
  writeFileSync(join(folder, "plain"), "#!/bin/sh\n", { mode: 0o644 });
});

afterAll(() => {
  gateway.close();
  rmSync(folder, { recursive: true, force: true });
});

const exec = (words: string[], env: Record<string, string> = {}) =>
  runCli(["exec", "--gateway-url", url, "--", ...words], { env });

describe("exit codes are a shell's", () => {
  test.each([
    ["its own", ["sh", "-c", "exit 7"], 7, ""],
    ["0", ["true"], 0, ""],
    ["ended by SIGKILL", ["sh", "-c", "kill -9 $$"], 137, ""],
    ["ended by SIGTERM", ["sh", "-c", "kill $$"], 143, ""],
    ["not found on the PATH", ["no-such-command-here"], 127, "nothing_found: "],
    ["not found by its path", ["./no/such/command"], 127, "nothing_found: "],
    ["not executable", ["FOLDER/plain"], 126, "nothing_found: "],
    ["a folder", ["FOLDER"], 126, "nothing_found: "],
    ["below a file", ["FOLDER/plain/below"], 126, "nothing_found: "],
    ["no name", [""], 126, "nothing_found: "],
  ])("%s", async (_what, words, code, said) => {
    const ended = await exec(words.map((word) => word.replace("FOLDER", folder)));
    expect(ended).toMatchObject({ code, stdout: "" });
    expect(ended.stderr.slice(0, said.length || undefined)).toBe(said);
  });
});

test.each(["http_proxy", "HTTP_PROXY"])(
  "with %s the gateway is asked directly, by us and by the child",
  async (name) => {
    const env = { NODE_USE_ENV_PROXY: "1", [name]: "http://127.0.0.1:9", NO_PROXY: ".corp.example" };
    const script =
      'fetch(process.env.AGENT_ORCHESTRATOR_API_URL + "/_relay/health").then((it) => console.log(it.status, process.env.no_proxy))';
    const ended = await exec([process.execPath, "-e", script], env);
    expect(ended).toMatchObject({ code: 0, stderr: "" });
    expect(ended.stdout).toMatch(/^200 \.corp\.example,.*127\.0\.0\.1/);
  },
);
