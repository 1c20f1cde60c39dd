/** Owns: the view of a frame that this fabric has stored, and so has checked before. */
import { InvariantViolation, isSkeinError } from "@skein/model"
import { type FrameView, viewFrame } from "@skein/wire"

/** Its CRC was checked when it was read: a bad form now is a defect of ours. */
export const storedFrame = (bytes: Uint8Array): FrameView => {
  const view = viewFrame(bytes)
  if (isSkeinError(view))
    throw new InvariantViolation(`a stored frame is malformed: ${view.detail}`)
  return view
}
