/**
 * Owns: asking before something is destroyed. The exact target is written before anything happens;
 * where nobody can be asked, only --yes goes on.
 */
import { UsageError } from "../arguments/UsageError.js"
import { safeText } from "../output/safeText.js"
import { type CommandContext, isJson } from "./CommandContext.js"

/** `false`: the operator said no. Throws UsageError when there is nobody to ask. */
export const confirm = async (
  context: CommandContext,
  /** What will be destroyed and where: "delete queue orders (3 messages) at 127.0.0.1:4117". */
  target: string,
): Promise<boolean> => {
  const { invocation, terminal, signal } = context
  const shown = safeText(target)
  if (invocation.isOn("yes")) {
    if (!isJson(context)) terminal.err(`${shown}\n`)
    return true
  }
  if (!terminal.inIsTty || !terminal.errIsTty) {
    throw new UsageError(`${shown}: nobody can be asked here.`, "Say --yes if you mean it.")
  }
  const answer = await terminal.ask(`${shown}? Type yes to go on: `, signal)
  return answer.trim().toLowerCase() === "yes"
}
