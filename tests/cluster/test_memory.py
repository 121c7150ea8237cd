from cluster.memory import usable_memory_bytes


def groups(tmp_path, own, **limits):
    root = tmp_path / "cgroup"
    for path, text in limits.items():
        file = root / path.replace("__", "/").replace("_max", ".max").replace("_limit", ".limit_in_bytes")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    root.mkdir(exist_ok=True)
    (tmp_path / "own").write_text(own, encoding="utf-8")
    return usable_memory_bytes(root, tmp_path / "own", installed=1000)


def test_without_a_limit_it_is_what_is_installed(tmp_path):
    assert groups(tmp_path, "0::/\n") == 1000
    assert groups(tmp_path, "0::/a\n", a__memory_max="max\n") == 1000


def test_the_least_limit_of_all_groups_above_counts(tmp_path):
    assert groups(tmp_path, "0::/a/b\n", a__memory_max="300\n", a__b__memory_max="400\n") == 300


def test_in_a_container_the_mounted_root_counts(tmp_path):
    assert groups(tmp_path, "0::/not/mounted\n", memory_max="200\n") == 200


def test_version_1_names_the_memory_controller(tmp_path):
    own = "3:cpu:/x\n5:hugetlb,memory:/docker/1\n"
    assert groups(tmp_path, own, memory__docker__1__memory_limit="250\n") == 250


def test_no_control_groups_at_all(tmp_path):
    assert usable_memory_bytes(tmp_path / "none", tmp_path / "none", installed=7) == 7
    assert usable_memory_bytes() > 0
