import dataclasses
from pathlib import Path

import pytest

from cluster.settings import Settings, load_settings, meaning_of, variable_of
from prover import BadInput


@pytest.fixture(autouse=True)
def _no_user_configuration(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def test_defaults_are_valid():
    settings = load_settings(environ={})
    assert settings == Settings()
    assert settings.namespace == "fastpath-prover"
    assert settings.threads >= 1


def test_flags_override_the_environment_which_overrides_the_file(tmp_path):
    config = tmp_path / "config.toml"
    config.write_text('worker_calls = 3\nthreads = 3\nmax_jobs = 7\nkey_dir = "/keys"\n', encoding="utf-8")
    environment = {"FASTPATH_PROVER_WORKER_CALLS": "4", "PROVER_THREADS": "5"}
    settings = load_settings({"worker_calls": "6", "namespace": None}, environment, config)
    assert (settings.worker_calls, settings.threads, settings.max_jobs) == (6, 5, 7)
    assert settings.key_dir == Path("/keys")


def test_the_file_is_found_by_its_variable_or_in_the_users_configuration(tmp_path):
    config = tmp_path / "other.toml"
    config.write_text("max_batch = 11", encoding="utf-8")
    assert load_settings(environ={"FASTPATH_PROVER_CONFIG": str(config)}).max_batch == 11
    (tmp_path / "fastpath-prover").mkdir()
    config.rename(tmp_path / "fastpath-prover" / "config.toml")
    assert load_settings(environ={}).max_batch == 11


def test_the_home_folder_is_expanded():
    settings = load_settings({"state_dir": "~/state"}, {})
    assert settings.state_dir == Path.home() / "state"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PROVER_THREADS", "0"),
        ("PROVER_THREADS", "1025"),
        ("PROVER_THREADS", ""),
        ("PROVER_THREADS", "four"),
        ("PROVER_THREADS", "1_0"),
        ("PROVER_THREADS", "٣"),
        ("FASTPATH_PROVER_WORKER_CALLS", "-1"),
        ("FASTPATH_PROVER_WORKER_CALLS", "1.5"),
        ("FASTPATH_PROVER_METRICS_PORT", "70000"),
        ("FASTPATH_PROVER_BACKEND", "gpu"),
        ("FASTPATH_PROVER_TENANTS", "blue=0"),
        ("FASTPATH_PROVER_TENANTS", "blue=x"),
        ("FASTPATH_PROVER_TENANTS", "blue,blue"),
        ("FASTPATH_PROVER_TENANTS", "b/lue=1"),
        ("FASTPATH_PROVER_MAX_JOBS", "0"),
        ("FASTPATH_PROVER_START_TIMEOUT_S", "nan"),
        ("FASTPATH_PROVER_START_TIMEOUT_S", "inf"),
        ("FASTPATH_PROVER_KEY_DIR", ""),
        ("FASTPATH_PROVER_NAMESPACE", "a b"),
    ],
)
def test_a_wrong_value_in_the_environment_is_refused_with_name_value_and_what_is_allowed(variable, value):
    with pytest.raises(BadInput) as refusal:
        load_settings(environ={variable: value})
    assert str(refusal.value).startswith(f"{variable} is {value!r}; allowed is ")


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("worker_call = 2", "worker_call in .* does not exist"),
        ('worker_calls = "2"', "worker_calls in .* is '2'"),
        ("worker_calls = true", "worker_calls in .* is True"),
        ("worker_calls = [", "config.toml cannot be read"),
        ("namespace = 3", "namespace in .* is 3"),
        ("key_dir = 1", "key_dir"),
        ("start_timeout_s = nan", "start_timeout_s"),
        ("tenants = 3", "tenants in .* is 3"),
        ("tenants = {blue = -1}", "tenants in .* is {'blue': -1}"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path, content, named):
    config = tmp_path / "config.toml"
    config.write_text(content, encoding="utf-8")
    with pytest.raises(BadInput, match=named):
        load_settings({}, {}, config)


def test_a_file_that_is_named_must_exist(tmp_path):
    with pytest.raises(BadInput, match=r"absent\.toml cannot be read"):
        load_settings({}, {}, tmp_path / "absent.toml")


def test_a_variable_that_is_no_setting_is_refused():
    with pytest.raises(BadInput, match=r"FASTPATH_PROVER_THREDS is not a setting; there are .*PROVER_THREADS"):
        load_settings(environ={"FASTPATH_PROVER_THREDS": "2"})
    load_settings(environ={"FASTPATH_PROVER_CACHE_DIR": "/somewhere", "UNRELATED": "x"})


def test_a_wrong_flag_is_refused_by_name():
    with pytest.raises(BadInput, match="--threads is 'many'; allowed is a whole number from 1 to 1024"):
        load_settings({"threads": "many"}, {})


def test_settings_made_in_python_are_checked_too():
    with pytest.raises(BadInput, match="threads is 0"):
        Settings(threads=0)
    with pytest.raises(BadInput, match="start_timeout_s is 0"):
        Settings(start_timeout_s=0)


def test_every_setting_says_what_it_is_for_and_has_a_variable_of_its_own():
    names = [setting.name for setting in dataclasses.fields(Settings)]
    assert all(" (" in meaning_of(name) for name in names)
    assert len({variable_of(name) for name in names}) == len(names)


def test_tenants_are_read_from_text_and_from_a_table(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text("tenants = {blue = 2, green = 1.5}", encoding="utf-8")
    expected = (("blue", 2.0), ("green", 1.5))
    assert load_settings(environ={}, config=file).tenants == expected
    assert load_settings(environ={"FASTPATH_PROVER_TENANTS": "blue=2, green=1.5"}).tenants == expected
    assert load_settings(environ={}).tenants == ()
