/** What a kind of fault is, and what it may lay hands on. */
import type { Prng } from "@skein/test-checker"
import type { SkeinOperator } from "../SkeinOperator.js"
import type { FabricUnderTest, NodeUnderTest } from "./FabricUnderTest.js"
import type { Load } from "./Load.js"

export interface Ground {
  readonly fabric: FabricUnderTest
  readonly load: Load
  /** Of several nodes; absent: of one, and of another fabric than Skein. */
  readonly operator: SkeinOperator | undefined
  readonly prng: Prng
  readonly waitMs: number
}

/** A fault that is in force. */
export interface InForce {
  /** What exactly was done, for the progress and the report. */
  readonly detail: string
  /** Resolves when all is as it should be again, as far as the harness can bring it about. */
  readonly undo: () => Promise<void>
  /** What was done in between, known afterwards. */
  readonly done?: () => string
}

/** What can be known before anything was started. */
export interface Means {
  readonly nodes: number
  /** libfaketime, if it was found. */
  readonly fakeTime: string | undefined
}

export interface Fault {
  readonly name: string
  /** Why it cannot be done here; undefined: it can. */
  readonly probe: (means: Means) => string | undefined
  /** How long it stays in force: drawn from here. */
  readonly holdMs: readonly [least: number, most: number]
  /** Chooses whom to hit, so that the choice is known before the moment of the fault. */
  readonly aim: (ground: Ground) => Aimed
}

export interface Aimed {
  /** The client process that it ends, if one. */
  readonly victim?: string
  /** The fault is in force when this returns its promise: signals go out synchronously. */
  readonly inject: () => Promise<InForce>
}

export const anywhere = (): undefined => undefined

export const anyNode = ({ fabric, prng }: Ground): NodeUnderTest =>
  fabric.nodes[prng.between(0, fabric.nodes.length - 1)]
