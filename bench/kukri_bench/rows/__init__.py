"""The rows, in the order in which they run."""

from collections.abc import Callable

from kukri_bench.context import Context
from kukri_bench.figures import Figure

from . import execs, host, ids, image, pure, sdk, space, start, store, trees

ROWS: dict[str, Callable[[Context], list[Figure]]] = {
    "import": sdk.import_row,
    "script": sdk.script_row,
    "cold-script": sdk.cold_script_row,
    "query": start.query_row,
    "start": start.start_row,
    "exec": execs.exec_row,
    "passed-in": execs.passed_in_row,
    "parallel": execs.parallel_row,
    "chain": execs.chain_row,
    "cached": execs.cached_row,
    "ids": ids.id_row,
    "files": trees.files_row,
    "operations": pure.operations_row,
    "merge": pure.merge_row,
    "changes": pure.changes_row,
    "search": pure.search_row,
    "host": host.host_row,
    "copy": store.copy_row,
    "image": image.image_row,
    "edit": image.edit_row,
    "memory": space.memory_row,
    "disk": space.disk_row,
}
