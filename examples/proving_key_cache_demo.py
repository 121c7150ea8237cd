"""Proving keys in the service: first use against reuse, and the memory of one shared key against copies.

Readers are processes that map one key from Ray's object store; their own (anonymous) memory is read before and after
they have read every byte of it, and again after they have copied it.
Run it with ``python examples/proving_key_cache_demo.py``.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import ray

from cluster import Client, Key, Settings
from cluster.key_vault import ACTOR_NAME

MIB = 1 << 20


@dataclass(frozen=True)
class Reading:
    """Bytes of a key, and by how much a reader's own memory grew with views of it and with a copy."""

    key_bytes: int
    views_bytes: int
    copy_bytes: int


class Reader:
    """A process that reads a key."""

    def read(self, references: dict[str, list[ray.ObjectRef]]) -> Reading:
        """Map a key and read it, then copy it."""
        ray.get(ray.put(b""))  # what the first use of the object store allocates is not the key's
        before = own_bytes()
        views = [ray.get(reference) for (reference,) in references.values()]
        for view in views:
            view.view(np.uint8).max(initial=0)
        with_views = own_bytes()
        copies = [view.copy() for view in views]
        return Reading(sum(copy.nbytes for copy in copies), with_views - before, own_bytes() - with_views)


def own_bytes() -> int:
    """Anonymous memory of this process, which it shares with none."""
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="utf-8").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))


def timed_use(client: Client, circuit: str, **parameters: int) -> tuple[Key, float]:
    """Ask for a circuit's key, and return it with the seconds that took."""
    began = time.perf_counter()
    key = client.circuit(circuit, **parameters)
    return key, time.perf_counter() - began


def main() -> None:
    """Run the service, use the keys, and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--depth", type=int, default=8, help="depth of RingCT's Merkle tree")
    parser.add_argument("--coins", type=int, default=4, help="inputs and outputs of a transaction")
    parser.add_argument("--readers", type=int, default=4, help="processes that read one key")
    options = parser.parse_args()
    if options.readers < 1:
        parser.error("--readers must be positive")

    circuits = {"multiply": {}, "ringct": {"depth": options.depth, "inputs": options.coins, "outputs": options.coins}}
    with tempfile.TemporaryDirectory() as keys, Client.local(Settings(key_dir=Path(keys))) as client:
        print(f"{'circuit':10}{'constraints':>12}{'first use s':>14}{'reuse ms':>12}{'ratio':>10}")
        for name, parameters in circuits.items():
            key, first_s = timed_use(client, name, **parameters)
            reuses_s = [timed_use(client, name, **parameters)[1] for _ in range(10)]
            reuse_s = statistics.median(reuses_s)
            shown = f"{first_s:14.2f}{1000 * reuse_s:12.2f}{first_s / reuse_s:9.0f}x"
            print(f"{name:10}{key.metadata.constraints:12}{shown}")

        vault = ray.get_actor(ACTOR_NAME, namespace=client.service_info().namespace)
        _, references = ray.get(vault.get.remote(key.key_id), timeout=60)
        readers = [ray.remote(Reader).options(num_cpus=0).remote() for _ in range(options.readers)]
        readings = ray.get([reader.read.remote(references) for reader in readers], timeout=120)
        size = readings[0].key_bytes
        print()
        print(f"one key of {name}: {size / MIB:.1f} MiB in the object store, read by {len(readings)} processes")
        for how, grown in (("views", [r.views_bytes for r in readings]), ("copies", [r.copy_bytes for r in readings])):
            each = statistics.fmean(grown) / MIB
            print(
                f"  with {how:7} own memory of a reader grew by {each:6.1f} MiB, of all by {sum(grown) / MIB:7.1f} MiB"
            )


if __name__ == "__main__":
    main()
