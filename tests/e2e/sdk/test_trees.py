"""Changesets, patches and searches as programs use them (protocol sections 5.10, 5.11, 5.17)."""

import asyncio
from pathlib import Path

import dagger
import pytest
from dagger import dag


def texts(**files: str) -> dagger.Directory:
    directory = dag.directory()
    for name, text in files.items():
        directory = directory.with_new_file(name, text)
    return directory


async def test_changes_and_their_parts(workdir: Path) -> None:
    async with dagger.connection():
        before = texts(a="1\n", gone="x\n")
        changes = texts(a="2\n", new="n\n").changes(before)
        added, modified, removed, empty = await asyncio.gather(
            changes.added_paths(), changes.modified_paths(), changes.removed_paths(), changes.is_empty()
        )
        assert (added, modified, removed, empty) == (["new"], ["a"], ["gone"], False)
        stats = {await stat.path(): (await stat.kind()).value for stat in await changes.diff_stats()}
        assert stats == {"a": "MODIFIED", "gone": "REMOVED", "new": "ADDED"}
        patch = changes.as_patch()
        assert await patch.name() == "diff.patch"
        for patched in (before.with_patch(await patch.contents()), before.with_patch_file(patch)):
            assert await patched.entries() == ["a", "new"]
        assert await before.with_changes(await changes.sync()).digest() == await changes.after().digest()
        await changes.export("out")
        assert sorted(path.name for path in (workdir / "out").iterdir()) == ["a", "new"]
        assert await dag.changeset().is_empty()


async def test_merging_changes() -> None:
    async with dagger.connection():
        base = texts(f="1\n2\n3\n")
        one, other = texts(f="one\n2\n3\n").changes(base), texts(f="1\n2\nthree\n").changes(base)
        both = one.with_changeset(other)
        assert await both.after().file("f").contents() == "one\n2\nthree\n"
        octopus = one.with_changesets([other, texts(f="1\n2\n3\n", g="g\n").changes(base)])
        assert await octopus.after().entries() == ["f", "g"]
        clash = texts(f="uno\n2\n3\n").changes(base)
        with pytest.raises(dagger.QueryError, match="f \\(modified in both\\)"):
            await one.with_changeset(clash).sync()
        ours = one.with_changeset(clash, on_conflict=dagger.ChangesetMergeConflict.PREFER_OURS)
        assert await ours.after().file("f").contents() == "one\n2\n3\n"


async def test_searching_and_replacing() -> None:
    async with dagger.connection():
        directory = texts(a="x needle y\n", b="nothing\n")
        [found] = await directory.search("needle", literal=True)
        assert (await found.file_path(), await found.line_number()) == ("a", 1)
        [part] = await found.submatches()
        assert (await part.text(), await part.start(), await part.end()) == ("needle", 2, 8)
        file = directory.file("a").with_replaced("needle", "pin")
        assert await file.contents() == "x pin y\n"
        assert await file.search("needle") == []
        with pytest.raises(dagger.QueryError, match="no such file or directory"):
            await directory.file("none").id()
