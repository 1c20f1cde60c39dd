/** All figures, in the order in which they are measured. */
import { cf1 } from "./CF1.js"
import { cf2 } from "./CF2.js"
import { cf3 } from "./CF3.js"
import { cf4 } from "./CF4.js"
import { cf5 } from "./CF5.js"
import { cf6 } from "./CF6.js"
import type { Figure } from "./Figure.js"
import { nf1 } from "./NF1.js"
import { nf2 } from "./NF2.js"
import { nf3 } from "./NF3.js"
import { nf4 } from "./NF4.js"
import { nf5 } from "./NF5.js"
import { nf6 } from "./NF6.js"
import { nf7 } from "./NF7.js"
import { nf8 } from "./NF8.js"
import { nf9 } from "./NF9.js"
import { nf10 } from "./NF10.js"
import { yardstick } from "./Yardstick.js"

export const figures: readonly Figure[] = [
  yardstick,
  nf1,
  nf2,
  nf3,
  nf4,
  nf5,
  nf6,
  nf7,
  nf8,
  nf9,
  nf10,
  cf1,
  cf2,
  cf3,
  cf4,
  cf5,
  cf6,
]
