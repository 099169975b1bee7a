import { connection, dag } from "@dagger.io/dagger"

await connection(async () => {
  console.log((await dag.container().from("alpine").withExec(["uname", "-s"]).stdout()).trim())
})
