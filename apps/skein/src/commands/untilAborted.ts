/** Owns: leaving an iteration at Ctrl-C, even while it waits for something that never comes. */

/** The values of `values` until the signal aborts; then it ends, without waiting for the next. */
export async function* untilAborted<A>(
  values: AsyncIterable<A>,
  signal: AbortSignal,
): AsyncGenerator<A> {
  const iterator = values[Symbol.asyncIterator]()
  let stop = (): void => {}
  const aborted = new Promise<undefined>((resolve) => {
    stop = () => resolve(undefined)
    signal.addEventListener("abort", stop, { once: true })
  })
  try {
    while (!signal.aborted) {
      const step = await Promise.race([iterator.next(), aborted])
      if (step === undefined || step.done === true) return
      yield step.value
    }
  } finally {
    signal.removeEventListener("abort", stop)
    // Not awaited: it would wait for the value that does not come.
    void iterator.return?.()
  }
}
