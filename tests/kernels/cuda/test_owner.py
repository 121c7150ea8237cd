import threading

import pytest

from kernels.cuda.device import DeviceError
from kernels.cuda.owner import DeviceOwner
from tests.cuda_emulator import EmulatedDevice


@pytest.fixture
def owner():
    owner = DeviceOwner(EmulatedDevice, staging_bytes=1 << 12)
    yield owner
    owner.close()


def test_calls_run_on_one_thread_of_their_own_in_order(owner):
    seen = []
    threads = [
        threading.Thread(target=lambda: owner.call(lambda _: seen.append(threading.get_ident()))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len(set(seen)) == 1
    assert threading.get_ident() not in seen


def test_errors_reach_the_caller_and_leave_the_owner_working(owner):
    with pytest.raises(ZeroDivisionError):
        owner.call(lambda _: 1 // 0)
    assert owner.call(lambda work: work.device.name) == "emulated CUDA device"


def test_what_opening_raises_every_call_raises():
    opened = []

    def refuse():
        opened.append(1)
        raise OSError("no libcuda")

    owner = DeviceOwner(refuse)
    for _ in range(2):
        with pytest.raises(DeviceError, match="no libcuda"):
            owner.call(lambda _: None)
    owner.close()
    assert opened == [1]


def test_residents_are_evicted_by_use(owner):
    def run(work):
        residents, made = work.residents, []
        residents.budget_bytes = 1000

        def get(key):
            return residents.get(key, lambda scope: (made.append(key), scope.allocate(400))[1])

        for key in "abacab":
            get(key)
            residents.end_use()
        assert made == ["a", "b", "c", "b"]
        assert len(residents) == 2
        for key in "def":  # in use together: more than the budget stays until the end
            get(key)
        assert residents.size_bytes >= 1200
        residents.end_use()
        residents.shrink(1000)
        assert residents.size_bytes <= 1000
        residents.discard("f")
        residents.end_use()
        residents.shrink(0)
        assert len(residents) == 0
        work.session.synchronize()

    owner.call(run)


def test_the_memory_of_scopes_is_counted_without_what_stays(owner):
    def run(work):
        scratch = work.session.scratch
        with work.session.scope() as outer:
            outer.allocate(1000)
            with work.session.scope() as inner:
                inner.allocate(500)
            work.residents.get("kept", lambda scope: scope.allocate(10_000))
            most = [scratch.most_bytes]
            scratch.begin()
            outer.allocate(100)
            most.append(scratch.most_bytes)
        return most, scratch.held_bytes

    assert owner.call(run) == ([11_000, 1_100], 0)


def test_jobs_are_promised_what_keys_may_not_keep(owner):
    budgets = owner.call(lambda work: (work.budget_bytes, work.residents.budget_bytes, work.free_bytes()))
    assert 0 < budgets[0] <= budgets[2] - budgets[1]
