/**
 * The publishing client process: sends the lines of its sources again and again, a batch to each
 * queue in turn, with a window of publishes in flight, until told to stop. Every line is sent at
 * least once. An id is never used for a second publish.
 */
import { bodyHash, messageId } from "@skein/test-checker"
import type { LogEntry } from "./ClientLog.js"
import type { ToClient } from "./ClientMessages.js"
import { type ClientFrame, runClient } from "./clientMain.js"
import { InFlight } from "./InFlight.js"
import { readLogLines } from "./LogLines.js"
import { makeBody } from "./messageBody.js"

class Publisher {
  readonly #inFlight = new InFlight()
  readonly #sources: ReadonlyArray<{ queue: string; lines: ReadonlyArray<string>; next: number }>
  #counter = 0
  #confirmed = 0
  #armed: { readonly confirmed: number; readonly inFlightMin: number } | undefined
  #stopping = false
  #wake: () => void = () => {}

  constructor(readonly frame: ClientFrame) {
    this.#sources = frame.settings.sources.map(({ queue, file }) => ({
      queue,
      lines: readLogLines(file),
      next: 0,
    }))
  }

  async run(): Promise<void> {
    const { windowMessages } = this.frame.settings
    for (let turn = 0; !this.#finished(); turn++) {
      this.#publish(this.#sources[turn % this.#sources.length])
      this.#reportIfArmed()
      while (this.#inFlight.count >= windowMessages) await this.#change()
    }
    while (this.#inFlight.count > 0) await this.#change()
  }

  hear(message: ToClient): void {
    if (message.type === "stop") this.#stopping = true
    else if (message.type === "arm") {
      const confirmed = this.#confirmed + message.afterConfirmed
      this.#armed = { confirmed, inFlightMin: message.inFlightMin }
      this.#reportIfArmed()
    } else {
      this.frame.tell({ type: "wasInFlight", count: this.#inFlight.at(message.atNs) })
    }
  }

  #finished(): boolean {
    return this.#stopping && this.#sources.every(({ lines, next }) => next >= lines.length)
  }

  #publish(source: { queue: string; lines: ReadonlyArray<string>; next: number }): void {
    const { client, log, settings } = this.frame
    const { queue, lines } = source
    const bodies: Array<Uint8Array> = []
    const entries: Array<LogEntry & { readonly op: "publish" }> = []
    for (let each = 0; each < settings.batchMessages; each++) {
      const counter = this.#counter++
      const id = messageId(settings.process, counter)
      const body = makeBody(id, lines[source.next++ % lines.length])
      bodies.push(body)
      const { producer } = client
      entries.push({
        ...{ op: "publish", phase: "invoke", counter, queue, id, producer },
        body: bodyHash(body),
      })
    }
    const sentNs = log.add(entries)
    log.flush()
    const batch = this.#inFlight.begin(entries.length, sentNs)
    const end = (phase: "ok" | "fail" | "info"): void => {
      this.#inFlight.end(batch, log.add(entries.map((entry) => ({ ...entry, phase }))))
      log.flush()
      if (phase === "ok") this.#confirmed += entries.length
      this.#reportIfArmed()
      this.#wake()
    }
    // A client that throws leaves the outcome unknown: only it can say `fail`.
    client.publishBatch(queue, bodies).then(
      ({ phase }) => end(phase),
      (error) => {
        process.stderr.write(`publish: ${error}\n`)
        end("info")
      },
    )
  }

  #reportIfArmed(): void {
    const armed = this.#armed
    const { count } = this.#inFlight
    if (armed === undefined || this.#confirmed < armed.confirmed) return
    if (count < armed.inFlightMin) return
    this.#armed = undefined
    this.frame.tell({ type: "armed", inFlight: count })
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}

runClient(async (frame, onMessage) => {
  const publisher = new Publisher(frame)
  onMessage((message) => publisher.hear(message))
  frame.tell({ type: "ready" })
  await publisher.run()
})
