import { readShortFile } from "../../shared/base/short-file.ts";
import type { ServiceToken } from "./fetch.ts";
import { tokenIn } from "./read.ts";

/** The worker's own token, as the settings name it. `file`: where it was read from, and is read again each time, because rotation replaces the file, as in Kubernetes. */
export type ServiceTokenSource = { value: string | undefined; file: string | undefined };

/** `learn` is called with each token that was not known yet, so that no log line shows it. A file that cannot be read, or has no token, changes nothing. */
export function serviceToken(
  { value, file }: ServiceTokenSource,
  learn: (token: string) => void,
): ServiceToken {
  let known = value;

  async function read(): Promise<string | undefined> {
    if (file === undefined) return known;
    const token = tokenIn((await readShortFile(file).catch(() => "")).trim());
    if (token === undefined || token === known) return known;
    learn(token);
    return (known = token);
  }

  return {
    current: read,
    async renew(refused) {
      const token = await read();
      return token === refused ? undefined : token; // the same one would be refused again
    },
  };
}
