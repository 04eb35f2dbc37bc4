import type { FastifyInstance } from "fastify";
import { checkedBody, granted } from "../http/checked.ts";
import { callerOf, note, type PartDeps } from "../http/part.ts";
import { sessionOf } from "../http/parameters.ts";
import { POD_BODY } from "./schemas.ts";

/** Who may get tokens of a session: its pod, or who has a secret. The token service gives them out. */
export function addPods(app: FastifyInstance, { core }: PartDeps): void {
  app.put("/sessions/:id/pod", async (request) => {
    const { namespace, service_account: serviceAccount, pod_uid: uid } = checkedBody(request, POD_BODY).value;
    const pod = { namespace, serviceAccount, uid };
    note(request, { pod: uid });
    const { session } = granted(await core.bindPod(callerOf(request), sessionOf(request), pod));
    return { session_id: session.id, pod_uid: uid };
  });

  app.post("/sessions/:id/join-secrets", async (request, reply) => {
    const made = granted(await core.makeJoinSecret(callerOf(request), sessionOf(request)));
    void reply.code(201).header("cache-control", "no-store");
    return { join_secret: made.secret, expires_in: made.seconds };
  });
}
