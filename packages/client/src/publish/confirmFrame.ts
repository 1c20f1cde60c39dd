/** Owns: what the node's answer to a frame means for each call in it. */
import type { PublishAnswer } from "@skein/wire"
import type { OutFrame } from "./OutFrame.js"
import type { PublishCall, Published } from "./PublishCall.js"

/** Resolves the calls that are complete; `release` is told of each before its promise is. */
export const confirmFrame = (
  frame: OutFrame,
  answer: PublishAnswer,
  release: (call: PublishCall) => void,
): void => {
  let index = 0
  for (let at = 0; at < frame.calls.length; at++) {
    const call = frame.calls[at]
    const count = frame.counts[at]
    if (!call.done) {
      call.confirmed += count
      if (call.many === undefined) {
        release(call)
        call.resolve(place(answer, index))
      } else {
        call.results ??= []
        for (let one = 0; one < count; one++) call.results.push(place(answer, index + one))
        if (call.confirmed === call.count) {
          release(call)
          call.resolve(call.results)
        }
      }
    }
    index += count
  }
}

const place = (answer: PublishAnswer, index: number): Published =>
  answer.duplicates !== undefined && (answer.duplicates[index >> 3] & (1 << (index & 7))) !== 0
    ? repeated
    : { sequence: answer.first + index, duplicate: false }

const repeated: Published = { sequence: undefined, duplicate: true }
