import { create, toBinary, type DescFile, type DescService, type MessageInitShape } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import type { ServerReflection, ServerReflectionRequest } from "./wire/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflectionResponseSchema } from "./wire/grpc/reflection/v1/reflection_pb.ts";

type Answer = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]>;

/** Describes services to tools such as grpcurl. The older name of this protocol has the same messages. */
export function reflectionService(services: readonly DescService[]): ServiceImpl<typeof ServerReflection> {
  const files = filesOf(services.map(({ file }) => file));

  function answerTo({ messageRequest: asked }: ServerReflectionRequest): Answer {
    switch (asked.case) {
      case "listServices":
        return {
          case: "listServicesResponse",
          value: { service: services.map(({ typeName: name }) => ({ name })) },
        };
      case "fileByFilename":
        return described(files.find(({ proto }) => proto.name === asked.value));
      case "fileContainingSymbol":
        return described(files.find((file) => symbolsOf(file).includes(asked.value)));
      case "fileContainingExtension":
      case "allExtensionNumbersOfType":
      case undefined:
        return {
          case: "errorResponse",
          value: { errorCode: Code.NotFound, errorMessage: "there are no extensions" },
        };
    }
  }

  return {
    async *serverReflectionInfo(requests) {
      for await (const request of requests)
        yield create(ServerReflectionResponseSchema, {
          validHost: request.host,
          originalRequest: request,
          messageResponse: answerTo(request),
        });
    },
  };
}

/** A file with those that it needs. */
function described(file: DescFile | undefined): Answer {
  if (file === undefined)
    return {
      case: "errorResponse",
      value: { errorCode: Code.NotFound, errorMessage: "no such file or symbol" },
    };
  const fileDescriptorProto = filesOf([file]).map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function filesOf(files: readonly DescFile[]): DescFile[] {
  return [...new Set(files.flatMap((file) => [file, ...filesOf(file.dependencies)]))];
}

function symbolsOf({ services, messages, enums }: DescFile): string[] {
  const methods = services.flatMap(({ typeName, methods: all }) =>
    all.map(({ name }) => `${typeName}.${name}`),
  );
  return [...[...services, ...messages, ...enums].map(({ typeName }) => typeName), ...methods];
}
