export type * from "./Admin.js"
export * from "./AdminRpcs.js"
export type * from "./Broker.js"
export * from "./Decoded.js"
export * from "./Envelope.js"
export * from "./EnvelopeReader.js"
export * from "./FetchCodec.js"
export * from "./Frame.js"
export * from "./FrameWriter.js"
export * from "./Handshake.js"
export * from "./Outbox.js"
export {
  decodePublish,
  decodePublished,
  encodePublish,
  encodePublished,
} from "./PublishCodec.js"
export * from "./ReadMessages.js"
export * from "./RpcPayload.js"
export * from "./ScanValue.js"
export * from "./SessionCodec.js"
export type * from "./Settle.js"
export { decodeSettle, decodeSettled, encodeSettle, encodeSettled } from "./SettleCodec.js"
export * from "./ShardMap.js"
export * from "./SliceFrame.js"
export * from "./Values.js"
export * from "./ViewFrame.js"
