import pytest

from cluster.topology import WorkerPlan, numa_nodes, plan_workers


@pytest.fixture
def machine(tmp_path):
    """A function that describes a machine as the kernel does."""

    def describe(**nodes):
        for name, cpus in nodes.items():
            (tmp_path / name).mkdir()
            (tmp_path / name / "cpulist").write_text(f"{cpus}\n", encoding="utf-8")
        return tmp_path

    return describe


def test_nodes_are_read_in_numerical_order_and_those_without_usable_cpus_left_out(machine):
    folder = machine(node10="8-9", node2="4-5,7", node0="0-3", node3="")
    assert numa_nodes(folder, range(16)) == [{0, 1, 2, 3}, {4, 5, 7}, {8, 9}]
    assert numa_nodes(folder, {1, 8}) == [{1}, {8}]


def test_without_a_word_from_the_kernel_all_cpus_are_one_node(tmp_path):
    assert numa_nodes(tmp_path / "absent", {3, 5}) == [{3, 5}]
    assert sum(map(len, numa_nodes())) >= 1


def test_one_node_has_one_worker_that_may_run_anywhere():
    assert plan_workers(5, [{0, 1}]) == [WorkerPlan("prover-worker-0", 5)]


@pytest.mark.parametrize("threads", [1, 2, 3, 7, 12, 100])
def test_every_thread_has_a_worker_and_every_worker_a_thread(threads):
    plans = plan_workers(threads, [range(4), range(4, 8), range(8, 12), {12}])
    assert sum(plan.threads for plan in plans) == threads
    assert all(plan.threads for plan in plans)
    assert [plan.name for plan in plans] == [f"prover-worker-{i}" for i in range(len(plans))]


def test_threads_follow_the_cpus():
    assert [plan.threads for plan in plan_workers(12, [range(8), range(8, 12)])] == [8, 4]
