"""The scenarios in Python without `async`, which only our SDK has.

Most are those of the folder `python` without the words `async` and `await`, since that is all that distinguishes the
two ways to write a program; those which are about cancelling and about many requests at once are written here.
"""

import ast
import sys
from pathlib import Path
from types import ModuleType

import dagger

SOURCES = Path(__file__).resolve().parent.parent / "python"


class WithoutAwait(ast.NodeTransformer):
    """Makes a sync program of an async one. The client is a global name of each module."""

    def visit_Await(self, node: ast.Await) -> ast.expr:
        return self.visit(node.value)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        fields = {name: getattr(node, name) for name in node._fields}
        return ast.copy_location(ast.FunctionDef(**fields), node)

    def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
        self.generic_visit(node)
        assert not node.is_async
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom | None:
        return None if node.module == "dagger" else node


def load(name: str, client: object) -> ModuleType:
    """A module of the async program, as a sync one."""
    path = SOURCES / f"{name}.py"
    tree = ast.fix_missing_locations(WithoutAwait().visit(ast.parse(path.read_text(), str(path))))
    module = sys.modules[name] = ModuleType(name)
    vars(module).update(dag=client, __file__=str(path))
    exec(compile(tree, str(path), "exec"), vars(module))
    return module


def main() -> None:
    with dagger.connect(dagger.Config(log_output=sys.stderr)) as client:
        for name in ("harness", "scenarios_basic", "scenarios_data"):
            load(name, client)
        import life

        if sys.argv[1:2] == ["hang"]:
            life.step(client, sys.argv[2], life.HOLD).sync()
            return
        life.register(client)
        from harness import Results

        results = Results()
        for name in results.asked:
            try:
                results.begin(name)()
            except Exception as failure:  # noqa: BLE001 - each is a result
                results.end(name, failure)
            else:
                results.end(name)


main()
