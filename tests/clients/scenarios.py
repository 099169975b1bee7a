"""The scenarios that every client goes through: their names, in the order of the table, and what each shows.

Each client's program reports a result for exactly these names; README.md says how.
"""

SCENARIOS: dict[str, str] = {
    "chains": "chains of calls, branches of one base, a hundred steps in one document",
    "objects": "objects as arguments, three deep, and lists of them",
    "lists": "lists of objects and of texts as results",
    "sync": "sync gives an object to go on with, runs a step once, and passes errors on",
    "enums": "enums as arguments and as results",
    "exec-errors": "a failing command: _type, cmd, exitCode, stdout, stderr",
    "other-errors": "errors without those keys, with message and path; the session goes on",
    "cancel": "a request is given up: the command in the engine ends",
    "gone": "the client's process is killed: the command in the engine ends",
    "concurrency": "fifty steps that run at the same moment: each waits for all others",
    "large": "texts of some megabytes, both ways",
    "unicode": "names, arguments, variables and contents beyond ASCII, quotes, control characters",
    "binary": "every byte value, from the host into a container and back",
    "export": "a directory, a file and an image archive out and in again",
    "secrets": "secrets of the session, the environment and files, never in any output",
    "cache": "cache volumes keep what execs write, by key",
    "environment": "variables: set, expanded, unset, absent",
    "host": "directories of the host with include and exclude",
    "ids": "IDs load their object, and nothing else",
    "registry": "images by tag and by digest, each its own, and one that is not there",
}
