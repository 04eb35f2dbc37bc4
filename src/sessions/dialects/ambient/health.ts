import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { SessionService } from "./wire/ambient/v1/sessions_pb.ts";
import {
  HealthCheckResponse_ServingStatus as Status,
  HealthCheckResponseSchema,
  type Health,
} from "./wire/grpc/health/v1/health_pb.ts";

/** Tells whether messages can be pushed and watched now. Anybody may ask. There is no stream of it, because strangers could open any number: clients go on without one. */
export function healthService(logUp: () => boolean): Partial<ServiceImpl<typeof Health>> {
  return {
    check({ service }) {
      if (service !== "" && service !== SessionService.typeName)
        throw new ConnectError("no such service", Code.NotFound);
      const status = logUp() ? Status.SERVING : Status.NOT_SERVING;
      return create(HealthCheckResponseSchema, { status });
    },
  };
}
