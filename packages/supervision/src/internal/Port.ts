/**
 * Owns: the line from one generation of a child to its supervisor. It is both what the child's code
 * gets (ChildPort) and what a nested supervisor finds (ParentLink): one small object per child.
 * Must not know: decisions.
 */
import { Cause, type PubSub } from "effect"
import type { ChildPort } from "../Child.js"
import type { SupervisorEvent } from "../SupervisorEvent.js"
import type { TreeNode } from "../TreeNode.js"
import type { Core } from "./Core.js"
import type { Entry } from "./Entry.js"

export class Port implements ChildPort<unknown> {
  constructor(
    private readonly core: Core,
    private readonly entry: Entry,
    private readonly generation: number,
  ) {}

  fail(error: unknown): void {
    this.core.signal(this.entry, this.generation, Cause.fail(error))
  }

  die(defect: unknown): void {
    this.core.signal(this.entry, this.generation, Cause.die(defect))
  }

  end(): void {
    this.core.signal(this.entry, this.generation, undefined)
  }

  started(): void {
    this.core.started(this.entry, this.generation)
  }

  get path(): string {
    return this.core.pathOf(this.entry)
  }

  get events(): PubSub.PubSub<SupervisorEvent> {
    return this.core.settings.events
  }

  attach(tree: (childrenMax: number) => TreeNode): boolean {
    // Made by what an earlier generation left behind: it lives, and belongs to no tree.
    if (this.entry.generation !== this.generation) return true
    if (this.entry.nested !== undefined) return false
    this.entry.nested = tree
    return true
  }

  detach(): void {
    if (this.entry.generation === this.generation) this.entry.nested = undefined
  }
}
