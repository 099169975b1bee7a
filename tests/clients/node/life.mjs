// What goes wrong, ends early, or happens at once.

import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { Worker } from "node:worker_threads"

import { connect, ExecError, GraphQLRequestError } from "@dagger.io/dagger"

import { busybox, equal, mark, now, raises, scenario, sleep } from "./harness.mjs"

/** Writes a number that grows, for as long as it is let. */
const BEAT = "i=0; while true; do i=$((i+1)); echo $i > /beat/now; sleep 0.1; done"
const MAIN = new URL("main.mjs", import.meta.url)

/** Runs a step that never ends, and shows in a cache volume that it runs; what other clients do. */
export async function hang(name) {
  await connect(
    async (client) => {
      await busybox(client)
        .withMountedCache("/beat", client.cacheVolume(name))
        .withExec(["sh", "-c", BEAT])
        .stdout()
    },
    { LogOutput: process.stderr },
  )
}

/** What the step has written last. */
const beat = (client, name) =>
  busybox(client)
    .withMountedCache("/beat", client.cacheVolume(name))
    .withEnvVariable("NOW", now())
    .withExec(["sh", "-c", "cat /beat/now || true"])
    .stdout()

async function until(what, why) {
  for (let tries = 0; tries < 100; tries++) {
    if (await what()) return
    await sleep(100)
  }
  throw new Error(why)
}

const begins = (client, name) =>
  until(async () => (await beat(client, name)).trim() !== "", "the step does not begin")

const ends = (client, name) =>
  until(async () => {
    const before = await beat(client, name)
    await sleep(500)
    return (await beat(client, name)) === before
  }, "the step still runs")

scenario("exec-errors", async (client) => {
  const command = ["sh", "-c", "echo to-out; echo to-err >&2; exit 3"]
  const error = await raises(ExecError, "exit code: 3", busybox(client).withExec(command).stdout())
  equal([error.cmd, error.exitCode, error.stdout, error.stderr], [command, 3, "to-out", "to-err"])
  const wanted = { _type: "EXEC_ERROR", cmd: command, exitCode: 3, stdout: "to-out", stderr: "to-err" }
  equal(Object.fromEntries(Object.keys(wanted).map((key) => [key, error.extensions[key]])), wanted)
})

scenario("other-errors", async (client) => {
  const tree = client.directory().withNewFile("f", "")
  const missing = tree.file("nothing").contents()
  const error = await raises(GraphQLRequestError, "nothing: no such file or directory", missing)
  const [first] = error.cause.response.errors
  equal(first.path[0], "directory")
  equal(first.extensions, undefined)
  await raises(GraphQLRequestError, "no command has been set", client.container().stdout())
  await raises(GraphQLRequestError, "is a file, not a directory", tree.directory("f").entries())
  equal(await client.directory().withNewFile("after", "").entries(), ["after"])
})

// The client has no way to give up one request; a worker that is ended gives up all that it has asked for.
scenario("cancel", async (client) => {
  const name = mark("cancel")
  const worker = new Worker(MAIN, { argv: ["hang", name] })
  try {
    await begins(client, name)
  } finally {
    await worker.terminate()
  }
  await ends(client, name)
})

scenario("gone", async (client) => {
  const name = mark("gone")
  const other = spawn(process.execPath, [MAIN.pathname, "hang", name], { stdio: ["ignore", 2, 2] })
  const gone = new Promise((resolve) => other.once("exit", resolve))
  try {
    await begins(client, name)
    assert(other.exitCode === null, "the client has ended")
  } finally {
    other.kill("SIGKILL")
    await gone
  }
  await ends(client, name)
})

scenario("concurrency", async (client) => {
  const word = mark("concurrency")
  const numbers = Array.from({ length: 50 }, (_, number) => number)
  const found = await Promise.all(
    numbers.map((number) =>
      busybox(client)
        .withExec(["sh", "-c", `sleep 0.1; echo ${number} ${word}`])
        .stdout(),
    ),
  )
  equal(
    found,
    numbers.map((number) => `${number} ${word}\n`),
  )
})
