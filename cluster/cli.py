"""The ``fastpath-prover`` command.

Only the words are here: what each command does is in its module of :mod:`cluster.commands`, imported when it runs, so
that ``--help`` and usage errors wait for neither Ray nor numba.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any, Final, NoReturn, cast

from cluster.exit_codes import ExitCode, error_document, exit_code_of
from cluster.file_grammar import GROUPS, add_file_commands, add_limits
from cluster.rendering import Console
from fastpath.errors import BadRequest
from fastpath.job import DEFAULT_PRIORITY, HIGHEST_PRIORITY, LOWEST_PRIORITY

CIRCUITS: Final = ("ringct", "multiply")
PROOF_FORMATS: Final = ("bytes", "snarkjs")
CURVES: Final = ("bls12_381", "bn254")
SETTINGS: Final = {
    "namespace": "Ray namespace of the service",
    "threads": "proving threads",
    "backend": "arithmetic backend",
    "key_dir": "folder of the proving keys",
    "state_dir": "folder of the service's state and logs",
    "ray_port": "port of the Ray head",
    "dashboard_port": "port of the Ray dashboard",
    "metrics_port": "port of the Prometheus metrics",
    "object_store_mib": "MiB of Ray's object store, 0 for Ray's choice",
    "table_mib": "MiB of tables that workers share, 0 for a quarter of the object store",
    "worker_calls": "groups a worker has at once",
    "max_jobs": "unfinished jobs the queue holds",
    "max_mib": "MiB of witnesses the queue holds",
    "max_batch": "jobs in one batch",
    "tenants": "who may submit, and their shares: blue=2,green=1",
    "tenant": "whom to submit for",
    "start_timeout_s": "seconds to wait for the start",
    "drain_timeout_s": "seconds that down waits for unfinished jobs",
}
"""Flags of :class:`cluster.settings.Settings`, in words short enough for ``--help``; the class says what is allowed."""
_CLIENT_SETTINGS: Final = ("namespace", "state_dir")
_LOCAL_SETTINGS: Final = ("threads", "backend", "object_store_mib")
_EPILOG: Final = """\
exit codes: 0 done, 1 invalid proof or failed job, 2 usage or bad input, 3 overloaded, 4 service unavailable

try:  fastpath-prover demo
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadRequest(f"{message}; see {self.prog} --help")


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        sys.stdout.write(f"fastpath-prover {import_module('kernels.version').__version__}\n")
        parser.exit()


def program() -> NoReturn:
    """Run :func:`main` as the process that it is, and leave without the interpreter's tidying up where it can wait.

    Making a proof from files takes a second or less. Collecting garbage among what imports and kernels leave, which is
    none, would take a tenth of it, and taking apart the compiled kernels at the end a quarter.
    """
    gc.disable()
    if isinstance(
        sys.stdout, io.TextIOWrapper
    ):  # a name that the terminal's character set lacks must not end a command
        sys.stdout.reconfigure(errors="backslashreplace")
    code = main()
    if "ray" in sys.modules:  # it has processes to end
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # whoever read it has left
            stream.flush()
    os._exit(code)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status (see :mod:`cluster.exit_codes`)."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    console = Console.standard(as_json="--json" in given)
    try:
        options = build_parser().parse_args(given)
        options.settings = {name: getattr(options, name) for name in SETTINGS if hasattr(options, name)}
        command = import_module(f"cluster.commands.{options.command}")
        if options.command not in GROUPS:  # those run long
            gc.enable()
        # Ray echoes what workers print; standard output is for the result alone.
        with contextlib.redirect_stdout(console.log):
            return int(cast("Any", command).run(options, console))
    except (Exception, KeyboardInterrupt) as error:
        code = exit_code_of(error)
        if code is None:
            raise
        console.error(error_document(error))
        return int(code)


