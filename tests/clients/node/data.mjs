// What goes in and out: texts, bytes, files, images, secrets, cache volumes.

import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs"
import { resolve } from "node:path"

import { ExecError, GraphQLRequestError } from "@dagger.io/dagger"

import { busybox, equal, mark, now, raises, scenario, sha256 } from "./harness.mjs"

const MEBI = 1 << 20

scenario("large", async (client) => {
  const line = "0123456789abcdef".repeat(4) + "\n"
  const lines = Math.floor((6 * MEBI) / line.length)
  const script = `yes ${line.trim()} | head -n ${lines}; echo ${mark("large")} >&2`
  equal(await busybox(client).withExec(["sh", "-c", script]).stdout(), line.repeat(lines))
  const text = line.repeat(Math.floor((3 * MEBI) / line.length))
  const file = client.directory().withNewFile("large.txt", text).file("large.txt")
  equal(await file.size(), text.length)
  equal(await file.contents(), text)
  const summed = busybox(client).withMountedFile("/large.txt", file).withExec(["sha256sum", "/large.txt"])
  equal((await summed.stdout()).split(" ")[0], sha256(text))
})

scenario("unicode", async (client) => {
  const text = 'Grüße, 世界 🚀 e\u0301 "quoted" \\back\\ $HOME `x` \u2028 \x7f'
  const path = "ünï/世界 🚀.txt"
  const contents = `${text}\r\n\ttab \x01\x1b end`
  const tree = client.directory().withNewFile(path, contents)
  equal(await tree.entries(), ["ünï/"])
  equal(await tree.glob("**/*.txt"), [path])
  equal(await tree.file(path).contents(), contents)
  const container = busybox(client).withEnvVariable("TEXT", text).withLabel("text", text)
  equal(await container.envVariable("TEXT"), text)
  equal(await container.label("text"), text)
  const script = 'printf "%s|%s" "$TEXT" "$1"'
  equal(await container.withExec(["sh", "-c", script, "sh", text]).stdout(), `${text}|${text}`)
  const shown = container.withMountedDirectory("/mnt", tree).withExec(["cat", `/mnt/${path}`])
  equal(await shown.stdout(), contents)
  await raises(GraphQLRequestError, "世界", tree.file("世界").contents())
})

scenario("binary", async (client) => {
  const content = readFileSync("bytes.bin")
  const twice = sha256(Buffer.concat([content, content]))
  const file = client.host().file("bytes.bin")
  equal(await file.size(), content.length)
  const copied = busybox(client)
    .withFile("/in", file)
    .withExec(["sh", "-c", "cat /in /in > /out; sha256sum /out"])
  equal((await copied.stdout()).split(" ")[0], twice)
  await copied.file("/out").export("binary.out")
  equal(sha256(readFileSync("binary.out")), twice)
})

scenario("export", async (client) => {
  const script = "mkdir -p /o/sub; echo a > /o/a; echo x > /o/sub/x; chmod 750 /o/sub/x; ln -s sub/x /o/link"
  const made = busybox(client).withExec(["sh", "-c", script])
  equal(await made.directory("/o").export("exported"), resolve("exported"))
  equal(readdirSync("exported").sort(), ["a", "link", "sub"])
  equal([readlinkSync("exported/link"), statSync("exported/sub/x").mode & 0o777], ["sub/x", 0o750])
  equal(await made.file("/o/a").export("file.txt"), resolve("file.txt"))
  equal(readFileSync("file.txt", "utf8"), "a\n")
  equal(await client.host().directory("exported").glob("**"), ["a", "link", "sub/", "sub/x"])

  const image = made.withEntrypoint(["cat"]).withEnvVariable("KEPT", "yes")
  equal(await image.export("image.tar"), resolve("image.tar"))
  const listed = execFileSync("tar", ["-tf", "image.tar"], { encoding: "utf8" }).split("\n")
  assert(listed.includes("index.json") && listed.includes("oci-layout"), "this is no OCI archive")
  for (const archive of [client.host().file("image.tar"), image.asTarball()]) {
    const again = client.container().import_(archive)
    equal([await again.entrypoint(), await again.envVariable("KEPT")], [["cat"], "yes"])
    equal(await again.withExec(["/o/sub/x"], { useEntrypoint: true }).stdout(), "x\n")
  }
})

