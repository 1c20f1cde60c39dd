/**
 * Builds that do not keep the order of DESIGN.md section 7, for the test of the test. A build is
 * the product with FaultyBuild.ts loaded before it.
 */
const faultyBuilds = ["unchecked", "early-check", "read-before-token"] as const

export type FaultyBuildName = (typeof faultyBuilds)[number]

export const isFaultyBuild = (name: string): name is FaultyBuildName =>
  faultyBuilds.some((each) => each === name)

/** What to preload, with `--import`. */
export const faultyBuildOf = (name: FaultyBuildName): string =>
  new URL(`../../dist/fence/FaultyBuild.js?${name}`, import.meta.url).href
