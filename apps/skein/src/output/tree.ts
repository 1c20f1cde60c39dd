/**
 * Owns: paths (`node/shards/s000`) drawn as a tree, what is worth a look in full and what is like
 * its neighbours in one line. Pure.
 * Must not know: what the parts are.
 */

export interface TreeLine<Entry> {
  /** Branches and the last part of the path, or how many are folded. */
  readonly label: string
  /** Absent: a line for several that are folded. */
  readonly entry?: Entry
}

interface Branch<Entry> {
  readonly entry: Entry
  readonly below: Branch<Entry>[]
}

/** So many plain neighbours are still listed one by one. */
const plainShownMax = 4

/**
 * Entries in any order, neighbours stay in theirs; one whose parent is not among them is a root.
 * Leaves that are `isPlain` are folded where they are many.
 */
export const treeLines = <Entry extends { readonly path: string }>(
  entries: readonly Entry[],
  isPlain: (entry: Entry) => boolean,
): readonly TreeLine<Entry>[] => {
  const lines: TreeLine<Entry>[] = []
  for (const root of branchesOf(entries)) {
    lines.push({ label: root.entry.path, entry: root.entry })
    draw(root, "", isPlain, lines)
  }
  return lines
}

const branchesOf = <Entry extends { readonly path: string }>(
  entries: readonly Entry[],
): readonly Branch<Entry>[] => {
  const known = new Map<string, Branch<Entry>>()
  for (const entry of entries) known.set(entry.path, { entry, below: [] })
  const roots: Branch<Entry>[] = []
  for (const branch of known.values()) {
    const above = parentOf(branch.entry.path, known)
    if (above === undefined) roots.push(branch)
    else known.get(above)?.below.push(branch)
  }
  return roots
}

/** The names of queues may hold slashes, too: the nearest path that is there. */
const parentOf = (path: string, paths: ReadonlyMap<string, unknown>): string | undefined => {
  for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
    const above = path.slice(0, end)
    if (paths.has(above)) return above
  }
  return undefined
}

const draw = <Entry extends { readonly path: string }>(
  above: Branch<Entry>,
  indent: string,
  isPlain: (entry: Entry) => boolean,
  lines: TreeLine<Entry>[],
): void => {
  const branches = above.below
  const plain = branches.filter(({ entry, below }) => below.length === 0 && isPlain(entry))
  const folded = plain.length > plainShownMax ? new Set(plain) : new Set()
  const shown = branches.filter((branch) => !folded.has(branch))
  shown.forEach((branch, at) => {
    const isLast = at === shown.length - 1 && folded.size === 0
    const name = branch.entry.path.slice(above.entry.path.length + 1)
    lines.push({ label: `${indent}${isLast ? "└─ " : "├─ "}${name}`, entry: branch.entry })
    draw(branch, `${indent}${isLast ? "   " : "│  "}`, isPlain, lines)
  })
  if (folded.size === 0) return
  const others = shown.length > 0 ? " more" : ""
  lines.push({ label: `${indent}└─ ${folded.size}${others} that run and never restarted` })
}
