/** Owns: small repositories for the tests of the rules. */
import { repositoryOf } from "./Repository.js"
import { type Rule, showAll } from "./Violation.js"

export type Files = Readonly<Record<string, string>>

/** What a rule says of a repository that holds just these files. */
export function check(rule: Rule, files: Files): ReadonlyArray<string> {
  return showAll(rule.check(repositoryOf(files)))
}

interface WorkspaceFixture {
  readonly name?: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly references?: ReadonlyArray<string>
  /** Paths below the folder. */
  readonly files?: Files
}

/** The files of one workspace; its name is `@skein/` and the folder's last part. */
export function workspace(folder: string, fixture: WorkspaceFixture = {}): Files {
  const { name = `@skein/${folder.split("/").at(-1)}`, dependencies = {}, files = {} } = fixture
  const references = (fixture.references ?? []).map((path) => ({ path }))
  const below = Object.entries(files).map(([path, text]) => [`${folder}/${path}`, text])
  return {
    [`${folder}/package.json`]: JSON.stringify({ name, dependencies }),
    [`${folder}/tsconfig.json`]: JSON.stringify({ references }),
    ...Object.fromEntries(below),
  }
}
