import { createServer } from "node:net";

/** A loopback port that is free now. */
export async function freePort(): Promise<number> {
  const port = await tryPort("127.0.0.1", 0);
  if (port === undefined) throw new Error("no port is free");
  return port;
}

/**
 * Gives a child the port that its last start had, if that is still free and no other was chosen, because people have the address open. Otherwise the child
 * chooses by itself, and so it does where it had its usual port: it tries that first, and between a look at a port and its use another program may take it.
 */
export async function givePortBack(
  env: Record<string, string>,
  variable: string,
  kept: { port: number | undefined; usual: number },
  listen: string,
): Promise<void> {
  if (kept.port === undefined || kept.port === kept.usual || env[variable] !== undefined) return;
  if ((await tryPort(listen, kept.port)) !== undefined) env[variable] = String(kept.port);
}

/** Opens and closes a port, and returns its number; undefined if that is impossible. */
async function tryPort(host: string, port: number): Promise<number | undefined> {
  const server = createServer();
  try {
    await new Promise<void>((done, fail) => {
      server.once("error", fail);
      server.listen(port, host, done);
    });
  } catch {
    return undefined;
  }
  const address = server.address();
  await new Promise((done) => server.close(done));
  return address === null || typeof address === "string" ? undefined : address.port;
}
