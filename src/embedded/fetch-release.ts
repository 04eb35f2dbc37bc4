import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCommand, type CommandEnv } from "./command.ts";

/** An archive of an official release. */
export type ReleaseArchive = { version: string; target: string; sha256: string };

/**
 * Archives by `process.platform`-`process.arch`, each statically linked, so that they run with glibc and with musl. The sums of Linux are those in the
 * maintainers' own Docker images (nats-io/nats-docker, 2.15.x/alpine3.22/Dockerfile at 62998532, which has no later release yet). The sums of macOS were
 * recorded from the release's SHA256SUMS by several public projects, which agree with each other, and with the images about Linux.
 */
export const RELEASE_ARCHIVES: Readonly<Record<string, ReleaseArchive>> = {
  "linux-x64": {
    version: "2.15.0",
    target: "linux-amd64",
    sha256: "5d2c51caca950333aba84911df7d377f826f3a59ec36061c6539105084f65c92",
  },
  "linux-arm64": {
    version: "2.15.0",
    target: "linux-arm64",
    sha256: "cdc208f5a3f42963a52b6ab06ef65626bb870315dc936e26ba571780c6351112",
  },
  "darwin-x64": {
    version: "2.15.0",
    target: "darwin-amd64",
    sha256: "5bd8b59ca5bf93fab3da2c5843cf564cd6e2e291e22ae3b861746e7ebe259b95",
  },
  "darwin-arm64": {
    version: "2.15.0",
    target: "darwin-arm64",
    sha256: "e1c4e22d70bd44abfa0bcb3c16f7cf0c66f648c2e728c58924e8a1ce88913cc8",
  },
};

const RELEASES = "https://github.com/nats-io/nats-server/releases/download";
const CONNECT_TIMEOUT_MS = 6000;
const DOWNLOAD_TIMEOUT_MS = 90_000; // 8 MB

/**
 * Downloads the official archive, checks its sum and unpacks nats-server into `folder`. Rejects with the reason: no archive for this
 * platform, unreachable, or a wrong sum.
 */
export async function fetchRelease(
  folder: string,
  env: CommandEnv,
  archive: ReleaseArchive | undefined,
  releases: string = RELEASES,
): Promise<string> {
  if (archive === undefined) throw new Error("no archive is known for this platform");
  const name = `nats-server-v${archive.version}-${archive.target}`;
  const bytes = await download(`${releases}/v${archive.version}/${name}.tar.gz`);
  const sum = createHash("sha256").update(bytes).digest("hex");
  if (sum !== archive.sha256) throw new Error(`${name}.tar.gz has the wrong SHA-256: ${sum}`);
  const file = join(folder, "release.tar.gz");
  await writeFile(file, bytes);
  await runCommand("tar", ["-xzf", file, "-C", folder, `${name}/nats-server`], { env, timeoutMs: 30_000 });
  return join(folder, name, "nats-server");
}

async function download(url: string): Promise<Uint8Array> {
  const stop = new AbortController();
  const connecting = setTimeout(() => stop.abort(new Error("no answer")), CONNECT_TIMEOUT_MS);
  try {
    const response = await fetch(url, {
      signal: AbortSignal.any([stop.signal, AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS)]),
    });
    clearTimeout(connecting);
    if (!response.ok) throw new Error(`${url} answers ${response.status}`);
    return await response.bytes();
  } finally {
    clearTimeout(connecting);
  }
}
