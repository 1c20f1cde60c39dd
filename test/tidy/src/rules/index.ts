/** Owns: the list of the house rules. A rule that is not here is not enforced. */
import type { Rule } from "../Violation.js"
import { acceptance } from "./acceptance.js"
import { deadFiles } from "./deadFiles.js"
import { dependencies } from "./dependencies.js"
import { engineDoor, exportsOnly } from "./doors.js"
import { layers } from "./layers.js"
import { lockfile } from "./lockfile.js"
import { purity } from "./purity.js"
import { columns, fileSizes, functionSizes, readmes, topLevelNames } from "./shape.js"
import { syntax } from "./syntax.js"
import { allRun, noSleeps } from "./tests.js"
import { strangeWords, unfinished } from "./words.js"

export const rules: ReadonlyArray<Rule> = [
  topLevelNames,
  syntax,
  layers,
  exportsOnly,
  engineDoor,
  purity,
  fileSizes,
  functionSizes,
  columns,
  readmes,
  deadFiles,
  dependencies,
  lockfile,
  allRun,
  noSleeps,
  unfinished,
  strangeWords,
  acceptance,
]