def build_parser() -> argparse.ArgumentParser:
    """Return the grammar of the command line."""
    parser = _Parser(
        prog="fastpath-prover",
        description="Groth16 proofs in batches, every one verified.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)
    _add_demo(commands)
    _add_up(commands)
    _command(commands, "down", "stop the service on this machine", (*_CLIENT_SETTINGS, "drain_timeout_s"))
    _command(commands, "status", "show the service, its workers and its figures", _CLIENT_SETTINGS)
    _add_submit(commands)
    _add_keys(commands)
    _add_doctor(commands)
    add_file_commands(commands, _command, _Parser)
    return parser


def _command(
    commands: Any,  # noqa: ANN401 - its class is private to argparse
    name: str,
    purpose: str,
    settings: Iterable[str],
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=purpose, description=f"{purpose[0].upper()}{purpose[1:]}.", allow_abbrev=False
    )
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    group = parser.add_argument_group("settings", "override those in the environment and in the settings file")
    group.add_argument("--config", metavar="FILE", help="settings file (TOML)")
    for setting in settings:
        group.add_argument(f"--{setting.replace('_', '-')}", metavar="VALUE", help=SETTINGS[setting])
    return parser


def _add_demo(commands: Any) -> None:  # noqa: ANN401 - see _command
    parser = _command(
        commands, "demo", "prove and verify a batch of each built-in circuit, and time it", _LOCAL_SETTINGS
    )
    parser.add_argument("--circuit", choices=CIRCUITS, help="only this one")
    parser.add_argument("--batch", type=_positive, metavar="N", help="proofs of each circuit")


def _add_up(commands: Any) -> None:  # noqa: ANN401 - see _command
    of_service = (setting for setting in SETTINGS if setting != "tenant")
    _command(commands, "up", "start the service on this machine, with its dashboard and metrics", of_service)


def _add_submit(commands: Any) -> None:  # noqa: ANN401 - see _command
    parser = _command(commands, "submit", "prove a batch on the running service", (*_CLIENT_SETTINGS, "tenant"))
    parser.add_argument("--circuit", choices=CIRCUITS, help="a built-in circuit")
    parser.add_argument("--key", metavar="KEY", help="instead of it a key: its id in the service, or its file")
    parser.add_argument("--curve", choices=CURVES, default=CURVES[0], help="default: %(default)s")
    parser.add_argument("--depth", type=_positive, default=3, metavar="N", help="ringct: Merkle depth (3)")
    parser.add_argument("--inputs", type=_positive, default=2, metavar="N", help="ringct: coins spent (2)")
    parser.add_argument("--outputs", type=_positive, default=2, metavar="N", help="ringct: coins made (2)")
    parser.add_argument("--batch", type=_positive, metavar="N", help="prove N distinct random witnesses")
    parser.add_argument(
        "--witnesses",
        nargs="+",
        metavar="FILE",
        help="prove these: .npy, uint64[batch, variables, 4], or .wtns, one each",
    )
    parser.add_argument("--input-json", metavar="FILE", help="prove these inputs of a circom circuit, one or a list")
    parser.add_argument("--wasm", metavar="FILE", help="that circuit's witness calculator")
    add_limits(parser)
    parser.add_argument("--deadline", type=_seconds, metavar="S", help="give up on what is not proven after S seconds")
    parser.add_argument(
        "--retry-for",
        type=_seconds,
        metavar="S",
        default=0.0,
        help="where the service is overloaded, come back when it says, for S seconds (not at all)",
    )
    parser.add_argument(
        "--priority",
        type=int,
        choices=range(LOWEST_PRIORITY, HIGHEST_PRIORITY + 1),
        metavar="P",
        default=DEFAULT_PRIORITY,
        help=f"{LOWEST_PRIORITY} to {HIGHEST_PRIORITY}, highest first (%(default)s)",
    )
    parser.add_argument("--out", metavar="DIR", help="write each proof and its public inputs there")
    parser.add_argument(
        "--format",
        choices=PROOF_FORMATS,
        default=PROOF_FORMATS[0],
        help="of what is written: bytes, or JSON as snarkjs has it (%(default)s)",
    )


def _add_keys(commands: Any) -> None:  # noqa: ANN401 - see _command
    purpose = "the proving keys of the running service"
    group = commands.add_parser("keys", help=purpose, description=f"{purpose}.", allow_abbrev=False)
    actions = group.add_subparsers(dest="word", metavar="ACTION", required=True, parser_class=_Parser)
    for name, meaning in (
        ("add", "add a key: a .zkey, or a key's folder"),
        ("ls", "list the keys"),
        ("warm", "have a key at hand in every worker"),
        ("pin", "keep it at hand, however many others are used"),
        ("unpin", "keep it no longer"),
        ("rm", "delete a key"),
    ):
        parser = _command(actions, name, meaning, _CLIENT_SETTINGS)
        parser.set_defaults(command="keys", action=name)
        if name == "add":
            parser.add_argument("path", metavar="PATH")
            parser.add_argument("--name", default="", help="a name for it, besides its id")
            parser.add_argument("--r1cs", metavar="FILE", help="of a .zkey: check every witness against it")
        elif name != "ls":
            parser.add_argument("key", metavar="KEY", help="its id, the first 8 characters or more, or a name")


def _add_doctor(commands: Any) -> None:  # noqa: ANN401 - see _command
    parser = _command(
        commands, "doctor", "check this machine and prove on it; every finding comes with its fix", SETTINGS
    )
    parser.add_argument("--warm", action="store_true", help="compile every kernel now, so that nothing compiles later")


def _positive(given: str) -> int:
    if not (given.isascii() and given.isdecimal()) or not 1 <= int(given) < 10**9:
        raise argparse.ArgumentTypeError(f"{given!r} is not a positive whole number")
    return int(given)


def _seconds(given: str) -> float:
    try:
        value = float(given)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{given!r} is not a positive number of seconds")
    return value


if __name__ == "__main__":
    program()


__all__ = ["CIRCUITS", "CURVES", "ExitCode", "build_parser", "main", "program"]
