// What a program builds: chains, objects, lists, enums, variables, IDs.

import {
  CacheSharingMode,
  ExecError,
  ExistsType,
  FileType,
  GraphQLRequestError,
  NetworkProtocol,
  ReturnType,
} from "@dagger.io/dagger"

import { busybox, equal, mark, raises, scenario } from "./harness.mjs"

scenario("chains", async (client) => {
  const base = busybox(client).withEnvVariable("MARK", mark("chains")).withWorkdir("/work")
  const made = base.withNewFile("in.txt", "one\n").withExec(["sh", "-c", "cat in.txt; echo two"])
  equal(await made.stdout(), "one\ntwo\n")
  equal(await made.workdir(), "/work")
  // Branches know nothing of each other.
  equal(await base.withExec(["ls"]).stdout(), "")
  const names = Array.from({ length: 100 }, (_, number) => `${number}`.padStart(3, "0") + ".txt")
  let long = client.directory()
  for (const [number, name] of names.entries()) long = long.withNewFile(name, `${number}`)
  equal(await long.entries(), names)
  equal(await long.file("099.txt").contents(), "99")
})

scenario("objects", async (client) => {
  const inner = client.directory().withNewFile("deep/a.txt", "a")
  const first = busybox(client)
    .withDirectory("/in", inner)
    .withExec(["sh", "-c", "cat /in/deep/a.txt; echo b > /b.txt"])
  const second = client
    .directory()
    .withFile("b.txt", first.file("/b.txt"))
    .withDirectory("in", first.directory("/in"))
  const third = busybox(client)
    .withMountedDirectory("/mnt", second)
    .withExec(["sh", "-c", "cd /mnt; find . -type f | sort"])
  equal(await third.stdout(), "./b.txt\n./in/deep/a.txt\n")
  const files = [second.file("b.txt"), second.file("in/deep/a.txt")]
  equal(await client.directory().withFiles("many", files).glob("many/*"), ["many/a.txt", "many/b.txt"])
})

scenario("lists", async (client) => {
  const container = client
    .container()
    .withEnvVariable("FIRST", "1")
    .withEnvVariable("SECOND", "2")
    .withExposedPort(80)
    .withExposedPort(53, { protocol: NetworkProtocol.Udp, description: "names" })
    .withLabel("org.example", "yes")
  const pairs = async (list) => Promise.all(list.map(async (one) => [await one.name(), await one.value()]))
  equal(await pairs(await container.envVariables()), [
    ["FIRST", "1"],
    ["SECOND", "2"],
  ])
  const ports = []
  for (const one of await container.exposedPorts()) ports.push([await one.port(), await one.description()])
  equal(
    ports.sort((one, other) => one[0] - other[0]),
    [
      [53, "names"],
      [80, null],
    ],
  )
  equal(await pairs(await container.labels()), [["org.example", "yes"]])
  equal(await client.directory().withNewFile("b", "").withNewFile("a/c", "").entries(), ["a/", "b"])
  equal(await client.directory().entries(), [])
})

scenario("sync", async (client) => {
  const counted = client.cacheVolume(mark("sync"))
  const step = busybox(client)
    .withMountedCache("/count", counted)
    .withExec(["sh", "-c", "echo run >> /count/runs; echo x > /x"])
  const synced = await step.sync()
  await synced.sync()
  equal(await synced.file("/x").contents(), "x\n")
  equal(await synced.withExec(["cat", "/count/runs"]).stdout(), "run\n")
  equal(await (await client.directory().withNewFile("f", "1").sync()).entries(), ["f"])
  await raises(ExecError, "", busybox(client).withExec(["false"]).sync())
})

scenario("enums", async (client) => {
  const anything = busybox(client).withExec(["sh", "-c", "exit 7"], { expect: ReturnType.Any })
  equal(await anything.exitCode(), 7)
  const failing = busybox(client).withExec(["sh", "-c", "exit 5"], { expect: ReturnType.Failure })
  equal(await failing.exitCode(), 5)
  await raises(ExecError, "exit code: 0", busybox(client).withExec(["true"], { expect: ReturnType.Failure }).sync())
  const ports = await client.container().withExposedPort(53, { protocol: NetworkProtocol.Udp }).exposedPorts()
  equal(await Promise.all(ports.map((one) => one.protocol())), [NetworkProtocol.Udp])
  const tree = client.directory().withNewFile("dir/file", "")
  equal(await tree.exists("dir", { expectedType: ExistsType.DirectoryType }), true)
  equal(await tree.exists("dir", { expectedType: ExistsType.RegularType }), false)
  equal(await tree.stat("dir").fileType(), FileType.Directory)
  const volume = client.cacheVolume(mark("enums"))
  await busybox(client).withMountedCache("/c", volume).withExec(["touch", "/c/shared"]).sync()
  // Shared by others, it is another volume.
  const locked = busybox(client).withMountedCache("/c", volume, { sharing: CacheSharingMode.Locked })
  equal(await locked.withExec(["ls", "/c"]).stdout(), "")
})

scenario("environment", async (client) => {
  const container = busybox(client)
    .withEnvVariable("NAME", "world")
    .withEnvVariable("GREETING", "hello ${NAME}$MISSING", { expand: true })
    .withEnvVariable("LITERAL", "${NAME}")
    .withEnvVariable("REMOVED", "x")
    .withoutEnvVariable("REMOVED")
  const script = 'echo "$GREETING/$LITERAL/${REMOVED-unset}"'
  equal(await container.withExec(["sh", "-c", script]).stdout(), "hello world/${NAME}/unset\n")
  equal(await container.envVariable("GREETING"), "hello world")
  equal(await container.envVariable("REMOVED"), null)
  equal(await container.withExec(["echo", "$NAME"], { expand: true }).stdout(), "world\n")
  equal(await container.withExec(["echo", "$NAME"]).stdout(), "$NAME\n")
  const entry = container.withEntrypoint(["echo", "entry"])
  equal(await entry.withExec(["point"], { useEntrypoint: true }).stdout(), "entry point\n")
})

scenario("ids", async (client) => {
  const container = busybox(client).withExec(["sh", "-c", "echo loaded > /x"])
  equal(await client.loadContainerFromID(await container.id()).file("/x").contents(), "loaded\n")
  const directory = await client.directory().withNewFile("f", "").id()
  equal(await client.loadDirectoryFromID(directory).entries(), ["f"])
  await raises(
    GraphQLRequestError,
    "expected Container, got Directory",
    client.loadContainerFromID(directory).stdout(),
  )
  await raises(GraphQLRequestError, "", client.loadContainerFromID("no-id-at-all").stdout())
})
