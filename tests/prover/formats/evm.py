"""Compile Solidity with solc and call it in py-evm, at the rules of Prague."""

import json
from dataclasses import dataclass

from eth.chains.base import MiningChain
from eth.db.atomic import AtomicDB
from eth.vm.forks.prague import PragueVM
from eth_utils import keccak

from tests.npm_tools import run_node

CONTRACT = b"\xc0" * 20
CALLER = b"\xca" * 20
CODE_LIMIT = 24_576  # EIP-170
_GAS = 20_000_000


@dataclass(frozen=True)
class Answer:
    """What a call came to."""

    reverted: bool
    output: bytes
    gas: int

    @property
    def accepted(self):
        assert not self.reverted, self.output.hex()
        assert self.output in {(0).to_bytes(32, "big"), (1).to_bytes(32, "big")}
        return self.output[-1] == 1

    def is_error(self, signature, *arguments):
        expected = keccak(text=signature)[:4] + b"".join(value.to_bytes(32, "big") for value in arguments)
        return self.reverted and self.output == expected


@dataclass(frozen=True)
class Contract:
    """A compiled contract: its interface and the code that would be on chain."""

    abi: list
    code: bytes

    def call(self, signature, words, gas=_GAS, rules=PragueVM):
        """Call a function with integers or bytes of 32 for its arguments, at the rules of a fork."""
        data = b"".join(word if isinstance(word, bytes) else word.to_bytes(32, "big") for word in words)
        vm = _machine(rules)
        computation = vm.execute_bytecode(
            origin=CALLER,
            gas_price=1,
            gas=gas,
            to=CONTRACT,
            sender=CALLER,
            value=0,
            data=keccak(text=signature)[:4] + data,
            code=self.code,
            code_address=CONTRACT,
        )
        return Answer(computation.is_error, bytes(computation.output), computation.get_gas_used())


def compile_solidity(source, name="Groth16Verifier", **settings):
    """Compile one contract; any warning is an error, but that a licence is missing from others' sources."""
    request = {
        "language": "Solidity",
        "sources": {"verifier.sol": {"content": source}},
        "settings": {
            "optimizer": {"enabled": True, "runs": 200},
            **settings,
            "outputSelection": {"*": {"*": ["abi", "evm.deployedBytecode.object"]}},
        },
    }
    answer = run_node("solc/solc.js", "--standard-json", stdin=json.dumps(request)).stdout
    result = json.loads(answer[answer.index("{") :])
    assert not result.get("errors"), [error["formattedMessage"] for error in result["errors"]]
    contract = result["contracts"]["verifier.sol"][name]
    return Contract(contract["abi"], bytes.fromhex(contract["evm"]["deployedBytecode"]["object"]))


def _machine(rules):
    chain = MiningChain.configure("Chain", vm_configuration=((0, rules),))
    genesis = {"difficulty": 0, "gas_limit": 2 * _GAS, "timestamp": 1}
    return chain.from_genesis(AtomicDB(), genesis, {}).get_vm()
