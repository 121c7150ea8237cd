from prover.groth16.phases import Phase
from prover.job_steps import JobSteps


def test_a_job_is_in_the_phase_after_the_one_that_ended():
    jobs = JobSteps()
    jobs.begin(["a", "b"])
    jobs.enter(["a", "b"], Phase.CHECK_WITNESS)
    jobs.ended("a", Phase.CHECK_WITNESS)
    assert jobs(["a", "b", "c"]) == {"a": "witness_map", "b": "check_witness"}
    jobs.ended("b", Phase.VERIFY)
    assert jobs(["b"]) == {"b": "verify"}
    assert len(jobs) == 2
    assert not jobs.end(["a"])
    assert jobs.end(["b"])
    assert jobs(["a", "b"]) == {}


def test_a_cancellation_counts_until_its_job_has_ended_and_may_come_before_it():
    jobs = JobSteps()
    jobs.cancel(["a"])
    jobs.begin(["a", "b"])
    assert jobs.is_cancelled("a")
    assert not jobs.is_cancelled("b")
    jobs.end(["a", "b"])
    assert not jobs.is_cancelled("a")


def test_cancellations_of_jobs_that_never_come_are_forgotten():
    jobs = JobSteps()
    jobs.cancel(str(number) for number in range(10_001))
    assert not jobs.is_cancelled("0")
    assert jobs.is_cancelled("10000")
