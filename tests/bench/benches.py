"""The benches, each a function of the machine and the options that yields its lines."""
from machine import say
from rounds import interleave, publish, summary


def cases(options, names):
    return [name for name in names if not options.case or name in options.case]


def judge(line, aim, **more):
    """Says which aims were missed."""
    missed = [] if line["ratio"] >= aim else [f"ratio {line['ratio']} is below the aim of {aim}"]
    for text, reached in more.items():
        if not reached:
            missed.append(text)
    return {**line, "aim": aim, "missed": missed}


def reveal(machine, options):
    """single-field Reveal with policy, durable line and receipt, against grpc.health.v1.Health/Check on the same server"""
    client, lines = machine.residents(), []
    watch = machine.watch(client)
    for case in cases(options, ["inflight=1", "inflight=16", "inflight=64", "inflight=256"]):
        flight = int(case.split("=")[1])
        say(f"reveal {case}")
        pairs = interleave(options.rounds, lambda: client.obey("reveal", flight, options.seconds, watch=watch),
                           lambda: client.obey("health", flight, options.seconds, watch=watch))
        line = summary("reveal", case, "calls/s", pairs, connections=min(options.connections, flight))
        line["cpu_ratio_vaultd"] = round(line["cpu_us_vaultd"] / max(0.01, line["limit_cpu_us_vaultd"]), 3)
        line = judge(line, {64: 0.45, 256: 0.55}.get(flight, 0), **{"p50 alone is above 1 ms": flight > 1 or line["p50_ms"] <= 1,
                     "vaultd's CPU is above 1.6 times the health check's": line["cpu_ratio_vaultd"] <= 1.6})
        lines.append(publish(line))
    return lines


BENCHES = {"reveal": reveal}
