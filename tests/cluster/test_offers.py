from cluster.offers import scheduler_settings, worker_offer
from cluster.settings import Settings


def test_an_offer_names_what_the_worker_computes_on_and_its_hosts_memory():
    health = {"backend": "ifma", "cpus": [0, 1, 2], "thread_rates": {2: 1.9, 1: 1.0}}
    offer = worker_offer(Settings(worker_calls=3), 5, health)
    assert (offer.threads, offer.cpus, offer.thread_rates, offer.reports) == (5, 3, ((1, 1.0), (2, 1.9)), True)
    assert (offer.slots, offer.parallel, offer.device, offer.backend) == (3, 5, "cpu", "ifma")
    assert offer.host
    assert offer.host_bytes > 1 << 20
    offer.check("w")


def test_a_worker_with_a_gpu_offers_its_memory_and_proves_a_call_together():
    offer = worker_offer(Settings(), 2, {"backend": "cuda+ifma", "gpu": {"state": "healthy", "work_bytes": 1 << 34}})
    assert (offer.device, offer.backend, offer.device_bytes, offer.parallel) == ("gpu", "cuda+ifma", 1 << 34, 256)
    assert offer.fewest == 32
    offer.check("w")


def test_a_worker_whose_gpu_could_not_be_opened_is_one_more_for_the_cpu():
    offer = worker_offer(Settings(), 2, {"backend": "cuda+ifma", "gpu": {"state": "absent", "work_bytes": 0}})
    assert (offer.device, offer.device_bytes, offer.parallel) == ("cpu", 0, 2)


def test_witnesses_may_not_fill_the_object_store():
    settings = Settings(max_mib=100, tenants="blue=2,green")
    assert scheduler_settings(settings, 0).max_bytes == 100 << 20
    assert scheduler_settings(settings, 1e12).max_bytes == 100 << 20
    assert scheduler_settings(settings, 100 << 20).max_bytes == 50 << 20
    assert scheduler_settings(settings, 0).tenants == {"blue": 2.0, "green": 1.0}
