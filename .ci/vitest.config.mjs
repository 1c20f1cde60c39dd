// Owns: which tests there are and how they run.
// Two projects in one run: `process` starts real processes and measures them, so its files run
// one after the other, and only when all of `unit` is done.
import { availableParallelism } from "node:os"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const folders = ["packages", "apps", "bench", "test"]
const tests = "**/src/**/*.test.ts"

export default defineConfig({
  root: dirname(dirname(fileURLToPath(import.meta.url))),
  // Nothing is kept from one run for the next one.
  cacheDir: "node_modules/.vite",
  test: {
    cache: false,
    maxWorkers: availableParallelism(),
    minWorkers: 1,
    pool: "forks",
    silent: "passed-only",
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: [".ci/*.test.mjs", ...folders.map((folder) => `${folder}/${tests}`)],
          exclude: ["**/node_modules/**", "**/dist/**", "test/process/**"],
          testTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: "process",
          include: [`test/process/${tests}`],
          poolOptions: { forks: { singleFork: true } },
          testTimeout: 300_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
