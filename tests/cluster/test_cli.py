"""The command line: its grammar, its exit codes, and what it must not wait for."""

import io
import json
import subprocess
import sys
from dataclasses import fields
from types import SimpleNamespace

import pytest

from cluster import cli
from cluster.exit_codes import ExitCode, error_document, exit_code_of
from fastpath import errors as fastpath_errors
from prover import errors as prover_errors

COMMANDS = ("demo", "up", "down", "status", "submit", "doctor")


@pytest.fixture
def command(monkeypatch):
    """Make every command run the given function instead."""

    def install(run):
        monkeypatch.setattr(cli, "import_module", lambda _: SimpleNamespace(run=run))

    return install


def shell(*arguments, **environment):
    import os

    return subprocess.run(
        [sys.executable, "-m", "cluster.cli", *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


# --- start-up


def test_help_imports_neither_ray_nor_numba():
    program = (
        "import sys, contextlib, io\n"
        "from cluster.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main(sys.argv[1:])\n"
        "print(sorted({'ray', 'numba', 'numpy', 'llvmlite', 'prometheus_client'} & set(sys.modules)))\n"
    )
    for arguments in (["--help"], ["demo", "--help"], ["demo", "--batch", "0"]):
        ran = subprocess.run(
            [sys.executable, "-c", program, *arguments], capture_output=True, encoding="utf-8", timeout=60, check=True
        )
        assert ran.stdout.splitlines()[-1] == "[]"


def test_help_names_every_command_and_exit_code(capsys):
    with pytest.raises(SystemExit) as left:
        cli.main(["--help"])
    assert left.value.code == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in COMMANDS)
    assert "0 done, 1 invalid proof or failed job, 2 usage or bad input, 3 overloaded, 4 service unavailable" in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_a_module(name, capsys):
    from importlib import import_module

    with pytest.raises(SystemExit) as left:
        cli.main([name, "--help"])
    assert left.value.code == 0
    assert "--json" in capsys.readouterr().out
    assert callable(import_module(f"cluster.commands.{name}").run)


def test_version(capsys):
    import kernels

    with pytest.raises(SystemExit) as left:
        cli.main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"fastpath-prover {kernels.__version__}\n"


# --- what the grammar repeats from the packages, so that it need not import them


def test_circuits_and_curves_are_those_there_are():
    import kernels
    from prover.circuits import CIRCUITS

    assert set(cli.CIRCUITS) == set(CIRCUITS)
    assert set(cli.CURVES) == {curve.name for curve in kernels.CURVES}


def test_flags_are_the_settings():
    from cluster.settings import Settings

    assert set(cli.SETTINGS) == {setting.name for setting in fields(Settings)}


# --- usage


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "COMMAND"),
        (["fly"], "fly"),
        (["demo", "--batch", "0"], "'0' is not a positive whole number"),
        (["demo", "--batch", "-3"], "--batch"),
        (["demo", "--batch", "many"], "'many'"),
        (["demo", "--circuit", "poker"], "poker"),
        (["demo", "--bat", "3"], "--bat"),
        (["submit", "--batch", "3"], "--circuit"),
        (["submit", "--circuit", "ringct", "--deadline", "nan"], "--deadline"),
        (["submit", "--circuit", "ringct", "--deadline", "0"], "--deadline"),
        (["submit", "--circuit", "ringct", "--priority", "10"], "--priority"),
        (["submit", "--circuit", "ringct", "--retry-for", "-1"], "--retry-for"),
        (["status", "now"], "now"),
    ],
)
def test_wrong_usage_is_named_and_exits_2(arguments, named, capsys):
    assert cli.main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert named in printed.err
    assert "--help" in printed.err


def test_wrong_usage_as_json(capsys):
    assert cli.main(["demo", "--batch", "0", "--json"]) == 2
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "bad_request"
    assert "'0'" in error["message"]


@pytest.mark.parametrize(
    ("variable", "value"), [("PROVER_THREADS", "0"), ("FASTPATH_PROVER_BACKEND", "abacus"), ("FASTPATH_PROVER_X", "1")]
)
def test_wrong_setting_in_the_environment_exits_2(variable, value):
    ran = shell("doctor", "--json", **{variable: value})
    assert ran.returncode == 2
    assert variable in json.loads(ran.stdout)["error"]["message"]


# --- exit codes


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (prover_errors.InvalidProof(indices=[3]), 1),
        (prover_errors.DeviceFault("x"), 1),
        (prover_errors.Cancelled("x"), 1),
        (prover_errors.BadInput("x"), 2),
        (prover_errors.UnsatisfiedConstraint(7, "range"), 2),
        (prover_errors.KeyNotFound("x"), 2),
        (fastpath_errors.BadRequest("x"), 2),
        (fastpath_errors.UnknownJob("x"), 2),
        (fastpath_errors.Overloaded("x", 2.5), 3),
        (fastpath_errors.Unavailable("x"), 4),
        (fastpath_errors.DeadlineExceeded("x"), 1),
        (fastpath_errors.Cancelled("x"), 1),
        (fastpath_errors.WorkerLost("x"), 1),
        (ConnectionRefusedError("x"), 4),
        (TimeoutError("x"), 4),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_code_of_every_error(error, code, command, capsys):
    def fail(*_):
        raise error

    command(fail)
    assert cli.main(["status", "--json"]) == code
    printed = capsys.readouterr()
    assert json.loads(printed.out)["error"] == json.loads(json.dumps(error_document(error)))
    assert printed.err.startswith("error: ")


