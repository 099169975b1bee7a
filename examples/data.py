"""Train a model with several parameters at the same time, and keep the best.

    python data.py

The data are the handwritten digits that come with scikit-learn; the training is `digits/train.py`. Model and
numbers of the best run are in `./out`. A parameter that was tried before is not tried again.
"""

import asyncio
import json
import sys
from pathlib import Path

import dagger
from dagger import Directory, dag

STRENGTHS = ["0.001", "0.1", "10"]


def train(strength: str) -> Directory:
    """The directory with the model for one parameter, and its numbers."""
    script = dag.host().file(str(Path(__file__).parent / "digits" / "train.py"))
    return (
        dag.container()
        .from_("python:3-slim")
        .with_mounted_cache("/root/.cache/pip", dag.cache_volume("pip"))
        .with_exec(["pip", "install", "--quiet", "--root-user-action=ignore", "scikit-learn==1.7.2"])
        .with_mounted_file("/train.py", script)
        .with_directory("/out", dag.directory())
        .with_exec(["python", "/train.py", strength])
        .directory("/out")
    )


async def accuracy(trained: Directory) -> float:
    """How good a model is."""
    return float(json.loads(await trained.file("metrics.json").contents())["accuracy"])


async def main() -> None:
    """Trains all, exports the best."""
    async with dagger.connection(dagger.Config(log_output=sys.stderr)):
        runs = [train(strength) for strength in STRENGTHS]
        reached = await asyncio.gather(*map(accuracy, runs))
        for strength, value in zip(STRENGTHS, reached, strict=True):
            print(f"strength {strength:>6}: {value:.1%} right")
        await runs[reached.index(max(reached))].export("out")


if __name__ == "__main__":
    asyncio.run(main())
