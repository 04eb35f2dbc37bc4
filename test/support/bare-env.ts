/**
 * Environment of a process that is to find nothing but what a test gives it: where programs are, and where Node keeps compiled code, which saves half of the
 * processor time of a start.
 */
export function bareEnv(): Record<string, string> {
  const { PATH = "", NODE_COMPILE_CACHE } = process.env;
  return { PATH, ...(NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }) };
}
