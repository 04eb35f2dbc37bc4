import type { DescService } from "@bufbuild/protobuf";
import type { FastifyInstance } from "fastify";
import type { PartDeps } from "../../http/part.ts";
import { addCalls } from "./calls.ts";
import { healthService } from "./health.ts";
import { reflectionService } from "./reflection.ts";
import { addMessages } from "./rest.ts";
import { sessionService } from "./session-service.ts";
import { SessionService } from "./wire/ambient/v1/sessions_pb.ts";
import { Health } from "./wire/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "./wire/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as OlderReflection } from "./wire/grpc/reflection/v1alpha/reflection_pb.ts";

export { MESSAGE_BODY } from "./rest.ts";

// session-service.ts pushes and watches, rest.ts does the same over REST · showing.ts makes messages (message.ts) of what the log has, payload.ts their payloads, watching.ts hands them out ·
// calls.ts serves calls of all three protocols, refuse-unread.ts refuses them, status.ts says why · health.ts, reflection.ts are what clients and tools expect beside it · wire/ is made from
// proto/ by scripts/generate-proto.mjs

/** What anybody can ask for a description of. */
const SERVICES: readonly DescService[] = [SessionService, Health, ServerReflection, OlderReflection];

/** Messages of runner pods, as `ambient.v1.SessionService` (gRPC, gRPC-Web, JSON) and as REST routes. */
export function addAmbient(
  app: FastifyInstance,
  deps: PartDeps & { logUp: () => boolean; logName: () => string },
): void {
  addCalls(app, deps, (router) => void router.service(SessionService, sessionService(deps)));
  const forAll = reflectionService(SERVICES);
  addCalls(
    app,
    deps,
    (router) => {
      router.service(Health, healthService(deps.logUp));
      router.service(ServerReflection, forAll);
      router.service(OlderReflection, forAll as never);
    },
    { open: true },
  );
  addMessages(app, deps);
}
