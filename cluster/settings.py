"""Everything a user can set, read once: defaults, then a TOML file, then the environment, then flags.

A wrong value is refused with its name, the value and what is allowed, and so is a name that does not exist; nothing
falls through to a default. Each setting ``name`` is ``name`` in the file, ``FASTPATH_PROVER_NAME`` in the environment
(``threads`` is ``PROVER_THREADS``) and ``--name`` on the command line.

Examples
--------
::

    # ~/.config/fastpath-prover/config.toml
    threads = 8
    key_dir = "/srv/keys"
    max_jobs = 20000
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from cluster.setting_kinds import Kind, backend_name, label, path, port, seconds, weights, whole
from prover.errors import BadInput
from prover.key_store import default_key_directory
from prover.pool import MOST_THREADS, THREADS_VARIABLE, threads_from_environment

PREFIX = "FASTPATH_PROVER_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
_ELSEWHERE = frozenset({CONFIG_VARIABLE, f"{PREFIX}CACHE_DIR"})
"""Variables with the prefix that are no settings: the kernel cache reads its folder itself."""


def _setting(kind: Kind, meaning: str, **default: Any) -> Any:  # noqa: ANN401 - as dataclasses.field
    return field(**default, metadata={"kind": kind, "meaning": meaning})


def _xdg(variable: str, fallback: str) -> Path:
    base = os.environ.get(variable)
    return (Path(base) if base else Path.home() / fallback) / "fastpath-prover"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a service and of its clients.

    Raises
    ------
    BadInput
        Naming the setting, its value and what is allowed.
    """

    namespace: str = _setting(label(), "Ray namespace of the service's actors", default="fastpath-prover")
    threads: int = _setting(
        whole(1, MOST_THREADS), "proving threads of this machine", default_factory=threads_from_environment
    )
    backend: str = _setting(backend_name(), "arithmetic backend", default="auto")
    key_dir: Path = _setting(  # noqa: RUF009 - a dataclass field
        path(), "folder of the proving keys", default_factory=default_key_directory
    )
    state_dir: Path = _setting(  # noqa: RUF009 - a dataclass field
        path(),
        "folder of what a running service says of itself, and of its logs",
        default_factory=lambda: _xdg("XDG_STATE_HOME", ".local/state"),
    )
    ray_port: int = _setting(port(), "port of the Ray head that `up` starts", default=6479)
    dashboard_port: int = _setting(port(), "port of the Ray dashboard that `up` starts", default=8265)
    metrics_port: int = _setting(port(), "port of the Prometheus metrics that `up` serves", default=9410)
    object_store_mib: int = _setting(
        whole(0, 1 << 24), "size of Ray's object store in MiB; 0 lets Ray choose", default=0
    )
    table_mib: int = _setting(
        whole(0, 1 << 24),
        "MiB of each machine's object store that tables of keys may take; 0 for a quarter of it",
        default=0,
    )
    worker_calls: int = _setting(
        whole(1, 64), "groups a worker has at once; with two, one is proved while another is verified", default=2
    )
    max_jobs: int = _setting(whole(1, 10**9), "unfinished jobs the queue holds", default=100_000)
    max_mib: int = _setting(whole(1, 1 << 24), "MiB of witnesses the queue holds", default=4096)
    max_batch: int = _setting(whole(1, 10**6), "jobs in one batch", default=10_000)
    tenants: tuple[tuple[str, float], ...] = _setting(
        weights(), "tenants that may submit, with their shares of the service", default=()
    )
    tenant: str = _setting(label(), "tenant that this client submits for", default="default")
    start_timeout_s: float = _setting(
        seconds(1, 3600), "seconds to wait for the service to start, compilation of kernels included", default=600.0
    )
    drain_timeout_s: float = _setting(seconds(0, 86400), "seconds that `down` waits for unfinished jobs", default=60.0)

    def __post_init__(self) -> None:
        for setting in fields(self):
            object.__setattr__(self, setting.name, _checked(setting, setting.name, getattr(self, setting.name)))


def _kind(setting: Field[Any]) -> Kind:
    kind: Kind = setting.metadata["kind"]
    return kind


def _checked(setting: Field[Any], source: str, value: object, read: Callable[[str], object] | None = None) -> object:
    """Return the value in the setting's own type; ``read`` turns text into what is then checked."""
    kind = _kind(setting)
    try:
        return kind.check(value if read is None else read(str(value)))
    except (ValueError, TypeError):
        raise BadInput(f"{source} is {value!r}; allowed is {kind.allowed()}") from None


def variable_of(name: str) -> str:
    """Environment variable of a setting."""
    return THREADS_VARIABLE if name == "threads" else PREFIX + name.upper()


def meaning_of(name: str) -> str:
    """What a setting is for, in one phrase with what it allows."""
    setting = next(f for f in fields(Settings) if f.name == name)
    return f"{setting.metadata['meaning']} ({_kind(setting).allowed()})"


def load_settings(
    flags: Mapping[str, str | None] | None = None,
    environ: Mapping[str, str] | None = None,
    config: Path | str | None = None,
) -> Settings:
    """Read the settings.

    Parameters
    ----------
    flags
        Text of command line flags by setting; None means not given.
    environ
        Defaults to the process' environment.
    config
        TOML file; defaults to the one in ``FASTPATH_PROVER_CONFIG``, else ``fastpath-prover/config.toml`` under the
        XDG configuration folder if there is one.

    Raises
    ------
    BadInput
        Naming the setting, its value and what is allowed, or the file that cannot be read.
    """
    environ = os.environ if environ is None else environ
    known = {setting.name: setting for setting in fields(Settings)}
    chosen: dict[str, Any] = {}
    for source, name, value in _from_file(config or environ.get(CONFIG_VARIABLE)):
        if name not in known:
            raise BadInput(f"{source} does not exist; the settings are {', '.join(known)}")
        chosen[name] = _checked(known[name], source, value)
    variables = {variable_of(name): name for name in known}
    for variable, text in environ.items():
        if variable in variables:
            setting = known[variables[variable]]
            chosen[setting.name] = _checked(setting, variable, text, _kind(setting).read)
        elif variable.startswith(PREFIX) and variable not in _ELSEWHERE:
            raise BadInput(f"{variable} is not a setting; there are {', '.join(sorted({*variables, *_ELSEWHERE}))}")
    for name, flag in (flags or {}).items():
        if flag is not None:
            setting = known[name]
            chosen[name] = _checked(setting, f"--{name.replace('_', '-')}", flag, _kind(setting).read)
    return Settings(**chosen)


def _from_file(config: Path | str | None) -> list[tuple[str, str, object]]:
    """Entries of the TOML file as (where, name, value)."""
    file = Path(config) if config else _xdg("XDG_CONFIG_HOME", ".config") / "config.toml"
    if not config and not file.exists():
        return []
    try:
        entries = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"the settings file {file} cannot be read: {error}") from None
    return [(f"{name} in {file}", name, value) for name, value in entries.items()]
