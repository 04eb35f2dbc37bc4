import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { Clock } from "../shared/base/clock.ts";
import { errorText } from "../shared/base/errors.ts";
import { parseJsonWithin } from "../shared/base/json-scan.ts";
import type { Logger } from "../shared/base/logger.ts";
import { readShortFileSync } from "../shared/base/short-file.ts";
import { USER_AGENT } from "../shared/base/version.ts";
import type { Pod } from "../shared/session-log/tokens/pods.ts";

const PATH = "/apis/authentication.k8s.io/v1/tokenreviews";
/** Time limit for one answer. The server answers in milliseconds. */
const ANSWER_MS = 5000;
/** Largest answer that is read. One has 1 KiB, and as much as the token. */
const ANSWER = { bytes: 64 * 1024, depth: 16, values: 2000 };
/** Questions that may be under way: more would fill the API server's queue, which all of the cluster needs. */
const MOST_REVIEWS = 16;

/** What the cluster says of a token. `unknown`: it did not say. */
export type Reviewed = { kind: "pod"; pod: Pod } | { kind: "refused"; detail: string } | { kind: "unknown" };

/** How the API server is reached. The files are read each time: both are replaced while we run. */
export type Cluster = { url: string; caFile: string; tokenFile: string; audience: string };

export type Reviewer = (token: string) => Promise<Reviewed>;

/** Asks the API server whose a pod's token is, by a TokenReview with our audience. */
export function createReviewer(cluster: Cluster, { log }: { clock: Clock; log: Logger }): Reviewer {
  let underWay = 0;
  return async (token) => {
    if (!/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) return { kind: "refused", detail: "it is no JWT" };
    if (underWay >= MOST_REVIEWS) return { kind: "unknown" };
    underWay++;
    try {
      return verdictOf(await ask(cluster, token), cluster.audience);
    } catch (error) {
      log.error({ reason: errorText(error) }, "the API server does not review tokens");
      return { kind: "unknown" };
    } finally {
      underWay--;
    }
  };
}

/** Sends one TokenReview. Rejects for anything but a whole answer in time. */
async function ask({ url, caFile, tokenFile, audience }: Cluster, token: string): Promise<unknown> {
  const body = Buffer.from(
    JSON.stringify({
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenReview",
      spec: { token, audiences: [audience] },
    }),
  );
  const target = new URL(PATH, url);
  const options = {
    method: "POST",
    agent: false,
    signal: AbortSignal.timeout(ANSWER_MS),
    headers: {
      authorization: `Bearer ${readShortFileSync(tokenFile).trim()}`,
      "content-type": "application/json",
      "content-length": body.length,
      accept: "application/json",
      "user-agent": USER_AGENT,
    },
  } as const;
  const request =
    target.protocol === "https:"
      ? requestHttps(target, { ...options, ca: readShortFileSync(caFile) })
      : requestHttp(target, options);
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  request.once("error", reject);
  request.once("response", (response) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > ANSWER.bytes) request.destroy(new Error(`the answer is larger than ${ANSWER.bytes} bytes`));
    });
    response.once("error", reject);
    response.once("close", () => reject(new Error("the answer broke off")));
    response.once("end", () => {
      const answer = parseJsonWithin(Buffer.concat(chunks), ANSWER);
      if (response.statusCode === 201 && answer !== undefined) resolve(answer);
      else reject(new Error(`status ${response.statusCode}`));
    });
  });
  request.end(body);
  return await promise;
}

const ACCOUNT = /^system:serviceaccount:([a-z0-9][-a-z0-9.]{0,252}):([a-z0-9][-a-z0-9.]{0,252})$/;
const POD_UID = "authentication.kubernetes.io/pod-uid";

/** What a TokenReview says. It must name our audience, an account and one pod: a token that is bound to no pod may be anybody's. Pure. */
export function verdictOf(answer: unknown, audience: string): Reviewed {
  const status = memberOf(answer, "status");
  if (memberOf(status, "authenticated") !== true) return refused("the cluster does not know it");
  const audiences = memberOf(status, "audiences");
  if (!Array.isArray(audiences) || !audiences.includes(audience))
    return refused("it is for another audience");
  const user = memberOf(status, "user");
  const name = memberOf(user, "username");
  const [, namespace, serviceAccount] = (typeof name === "string" && ACCOUNT.exec(name)) || [];
  if (namespace === undefined || serviceAccount === undefined) return refused("it is no service account's");
  const uids = memberOf(memberOf(user, "extra"), POD_UID);
  const uid: unknown = Array.isArray(uids) && uids.length === 1 ? uids[0] : undefined;
  if (typeof uid !== "string" || uid === "") return refused("it is bound to no pod");
  return { kind: "pod", pod: { namespace, serviceAccount, uid } };
}

function refused(detail: string): Reviewed {
  return { kind: "refused", detail };
}

function memberOf(it: unknown, name: string): unknown {
  return typeof it === "object" && it !== null && Object.hasOwn(it, name)
    ? (it as Record<string, unknown>)[name]
    : undefined;
}
