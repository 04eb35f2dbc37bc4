// autocannon brings no types; these are the few that peers/client.ts uses
declare module "autocannon" {
  export type Client = {
    setRequests(
      requests: { method: string; path: string; headers: Record<string, string>; body: string }[],
    ): void;
    /** Of each answer: its status, its bytes, and milliseconds since its request, with their fractions. */
    on(event: "response", listener: (status: number, bytes: number, ms: number) => void): void;
  };
  export type Result = {
    "2xx": number;
    non2xx: number;
    errors: number;
    /** Seconds. */
    duration: number;
  };
  export default function autocannon(options: {
    url: string;
    connections: number;
    /** Seconds. */
    duration: number;
    /** How often the end is looked for, milliseconds. */
    sampleInt: number;
    setupClient?(client: Client): void;
  }): Promise<Result>;
}
