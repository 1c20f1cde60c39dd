/**
 * Owns: the Admin port over the catalog and the actors of this node. Declare writes the catalog;
 * the shard creates the queue on first use. Delete writes the catalog first, then takes the queue
 * out of its shard. Both steps can be repeated safely.
 * Must not know: sockets.
 */
import {
  asSkeinError,
  decodeQueuePolicy,
  limits,
  type QueuePolicy,
  type QueuePolicyInput,
  type QueueRef,
  queueNameProblem,
  shardName,
  skeinError,
} from "@skein/model"
import type { ShardLoad } from "@skein/placement"
import { counts, type Run } from "@skein/queue"
import {
  type Admin,
  type BackupPage,
  type BackupRequest,
  type ClientList,
  type ClusterStatus,
  type DecisionPage,
  type DecisionsRequest,
  type ListRequest,
  type ManagerPort,
  type MovePlan,
  type NodeStatus,
  type PeekedMessage,
  type PeekRequest,
  type QueueInfo,
  type QueuePage,
  type QueueStatus,
  readMessages,
  type ShardBackup,
  type ShardLoads,
} from "@skein/wire"
import { Either, ParseResult } from "effect"
import type { CatalogDoor } from "./CatalogDoor.js"
import type { QueueActor } from "./QueueActor.js"
import type { Queues } from "./Queues.js"
import { storedFrame } from "./storedFrame.js"

const peekDefault = 10

export class NodeAdmin implements Admin {
  constructor(
    private readonly catalog: () => CatalogDoor,
    private readonly queues: Queues,
    private readonly erase: (queue: QueueRef, why: string) => Promise<void>,
    private readonly nodeStatus: () => NodeStatus,
    private readonly clusterStatus: () => ClusterStatus,
    private readonly manager: ManagerPort,
    private readonly clientList: () => ClientList,
    private readonly loads: () => readonly ShardLoad[],
  ) {}

  async declare(name: string, policy: QueuePolicyInput = {}): Promise<QueueInfo> {
    return this.catalog().declare(checkedName(name), checkedPolicy(policy))
  }

  async delete(name: string): Promise<boolean> {
    const queue = await this.catalog().delete(checkedName(name))
    if (queue === undefined) return false
    await this.erase(queue, `queue ${name} was deleted`)
    return true
  }

  async lookup(name: string): Promise<QueueInfo> {
    const info = await this.catalog().byName(checkedName(name))
    if (info === undefined) throw skeinError("QueueNotFound", `there is no queue ${name}`)
    return info
  }

  async list(request: ListRequest = {}): Promise<QueuePage> {
    const rowsMax = atMost("rowsMax", request.rowsMax, limits.listPageRowsMax)
    return this.catalog().list({ ...request, rowsMax })
  }

  async show(name: string): Promise<QueueStatus> {
    const info = await this.lookup(name)
    const actor = await this.queues.get(info)
    // Behind everything asked before, and with the token seen: the counts are then a true answer.
    const asked = actor.ask({ _tag: "Peek", from: 1, messagesMax: 1, bytesMax: 1 })
    const problem = await asked.then(() => undefined, asSkeinError)
    const { quarantined } = actor
    if (quarantined !== undefined) {
      return {
        ...info,
        counts: counts(actor.state),
        state: "quarantined",
        detail: quarantined.detail,
      }
    }
    if (problem !== undefined) throw problem
    return { ...info, counts: counts(actor.state), state: "serving" }
  }

  async purge(name: string): Promise<number> {
    const actor = await this.actor(name)
    return actor.purge()
  }

  async peek(request: PeekRequest): Promise<readonly PeekedMessage[]> {
    const actor = await this.actor(request.name)
    const reply = await actor.ask({
      _tag: "Peek",
      from: Math.max(1, Math.floor(request.from ?? 1) || 1),
      messagesMax: atMost(
        "messagesMax",
        request.messagesMax ?? peekDefault,
        limits.peekMessagesMax,
      ),
      bytesMax: limits.fetchBytesMax,
    })
    return reply._tag === "Peeked" ? this.peeked(actor, reply.runs) : []
  }

  async status(): Promise<NodeStatus> {
    return this.nodeStatus()
  }

