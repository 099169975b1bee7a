"""What a user of the Python package waits for: whole processes."""

from __future__ import annotations

import subprocess

from kukri_bench.context import BUSYBOX, Context
from kukri_bench.figures import Figure, Samples, ms, timed

SCRIPT = f"""
import asyncio
import dagger
from dagger import dag

async def main():
    async with dagger.connection():
        print(await dag.container().from_("{BUSYBOX}").with_exec(["echo", "hello"]).stdout())

asyncio.run(main())
"""


def _run(context: Context, code: str, environment: dict[str, str]) -> float:
    command = [context.python, "-c", code]
    return timed(
        lambda: subprocess.run(command, env=environment, check=True, capture_output=True, cwd=context.scratch)
    )


#: Modules are loaded when they are used first, so that what a pipeline names counts as well.
IMPORTS = {
    "import dagger": "import dagger",
    "import asyncio, dagger; naming dag, connection": "import asyncio, dagger; dagger.dag, dagger.connection",
}


def import_row(context: Context) -> list[Figure]:
    """Only the import, over what starting Python costs."""
    context.require_sdk()
    figures = []
    for what, code in IMPORTS.items():
        _run(context, code, context.script_environment)
        bare, whole = [], []
        for _ in range(context.rounds(21)):
            # In turn, so that a busy moment of the machine meets both.
            bare.append(_run(context, "pass", context.script_environment))
            whole.append(_run(context, code, context.script_environment))
        floor = ms("python -c pass, whole process", bare)
        over = Samples("over bare Python", tuple(value * 1000 - floor.median for value in whole))
        figures.append(Figure(f"{what}: over bare Python", "ms", over, target=60, floor=floor))
    return figures


def script_row(context: Context) -> list[Figure]:
    """A script that asks for the output of a step that is known already."""
    context.require_sdk()
    with context.engine() as engine:
        _run(context, SCRIPT, engine.environment)
        whole = [_run(context, SCRIPT, engine.environment) for _ in range(context.rounds(15))]
    floor = ms("python -c pass", [_run(context, "pass", context.script_environment) for _ in whole])
    return [
        Figure(
            "Python script, cached step, engine running", "ms", ms("whole process", whole), 150, floor=floor
        )
    ]


def cold_script_row(context: Context) -> list[Figure]:
    """The same where nothing was ever run: starts an engine, pulls an image, runs a container."""
    context.require_sdk()
    whole = []
    for _ in range(context.rounds(7)):
        with context.engine() as engine:
            whole.append(_run(context, SCRIPT, engine.environment))
    floor = ms("python -c pass", [_run(context, "pass", context.script_environment) for _ in whole])
    what = "the same, no engine, empty store, 1 MB image pulled"
    return [Figure(what, "ms", ms("whole process", whole), 250, floor=floor)]
