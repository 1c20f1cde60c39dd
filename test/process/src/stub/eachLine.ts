/** Whole lines of a socket; what a cut leaves unfinished at the end is dropped. */
import type { Socket } from "node:net"

export const eachLine = (socket: Socket, take: (line: string) => void): void => {
  let rest = ""
  socket.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n")
    rest = lines.pop() ?? ""
    for (const line of lines) take(line)
  })
}
