import inspect

import pytest

from cluster.batch_options import BatchOptions, CompleteOptions, complete
from cluster.client import Client

GIVEN = {
    "deadline_s": 5.0,
    "priority": 9,
    "submitter": "me",
    "tenant": "blue",
    "conflict_keys": [["pool"]],
    "idempotency_key": "order 7",
    "retry_for_s": 3.0,
}


def test_what_is_given_is_kept_and_the_rest_filled_in():
    assert complete(GIVEN, "green") == GIVEN
    assert complete({}, "green") == {
        "deadline_s": None,
        "priority": 5,
        "submitter": "",
        "tenant": "green",
        "conflict_keys": None,
        "idempotency_key": "",
        "retry_for_s": 0.0,
    }
    assert complete({"tenant": ""}, "green")["tenant"] == ""  # the service refuses it: nothing falls through


def test_every_option_has_a_default():
    assert GIVEN.keys() == BatchOptions.__annotations__.keys() == CompleteOptions.__annotations__.keys()


def test_an_unknown_option_is_a_mistake_of_the_program():
    with pytest.raises(TypeError, match="no option 'deadline'"):
        complete({"deadline": 5.0}, "green")


@pytest.mark.parametrize("method", [Client.prove_batch, Client.prove_inputs])
def test_both_ways_to_submit_take_the_same_options(method):
    assert inspect.signature(method).parameters["options"].annotation == "Unpack[BatchOptions]"
