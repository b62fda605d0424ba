// What every program here has: it says one JSON object a line, and what it must be told comes the same way.
import * as readline from 'node:readline'

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]()

// say tells the test something.
export const say = (what) => console.log(JSON.stringify(what))

// hear waits for what the test answers.
export async function hear() {
  const { value, done } = await lines.next()
  if (done) process.exit(1)
  return JSON.parse(value)
}