def test_every_typed_error_has_an_exit_code():
    def leaves(kind):
        return [kind, *(leaf for child in kind.__subclasses__() for leaf in leaves(child))]

    for base in (prover_errors.ProverError, fastpath_errors.FastPathError):
        for kind in leaves(base):
            assert exit_code_of(kind.__new__(kind)) in ExitCode


def test_unforeseen_errors_keep_their_traceback(command):
    def fail(*_):
        raise ZeroDivisionError

    command(fail)
    with pytest.raises(ZeroDivisionError):
        cli.main(["status"])


def test_errors_say_what_they_know():
    overloaded = error_document(fastpath_errors.Overloaded("full", 2.5))
    assert overloaded == {"code": "overloaded", "message": "full", "retry_after_s": 2.5}
    unsatisfied = error_document(prover_errors.UnsatisfiedConstraint(7, "range"))
    assert (unsatisfied["index"], unsatisfied["name"]) == (7, "range")
    assert error_document(prover_errors.InvalidProof(indices=[1, 4]))["indices"] == (1, 4)
    assert error_document(KeyboardInterrupt()) == {"code": "interrupted", "message": "interrupted"}
    assert error_document(TimeoutError()) == {"code": "TimeoutError", "message": "TimeoutError"}


# --- output


def test_standard_output_is_for_the_result_alone(command, capsys):
    def chatter(_, console):
        print("a worker prints")  # noqa: T201 - as Ray does
        console.result({"answer": 42}, "forty-two")
        return ExitCode.OK

    command(chatter)
    assert cli.main(["status", "--json"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"answer": 42}
    assert printed.err == "a worker prints\n"
    assert cli.main(["status"]) == 0
    assert capsys.readouterr().out == "forty-two\n"


def test_settings_flags_reach_the_command(command):
    seen = {}

    def remember(options, _):
        seen.update(options.settings)
        return 0

    command(remember)
    assert cli.main(["up", "--threads", "3", "--metrics-port", "0"]) == 0
    assert seen["threads"] == "3"
    assert seen["metrics_port"] == "0"
    assert seen["namespace"] is None


# --- doctor


def test_doctor_looks_at_everything_and_says_how_to_fix(monkeypatch, tmp_path):
    from cluster.commands import doctor
    from cluster.rendering import Console

    monkeypatch.setattr(doctor, "self_test", lambda _: SimpleNamespace(prove_s=0.01, verify_s=0.002))
    (tmp_path / ("0" * 64)).mkdir()
    console = Console(as_json=True, out=io.StringIO(), log=io.StringIO())
    options = SimpleNamespace(settings={"key_dir": str(tmp_path), "threads": "1000"}, config=None, warm=False)
    assert doctor.run(options, console) == ExitCode.FAILED
    document = json.loads(console.out.getvalue())
    assert document["healthy"] is False
    findings = {finding["check"]: finding for finding in document["findings"]}
    assert findings["keys"]["status"] == "failure"
    assert "0" * 64 in findings["keys"]["fix"]
    assert findings["threads"]["status"] == "warning"
    assert findings["proof on bn254"]["status"] == "ok"
    assert {"numpy", "numba", "ray", "CPU", "backend", "/dev/shm", "kernel cache", "service"} <= findings.keys()  # noqa: S108
    assert all(finding["fix"] for finding in document["findings"] if finding["status"] != "ok")


def test_doctor_reports_wrong_arithmetic(monkeypatch, tmp_path):
    from cluster.commands import doctor
    from cluster.rendering import Console

    def broken(_):
        raise prover_errors.DeviceFault("1 + 1 is 3")

    monkeypatch.setattr(doctor, "self_test", broken)
    console = Console(as_json=False, out=io.StringIO(), log=io.StringIO())
    options = SimpleNamespace(settings={"key_dir": str(tmp_path / "none")}, config=None, warm=False)
    assert doctor.run(options, console) == ExitCode.FAILED
    assert "1 + 1 is 3" in console.out.getvalue()
    assert "Not ready" in console.out.getvalue()


def test_doctor_warms_every_curve_and_says_how_long_it_took(monkeypatch, tmp_path):
    from cluster.commands import doctor
    from cluster.rendering import Console
    from kernels.cpu.compilation import Compiled, _announce

    def warm_up(curve, _backend):
        _announce(Compiled(f"{curve.name}.a", 1.0, from_cache=False))
        _announce(Compiled(f"{curve.name}.b", 0.1, from_cache=True))

    monkeypatch.setattr(doctor, "warm_up", warm_up)
    monkeypatch.setattr(doctor, "self_test", lambda _: SimpleNamespace(prove_s=0.01, verify_s=0.002))
    console = Console(as_json=True, out=io.StringIO(), log=io.StringIO())
    parsed = cli.build_parser().parse_args(["doctor", "--warm", "--json"])
    options = SimpleNamespace(settings={"key_dir": str(tmp_path / "none")}, config=None, warm=parsed.warm)
    doctor.run(options, console)
    findings = {finding["check"]: finding for finding in json.loads(console.out.getvalue())["findings"]}
    assert findings["kernels"]["found"].startswith("4 kernels ready in ")
    assert findings["kernels"]["found"].endswith("2 of them compiled now")
    assert "compiled 2 kernels in" in console.log.getvalue()


# --- end to end


@pytest.mark.ray
def test_demo_proves_and_verifies_both_circuits():
    ran = subprocess.run(
        [sys.executable, "-m", "cluster.cli", "demo", "--json", "--batch", "2"],
        capture_output=True,
        encoding="utf-8",
        timeout=280,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stdout.splitlines()) == 1
    document = json.loads(ran.stdout)
    assert document.keys() == {"circuits", "machine", "versions"}
    assert [entry["circuit"] for entry in document["circuits"]] == ["ringct", "multiply"]
    for entry in document["circuits"]:
        assert entry["proofs"] == entry["verified"] == 2
        assert entry["curve"] == "bls12_381"
        assert entry["proofs_per_s"] > 0
        assert 0 < entry["p50_ms"] <= entry["p90_ms"] <= entry["p95_ms"] <= entry["p99_ms"]
        assert entry["retries"] == 0
        assert entry["pool_tasks"] >= 2
        assert entry["pool_mean_ms"] > 0
        assert entry["first_use_s"] > entry["cached_use_s"] > 0
    assert document["circuits"][0]["constraints"] > document["circuits"][1]["constraints"] == 1
    assert document["versions"]["ray"].startswith("2.60")
    assert document["machine"]["threads"] >= 1


@pytest.mark.parametrize("name", ["status", "submit"])
def test_without_a_service_the_exit_code_says_so(name, tmp_path, capsys):
    more = ["--circuit", "multiply", "--batch", "1"] if name == "submit" else []
    assert cli.main([name, *more, "--json", "--state-dir", str(tmp_path)]) == 4
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "unavailable"
    assert "fastpath-prover up" in error["message"]


def test_down_without_a_service_is_done_already(tmp_path, capsys):
    assert cli.main(["down", "--json", "--state-dir", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out) == {"stopped": False, "address": None, "unfinished_jobs": 0}


@pytest.mark.parametrize("more", [[], ["--batch", "1", "--witnesses", "w.npy"]])
def test_submit_wants_one_source_of_witnesses(more, capsys):
    assert cli.main(["submit", "--circuit", "multiply", *more]) == 2
    assert "either --batch N" in capsys.readouterr().err


def test_submit_passes_on_how_a_batch_is_to_be_treated(monkeypatch):
    from cluster.commands import submit

    class StopError(Exception):
        pass

    class FakeClient:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def prove_batch(self, *_, **options):
            seen.update(options)
            raise StopError

    seen = {}
    monkeypatch.setattr(submit.Client, "connect", lambda **_: FakeClient())
    monkeypatch.setattr(submit, "read_submission", lambda *_: SimpleNamespace(key=None, witnesses=None))
    arguments = ["submit", "--circuit", "multiply", "--batch", "1"]
    for more, expected in (
        ([], {"deadline_s": None, "priority": 5, "retry_for_s": 0.0}),
        (
            ["--deadline", "9", "--priority", "7", "--retry-for", "60"],
            {"deadline_s": 9, "priority": 7, "retry_for_s": 60},
        ),
    ):
        options = cli.build_parser().parse_args([*arguments, *more])
        options.settings, options.config = {}, None
        with pytest.raises(StopError):
            submit.run(options, None)
        assert {name: seen[name] for name in expected} == expected


# --- leaving


def test_the_program_leaves_with_its_exit_code_and_everything_said():
    for arguments, code in ((("r1cs", "info", "none.r1cs"), 2), (("--json", "fly"), 2), (("--version",), 0)):
        ran = shell(*arguments)
        assert ran.returncode == code
        assert ran.stderr if code else ran.stdout


def test_a_reader_who_has_left_is_no_failure(tmp_path):
    import os

    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "cluster.cli", "r1cs", "info", str(tmp_path / "none")]
    ran = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=writing, check=False, timeout=60)
    os.close(writing)
    assert ran.returncode in {1, 2}, "not killed, not 0"


def test_garbage_is_collected_again_where_a_command_runs_long(command):
    import gc

    collecting = []
    command(lambda *_: collecting.append(gc.isenabled()) or 0)
    gc.disable()
    try:
        cli.main(["r1cs", "info"])
        cli.main(["status"])
    finally:
        gc.enable()
    assert collecting == [False, True]
