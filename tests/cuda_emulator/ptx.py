"""PTX text to a program: variables, functions, and instructions with their operands still as text.

Only what a compiler emits is read: one module, ``.entry`` and ``.func`` bodies, register and memory declarations,
instructions. Names of registers that an inline assembly block declares in its own braces are made unique here, so that
everything behind this file sees one flat name space a function.

Source: Parallel Thread Execution ISA, "Syntax" and "Directives".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_SOURCE_HASH = re.compile(r"(_INTERNAL_[0-9a-f]{8}_\d+_\w+?_cu_)[0-9a-f]{8}")
_LABEL = re.compile(r"([$%\w]+)\s*:(?!:)")
_GUARD = re.compile(r"@(!?)\s*([%$\w]+)\s+")
_INSTRUCTION = re.compile(r"([a-z]\w*)([\w.:]*)\s*(.*)", re.DOTALL)
_LOCATION = re.compile(r"\.loc\s+(\d+)\s+(\d+)[^\n]*")
_FILE = re.compile(r'\.file\s+(\d+)\s+"([^"]*)"[^\n]*')
_SECTION = re.compile(r"\.section\s+[^{]*\{[^}]*\}")
_HEADER = re.compile(r"\.(version|target|address_size)\s+([^\n]+)")
_REGISTERS = re.compile(r"\.reg\s*\.(\w+)\s+(.*)", re.DOTALL)
_VARIABLE = re.compile(
    r"\.(const|global|shared|local|param)\s+(?:\.align\s+(\d+)\s+)?(?:\.v[24]\s+)?\.(\w+)\s*"
    r"((?:\.ptr\b|\.(?:const|global|shared|local)\b|\.align\s+\d+|\s)*)([\w$]+)\s*(?:\[\s*(\d*)\s*\])?\s*(?:=\s*(.*))?",
    re.DOTALL,
)
_FUNCTION = re.compile(r"\.(entry|func)\b\s*(\([^)]*\))?\s*([\w$]+)\s*(?:\(([^)]*)\))?([^{;]*)")
_BOUND = re.compile(r"\.(maxntid|reqntid)\s+(\d+)(?:\s*,\s*(\d+))?(?:\s*,\s*(\d+))?")
_NAME = re.compile(r"%?[A-Za-z_$][\w$]*")
_LINKAGE = re.compile(r"\.(?:visible|weak|extern|common)\b\s*")


class UnsupportedPtxError(ValueError):
    """PTX that the emulator does not know; the message names the instruction or directive and its line."""


def bits_of(kind: str) -> int:
    """Width of a PTX type (``u32``, ``b64``, ``pred``) in bits."""
    return 1 if kind == "pred" else int(kind[1:])


@dataclass(frozen=True)
class Variable:
    """A declared piece of memory.

    Attributes
    ----------
    space
        ``const``, ``global``, ``shared``, ``local`` or ``param``.
    size_bytes
        Its size; 0 for dynamic shared memory (``extern .shared .b8 name[]``).
    initial
        Its first bytes, or None; the rest of an initialised variable is zero.
    is_pointer
        Whether it is a parameter declared as a pointer.
    """

    name: str
    space: str
    kind: str
    align_bytes: int
    size_bytes: int
    initial: bytes | None = None
    is_pointer: bool = False


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    Attributes
    ----------
    opcode, modifiers
        ``mad`` and ``("lo", "cc", "u32")``.
    operands
        Their text, split at the commas outside brackets.
    guard
        The predicate register that must hold, or None; ``guard_is`` is the value it must have.
    line
        Line in the PTX text, from 1.
    source
        ``file:line`` of the CUDA source where the compiler told it, else an empty string.
    """

    opcode: str
    modifiers: tuple[str, ...]
    operands: tuple[str, ...]
    guard: str | None
    guard_is: bool
    line: int
    source: str
    text: str

    @property
    def kind(self) -> str:
        """Its type: the last modifier."""
        return self.modifiers[-1] if self.modifiers else ""


@dataclass(frozen=True)
class Label:
    """A branch target."""

    name: str


