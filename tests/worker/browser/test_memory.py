"""Memory and its limit by control groups of both versions, read from trees as Linux lays them out."""

import pytest

from render_worker.browser import memory

MIB = memory.MIB
OWN = 70  # MiB that the processes add up to


@pytest.fixture
def group(tmp_path, monkeypatch):
    """Return a function that writes one control group's files; this process is in /pod/container."""
    monkeypatch.setattr(memory, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "PROC", tmp_path / "proc")
    monkeypatch.setattr(memory, "_of_processes", lambda: OWN * MIB)
    (tmp_path / "proc" / "self").mkdir(parents=True)
    version = {"v2": "0::/pod/container\n", "v1": "5:cpu:/else\n4:memory:/pod/container\n"}

    def write(path: str, limit: int | str, stat: str, which: str = "v2") -> None:
        (tmp_path / "proc" / "self" / "cgroup").write_text(version[which])
        folder = tmp_path / "cgroup" / ("memory" if which == "v1" else "") / path
        folder.mkdir(parents=True, exist_ok=True)
        name = "memory.max" if which == "v2" else "memory.limit_in_bytes"
        (folder / name).write_text(f"{limit * MIB if isinstance(limit, int) else limit}\n")
        (folder / "memory.stat").write_text(stat)

    return write


def test_memory_that_a_kernel_can_reclaim_does_not_count(group):
    group("pod/container", 512, f"anon {100 * MIB}\nfile {300 * MIB}\nshmem {20 * MIB}\n")
    assert memory.measure() == memory.Memory(120, 512)


def test_version_1_counts_the_groups_below(group):
    stat = f"rss {1 * MIB}\ntotal_rss {100 * MIB}\ntotal_shmem {20 * MIB}\ntotal_cache {300 * MIB}\n"
    group("pod/container", 512, stat, "v1")
    assert memory.measure() == memory.Memory(120, 512)


@pytest.mark.parametrize(("pod", "container"), [(512, 8192), (8192, 512)])
def test_the_group_that_is_full_first_counts(group, pod, container):
    group("pod/container", container, f"anon {480 * MIB}\nshmem 0\n")
    group("pod", pod, f"anon {500 * MIB}\nshmem 0\n")
    assert memory.measure().limit == 512
    assert memory.measure().share > 0.9


@pytest.mark.parametrize("limits", [("max", 512), (512, "max")])
def test_a_group_without_a_limit_is_passed_over(group, limits):
    group("pod/container", limits[0], f"anon {100 * MIB}\n")
    group("pod", limits[1], f"anon {100 * MIB}\n")
    assert memory.measure() == memory.Memory(100, 512)


@pytest.mark.parametrize("stat", ["", "cache 5\nrss 5\n", "anon\n"])
def test_if_a_group_does_not_tell_the_processes_are_added_up(group, stat):
    group("pod/container", 512, stat)
    assert memory.measure() == memory.Memory(OWN, 512)


def test_version_1_without_a_limit_has_none(group):
    group("pod/container", (2**63 - 4096) // MIB, "total_rss 5\n", "v1")
    assert memory.measure() == memory.Memory(OWN, None)


def test_the_setting_comes_first(group):
    group("pod/container", 512, f"anon {100 * MIB}\n")
    assert memory.measure(300) == memory.Memory(OWN, 300)
