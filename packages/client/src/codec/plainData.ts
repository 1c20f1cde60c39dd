/**
 * Owns: refusing, with the place, what would be stored as something else than it is: msgpack has
 * no form for functions and `undefined`, so that a consumer would read null.
 */

/** Throws on a function, `undefined` or an object inside itself, naming where it is. */
export const checkPlain = (value: unknown): void => check(value, [], [])

const check = (value: unknown, path: (number | string)[], above: object[]): void => {
  if (value === undefined || typeof value === "function") {
    const what = value === undefined ? "undefined" : "a function"
    throw new Error(`${placeOf(path)}${what} is not plain data`)
  }
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return
  if (above.includes(value)) throw new Error(`${placeOf(path)}the value contains itself`)
  // Deeper is refused when it is packed, whatever it is.
  if (above.length > depthMax) return
  above.push(value)
  const isArray = Array.isArray(value)
  for (const [key, each] of isArray ? value.entries() : Object.entries(value)) {
    path.push(key)
    check(each, path, above)
    path.pop()
  }
  above.pop()
}

const depthMax = 128

const placeOf = (path: readonly (number | string)[]): string =>
  path.length === 0 ? "" : `at ${path.join(".")}: `
