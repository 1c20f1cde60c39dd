/** Entry points are `main.ts` (npm run bench) and `figures.ts` (npm run figures). */
export type { Report, Result } from "./report/Report.js"
export type { Broker, Consumer, Publisher, Session, System } from "./System.js"
