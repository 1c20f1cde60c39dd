/** `npm run kills`: many cycles of kill -9 under load, on one data directory. */
import { trafficCommand } from "./trafficCommand.js"

process.exitCode = await trafficCommand({
  name: "kills",
  nodeKills: 200,
  consumerKills: 0,
  confirmedBetweenKillsMin: 300,
})
