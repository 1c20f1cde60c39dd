/** Owns: which addresses the port may listen on. Loopback only, until TLS exists. */
import { skeinError, type Tagged } from "@skein/model"

/** The address to listen on for `host`, or BindRefused with the reason. Names are not resolved. */
export const loopbackAddress = (host: string): Tagged<"BindRefused"> | string => {
  if (host === "localhost") return "127.0.0.1"
  if (host === "::1") return host
  const parts = host.split(".")
  const isIpv4 = parts.length === 4 && parts.every((part) => isByte(part))
  if (isIpv4 && parts[0] === "127") return host
  return skeinError(
    "BindRefused",
    `${JSON.stringify(host.slice(0, 255))} is not a loopback address: without TLS, messages and ` +
      "tokens would cross the network readable",
    { host: host.slice(0, 255) },
  )
}

const isByte = (text: string): boolean => {
  const value = Number(text)
  return Number.isInteger(value) && value >= 0 && value <= 255 && String(value) === text
}
