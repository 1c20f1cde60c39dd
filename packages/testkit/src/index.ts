export { TestClock } from "./TestClock.js"
export { type TestFabric, type TestFabricOptions, testFabric } from "./testFabric.js"