@dataclass
class Function:
    """An ``.entry`` or ``.func`` with its body.

    Attributes
    ----------
    registers
        Type of every register.
    variables
        Memory that the body declares: shared, local, and parameter space of calls.
    block_limit
        Product of ``.maxntid`` or ``.reqntid``: most threads a block, or None; ``block_exact`` is the ``.reqntid``.
    line
        Line of its header in the PTX text.
    text
        The whole of it, for keys of caches.
    """

    name: str
    is_entry: bool
    parameters: list[Variable]
    result: Variable | None
    registers: dict[str, str] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)
    body: list[Instruction | Label] = field(default_factory=list)
    block_limit: int | None = None
    block_exact: tuple[int, int, int] | None = None
    line: int = 0
    text: str = ""


@dataclass
class Program:
    """A PTX module."""

    version: str = ""
    target: str = ""
    variables: dict[str, Variable] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    declared: set[str] = field(default_factory=set)


def parse(text: str) -> Program:
    """Read a module.

    Raises
    ------
    UnsupportedPtxError
        For a directive that the emulator does not know.
    """
    return _Reader(text).program()


def split_operands(text: str) -> tuple[str, ...]:
    """``"%r1, {%r2, %r3}, [%rd1+4]"`` at its outer commas."""
    parts, depth, start = [], 0, 0
    if not any(bracket in text for bracket in "{[("):
        return tuple(part.strip() for part in text.split(",")) if text.strip() else ()
    for place, sign in enumerate(text):
        if sign in "{[(":
            depth += 1
        elif sign in "}])":
            depth -= 1
        elif sign == "," and depth == 0:
            parts.append(text[start:place].strip())
            start = place + 1
    parts.append(text[start:].strip())
    return tuple(part for part in parts if part)


def _variable(text: str, line: int) -> Variable:
    match = _VARIABLE.fullmatch(text.strip())
    if match is None:
        raise UnsupportedPtxError(f"line {line}: declaration {' '.join(text.split())!r}")
    space, align, kind, extra, name, count, initial = match.groups()
    if not kind[1:].isdigit():
        raise UnsupportedPtxError(f"line {line}: declaration {' '.join(text.split())!r}")
    element = bits_of(kind) // 8
    size = element * (1 if count is None else int(count or 0))
    content = None if initial is None else _initial_bytes(initial, element, size, line)
    return Variable(name, space, kind, int(align or element), size, content, ".ptr" in extra)


def _initial_bytes(text: str, element: int, size: int, line: int) -> bytes:
    content = bytearray()
    for item in text.strip().strip("{}").split(","):
        try:
            content += (int(item.strip().rstrip("U"), 0) % (1 << 8 * element)).to_bytes(element, "little")
        except ValueError:
            raise UnsupportedPtxError(f"line {line}: initial value {item.strip()!r}") from None
    return bytes(content).ljust(size, b"\0")


