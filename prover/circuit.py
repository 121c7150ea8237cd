"""A circuit: its constraint system, its signals by name, and witnesses from named inputs."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from kernels.encoding import limbs_from_ints
from prover.errors import BadInput
from prover.witness_program import SATISFIED

if TYPE_CHECKING:
    from kernels.curves import Curve
    from kernels.encoding import Limbs
    from prover.circuit_builder import CircuitBuilder
    from prover.r1cs import R1CS
    from prover.witness_program import WitnessProgram

Inputs = Mapping[str, Any]
"""Values by signal name, flat (``"inputs[0].value"``) or nested (``{"inputs": [{"value": 7}]}``)."""


@dataclass(frozen=True, eq=False, repr=False)
class Circuit:
    """A constraint system with names, and a program that fills in its witnesses.

    Attributes
    ----------
    name, parameters
        Identify the circuit; with the curve they determine everything else.
    signals
        Name of each variable, in witness order (``"one"``, public, private).
    inputs
        Names of the signals the caller supplies.
    outputs
        Public signals the circuit computes. Inputs may state them; they are then compared.
    distinct
        Signals that must differ pairwise in an honest witness though no constraint says so, because a verifier sees
        them: the key images of one transaction.
    sample
        Makes inputs for :meth:`random_witnesses`.
    """

    name: str
    parameters: Mapping[str, int]
    r1cs: R1CS
    program: WitnessProgram
    signals: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    distinct: tuple[str, ...]
    sample: Callable[[Circuit, int, random.Random], list[Inputs]]

    @classmethod
    def from_builder(
        cls,
        name: str,
        parameters: Mapping[str, int],
        builder: CircuitBuilder,
        sample: Callable[[Circuit, int, random.Random], list[Inputs]],
        distinct: Sequence[str] = (),
    ) -> Circuit:
        """Take what a builder recorded."""
        signals, inputs, outputs = tuple(builder.signals), tuple(builder.inputs), tuple(builder.outputs)
        return cls(
            name, dict(parameters), builder.r1cs(), builder.program(), signals, inputs, outputs, tuple(distinct), sample
        )

    @property
    def curve(self) -> Curve:
        """Curve over whose scalar field the circuit works."""
        return self.r1cs.curve

    def __repr__(self) -> str:
        parameters = "".join(f", {name}={value}" for name, value in self.parameters.items())
        return f"Circuit({self.name}, {self.curve.name}{parameters}; {self.r1cs.constraints} constraints)"

    @cached_property
    def variable(self) -> Mapping[str, int]:
        """Index of each named signal in a witness."""
        return {name: index for index, name in enumerate(self.signals)}

    def witnesses(self, inputs: Sequence[Inputs]) -> Limbs:
        """Compute the witnesses of a batch.

        Parameters
        ----------
        inputs
            One mapping for each witness: all of :attr:`inputs`, and any of :attr:`outputs`, which are compared with
            what the circuit computes.

        Returns
        -------
        ``uint64[batch, variables, 4]``, standard form.

        Raises
        ------
        BadInput
            Naming the item and the signal or constraint: a signal is missing, unknown, not an integer in
            0 ... r - 1, inconsistent with the others, or equal to one it must differ from.
        """
        if not inputs:
            raise BadInput("a batch needs the inputs of at least one witness")
        flat = [dict(_flatten(item)) for item in inputs]
        for index, values in enumerate(flat):
            self._validate(index, values)
        packed = limbs_from_ints([values[name] for values in flat for name in self.inputs], 4)
        witnesses, violated = self.program.run_batch(packed.reshape(len(flat), len(self.inputs), 4))
        for index in np.flatnonzero(violated != SATISFIED)[:1]:
            name = self.r1cs.constraint_names[violated[index]]
            raise BadInput(f"item {index}: the inputs contradict constraint {violated[index]} ({name})")
        self._compare_outputs(flat, witnesses)
        self._require_distinct(witnesses)
        return witnesses

    def public_inputs(self, witness: Limbs) -> Limbs:
        """Public signals ``uint64[..., public, 4]`` of one witness or a batch, in a verifier's order."""
        if witness.shape[-2:] != (self.r1cs.variables, 4):
            raise BadInput(f"a witness of {self.name} is uint64[{self.r1cs.variables}, 4], not {list(witness.shape)}")
        return np.ascontiguousarray(witness[..., 1 : 1 + self.r1cs.public, :])

    def random_witnesses(self, batch: int, seed: int | None = None) -> Limbs:
        """Distinct valid witnesses, for demos, tests and measurements.

        Parameters
        ----------
        seed
            Makes them reproducible; without it they come from the operating system's randomness.
        """
        rng = secrets.SystemRandom() if seed is None else random.Random(seed)  # noqa: S311 - reproducible on request
        return self.witnesses(self.sample(self, batch, rng))

    def _validate(self, index: int, values: Mapping[str, Any]) -> None:
        known = {*self.inputs, *self.outputs}
        for name, value in values.items():
            if name not in known:
                raise BadInput(f"item {index}: {self.name} has no input {name!r}; it takes {_listed(self.inputs)}")
            if not isinstance(value, int) or not 0 <= value < self.curve.fr.modulus:
                raise BadInput(f"item {index}: {name} must be an integer in 0 ... r - 1 of {self.curve.fr.name}")
        missing = [name for name in self.inputs if name not in values]
        if missing:
            raise BadInput(f"item {index}: missing {_listed(missing)}")

    def _compare_outputs(self, flat: Sequence[Mapping[str, int]], witnesses: Limbs) -> None:
        for index, values in enumerate(flat):
            for name in self.outputs:
                if name not in values:
                    continue
                computed = witnesses[index, self.variable[name]].tobytes()
                if int.from_bytes(computed, "little") != values[name]:
                    raise BadInput(f"item {index}: {name} is not what the circuit computes from the other inputs")

    def _require_distinct(self, witnesses: Limbs) -> None:
        names = self.distinct
        for later, name in enumerate(names):
            for earlier in names[:later]:
                equal = (witnesses[:, self.variable[name]] == witnesses[:, self.variable[earlier]]).all(axis=-1)
                for index in np.flatnonzero(equal)[:1]:
                    raise BadInput(f"item {index}: {name} equals {earlier}; the same coin is spent twice")


def _flatten(value: Any, name: str = "") -> list[tuple[str, Any]]:  # noqa: ANN401 - nested mappings and sequences
    """Name the leaves of nested mappings and sequences as signals: ``inputs[0].siblings[2]``."""
    if isinstance(value, Mapping):
        return [leaf for key, part in value.items() for leaf in _flatten(part, f"{name}.{key}" if name else key)]
    if isinstance(value, list | tuple):
        return [leaf for i, part in enumerate(value) for leaf in _flatten(part, f"{name}[{i}]")]
    return [(name, value)]


def _listed(names: Sequence[str], most: int = 6) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown}, ... ({len(names)} in all)"
