/**
 * Owns: the one table of the house: which folders there are, what each may import, what sizes
 * hold, and every exception with its reason. The rules in rules/ read it; nothing else states it.
 *
 * A change of the architecture is a change of this file, and is reviewed as one.
 */

/**
 * What a folder is to the others.
 * - `package`: the product. - `driver`: a journal on one medium; only who wires a node names it.
 * - `gateway`: another door to the fabric; sees the ports only. - `app`: a program.
 * - `test`, `bench`: private; nothing of the product imports them.
 */
export type Kind = "package" | "driver" | "gateway" | "app" | "test" | "bench"

/** One row of the table. */
export interface Place {
  /** It imports only places of a lower layer. */
  readonly layer: number
  readonly kind: Kind
  /** Path prefixes of its pure modules: no runtime, clock, randomness, I/O, `async`, `node:*`. */
  readonly pure?: ReadonlyArray<string>
  /** Modules whose pure values (schemas) its `engine.file` may pass on to its pure code. */
  readonly pureEngine?: ReadonlyArray<string>
  /** It shares no code with the product: it judges the product. */
  readonly imports?: "nothing of ours"
}

/** A `*` stands for one part of a path; an exact row wins over a row with `*`. */
export const places: Readonly<Record<string, Place>> = {
  "packages/model": { layer: 1, kind: "package", pure: ["src/"] },
  "packages/queue": { layer: 2, kind: "package", pure: ["src/"] },
  "packages/placement": { layer: 2, kind: "package", pure: ["src/"] },
  "packages/wire": {
    layer: 2,
    kind: "package",
    pure: ["src/"],
    // Rpc and RpcGroup describe requests as values; nothing runs them here.
    pureEngine: ["@effect/rpc"],
  },
  "packages/supervision": { layer: 2, kind: "package" },
  "packages/journal": { layer: 3, kind: "package" },
  "packages/client": { layer: 3, kind: "package" },
  "packages/journal-*": { layer: 4, kind: "driver" },
  "packages/cluster": { layer: 4, kind: "package" },
  "packages/gateway-*": { layer: 4, kind: "gateway" },
  "packages/node": { layer: 5, kind: "package" },
  "packages/embedded": { layer: 6, kind: "package" },
  "packages/testkit": { layer: 6, kind: "package" },
  "apps/*": { layer: 7, kind: "app" },
  "test/tidy": { layer: 8, kind: "test", imports: "nothing of ours" },
  "test/checker": { layer: 8, kind: "test", imports: "nothing of ours" },
  "test/*": { layer: 9, kind: "test" },
  bench: { layer: 9, kind: "bench" },
}

/** Who may name a journal driver: whoever wires a whole node, and the tests of it. */
export const driverUsers = ["apps/skein", "packages/embedded"]

/** What gateways, and apps other than the `skein` command, never import. */
export const insideOfNode = ["node", "cluster", "journal"]

/** The places in between which product and test code are told apart. */
export const privateKinds: ReadonlyArray<Kind> = ["test", "bench"]

/** All that may lie at the top, beside dotfiles. */
export const topLevel = [
  "ARCHITECTURE.md",
  "LICENSE",
  "README.md",
  "apps",
  "bench",
  "package-lock.json",
  "package.json",
  "packages",
  "test",
  "tsconfig.json",
  "turbo.json",
]

/**
 * These move with Effect 4, so they enter a package through one file of this name, which exports
 * again what the package uses of them.
 */
export const engine = {
  file: "src/Platform.ts",
  modules: ["platform", "platform-node", "rpc", "cluster", "sql", "experimental", "workflow"].map(
    (name) => `@effect/${name}`,
  ),
}

/** What pure code may take from `effect`, as values; types are free. */
export const pureEffect = ["Brand", "Data", "Either", "Option", "ParseResult", "Schema"]

/** Packages beside ours that pure code may import, each pure itself. */
export const purePackages = ["msgpackr"]

export const sizes = {
  columnsMax: 100,
  functionLinesMax: 70,
  sourceLinesMax: 700,
  testLinesMax: 1000,
  readmeLinesMax: 40,
  runtimeDependenciesMax: 20,
}

/**
 * Functions that were longer than `functionLinesMax` when the rule met them, `path › name` with
 * their lines. An entry may shrink and leave; none may grow, and none is added for new code.
 */
export const giants: Readonly<Record<string, number>> = {}

/** Tests that wait in real time, each with the reason why nothing could be awaited instead. */
export const sleepers: Readonly<Record<string, string>> = {
  "test/process/src/SkeinOperator.ts": "asks a real fabric again for what nobody tells it",
  "test/process/src/faults/FaultRun.ts": "a fault is in force for a time: that is the fault",
}

/** Started by path, not imported: `path` with who starts it. */
export const startedByPath: Readonly<Record<string, string>> = {}
