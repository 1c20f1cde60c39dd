/** `npm run fence`: a node stands still at each failpoint, others take over, it goes on. */
import { fenceCommand } from "./fence/fenceCommand.js"

process.exitCode = await fenceCommand()
