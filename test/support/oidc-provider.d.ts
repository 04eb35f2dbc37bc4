// oidc-provider brings no types; these are the few that issuer.ts uses
declare module "oidc-provider" {
  import type { IncomingMessage, ServerResponse } from "node:http";

  export type Context = {
    path: string;
    headers: IncomingMessage["headers"];
    /** Of a request that the provider has parsed. */
    oidc?: { body?: Record<string, string | string[]> };
  };
  export class Provider {
    constructor(issuer: string, configuration: Record<string, unknown>);
    use(middleware: (ctx: Context, next: () => Promise<void>) => Promise<void>): void;
    callback(): (req: IncomingMessage, res: ServerResponse) => void;
  }
}
