import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import { connect, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { gitScript, gitVariables, GIT_SCRIPT } from "../../../src/worker/credentials/git.ts";
import { givenOf } from "../../../src/worker/credentials/given.ts";
import { writeOwnFile } from "../../../src/worker/credentials/folders.ts";
import { selfSigned } from "../../support/certificate.ts";

// The real git, and every host of the internet on loopback: a proxy that leads each name to the same server, which asks for a login.

const TOKEN = "ghp_real-git-0123456789";
const LOGIN = `Basic ${Buffer.from(`x-access-token:${TOKEN}`).toString("base64")}`;
/** An advertisement of a repository without branches. */
const ADVERTISED =
  "001e# service=git-upload-pack\n0000004895dcfa3633004da0049d3d0fa03f80589cbcaf31 HEAD\0symref=x agent=git/x0000";

let folder: string;
let proxy: string;
let env: Record<string, string>;
let close: () => Promise<void>;
/** `host authorization` of each request. */
let asked: string[] = [];
let redirectTo: string | undefined;

function answer({ headers, url = "" }: IncomingMessage, response: ServerResponse): void {
  asked.push(`${headers.host} ${headers.authorization ?? "nobody"}`);
  if (redirectTo !== undefined && !headers.host?.includes("evil"))
    return void response.writeHead(302, { location: `https://${redirectTo}${url}` }).end();
  if (headers.authorization === undefined)
    return void response.writeHead(401, { "www-authenticate": 'Basic realm="git"' }).end();
  response.writeHead(200, { "content-type": "application/x-git-upload-pack-advertisement" }).end(ADVERTISED);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "rr-git-"));
  const given = givenOf(new Map([["github", { token: TOKEN }]]), {
    folder,
    kept: "",
    google: { id: "", secret: "" },
  });
  for (const [name, content] of Object.entries(given.files)) writeOwnFile(join(folder, name), content);
  writeOwnFile(join(folder, GIT_SCRIPT), gitScript(given.hosts, folder), 0o700);
  const { certificate: cert, key } = selfSigned();
  const server = createHttps({ cert, key }, answer);
  const sockets = new Set<Socket>();
  const tunnel = createHttp().on("connect", (_request, socket: Socket) => {
    const there = connect((server.address() as AddressInfo).port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      socket.pipe(there).pipe(socket);
    });
    for (const it of [socket, there]) sockets.add(it.on("error", () => undefined));
  });
  for (const it of [server, tunnel]) await once(it.listen(0, "127.0.0.1"), "listening");
  proxy = `http://127.0.0.1:${(tunnel.address() as AddressInfo).port}`;
  writeFileSync(join(folder, ".gitconfig"), "[credential]\n\thelper = store\n");
  env = {
    PATH: process.env["PATH"] ?? "",
    HOME: folder,
    https_proxy: proxy,
    GIT_SSL_NO_VERIFY: "1",
    GIT_TERMINAL_PROMPT: "0",
    ...gitVariables(given, folder),
  };
  close = async () => {
    for (const socket of sockets) socket.destroy();
    await Promise.all([server, tunnel].map((it) => new Promise((closed) => it.close(closed))));
  };
});
afterAll(async () => {
  await close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  asked = [];
  redirectTo = undefined;
});

async function lsRemote(url: string): Promise<string> {
  const git = spawn("git", ["ls-remote", url], { env, stdio: ["ignore", "ignore", "pipe"] });
  const [said] = await Promise.all([text(git.stderr), once(git, "close")]);
  return said;
}

test("git logs in to github.com, and no other helper of its user keeps the token", async () => {
  await lsRemote("https://github.com/o/r");
  expect(asked).toEqual(["github.com nobody", `github.com ${LOGIN}`]);
  expect(existsSync(join(folder, ".git-credentials"))).toBe(false);
});

test.each([
  "https://evil-github.example/o/r",
  "https://github.com.evil.example/o/r",
  "https://github.com@evil.example/o/r",
  "https://github.com:x@evil.example/github.com",
  "https://github.com./o/r",
  "https://github.com:8443/o/r",
  "https://www.github.com/o/r",
  "https://xn--gthub-n4a.com/o/r",
])("git has no login for %s", async (url) => {
  expect(await lsRemote(url)).not.toBe("");
  expect(asked.length).toBeGreaterThan(0);
  expect(asked.join()).not.toContain(LOGIN);
  expect(asked.join()).not.toContain(TOKEN);
});

test("github.com that redirects elsewhere takes no login along", async () => {
  redirectTo = "evil-github.example";
  await lsRemote("https://github.com/o/r");
  expect(asked[1]).toBe("evil-github.example nobody");
  expect(asked.join()).not.toContain(LOGIN);
});
