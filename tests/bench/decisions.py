"""How fast a policy decides, however many rules it has, and how fast it is loaded."""
import replay
from machine import cpu_of, cpu_of_machine, say
from rounds import interleave, publish, summary

CHUNK = 256  # decisions that are timed together (bench-policy)


def judged(line, aim, **more):
    missed = [] if line["ratio"] >= aim else [f"ratio {line['ratio']} is below the aim of {aim}"]
    return {**line, "aim": aim, "missed": missed + [text for text, reached in more.items() if not reached]}


def taking_turns(machine, options, ours, limit):
    """bench-policy obeys the two commands in turns, in one thread of its own."""
    program = machine.program("bench-policy")
    watch = {"client": lambda: cpu_of(program.pid), "machine": cpu_of_machine}
    pairs = interleave(options.rounds, lambda: program.obey(*ours, options.seconds, watch=watch),
                       lambda: program.obey(*limit, options.seconds, watch=watch))
    program.close()
    return pairs


def decide(machine, options, case):
    """Against decisions of ten rules: a decision's cost must not grow with the rules."""
    _, rules, *one = case.split()
    pairs = taking_turns(machine, options, ("decide", rules, "one" if one else "many"), ("decide", 10, "many"))
    line = summary("policy", case, "decisions/s", pairs, persons=10000)
    line["p50_ns"] = round(line["p50_ms"] * 1e6 / CHUNK)
    line["limit_p50_ns"] = round(line["limit_p50_ms"] * 1e6 / CHUNK)
    return judged(line, 0.5, **{"the median is above 1 us": line["p50_ns"] <= 1000})


def load(machine, options, case):
    """Against the bare reading of its text as JSON."""
    rules = case.split()[1]
    pairs = taking_turns(machine, options, ("load", rules, "many"), ("read", rules, "many"))
    line = summary("policy", case, "loads/s", pairs)
    return judged(line, 0, **{"the median is above 1 s": line["p50_ms"] <= 1000})


def budget(machine, options, case):
    """Reveals that a budget counts against reveals that none does: single ones, 64 in flight, or calls of 1,000 items."""
    client, batch = machine.residents(), case.endswith("batch")
    words, flight = (("reveal-batch", "counted-batch"), (1000, 4)) if batch else (("reveal", "counted"), (64,))
    for word in words:
        client.obey(word, *flight, 1.0)  # warm, and whom a counter has seen
    watch = machine.watch(client)
    pairs = interleave(options.rounds, lambda: client.obey(words[1], *flight, options.seconds, watch=watch),
                       lambda: client.obey(words[0], *flight, options.seconds, watch=watch))
    line = summary("policy", case, "items/s" if batch else "calls/s", pairs, connections=options.connections, workers=options.workers)
    return judged(line, 0.5)


# case of ./bench policy: what measures it
POLICY = {"decide 10": decide, "decide 1000": decide, "decide 10000": decide, "decide 10000 one": decide, "load 10000": load,
          "budget": budget, "budget batch": budget, "replay": replay.replay}


def policy(machine, options):
    """decisions of 10, 1,000 and 10,000 rules (and of 10,000 for one consumer and purpose) against those of ten; loading 10,000 rules against reading their JSON; a million lines decided again"""
    lines = []
    for case, measure in POLICY.items():
        if options.case and case not in options.case:
            continue
        say(f"policy {case}")
        lines.append(publish(measure(machine, options, case)))
    return lines
