"""What the kept results say, as tables: a function of the file and of the problems."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from comparison.batches import Results
from optimizers import PEERS
from problems import Problem

MARKS = (25, 50, 100)
PARALLEL_MARK = 96  # twelve rounds of eight workers
SCALE_SEEDS = range(10)
FLOOR = 0.01
Pair = tuple[str, int]  # a problem and a seed
Regrets = Mapping[str, Mapping[Pair, Sequence[float]]]  # by optimizer and pair, one for each mark


def title(optimizer: str) -> str:
    return PEERS[optimizer].title if optimizer in PEERS else optimizer


def best_after(values: Sequence[Sequence[float]], n_trials: int) -> float:
    return min((value for value, *_ in values[:n_trials] if not math.isnan(value)), default=math.inf)


def regrets(
    results: Results, problems: Iterable[Problem], workers: int, marks: Sequence[int], seeds: Sequence[int]
) -> dict[str, dict[Pair, list[float]]]:
    """(best so far - best known) / (median of random search's best at 100 - best known), not below 0.01.

    The scale is that of one worker and SCALE_SEEDS.
    """
    found: dict[str, dict[Pair, list[float]]] = {}
    for problem in problems:
        of_random = [results.get(("random", problem.name, 1, seed)) for seed in SCALE_SEEDS]
        bests = [best_after(each["values"], 100) for each in of_random if each]
        if not bests:
            continue
        scale = statistics.median(bests) - problem.lowest
        for (optimizer, name, n, seed), each in results.items():
            if name == problem.name and n == workers and seed in seeds and len(each["values"]) >= marks[-1]:
                bests = [best_after(each["values"], mark) for mark in marks]
                found.setdefault(optimizer, {})[name, seed] = [
                    max(FLOOR, (best - problem.lowest) / scale) for best in bests
                ]
    return ordered(found)


def ordered(found: Mapping[str, Any]) -> dict[str, Any]:
    """Random search, then ours, then the peers."""
    return dict(sorted(found.items(), key=lambda item: (item[0] in PEERS, item[0] != "random", item[0])))


def geometric_mean(values: Iterable[float]) -> float:
    return math.exp(statistics.fmean(math.log(value) for value in values))


def quartiles(values: Sequence[float]) -> str:
    low, middle, high = np.percentile(values, [25, 50, 75])
    return f"{middle:.2g} ({low:.2g}–{high:.2g})"


def table(corner: str, columns: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    lines = [f"| {corner} | " + " | ".join(columns) + " |", "| --- |" + " ---: |" * len(columns)]
    return "\n".join([*lines, *(f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows)]) + "\n"


def by_problem(found: Regrets, problems: Sequence[Problem], cell: Callable[[list[Sequence[float]]], str]) -> str:
    """A row for each problem and for each group, a column for each optimizer."""
    tried = {name for name, _ in common(found, found)}
    problems = [problem for problem in problems if problem.name in tried]
    rows = [(problem.name, {problem.name}) for problem in problems]
    if len(groups(problems)) > 1:
        rows += [(f"**{group}**", {p.name for p in problems if p.group == group}) for group in groups(problems)]
    rows.append(("**all**", tried))
    cells = [
        (name, [cell([r for (problem, _), r in found[o].items() if problem in members]) for o in found])
        for name, members in rows
    ]
    return table("problem", [title(optimizer) for optimizer in found], cells)


def groups(problems: Sequence[Problem]) -> list[str]:
    return list(dict.fromkeys(problem.group for problem in problems))


def means(regrets: list[Sequence[float]]) -> str:
    return " / ".join(f"{geometric_mean(at):.3f}" for at in zip(*regrets, strict=True))


def spread(regrets: list[Sequence[float]]) -> str:
    return quartiles([each[-1] for each in regrets])


def common(found: Regrets, optimizers: Iterable[str]) -> list[Pair]:
    """The pairs that all of them have."""
    return sorted(set.intersection(*(set(found[optimizer]) for optimizer in optimizers)))


def fields(found: Regrets) -> list[dict[str, dict[Pair, Sequence[float]]]]:
    """The optimizers that ran everywhere; and, where some ran on a part alone, all of them on that part."""
    most = max((len(pairs) for optimizer, pairs in found.items() if optimizer != "random"), default=0)
    everywhere = [optimizer for optimizer in found if len(found[optimizer]) >= most]
    chosen = [everywhere] if len(everywhere) == len(found) else [everywhere, list(found)]
    return [{name: {pair: found[name][pair] for pair in common(found, names)} for name in names} for names in chosen]


def ranks(found: Regrets) -> str:
    """Mean ranks with one entry of ours at a time: its own at each mark, and at the last one everybody's."""
    from scipy.stats import rankdata

    peers, pairs = [name for name in found if name in PEERS], common(found, found)
    rows = []
    for ours in (name for name in found if name not in PEERS):
        entries = [ours, *peers]
        R = np.array([[found[entry][pair] for pair in pairs] for entry in entries])  # (entries, pairs, marks)
        mean = rankdata(R, axis=0).mean(axis=1)
        rows.append((ours, [" / ".join(f"{rank:.2f}" for rank in mean[0]), *(f"{rank:.2f}" for rank in mean[1:, -1])]))
    head = f"Mean rank among {len(peers) + 1} over {len(pairs)} pairs of problem and seed, one entry of ours at a time"
    return f"{head}.\n\n" + table("ours", ["its rank", *map(title, peers)], rows)


def verdicts(found: Regrets, problems: Sequence[Problem]) -> str:
    """Each of ours against each peer and random: the share of the pairs that it wins, the ratio of the regrets, and
    Wilcoxon's p over their logarithms, with Holm's correction over the battles and marks of all problems or a group."""
    others = [name for name in found if name in PEERS or name == "random"]
    battles = [(a, b) for a in found if a not in PEERS and a != "random" for b in others]
    parts = {"all": problems}
    if len(groups(problems)) > 1:
        parts.update({g: [p for p in problems if p.group == g] for g in groups(problems)})
    rows: list[tuple[str, list[str]]] = []
    if not battles:
        return ""
    for part, members in parts.items():
        names = {problem.name for problem in members}
        pairs = [pair for pair in common(found, found) if pair[0] in names]
        if not pairs:
            continue
        D = [np.log([found[a][p] for p in pairs]) - np.log([found[b][p] for p in pairs]) for a, b in battles]
        corrected = iter(holm([_wilcoxon(d) for differences in D for d in differences.T]))
        for (a, b), differences in zip(battles, D, strict=True):
            cells = [f"{_share_and_ratio(d)}, p = {next(corrected):.1g}" for d in differences.T]
            rows.append((f"{a} against {title(b)}, {part}", cells))
    return table("pair, problems", [f"at {mark}" for mark in MARKS], rows)


def _share_and_ratio(differences: np.ndarray) -> str:
    won = float(np.mean(differences < 0) + np.mean(differences == 0) / 2)
    return f"{won:.0%}, × {math.exp(float(np.mean(differences))):.2f}"


def _wilcoxon(differences: np.ndarray) -> float:
    from scipy.stats import wilcoxon

    return float(wilcoxon(differences).pvalue) if np.any(differences) else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm 1979: the k-th smallest of m times m - k, never below a smaller one's."""
    corrected, least = [1.0] * len(p_values), 0.0
    for k, i in enumerate(np.argsort(p_values).tolist()):
        least = max(least, min(1.0, (len(p_values) - k) * p_values[i]))
        corrected[i] = least
    return corrected


def parallel(alone: Regrets, together: Regrets, problems: Sequence[Problem]) -> str:
    """How much 8 workers lose by knowing less: their mean regret as a multiple of one worker's."""
    names = [name for name in together if name in alone]
    rows = []
    for part in [*groups(problems), "all"]:
        members = {problem.name for problem in problems if part in (problem.group, "all")}
        cells = []
        for name in names:
            pairs = [pair for pair in sorted(set(alone[name]) & set(together[name])) if pair[0] in members]
            a, b = ([each[name][pair][0] for pair in pairs] for each in (alone, together))
            cells.append(f"{geometric_mean(b) / geometric_mean(a):.2f} ({geometric_mean(b):.3f})" if pairs else "")
        rows.append((part, cells))
    return table(f"8 workers at {PARALLEL_MARK}", list(map(title, names)), rows)


def versions(results: Results, optimizers: Iterable[str]) -> str:
    known: dict[str, set[str]] = {}
    for (optimizer, *_), each in results.items():
        known.setdefault(optimizer, set()).add(each["version"])
    return "; ".join(f"{title(name)} {', '.join(sorted(known[name]))}" for name in optimizers)


def tables(found: Regrets, problems: Sequence[Problem]) -> list[str]:
    """Of optimizers that all ran on the same pairs."""
    return [
        by_problem(found, problems, means),
        "After 100: median (quartiles).\n",
        by_problem(found, problems, spread),
        ranks(found),
        verdicts(found, problems),
    ]


def report(results: Results, problems: Sequence[Problem], seeds: Sequence[int]) -> str:
    found = regrets(results, problems, 1, MARKS, seeds)
    if not found:
        return "There are no results of one worker to report.\n"
    parts = [f"{versions(results, found)}.\n"]
    for field in fields(found):
        parts += ["Normalised regret after 25 / 50 / 100 trials, one worker, geometric mean over the seeds.\n"]
        parts += tables(field, problems)
    together = regrets(results, problems, 8, [PARALLEL_MARK], seeds)
    if together:
        parts.append("8 asynchronous workers against one: ratio of the regrets (regret of the 8).\n")
        parts.append(parallel(regrets(results, problems, 1, [PARALLEL_MARK], seeds), together, problems))
    return "\n".join(parts)
