"""A program that takes coroutines for values where any object will do; see the page on Python."""

from dagger import dag


async def main() -> None:
    if dag.directory().exists("x"):  # mypy, pyright
        print("deployed")
    while dag.directory().exists("x"):  # mypy, pyright
        print("still there")
    print(1 if dag.directory().exists("x") else 2)  # mypy, pyright
    print(dag.file("a", "b").contents() == "x")  # mypy, pyright
    print(not dag.directory().exists("x"))  # mypy
    print(dag.directory().exists("x") and 1)  # mypy
    print(f"{dag.directory().entries()}")  # nobody: every object can be a part of a text
    print(str(dag.directory().entries()))  # nobody
