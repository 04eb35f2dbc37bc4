import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { MOST_PATH_BYTES, openSocket } from "../../../src/gateway/socket.ts";

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "rr-sock-"));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A server for a test, and how it listens. */
function server(word = "ours"): { it: Server; listen: (path: string) => Promise<void> } {
  const it = createServer((socket) => socket.on("error", () => {}).end(word)); // a probe hangs up
  onTestFinished(() => void it.close());
  return {
    it,
    listen: (path) =>
      new Promise((resolve, reject) => {
        it.once("error", reject);
        it.listen({ path }, resolve);
      }),
  };
}

/** What is said at a socket. */
function heardAt(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    connect(path)
      .on("data", (chunk) => (text += chunk.toString()))
      .on("close", () => resolve(text))
      .on("error", reject);
  });
}

const modeOf = (path: string): string => (lstatSync(path).mode & 0o777).toString(8);
const refused = (text: RegExp): unknown =>
  expect.objectContaining({ code: "socket_unusable", message: expect.stringMatching(text) });

/** A path of exactly so many bytes, in a folder of its own. */
function pathOf(bytes: number, letter = "s"): string {
  const where = folder();
  const rest = bytes - Buffer.byteLength(where) - 1;
  return join(where, letter.repeat(Math.floor(rest / Buffer.byteLength(letter))));
}

test("it is its user's alone whatever the mask is, also while it is bound, and is gone at the end", async () => {
  const path = join(folder(), "new", "s.sock");
  const before = process.umask(0);
  onTestFinished(() => void process.umask(before));
  const { listen } = server();
  let seen = "";
  const leave = await openSocket(path, async (at) => {
    const listening = listen(at);
    seen = modeOf(at);
    await listening;
  });
  expect(seen).toBe("600");
  expect(modeOf(path)).toBe("600");
  expect(modeOf(dirname(path))).toBe("700");
  expect(process.umask()).toBe(0);
  expect(await heardAt(path)).toBe("ours");
  expect(readdirSync(dirname(path))).toEqual(["s.sock"]);
  leave();
  expect(readdirSync(dirname(path))).toEqual([]);
});

test("the socket of a dead process is replaced; one with a listener is not", async () => {
  const path = join(folder(), "s.sock");
  const dead = server("dead");
  await dead.listen(`${path}.dead`);
  const { ino } = lstatSync(`${path}.dead`);
  linkSync(`${path}.dead`, path); // closing removes the name that it was bound to only
  await expect(openSocket(path, server().listen)).rejects.toEqual(
    refused(/another process is listening there/),
  );
  expect(await heardAt(path)).toBe("dead");
  await new Promise((done) => dead.it.close(done));
  expect(lstatSync(path).ino).toBe(ino);
  await openSocket(path, server().listen);
  expect(await heardAt(path)).toBe("ours");
});

test("of several that find a stale one at the same moment, one gets the place and the others are refused", async () => {
  const path = join(folder(), "s.sock");
  const dead = server();
  await dead.listen(`${path}.dead`);
  linkSync(`${path}.dead`, path);
  await new Promise((done) => dead.it.close(done));
  const words = Array.from({ length: 8 }, (_, n) => `starter ${n}`);
  const outcomes = await Promise.allSettled(words.map((word) => openSocket(path, server(word).listen)));
  const winners = words.filter((_, n) => outcomes[n]?.status === "fulfilled");
  expect(winners).toEqual([await heardAt(path)]);
  expect(readdirSync(dirname(path))).toEqual(["s.sock"]);
});

test("one that is another process's by now stays when we end", async () => {
  const path = join(folder(), "s.sock");
  const first = server("first");
  const leave = await openSocket(path, first.listen);
  rmSync(path);
  await openSocket(path, server("second").listen);
  leave();
  await new Promise((done) => first.it.close(done));
  expect(await heardAt(path)).toBe("second");
});

test.each<[string, (path: string) => void, RegExp]>([
  ["a file", (path) => writeFileSync(path, "precious"), /the path exists and is not a socket/],
  ["a folder", (path) => mkdirSync(path), /the path exists and is not a socket/],
  ["a link", (path) => symlinkSync("/nowhere", path), /the path exists and is not a socket/],
  ["a folder where others write", (path) => chmodSync(dirname(path), 0o777), /others may write/],
  ["a file for a folder", (path) => replaceFolder(dirname(path)), /EEXIST|ENOTDIR/],
])("%s is refused, and stays as it is", async (_, spoil, text) => {
  const path = join(folder(), "sub", "s.sock");
  mkdirSync(dirname(path));
  spoil(path);
  await expect(openSocket(path, server().listen)).rejects.toEqual(refused(text));
  if (lstatSync(dirname(path)).isDirectory())
    expect(readdirSync(dirname(path)).filter((name) => name !== "s.sock")).toEqual([]);
});

function replaceFolder(path: string): void {
  rmSync(path, { recursive: true });
  writeFileSync(path, "");
}

test("a sticky folder that everybody can write, such as /tmp, is allowed", async () => {
  const where = folder();
  chmodSync(where, 0o1777);
  await openSocket(join(where, "s"), server().listen);
  expect(await heardAt(join(where, "s"))).toBe("ours");
});

test.each([
  [MOST_PATH_BYTES - 1, "s"],
  [MOST_PATH_BYTES, "s"],
])("a path of %i bytes is taken", async (bytes, letter) => {
  const path = pathOf(bytes, letter);
  await openSocket(path, server().listen);
  expect(await heardAt(path)).toBe("ours");
});

test.each([
  [MOST_PATH_BYTES + 1, "s"],
  [MOST_PATH_BYTES + 2, "é"],
  [300, "s"],
])("a path of %i bytes is refused with the limit", async (bytes, letter) => {
  const path = pathOf(bytes, letter);
  await expect(openSocket(path, server().listen)).rejects.toEqual(
    refused(new RegExp(`at most ${MOST_PATH_BYTES} bytes, this one has \\d+$`)),
  );
  expect(existsSync(path)).toBe(false);
});

test("a server that cannot listen leaves nothing behind", async () => {
  const path = join(folder(), "s.sock");
  await expect(openSocket(path, () => Promise.reject(new Error("no")))).rejects.toEqual(refused(/: no$/));
  expect(readdirSync(dirname(path))).toEqual([]);
});
