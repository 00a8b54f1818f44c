"""Both sides in turns, medians with their spread, one JSON object a line and a table for people."""
import json
import os
import statistics
import sys

ROUND_UP = {"calls/s": 0, "values/s": 0, "residents/s": 0, "lines/s": 0, "tokens/s": 0, "decisions/s": 0}


def middle(values, digits=3):
    return round(statistics.median(values), digits)


def ends(values, digits=3):
    return [round(min(values), digits), round(max(values), digits)]


def rate(result):
    return result["units"] / result["seconds"]


def cpu_us(result, who):
    return 1e6 * result["cpu"].get(who, 0) / max(1, result["units"])


def cpu_of_all(result):
    """Seconds of all processes of the bench, the client's included."""
    return sum(seconds for name, seconds in result["cpu"].items() if name != "machine")


def share(result, who):
    return result["cpu"].get(who, 0) / max(1e-9, cpu_of_all(result))


def others(result):
    """Share of all CPUs that went to processes which are no part of the bench."""
    return max(0.0, (result["cpu"]["machine"] - cpu_of_all(result)) / (result["seconds"] * os.cpu_count()))


def by_cpu(ours, limit):
    """The ratio if CPU were all that counts: repeats far better than time on a machine that others use."""
    return (cpu_of_all(limit) / max(1, limit["units"])) / max(1e-9, cpu_of_all(ours) / max(1, ours["units"]))


def interleave(rounds, ours, limit):
    """Runs both sides in turns, each first in every other round. Their results, round by round."""
    pairs = []
    for number in range(rounds):
        if number % 2 == 0:
            first = ours()
            pairs.append((first, limit()))
        else:
            first = limit()
            pairs.append((ours(), first))
    return pairs


def summary(bench, case, unit, pairs, **more):
    """The figures of one case. `more` stands behind them as it is."""
    ours, limits = [rate(o) for o, _ in pairs], [rate(l) for _, l in pairs]
    ratios = [o / l for o, l in zip(ours, limits)]
    watched = [who for who in ("vaultd", "postgres", "client") if who in pairs[0][0]["cpu"]]
    line = {
        "bench": bench, "case": case, "unit": unit,
        "ours": middle(ours, ROUND_UP.get(unit, 3)), "limit": middle(limits, ROUND_UP.get(unit, 3)), "ratio": middle(ratios),
        "p50_ms": middle([o["p50_ms"] for o, _ in pairs]), "p99_ms": middle([o["p99_ms"] for o, _ in pairs]),
        "limit_p50_ms": middle([l["p50_ms"] for _, l in pairs]), "limit_p99_ms": middle([l["p99_ms"] for _, l in pairs]),
        "spread": ends(ratios), "ours_spread": ends(ours, 0), "limit_spread": ends(limits, 0), "rounds": len(pairs),
    }
    for who in watched:
        line[f"cpu_us_{who}"] = middle([cpu_us(o, who) for o, _ in pairs], 2)
        line[f"limit_cpu_us_{who}"] = middle([cpu_us(l, who) for _, l in pairs], 2)
    line["ratio_by_cpu"] = middle([by_cpu(o, l) for o, l in pairs])
    line["cpu_share_client"] = middle([share(o, "client") for o, _ in pairs])
    line["limit_cpu_share_client"] = middle([share(l, "client") for _, l in pairs])
    line["cpu_share_others"] = middle([others(r) for pair in pairs for r in pair])
    return {**line, **more}


def publish(line):
    print(json.dumps(line), flush=True)
    return line


COLUMNS = [("bench", 13), ("case", 14), ("unit", 12), ("ours", 10), ("limit", 10), ("ratio", 7), ("aim", 6), ("spread", 15), ("ratio_by_cpu", 10),
           ("p50_ms", 8),
           ("p99_ms", 8), ("cpu_us_vaultd", 14), ("cpu_us_postgres", 16), ("cpu_share_client", 17), ("cpu_share_others", 17)]


def table(lines):
    def cell(line, name):
        value = line.get(name, "")
        if name == "spread" and value:
            return f"{value[0]:.2f} to {value[1]:.2f}"
        if isinstance(value, float) and value >= 1000:
            return f"{value:,.0f}"
        return str(value)
    print("", "".join(f"{name.replace('cpu_', ''):>{width}}" for name, width in COLUMNS), sep="\n", file=sys.stderr)
    for line in lines:
        print("".join(f"{cell(line, name):>{width}}" for name, width in COLUMNS), file=sys.stderr)
    for line in lines:
        for missed in line.get("missed", []):
            print(f"{line['bench']} {line['case']}: {missed}", file=sys.stderr)