  async cluster(): Promise<ClusterStatus> {
    return this.clusterStatus()
  }

  async beginBackup(shard: number): Promise<ShardBackup> {
    const { id: cut, ...head } = (await this.queues.host(shard).beginCut()).head
    return { cut, shard, ...head }
  }

  async readBackup({ shard, cut, page }: BackupRequest): Promise<BackupPage> {
    const found = this.queues.host(shard).cutNamed(cut)
    if (found !== undefined) return found.page(page)
    const detail = `shard ${shardName(shard)} holds nothing for the backup ${cut.slice(0, 32)}`
    throw skeinError("BackupEnded", detail, { shard })
  }

  drainNode(node: string): Promise<void> {
    return this.manager.drainNode(node)
  }

  reviveNode(node: string): Promise<void> {
    return this.manager.reviveNode(node)
  }

  planMoves(): Promise<MovePlan> {
    return this.manager.planMoves()
  }

  rebalance(): Promise<MovePlan> {
    return this.manager.rebalance()
  }

  whyShard(shard: number): Promise<readonly string[]> {
    return this.manager.whyShard(shard)
  }

  moveShard(shard: number, node: string): Promise<void> {
    return this.manager.moveShard(shard, node)
  }

  decisions(request?: DecisionsRequest): Promise<DecisionPage> {
    return this.manager.decisions(request)
  }

  async shardLoads(): Promise<ShardLoads> {
    const { node } = this.nodeStatus()
    return { loads: this.loads().map((load) => ({ node, ...load })), silent: [] }
  }

  async restartNode(node: string): Promise<void> {
    this.checkNode(node)
    throw skeinError("RestartRefused", `nobody watches over ${node}: it is not restarted`, { node })
  }

  async clients(node?: string): Promise<ClientList> {
    if (node !== undefined) this.checkNode(node)
    return this.clientList()
  }

  private checkNode(node: string): void {
    const own = this.nodeStatus().node
    if (node === own) return
    const shown = node.slice(0, limits.nodeNameBytesMax)
    throw skeinError("NodeUnknown", `there is no node ${shown} here: this is ${own}`, {
      node: shown,
    })
  }

  private async actor(name: string): Promise<QueueActor> {
    return this.queues.get(await this.lookup(name))
  }

  private async peeked(actor: QueueActor, runs: readonly Run[]): Promise<PeekedMessage[]> {
    const rows: PeekedMessage[] = []
    for (const run of await actor.read(runs)) {
      let sequence = run.first - 1
      for (const message of readMessages(storedFrame(run.frame))) {
        do sequence += 1
        while (run.selection !== undefined && !isSet(run.selection, sequence - run.first))
        const { body, key, headers } = message
        const { redelivered, failed, returned } = run
        // Copies: a caller in this process must not reach what is stored.
        const columns = {
          ...(key && { key: new Uint8Array(key) }),
          ...(headers && { headers: new Uint8Array(headers) }),
        }
        rows.push({
          sequence,
          body: new Uint8Array(body),
          ...columns,
          redelivered,
          failed,
          returned,
        })
      }
    }
    return rows
  }
}

const isSet = (bits: Uint8Array, index: number): boolean =>
  (bits[index >> 3] & (1 << (index & 7))) !== 0

/** What was asked for, cut to what one answer holds. */
const atMost = (name: string, value: number | undefined, max: number): number => {
  if (value === undefined) return max
  if (value >= 1) return Math.min(Math.floor(value), max)
  throw skeinError("LimitExceeded", `${name} is between 1 and ${max}`, { min: 1, max })
}

const checkedName = (name: string): string => {
  const problem = queueNameProblem(name)
  if (problem !== undefined) throw skeinError("QueueNameInvalid", problem)
  return name
}

const checkedPolicy = (policy: QueuePolicyInput): QueuePolicy => {
  const decoded = decodeQueuePolicy(policy)
  if (Either.isRight(decoded)) return decoded.right
  const issue = ParseResult.ArrayFormatter.formatErrorSync(decoded.left)[0]
  throw skeinError("PolicyInvalid", `${issue.path.join(".")}: ${issue.message}`)
}
