/** `npm run faults`: faults of many kinds under load, one run after the other. */
import { faultsCommand } from "./faults/faultsCommand.js"

process.exitCode = await faultsCommand()
