/**
 * Owns: names in order, in pages of at most 1,024, so that adding one to a million moves little.
 */

const pageMax = 1024

export class SortedNames {
  private readonly pages: string[][] = []
  size = 0

  /** The name must not be there. */
  add(name: string): void {
    const place = this.pageFor(name)
    const page = this.pages[place]
    this.size++
    if (page === undefined) {
      this.pages.push([name])
      return
    }
    page.splice(seek(page, name), 0, name)
    if (page.length > pageMax) this.pages.splice(place + 1, 0, page.splice(pageMax / 2))
  }

  /** The name must be there. */
  remove(name: string): void {
    const place = this.pageFor(name)
    const page = this.pages[place]
    page.splice(seek(page, name), 1)
    this.size--
    if (page.length === 0) this.pages.splice(place, 1)
  }

  /** Names from `start` on, ascending, until `visit` answers `false`. */
  from(start: string, visit: (name: string) => boolean): void {
    const first = this.pageFor(start)
    for (let place = first; place < this.pages.length; place++) {
      const page = this.pages[place]
      for (let at = place === first ? seek(page, start) : 0; at < page.length; at++) {
        if (!visit(page[at])) return
      }
    }
  }

  /** The last page that begins at or before the name; the first one when there is none. */
  private pageFor(name: string): number {
    let low = 0
    let high = this.pages.length - 1
    while (low <= high) {
      const middle = (low + high) >>> 1
      if (this.pages[middle][0] <= name) low = middle + 1
      else high = middle - 1
    }
    return Math.max(high, 0)
  }
}

/** Place of the first name that is not before `name`. */
const seek = (page: readonly string[], name: string): number => {
  let low = 0
  let high = page.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (page[middle] < name) low = middle + 1
    else high = middle
  }
  return low
}
