import { join } from "node:path";
import { defineConfig } from "vitest/config";

/** `npm run test:kube`: what needs Kubernetes' API server, which Go builds once, in six minutes of processor time. */
export default defineConfig({
  root: join(import.meta.dirname, "../.."),
  test: {
    include: ["test/kube/**/*.test.ts"],
    globalSetup: ["test/kube/global-setup.ts", "test/support/global-setup.ts"],
    pool: "forks",
    maxWorkers: 1,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
});
