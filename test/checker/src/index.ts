export { bodyHash } from "./bodyHash.js"
export { Checker } from "./Checker.js"
export { checkLogFiles, findLogFiles, logFileName, readLogFile } from "./LogFile.js"
export {
  type DeliverRecord,
  type DepthRecord,
  type FaultRecord,
  formatRecord,
  type LogRecord,
  lineLengthMax,
  messageId,
  type Phase,
  type PublishRecord,
  parseRecord,
  type SettleKind,
  type SettleRecord,
  splitMessageId,
  type Tag,
} from "./LogRecord.js"
export { Prng } from "./Prng.js"
export {
  type Example,
  type FaultSeen,
  type FigureKind,
  type LostInQueue,
  renderVerdict,
  type Verdict,
  type ViolationKind,
  violationKinds,
} from "./Verdict.js"
