/**
 * Wakes the main thread at a steady pace with a precision that timers do not have (they round to
 * whole milliseconds). A worker thread sleeps on a futex and posts a message; while the main
 * thread has not answered a tick, no second one is posted. Costs about 2 % of a core at 2 kHz.
 */
import { fileURLToPath } from "node:url"
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads"

interface MetronomeData {
  readonly metronomePeriodMs: number
  readonly control: SharedArrayBuffer
}

const pendingSlot = 0
const stopSlot = 1

export class Metronome {
  private readonly slots = new Int32Array(new SharedArrayBuffer(8))
  private readonly worker: Worker

  constructor(periodMs: number, onTick: () => void) {
    const data: MetronomeData = {
      metronomePeriodMs: periodMs,
      control: this.slots.buffer as SharedArrayBuffer,
    }
    this.worker = new Worker(fileURLToPath(import.meta.url), { workerData: data })
    this.worker.on("message", () => {
      Atomics.store(this.slots, pendingSlot, 0)
      onTick()
    })
  }

  async stop(): Promise<void> {
    Atomics.store(this.slots, stopSlot, 1)
    Atomics.notify(this.slots, stopSlot)
    await this.worker.terminate()
  }
}

const tick = (data: MetronomeData): void => {
  const slots = new Int32Array(data.control)
  let nextMs = performance.now()
  while (Atomics.load(slots, stopSlot) === 0) {
    nextMs = Math.max(nextMs + data.metronomePeriodMs, performance.now())
    Atomics.wait(slots, stopSlot, 0, nextMs - performance.now())
    if (Atomics.exchange(slots, pendingSlot, 1) === 0) parentPort?.postMessage(0)
  }
}

if (!isMainThread && (workerData as MetronomeData | null)?.metronomePeriodMs !== undefined) {
  tick(workerData as MetronomeData)
}
