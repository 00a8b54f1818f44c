"""What it costs that the log can be proven: receipts with every reveal, and vault-verify over an exported log."""
import questions
from machine import cpu_of, cpu_of_machine, say
from rounds import cpu_us, interleave, middle, publish, rate, summary

VERIFIED = 1000000  # lines
FLIGHT = 64


def receipt(machine, options):
    """reveals with a receipt against the same reveals without: what vaultd computes more"""
    client = machine.residents()
    watch = machine.watch(client)
    say(f"log receipt, {FLIGHT} in flight")
    pairs = interleave(options.rounds, lambda: client.obey("reveal", FLIGHT, options.seconds, watch=watch,
                                                            profile=machine.profile("log-receipt")),
                       lambda: client.obey("reveal-bare", FLIGHT, options.seconds, watch=watch))
    line = summary("log", "receipt", "calls/s", pairs, connections=options.connections)
    vaultd, both = lambda r: cpu_us(r, "vaultd"), lambda r: cpu_us(r, "vaultd") + cpu_us(r, "postgres")
    # Batches, and so the CPU of a call, go up and down with what else the machine does: medians of each side, not of the rounds' ratios.
    for name, of in {"added_cpu_vaultd": vaultd, "added_cpu": both}.items():
        line[name] = round(middle([of(o) for o, _ in pairs]) / max(0.01, middle([of(l) for _, l in pairs])) - 1, 3)
    reached = line["added_cpu"] <= 0.05
    return [publish({**line, "aim": 0.95, "missed": [] if reached else [f"a receipt adds {line['added_cpu']:.1%} of CPU, over 5 %"]})]


def verify(machine, options):
    """vault-verify of a million lines by two threads, against SHA-256 of the same messages by two threads; beside: of the same bytes
    in one piece a thread, and of the files as sha256sum reads them"""
    program = machine.program("bench-verify", "--folder", machine.folder / "tiles", "--lines", VERIFIED)
    watch = {"client": lambda: cpu_of(program.pid), "machine": cpu_of_machine}
    say(f"log verify, {VERIFIED} lines")
    ask = lambda *words: program.obey(*words, options.seconds, watch=watch)
    pairs = interleave(options.rounds, lambda: ask("verify", 2), lambda: ask("messages", 2))
    line = summary("log", "verify", "lines/s", pairs, lines=VERIFIED, threads=2)
    for name, words in {"alone": ("verify", 1), "messages_alone": ("messages", 1), "stream": ("stream", 2), "stream_alone": ("stream", 1),
                        "files_alone": ("files",)}.items():
        line[name] = round(middle([rate(ask(*words)) for _ in range(options.rounds)]))
    line["ratio_stream"] = round(line["ours"] / line["stream"], 3)
    line["ratio_files_alone"] = round(line["ours"] / line["files_alone"], 3)
    program.close()
    missed = [] if line["ratio"] >= 0.6 else [f"ratio {line['ratio']} is below the aim of 0.6"]
    return [publish({**line, "aim": 0.6, "missed": missed})]


def trace(machine, options):
    """a leaked list of 1,000 rows, linked already, over the log: aim 10 s at 13 million lines (--lines: another number of lines)"""
    program = questions.opened(machine, options)
    size = {"lines": machine.question_lines, "residents": options.residents, "persons": questions.PERSONS}
    say(f"log trace, {size['lines']} lines")
    taken = [1 / max(1e-9, rate(program.obey("trace", options.seconds)) / 1000) for _ in range(options.rounds)]
    seconds = middle(taken)
    aim = 10 * size["lines"] / 13000000
    line = {"bench": "log", "case": "trace", **size, "rows": 1000, "seconds": round(seconds, 3), "aim_seconds": round(max(aim, 3), 3)}
    return [publish({**line, "missed": [] if seconds <= max(aim, 3) else [f"{seconds:.2f} s, over {max(aim, 3):.2f} s"]})]
