/** Which rounds make up a phase: every failpoint of it, and with whom at work. */
import { type FailpointPhase, failpoints } from "@skein/journal"
import type { Round } from "./FenceRun.js"

export const phases = Object.keys(failpoints) as ReadonlyArray<FailpointPhase>

export const roundsOf = (phase: FailpointPhase): ReadonlyArray<Round> => {
  switch (phase) {
    case "commit":
      // Records hold settles and publishes, or publishes alone.
      return failpoints.commit.flatMap(
        (at): ReadonlyArray<Round> => [
          { at, stands: "beyond" },
          { at, stands: "beyond", consumersRest: true },
        ],
      )
    case "takeover":
      // It goes on before a third one comes, and after.
      return failpoints.takeover.flatMap(
        (at): ReadonlyArray<Round> => [
          { at, stands: "within" },
          { at, stands: "beyond" },
        ],
      )
    case "move":
      return failpoints.move.map((at): Round => ({ at, stands: "beyond" }))
  }
}
