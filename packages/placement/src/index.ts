export type { ClusterView, NodeView, ShardLoad } from "./ClusterView.js"
export { emptyTable, type ShardTable, shardsOf } from "./ShardTable.js"
export { decodeTable, encodeTable } from "./TableCodec.js"
