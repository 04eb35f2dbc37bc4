import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** A process of the product, as the installed package has it. Needs {@link build} before. */
export function mainOf(part: string): string {
  return fileURLToPath(new URL(`../dist/${part}/main.js`, import.meta.url));
}

/** Builds the package's processes, once before the first row: users run those, and the sources take longer to start and more memory. */
export async function build(): Promise<void> {
  const child = spawn("npm", ["run", "--silent", "build"], {
    cwd: ROOT,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`npm run build ended with ${code}`);
}
