// Owns: what happens between `npm start` or `npm test` on a fresh clone and the program that was
// asked for: check Node, install when the lockfile says so, build what changed, then hand over.
// It has no dependencies because it runs before there are any, and it is no `prestart` script
// because `ignore-scripts=true` keeps npm from running those.
//
//   node .ci/bootstrap.mjs start [ARGS]     a node: skein node start ARGS
//   node .ci/bootstrap.mjs run FILE [ARGS]  a built program of this repository
//   node .ci/bootstrap.mjs build            install and build only
//   node .ci/bootstrap.mjs test [ARGS]      every test; ARGS go to vitest
//   node .ci/bootstrap.mjs verify           what CI runs: static checks, then every test
//   node .ci/bootstrap.mjs turbo ARGS       turbo, for one workspace and what it needs:
//                                           turbo run test --filter=@skein/queue
//
// Building is one `tsc -b` and not `turbo run build`: one compiler that knows the whole project
// graph needs 0.5 s for a build from nothing and 0.3 s for "nothing to do"; fifteen compilers
// under turbo need 2.2 s (2 cores, empty workspaces).
import { existsSync } from "node:fs"
import { join } from "node:path"
import { become, root } from "./Child.mjs"
import { isInstalled } from "./Installed.mjs"
import { step } from "./Step.mjs"

const nodeVersionMin = [20, 19]
const tsc = join(root, "node_modules/typescript/bin/tsc")
const turbo = join(root, "node_modules/turbo/bin/turbo")

await main(process.argv[2] ?? "", process.argv.slice(3))

async function main(command, args) {
  checkNodeVersion()
  switch (command) {
    case "start":
      await prepare()
      return runBuilt("apps/skein/dist/main.js", ["node", "start", ...args])
    case "run":
      await prepare()
      return runBuilt(args[0] ?? "", args.slice(1))
    case "build":
      return prepare()
    case "test":
      await prepare({ forTests: true })
      return runTests(args, 0)
    case "verify": {
      await prepare({ forTests: true })
      const checks = await step("Checking", process.execPath, turboArgs("lint", "dead"))
      return runTests(args, checks ? 0 : 1)
    }
    case "turbo":
      await install()
      return become(process.execPath, [turbo, ...args])
    default:
      fail(`Unknown command '${command}': start, run, build, test, verify or turbo.`)
  }
}

async function prepare({ forTests = false } = {}) {
  await install({ forTests })
  if (!(await step("Building", process.execPath, [tsc, "-b", "--pretty", String(isTty())]))) {
    fail("The build failed: its messages are above.", forTests)
  }
}

async function install({ forTests = false } = {}) {
  if (isInstalled(root) || (await step("Installing dependencies (once)", ...npmCi()))) return
  fail("npm ci failed: nothing was built.", forTests)
}

function runBuilt(file, args) {
  const path = join(root, file)
  if (file === "" || !existsSync(path)) fail(`${file || "A file to run"} does not exist.`)
  return become(process.execPath, [path, ...args])
}

// Tests and the processes that they start form one process group, which is signalled as a whole:
// nothing of an interrupted run stays behind.
function runTests(args, checksFailed) {
  const program = [join(root, ".ci/test.mjs"), ...args]
  const env = { ...process.env, SKEIN_CHECKS_FAILED: String(checksFailed) }
  return become(process.execPath, program, { env, wholeGroup: true })
}

function npmCi() {
  const args = ["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"]
  const npmCli = process.env.npm_execpath
  return npmCli === undefined ? ["npm", args] : [process.execPath, [npmCli, ...args]]
}

function turboArgs(...tasks) {
  return [turbo, "run", ...tasks, "--continue", "--log-prefix=none", "--output-logs=errors-only"]
}

function checkNodeVersion() {
  const [major, minor] = process.versions.node.split(".").map(Number)
  const [majorMin, minorMin] = nodeVersionMin
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return
  fail(`Skein needs Node >= ${nodeVersionMin.join(".")}; this is ${process.versions.node}.`)
}

function isTty() {
  return process.stderr.isTTY === true
}

// A test run that could not begin still ends with the closing line, so that no reader of it takes
// silence for success.
function fail(message, forTests = false) {
  process.stderr.write(`${message}\n`)
  if (forTests) process.stdout.write("0 passed, 1 failed, 0 skipped\n")
  process.exit(1)
}
