// What the scenarios share: registering them, comparing, and saying what became of each.

import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { appendFileSync } from "node:fs"

/** Milliseconds that one scenario may take. */
const LIMIT = 120_000

const scenarios = new Map()

/** Makes a function the scenario of a name; it is called with the client. */
export function scenario(name, run) {
  assert(!scenarios.has(name), name)
  scenarios.set(name, run)
}

/** A text that no other run has, for steps which must not be hits. */
export const mark = (name) => `${process.env.CLIENTS_MARK}-${name}`

/** A text that never comes again. */
export const now = () => `${process.hrtime.bigint()}`

/** A container to run commands in. */
export const busybox = (client) => client.container().from("busybox")

/** Fails unless both are the same; long ones are cut in the message. */
export function equal(found, wanted) {
  try {
    assert.deepStrictEqual(found, wanted)
  } catch {
    throw new Error(`found ${cut(found)}, wanted ${cut(wanted)}`)
  }
}

function cut(value) {
  const text = JSON.stringify(value) ?? "undefined"
  return text.length < 400 ? text : `${text.slice(0, 400)}… (${text.length} characters)`
}

/** Fails unless something is rejected with such an error with such a text in it; gives the error. */
export async function raises(kind, text, promise) {
  let error
  try {
    await promise
  } catch (caught) {
    error = caught
  }
  assert(error instanceof kind, `no ${kind.name} was thrown, but: ${error}`)
  assert(error.message.includes(text), `the error has no ${JSON.stringify(text)} in it: ${error.message}`)
  return error
}

/** The digest as `sha256sum` prints it. */
export const sha256 = (content) => createHash("sha256").update(content).digest("hex")

export const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Runs the scenarios which are asked for and writes a line for each into the file of results. */
export async function runAll(client) {
  for (const name of process.env.CLIENTS_SCENARIOS.split(" ")) {
    const started = performance.now()
    let error = ""
    let timer
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error("it takes too long")), LIMIT)
    })
    try {
      assert(scenarios.has(name), `this client has no scenario ${name}`)
      await Promise.race([scenarios.get(name)(client), late])
    } catch (caught) {
      console.error(caught)
      error = `${caught}`
    }
    clearTimeout(timer)
    const seconds = (performance.now() - started) / 1000
    appendFileSync(process.env.CLIENTS_RESULTS, JSON.stringify({ scenario: name, error, seconds }) + "\n")
  }
}
