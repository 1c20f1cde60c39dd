/**
 * Owns: asking the compiler about many modules at once: a project in a temporary folder that finds
 * packages where the repository does. One run takes a second; one for each would take many.
 */
import { execFile } from "node:child_process"
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Violation } from "../Violation.js"

export interface Module {
  /** What a violation is to name; several modules may have the same. */
  readonly path: string
  readonly text: string
}

/** What the compiler says of each module, under the settings of the repository at `root`. */
export async function compile(
  root: string,
  modules: ReadonlyArray<Module>,
): Promise<ReadonlyArray<ReadonlyArray<Violation>>> {
  const folder = mkdtempSync(join(tmpdir(), "skein-snippets-"))
  try {
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "dir")
    const files = modules.map(({ text }, at) => {
      const file = `${at}.ts`
      writeFileSync(join(folder, file), text)
      return file
    })
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }))
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings(root, files)))
    const out = await runCompiler(root, folder)
    const said: Violation[][] = modules.map(() => [])
    for (const text of out.split("\n").filter((line) => line.startsWith("error"))) {
      throw new Error(`the compiler did not begin: ${text}`)
    }
    for (const [, at, line, message = ""] of out.matchAll(/^(\d+)\.ts\((\d+),\d+\): (.*)$/gm)) {
      const path = modules[Number(at)]?.path ?? ""
      said[Number(at)]?.push({ path, line: Number(line), message })
    }
    return said
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The repository's, except that nothing is emitted and a piece may name what it does not use. */
function settings(root: string, files: ReadonlyArray<string>): unknown {
  const off = {
    composite: false,
    incremental: false,
    declaration: false,
    declarationMap: false,
    sourceMap: false,
    noUnusedLocals: false,
  }
  const compilerOptions = { ...off, noEmit: true, moduleDetection: "force", rootDir: "." }
  return { extends: join(root, "tsconfig.json"), compilerOptions, files, references: [] }
}

function runCompiler(root: string, folder: string): Promise<string> {
  const tsc = join(root, "node_modules/typescript/bin/tsc")
  const argv = [tsc, "-p", folder, "--pretty", "false"]
  return new Promise((resolve, reject) => {
    execFile(process.execPath, argv, { cwd: folder }, (error, out, problem) => {
      // What it finds is told by an exit code of 1 or 2 and by its output.
      if (error !== null && out === "") reject(new Error(problem || error.message))
      else resolve(out)
    })
  })
}