scenario("secrets", async (client) => {
  const value = process.env.CLIENTS_SECRET
  writeFileSync("secret.txt", value)
  const three = [
    client.setSecret(mark("set"), value),
    client.secret("env://CLIENTS_SECRET"),
    client.secret("file://secret.txt"),
  ]
  for (const secret of three) {
    const container = busybox(client)
      .withEnvVariable("NOW", now())
      .withSecretVariable("TOKEN", secret)
      .withMountedSecret("/run/token", secret)
    const script =
      'echo "${#TOKEN} $TOKEN"; cat /run/token; echo "err $TOKEN" >&2; test "$TOKEN" = "$(cat /run/token)"'
    const done = container.withExec(["sh", "-c", script])
    equal(await done.stdout(), `${value.length} ***\n***`)
    equal(await done.stderr(), "err ***\n")
    const failing = container.withExec(["sh", "-c", "echo $TOKEN; cat /run/token >&2; exit 1"])
    const error = await raises(ExecError, "exit code: 1", failing.sync())
    equal([error.stdout, error.stderr], ["***", "***"])
    assert(!JSON.stringify(error.extensions).includes(value), "the secret is in the error")
    equal(await secret.plaintext(), value)
    // Nothing is left where it was mounted.
    equal(await done.rootfs().exists("run/token"), false)
  }
  equal(await three[0].name(), mark("set"))
  const unset = client.secret("env://CLIENTS_NOT_SET")
  const step = busybox(client).withSecretVariable("T", unset).withExec(["true"])
  await raises(GraphQLRequestError, "secret env var not found", step.sync())
})

scenario("cache", async (client) => {
  const step = (key, script) =>
    busybox(client)
      .withEnvVariable("NOW", now())
      .withMountedCache("/cache", client.cacheVolume(mark(key)))
      .withExec(["sh", "-c", script])
  await step("one", "echo first >> /cache/log").sync()
  await step("one", "echo second >> /cache/log").sync()
  equal(await step("one", "cat /cache/log").stdout(), "first\nsecond\n")
  equal(await step("two", "ls /cache").stdout(), "")
  // What is in a volume belongs to no container.
  const file = step("one", "true").file("/cache/log")
  await raises(GraphQLRequestError, "cannot retrieve path from cache", file.contents())
})

scenario("host", async (client) => {
  const tree = (options) => client.host().directory("tree", options).glob("**")
  equal(await tree(), ["a.txt", "b.log", "sub/", "sub/c.txt", "sub/d.log", "sub/deep/", "sub/deep/e.txt"])
  equal(await tree({ include: ["**/*.txt"] }), ["a.txt", "sub/", "sub/c.txt", "sub/deep/", "sub/deep/e.txt"])
  equal(await tree({ exclude: ["**/*.log", "sub/deep"] }), ["a.txt", "sub/", "sub/c.txt"])
  const both = await tree({ include: ["sub"], exclude: ["**/*.log"] })
  equal(both, ["sub/", "sub/c.txt", "sub/deep/", "sub/deep/e.txt"])
  equal(await client.host().file("tree/sub/c.txt").contents(), "c\n")
  equal(await client.host().directory(resolve("tree")).entries(), ["a.txt", "b.log", "sub/"])
  const missing = client.host().directory("no-such-directory").entries()
  await raises(GraphQLRequestError, "no-such-directory", missing)
})

scenario("registry", async (client) => {
  const digest = process.env.CLIENTS_DIGEST
  const name = `docker.io/library/alpine:3.20@${digest}`
  equal(await client.container().from("alpine:3.20").imageRef(), name)
  const pinned = client.container().from(`alpine@${digest}`)
  equal(await pinned.withExec(["echo", "pinned"]).stdout(), "pinned\n")
  equal(await pinned.defaultArgs(), ["sh"])
  equal(await client.container().from("alpine").defaultArgs(), ["latest"])
  await raises(GraphQLRequestError, "library/not-there", client.container().from("not-there:1").sync())
})
