"""A ``.zkey`` as JSON, the way ``snarkjs zkey export json`` writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import kernels
from kernels.encoding import ints_from_montgomery
from prover.formats.snarkjs_json import PROTOCOL, point_to_json

if TYPE_CHECKING:
    from kernels.backend import Backend
    from kernels.curves import Group
    from prover.formats.zkey import ZkeyFile


def zkey_to_json(key: ZkeyFile, backend: Backend | None = None) -> dict[str, Any]:
    """Every number of a key in decimal; large keys make very large documents.

    Raises
    ------
    BadInput
        See :meth:`prover.formats.zkey.ZkeyFile.proving_key`, whose checks of the entries are made first.
    """
    backend = backend or kernels.get_backend()
    key.proving_key(backend)
    curve = key.curve
    # R^2 v to R v; the decoding takes the other factor.
    values = ints_from_montgomery(curve.fr, backend.from_montgomery(curve, key.entries["value"].astype("<u8")))
    columns = (key.entries[name].tolist() for name in ("matrix", "constraint", "signal"))
    entries = zip(*columns, strict=True)
    document: dict[str, Any] = {
        "protocol": PROTOCOL,
        "n8q": 8 * curve.fp.limbs,
        "q": str(curve.fp.modulus),
        "n8r": 8 * curve.fr.limbs,
        "r": str(curve.fr.modulus),
        "nVars": key.variables,
        "nPublic": key.public,
        "domainSize": key.domain_size,
        "power": key.domain_size.bit_length() - 1,
    }
    singles = {"vk_alpha_1": "alpha_g1", "vk_beta_1": "beta_g1", "vk_beta_2": "beta_g2", "vk_gamma_2": "gamma_g2"}
    singles |= {"vk_delta_1": "delta_g1", "vk_delta_2": "delta_g2"}
    for name, ours in singles.items():
        document[name] = point_to_json(curve, "g2" if ours.endswith("g2") else "g1", key.points[ours])
    document["IC"] = [point_to_json(curve, "g1", point) for point in key.points["ic"]]
    document["ccoefs"] = [
        {"matrix": matrix, "constraint": constraint, "signal": signal, "value": str(value)}
        for (matrix, constraint, signal), value in zip(entries, values, strict=True)
    ]
    queries = {"A": "a_query", "B1": "b_g1_query", "B2": "b_g2_query", "C": "l_query", "hExps": "h_query"}
    for name, ours in queries.items():
        group: Group = "g2" if name == "B2" else "g1"
        document[name] = [point_to_json(curve, group, point) for point in key.points[ours]]
    document["C"] = [None] * (key.public + 1) + document["C"]  # by variable; the public ones are in IC
    return document
