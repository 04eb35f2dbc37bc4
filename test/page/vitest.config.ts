import { join } from "node:path";
import { defineConfig } from "vitest/config";

/** `npm run test:page`: what needs a browser, which `npm test` does not. */
export default defineConfig({
  root: join(import.meta.dirname, "../.."),
  test: {
    include: ["test/page/**/*.test.ts"],
    globalSetup: ["test/support/global-setup.ts", "test/page/global-setup.ts"],
    pool: "forks",
    maxWorkers: 1,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
  },
});
