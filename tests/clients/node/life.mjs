// What goes wrong, ends early, or happens at once.

import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { Worker } from "node:worker_threads"

import { connect, ExecError, GraphQLRequestError } from "@dagger.io/dagger"

import { busybox, equal, mark, now, raises, scenario, sleep } from "./harness.mjs"

/** Never ends, and has a pipe in a cache volume open as long as any process of it is there. */
const HOLD = "mkfifo /held/pipe 2> /dev/null; exec 9> /held/pipe; touch /held/runs; while true; do sleep 1; done"
/** Waits until that has begun, and then until the last process of it has ended. */
const WATCH = "mkfifo /held/pipe 2> /dev/null; cat < /held/pipe; echo ended"
/** Says whether both run. */
const LOOK = "[ ! -e /held/runs ] || echo runs"
/** How many steps have to run at the same moment. */
const MANY = 50
/** Ends when so many others of its kind, each with its own number, have begun. */
const MEET = `touch /met/$0; turn=0
until [ "$(ls /met | wc -l)" = ${MANY} ]; do
  [ $turn -lt 300 ] || { echo "only $(ls /met | wc -l) have met" >&2; exit 1; }
  turn=$((turn + 1)); sleep 0.2
done
echo $0 $1`
const MAIN = new URL("main.mjs", import.meta.url)

/** A step with the cache volume of that name. */
const step = (client, name, script) =>
  busybox(client)
    .withEnvVariable("NOW", now())
    .withMountedCache("/held", client.cacheVolume(name))
    .withExec(["sh", "-c", script])

/** Runs a step that never ends; what other clients do. */
export async function hang(name) {
  await connect(async (client) => void (await step(client, name, HOLD).stdout()), { LogOutput: process.stderr })
}

/** Waits until the step that holds runs; `ends` says `ended` when no process of it is left. */
async function watched(client, name) {
  let done = false
  const ends = step(client, name, WATCH)
    .stdout()
    .finally(() => (done = true))
  // Told where it is awaited, if that comes to pass.
  ends.catch(() => {})
  while ((await step(client, name, LOOK).stdout()) !== "runs\n") {
    assert(!done, "the step has ended by itself")
    await sleep(100)
  }
  return { ends }
}

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
  let watch
  try {
    watch = await watched(client, name)
  } finally {
    await worker.terminate()
  }
  equal(await watch.ends, "ended\n")
})

scenario("gone", async (client) => {
  const name = mark("gone")
  const other = spawn(process.execPath, [MAIN.pathname, "hang", name], { stdio: ["ignore", 2, 2] })
  const gone = new Promise((resolve) => other.once("exit", resolve))
  let watch
  try {
    watch = await watched(client, name)
    assert(other.exitCode === null, "the client has ended")
  } finally {
    other.kill("SIGKILL")
    await gone
  }
  equal(await watch.ends, "ended\n")
})

scenario("concurrency", async (client) => {
  const word = mark("concurrency")
  const numbers = Array.from({ length: MANY }, (_, number) => number)
  const meeting = busybox(client).withMountedCache("/met", client.cacheVolume(word))
  const found = await Promise.all(
    numbers.map((number) => meeting.withExec(["sh", "-c", MEET, `${number}`, word]).stdout()),
  )
  equal(
    found,
    numbers.map((number) => `${number} ${word}\n`),
  )
})
