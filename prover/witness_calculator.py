"""Compute witnesses with the WebAssembly calculators that circom writes.

Source of the interface: the ``witness_calculator.js`` that circom writes beside each calculator.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from prover.calculator_instance import CalculatorInstance, CalculatorLimits, compiled_calculator
from prover.errors import BadInput
from prover.formats.input_json import Inputs, signal_values
from prover.formats.symbols import names_of_signals
from prover.r1cs import validate_witness

if TYPE_CHECKING:
    from kernels.curves import Curve
    from kernels.encoding import Limbs
    from prover.groth16.keys import KeyMetadata

MOST_MODULE_BYTES: Final = 1 << 29


class WitnessCalculator:
    """A compiled calculator; any number of threads may use it at once.

    Every witness is computed in a fresh instance: nothing of one is left for the next.

    Attributes
    ----------
    curve
        Over whose scalar field the circuit works.
    variables
        Length of a witness.
    input_values
        Number of values of all input signals together.
    """

    def __init__(
        self, module: bytes, limits: CalculatorLimits | None = None, symbols: Path | str | None = None
    ) -> None:
        """Compile a calculator.

        Parameters
        ----------
        module
            Content of the ``.wasm``.
        symbols
            The circuit's ``.sym``; with it the message on a missing input names the signal.

        Raises
        ------
        BadInput
            If it is no calculator of circom 2, exceeds the limits before its first input, or works over the scalar
            field of no curve known here.
        """
        self.limits = limits or CalculatorLimits()
        self._symbols = symbols
        self._module = compiled_calculator(module)
        with CalculatorInstance(self._module, self.limits) as calculation:
            self.curve: Curve = calculation.curve()
            self.variables: int = calculation.variables()
            self.input_values: int = calculation.number("getInputSize")

    @classmethod
    def open(cls, path: Path | str, limits: CalculatorLimits | None = None) -> WitnessCalculator:
        """Read and compile ``NAME.wasm``; ``NAME.sym`` is used where circom puts it, for messages.

        Raises
        ------
        BadInput
            If the file cannot be read, and as the constructor.
        """
        path = Path(path)
        try:
            with path.open("rb") as file:
                module = file.read(MOST_MODULE_BYTES + 1)
        except OSError as error:
            raise BadInput(f"{path} cannot be read: {error.strerror}") from None
        if len(module) > MOST_MODULE_BYTES:
            raise BadInput(f"{path} is larger than {MOST_MODULE_BYTES >> 20} MiB")
        symbols = (path.with_suffix(".sym"), path.parent.parent / f"{path.stem}.sym")
        try:
            return cls(module, limits, next((name for name in symbols if name.is_file()), None))
        except BadInput as error:
            raise BadInput(f"{path}: {error}") from None

    def check_key(self, key: KeyMetadata) -> None:
        """Return if a key's field and number of variables are those of the circuit.

        Raises
        ------
        BadInput
            If they are not: key and calculator are of different circuits.
        """
        if (key.curve, key.variables) != (self.curve.name, self.variables):
            raise BadInput(
                f"the calculator gives witnesses of {self.variables} elements over {self.curve.name}, the key is for "
                f"{key.variables} over {key.curve}: they are of different circuits"
            )

    def witness(self, inputs: Inputs) -> Limbs:
        """Compute one witness.

        Parameters
        ----------
        inputs
            As :func:`prover.formats.input_json.signal_values` takes them.

        Returns
        -------
        ``uint64[variables, 4]``, standard form.

        Raises
        ------
        BadInput
            If an input is missing, unknown, misshapen or no number; if the inputs violate an assertion or constraint,
            with the template and line; or if the calculation exceeds a limit. Never with a value.
        """
        values = signal_values(inputs, self.curve.fr.modulus)
        with CalculatorInstance(self._module, self.limits) as calculation:
            calculation.start()
            self._check(calculation, values)
            for name, numbers in values.items():
                calculation.give(name, numbers)
            witness = calculation.take(self.variables)
        validate_witness(self.curve, self.variables, witness)
        return witness

    def witnesses(self, batch: Sequence[Inputs], threads: int = 1) -> Limbs:
        """Compute the witnesses of a batch.

        Returns
        -------
        ``uint64[batch, variables, 4]``, standard form.

        Raises
        ------
        BadInput
            As :meth:`witness`, naming the first bad item.
        """
        if not batch:
            raise BadInput("a batch needs the inputs of at least one witness")
        results = self.each(batch, threads)
        for index, result in enumerate(results):
            if isinstance(result, BadInput):
                raise BadInput(f"item {index}: {result}")
        return np.stack([result for result in results if isinstance(result, np.ndarray)])

    def each(self, batch: Sequence[Inputs], threads: int = 1) -> list[Limbs | BadInput]:
        """Compute the witnesses of a batch; a bad item gets its error, the others their witness."""
        if threads == 1 or len(batch) == 1:
            return [self._attempt(inputs) for inputs in batch]
        with ThreadPoolExecutor(threads, "witness-calculator") as pool:
            return list(pool.map(self._attempt, batch))

    def _attempt(self, inputs: Inputs) -> Limbs | BadInput:
        try:
            return self.witness(inputs)
        except BadInput as error:
            return error

    def _check(self, calculation: CalculatorInstance, values: dict[str, list[int]]) -> None:
        """Whether exactly the circuit's input signals are given."""
        for name, numbers in values.items():
            size = calculation.signal_size(name)
            if not size and numbers:
                raise BadInput(f"the circuit has no input signal {name[:200]!r}{self._takes(calculation, values)}")
            if len(numbers) != size:
                raise BadInput(f"input {name} takes {_values(size)}, not {len(numbers)}")
        given = sum(map(len, values.values()))
        if given < self.input_values:
            names = ", ".join(values) or "none"
            raise BadInput(
                f"the inputs hold {given} of {_values(self.input_values)} (given: {names[:500]})"
                f"{self._takes(calculation, values)}"
            )

    def _takes(self, calculation: CalculatorInstance, values: dict[str, list[int]]) -> str:
        """The input signals that are not given, as far as they can be known."""
        if self._symbols is None:
            return ""
        missing = [
            f"{name} ({_values(size)})"
            for name in names_of_signals(self._symbols)
            if name not in values and (size := calculation.signal_size(name))
        ]
        return f"; missing: {', '.join(missing)[:1000]}" if missing else ""


def _values(count: int) -> str:
    return f"{count} value" if count == 1 else f"{count} values"
