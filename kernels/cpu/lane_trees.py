"""Sums of pieces of buckets in lanes: eight pieces of one length at a time, a tree each.

Lane l of every vector belongs to piece l, so the sums of one level of the trees are the operands of the next as they
lie: only the leaves are fetched from rows, only the roots are written to rows. Trees of one length differ in nothing
but their points; many of them go level by level together, for the sake of inversions shared by many additions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kernels.cpu.bucket_sums import OWN_ROW
from kernels.cpu.compilation import KernelSet
from kernels.cpu.lane_slots import LEVELS
from kernels.cpu.lane_vectors import LANES

LONGEST_PIECE = 1 << LEVELS


Leaves = Any
"""Table, workspace, and the entries of all pairs of leaves: the left ones, the right ones."""


@dataclass(frozen=True)
class TreeAdditions:
    """How a set of kernels adds vectors of points; a slot is a vector of eight of them.

    Attributes
    ----------
    slots
        Slots that a room has.
    chunk_vectors
        Vectors of additions that share an inversion, at most.
    add_rows
        ``(leaves, pair, slots, first, vectors, room)``: slot slots[first + k] becomes the sum of the eight pairs of
        entries of vector pair + k; false, with no sum written, if that met equal or opposite points. Asks for the rows
        of the pairs behind, too.
    add_slots
        ``(leaves, pair, slots, distance, first, vectors, room)``: to slot slots[first + k] is added the one
        ``distance`` behind it, in the same way; asks for the rows of the pairs from vector ``pair`` on.
    ask
        ``(table, workspace, entries, at)``: ask for the rows of eight entries.
    load
        ``(slot, table, workspace, entries, at, room)``: a slot becomes the points of eight entries.
    store
        ``(workspace, row, slot, room)``: eight rows from ``row`` on become the points of a slot.
    sum_any_pieces
        ``(table, workspace, pieces, ends, count, row, room)``: as what is made here, for any points.
    """

    slots: int
    chunk_vectors: int
    add_rows: Any
    add_slots: Any
    ask: Any
    load: Any
    store: Any
    sum_any_pieces: Any


def tree_summer(kernels: KernelSet, additions: TreeAdditions) -> Any:
    """Return :attr:`kernels.cpu.bucket_sums.PieceSums.sum_pieces` for pieces of at most LONGEST_PIECE entries."""
    slots, chunk_vectors = additions.slots, additions.chunk_vectors
    add_rows, add_slots, sum_any_pieces = additions.add_rows, additions.add_slots, additions.sum_any_pieces
    ask, load, store = additions.ask, additions.load, additions.store

    @kernels.inner
    def longest_first(ends: Any, count: int, begins: Any, lengths: Any) -> Any:
        # Where pieces of more than one entry begin, and their lengths; how many they are.
        places = np.zeros(LONGEST_PIECE + 2, np.int64)
        begin = 0
        for s in range(count):
            places[ends[s] - begin] += 1
            begin = ends[s]
        long = count - places[1]
        at = 0
        for length in range(LONGEST_PIECE, 1, -1):
            at += places[length]
            places[length] = at - places[length]
        begin = 0
        for s in range(count):
            length = ends[s] - begin
            if length > 1:
                begins[places[length]] = begin
                lengths[places[length]] = length
                places[length] += 1
            begin = ends[s]
        return long

    @kernels.inner
    def group_trees(lengths: Any, long: int, groups: Any) -> tuple[int, int]:
        # How many trees of one length share the lanes; how many groups there are, and how many pairs their leaves make.
        count, pairs, stop = 0, 0, 0
        while stop < long:
            lanes, length = 1, lengths[stop]
            while lanes < LANES and stop + lanes < long and lengths[stop + lanes] == length:
                lanes += 1
            groups[count] = lanes
            count += 1
            stop += lanes
            pairs += length // 2
        return count, pairs

    @kernels.inner
    def plant(
        pieces: Any, begins: Any, lengths: Any, groups: Any, count: int, left: Any, right: Any, lone: Any
    ) -> None:
        # Leaves in the order in which they are added.
        pairs, first = 0, 0
        for g in range(count):
            length = lengths[first]
            for lane in range(LANES):  # spare lanes repeat the last piece
                begin = begins[first + min(lane, groups[g] - 1)]
                for i in range(length // 2):
                    left[LANES * (pairs + i) + lane] = pieces[begin + 2 * i]
                    right[LANES * (pairs + i) + lane] = pieces[begin + 2 * i + 1]
                lone[LANES * g + lane] = pieces[begin + length - 1]
            first += groups[g]
            pairs += length // 2

    @kernels.inner
    def sum_trees(
        leaves: Leaves, lone: Any, first_pair: int, first_group: int, lists: Any, count: int, room: Any
    ) -> bool:
        # Leaves every group's sums in its first slot; false if that met equal or opposite points.
        table, workspace, _, _ = leaves
        targets, firsts, lengths = lists
        pairs = 0
        for g in range(count):
            if lengths[g] % 2:
                ask(table, workspace, lone, LANES * (first_group + g))
            for i in range(lengths[g] // 2):
                targets[pairs] = firsts[g] + i
                pairs += 1
        for first in range(0, pairs, chunk_vectors):
            vectors = min(chunk_vectors, pairs - first)
            if not add_rows(leaves, first_pair + first, targets, first, vectors, room):
                return False
        next_pair = first_pair + pairs
        for g in range(count):
            if lengths[g] % 2:
                load(firsts[g] + lengths[g] // 2, table, workspace, lone, LANES * (first_group + g), room)
            lengths[g] -= lengths[g] // 2
        distance = 1
        while lengths[0] > 1:  # the longest come first
            pairs = 0
            for g in range(count):
                for i in range(lengths[g] // 2):
                    targets[pairs] = firsts[g] + 2 * distance * i
                    pairs += 1
                lengths[g] -= lengths[g] // 2
            for first in range(0, pairs, chunk_vectors):
                vectors = min(chunk_vectors, pairs - first)
                if not add_slots(leaves, next_pair, targets, distance, first, vectors, room):
                    return False
            distance *= 2
        return True

    @kernels.inner
    def sum_any(
        table: Any, workspace: Any, pieces: Any, begins: Any, lengths: Any, first: int, stop: int, row: int, room: Any
    ) -> int:
        # The same pieces one after the other, by additions of any points.
        total = 0
        for s in range(first, stop):
            total += lengths[s]
        entries = np.empty(total, np.uint32)
        ends = np.empty(stop - first, np.int64)
        filled = 0
        for s in range(first, stop):
            for i in range(lengths[s]):
                entries[filled + i] = pieces[begins[s] + i]
            filled += lengths[s]
            ends[s - first] = filled
        row = sum_any_pieces(table, workspace, entries, ends, stop - first, row, room)
        for s in range(first, stop):
            pieces[begins[s]] = entries[s - first]
        return row

    @kernels.inner
    def sum_pieces(table: Any, workspace: Any, pieces: Any, ends: Any, count: int, row: int, room: Any) -> int:
        begins = np.empty(count, np.int64)
        lengths = np.empty(count, np.int64)
        long = longest_first(ends, count, begins, lengths)
        groups = np.empty(long, np.int64)
        group_count, pairs = group_trees(lengths, long, groups)
        left = np.empty(LANES * pairs, np.uint32)
        right = np.empty(LANES * pairs, np.uint32)
        lone = np.empty(LANES * group_count, np.uint32)
        plant(pieces, begins, lengths, groups, group_count, left, right, lone)
        leaves = (table, workspace, left, right)
        targets = np.empty(slots, np.int64)
        firsts = np.empty(slots, np.int64)
        left_over = np.empty(slots, np.int64)
        tree, group, pair = 0, 0, 0
        while tree < long:
            first_tree, first_group, first_pair, used = tree, group, pair, 0
            while tree < long and used + (lengths[tree] + 1) // 2 <= slots:
                firsts[group - first_group], left_over[group - first_group] = used, lengths[tree]
                used += (lengths[tree] + 1) // 2
                pair += lengths[tree] // 2
                tree += groups[group]
                group += 1
            lists = (targets, firsts, left_over)
            if not sum_trees(leaves, lone, first_pair, first_group, lists, group - first_group, room):
                row = sum_any(table, workspace, pieces, begins, lengths, first_tree, tree, row, room)
                continue
            at = first_tree
            for g in range(first_group, group):
                store(workspace, row, firsts[g - first_group], room)
                for _ in range(groups[g]):
                    pieces[begins[at]] = (row << 2) | OWN_ROW
                    row += 1
                    at += 1
        begin = 0
        for s in range(count):
            pieces[s] = pieces[begin]
            begin = ends[s]
            ends[s] = s + 1
        return row

    return sum_pieces
