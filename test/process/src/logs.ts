/** `npm run logs`: real log lines through a real node, with kills in the middle of traffic. */
import { trafficCommand } from "./trafficCommand.js"

process.exitCode = await trafficCommand({
  name: "logs",
  nodeKills: 5,
  consumerKills: 2,
  confirmedBetweenKillsMin: 1_000,
})
