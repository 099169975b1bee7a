// The scenarios with the official client for Node.

import { connect } from "@dagger.io/dagger"

import "./basic.mjs"
import "./data.mjs"
import { hang } from "./life.mjs"
import { runAll } from "./harness.mjs"

const [what, name] = process.argv.slice(2)
if (what === "hang") await hang(name)
else await connect(runAll, { LogOutput: process.stderr })
