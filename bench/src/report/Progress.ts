/**
 * One line on standard error that says what runs and how long it will take: on a terminal it is
 * rewritten in place, elsewhere nothing is printed.
 */
import { durationText } from "./format.js"

const barCells = 20
const redrawMs = 200

/** The line for a moment. `done` is 0 to 1; until 2 % are done the plan tells the time left. */
export const progressText = (
  what: string,
  done: number,
  elapsedSeconds: number,
  plannedSeconds: number,
  columns: number,
): string => {
  const share = Math.min(1, Math.max(0, done))
  const full = Math.round(share * barCells)
  const left = share < 0.02 ? plannedSeconds : (elapsedSeconds / share) * (1 - share)
  const bar = "█".repeat(full) + "░".repeat(barCells - full)
  const percent = `${Math.floor(share * 100)}`.padStart(3)
  return `${bar} ${percent} % ETA ${durationText(left)} ${what}`.slice(0, Math.max(1, columns - 1))
}

export class Progress {
  private readonly startMs = performance.now()
  private readonly timer: NodeJS.Timeout | undefined
  private what = ""
  private done = 0
  private planned = 0

  constructor(private readonly out: NodeJS.WriteStream = process.stderr) {
    if (!out.isTTY) return
    this.timer = setInterval(() => this.draw(), redrawMs)
    this.timer.unref()
  }

  readonly step = (what: string, done: number, secondsPlanned: number): void => {
    this.what = what
    this.done = done
    this.planned = secondsPlanned
  }

  /** Clears the line. */
  end(): void {
    if (this.timer === undefined) return
    clearInterval(this.timer)
    this.out.write("\r\x1b[2K")
  }

  private draw(): void {
    const elapsed = (performance.now() - this.startMs) / 1000
    const columns = this.out.columns || 80
    const line = progressText(this.what, this.done, elapsed, this.planned, columns)
    this.out.write(`\r\x1b[2K${line}`)
  }
}
