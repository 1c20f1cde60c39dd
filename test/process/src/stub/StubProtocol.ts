/** The JSON lines between the stub client and the stub broker. */
import type { SettleKind } from "@skein/test-checker"

export type StubTag = [generation: string, sequence: number, epoch: number, attempt: number]

interface Numbered {
  /** Repeated in the reply. */
  readonly number: number
  readonly queue: string
}

export type StubRequest =
  | (Numbered & {
      readonly op: "publish"
      readonly producer: string
      /** From 1 without gaps per producer and queue. */
      readonly frame: number
      /** In base64. */
      readonly bodies: Array<string>
    })
  | (Numbered & { readonly op: "fetch"; readonly credit: number; readonly waitMs: number })
  | (Numbered & { readonly op: "settle"; readonly kind: SettleKind; readonly tags: Array<StubTag> })
  | (Numbered & { readonly op: "depth" })

export interface StubReply {
  readonly deliveries?:
    | Array<{
        readonly body: string
        readonly tag: StubTag
        readonly redelivered: boolean
        readonly failed: number
        readonly returned: number
      }>
    | undefined
  /** Per tag. */
  readonly accepted?: Array<boolean>
  readonly depth?: number
}