class _Reader:
    """A cursor over the text."""

    def __init__(self, text: str) -> None:
        # The hash of the source in names of internal functions would make every function of a changed source new.
        text = _SOURCE_HASH.sub(r"\g<1>00000000", text)
        # Comments become blanks of the same shape, so that line numbers stay.
        self._text = _COMMENT.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
        self._place = 0
        self._line = 1
        self._counted = 0
        self._files: dict[str, str] = {}
        self._source = ""

    def program(self) -> Program:
        program = Program()
        while self._skip_blanks():
            if header := self._take(_HEADER):
                setattr(program, header.group(1), header.group(2).strip())
            elif found := self._take(_FILE):
                self._files[found.group(1)] = found.group(2)
            elif not self._take(_SECTION) and not self._take(_LINKAGE):
                self._module_item(program)
        return program

    def _module_item(self, program: Program) -> None:
        line = self._line_now()
        function = self._take(_FUNCTION)
        if function is None:
            text = self._until(";")
            if not text.startswith(".pragma"):
                variable = _variable(text, line)
                program.variables[variable.name] = variable
            return
        kind, result, name, parameters, attributes = function.groups()
        ends = self._text[self._place]
        self._place += 1
        if ends == ";":
            program.declared.add(name)
            return
        results = split_operands(result[1:-1]) if result else ()
        read = Function(
            name,
            kind == "entry",
            [_variable(text, line) for text in split_operands(parameters or "")],
            _variable(results[0], line) if results else None,
            line=line,
        )
        for bound, *sizes in _BOUND.findall(attributes):
            x, y, z = (int(size or 1) for size in sizes)
            read.block_limit = x * y * z
            if bound == "reqntid":
                read.block_exact = (x, y, z)
        start = self._place
        self._body(read)
        read.text = self._text[function.start() : start] + self._text[start : self._place]
        program.functions[name] = read

    def _body(self, function: Function) -> None:
        scopes: list[dict[str, str]] = [{}]
        opened = 0
        while self._skip_blanks():
            sign = self._text[self._place]
            if sign == "{":
                scopes.append({})
                opened += 1
                self._place += 1
            elif sign == "}":
                self._place += 1
                scopes.pop()
                if not scopes:
                    return
            elif location := self._take(_LOCATION):
                file = self._files.get(location.group(1), "")
                self._source = f"{file.rsplit('/', 1)[-1] or 'line '}:{location.group(2)}"
            elif label := self._take(_LABEL):
                function.body.append(Label(_renamed(label.group(1), scopes)))
            else:
                line = self._line_now()
                self._statement(function, scopes, opened, self._until(";"), line)
        raise UnsupportedPtxError(f"function {function.name} does not end")

    def _statement(self, function: Function, scopes: list[dict[str, str]], opened: int, text: str, line: int) -> None:
        if not text or text.startswith(".pragma"):
            return
        if text.startswith("."):
            self._declare(function, scopes, opened, text, line)
            return
        guard = _GUARD.match(text)
        rest = text[guard.end() :] if guard else text
        match = _INSTRUCTION.match(rest)
        if match is None:
            raise UnsupportedPtxError(f"line {line}: {text!r}")
        opcode, modifiers, operands = match.groups()
        if any(scopes[1:]):
            operands = _NAME.sub(lambda name: _renamed(name.group(), scopes), operands)
        function.body.append(
            Instruction(
                opcode,
                tuple(part for part in modifiers.split(".") if part),
                split_operands(operands),
                _renamed(guard.group(2), scopes) if guard else None,
                not (guard and guard.group(1)),
                line,
                self._source,
                " ".join(text.split()),
            )
        )

    @staticmethod
    def _declare(function: Function, scopes: list[dict[str, str]], opened: int, text: str, line: int) -> None:
        registers = _REGISTERS.fullmatch(text)
        if registers is None:
            variable = _variable(text, line)
            name = f"{variable.name}.{opened}" if len(scopes) > 1 else variable.name
            scopes[-1][variable.name] = name
            function.variables[name] = variable
            return
        for item in registers.group(2).split(","):
            name, _, count = item.strip().rstrip(">").partition("<")
            for written in [f"{name}{number}" for number in range(int(count))] if count else [name]:
                unique = f"{written}.{opened}" if len(scopes) > 1 else written
                if len(scopes) > 1:
                    scopes[-1][written] = unique
                function.registers[unique] = registers.group(1)

    def _skip_blanks(self) -> bool:
        text, place = self._text, self._place
        while place < len(text) and text[place].isspace():
            place += 1
        self._place = place
        return place < len(text)

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self._text, self._place)
        if match is not None:
            self._place = match.end()
        return match

    def _until(self, sign: str) -> str:
        end = self._text.find(sign, self._place)
        if end < 0:
            raise UnsupportedPtxError(f"line {self._line_now()}: statement without end")
        taken = self._text[self._place : end].strip()
        self._place = end + 1
        return taken

    def _line_now(self) -> int:
        self._line += self._text.count("\n", self._counted, self._place)
        self._counted = self._place
        return self._line


def _renamed(name: str, scopes: list[dict[str, str]]) -> str:
    for scope in reversed(scopes[1:]):
        if name in scope:
            return scope[name]
    return name
