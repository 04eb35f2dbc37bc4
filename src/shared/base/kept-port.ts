import { isPort } from "./port-number.ts";

const FLAG = "--kept-port=";

/** The argument by which `up` tells a child the port that it had before. It is a wish: the port may be taken by now. */
export function keptPortArgument(port: number): string {
  return `${FLAG}${port}`;
}

/** The port in such an argument; undefined without one. Pure. */
export function keptPortIn(args: readonly string[]): number | undefined {
  const port = Number(args.find((arg) => arg.startsWith(FLAG))?.slice(FLAG.length));
  return isPort(port) ? port : undefined;
}
