"""The officer's questions to a long log: a page of the lines of one resident, or of one acting person, found, opened and each proven."""
from machine import cpu_of, cpu_of_machine, say
from rounds import interleave, middle, publish, rate, summary

PERSONS = 10000


def opened(machine, options):
    """The program with its log, which takes a minute for every two million lines; kept for both questions."""
    if not getattr(machine, "questions", None):
        lines = options.lines or 1000000
        machine.questions = machine.program("bench-questions", "--database", machine.new_database("questions"), "--lines", lines,
                                            "--residents", options.residents, "--persons", PERSONS)
        machine.question_lines = lines
    return machine.questions


def question(machine, options, whom):
    program = opened(machine, options)
    watch = machine.watch(program)
    watch.pop("vaultd", None)
    say(f"log query {whom}, {machine.question_lines} lines")
    ask = lambda what: program.obey(what, options.seconds, watch=watch)
    pairs = interleave(options.rounds, lambda: ask(whom), lambda: ask(f"{whom}-bare"))
    rows = [ask(f"{whom}-rows") for _ in range(options.rounds)]
    line = summary("log", f"query {whom}", "pages/s", pairs, lines=machine.question_lines, residents=options.residents, persons=PERSONS)
    line["ratio_p99"] = round(line["p99_ms"] / line["limit_p99_ms"], 3)
    line["rows_p99_ms"] = middle([r["p99_ms"] for r in rows])
    line["ratio_p99_rows"] = round(line["p99_ms"] / line["rows_p99_ms"], 3)
    if whom == "resident":
        for what in ("columns", "groups", "make"):
            line[f"{what}_lines_per_s"] = round(middle([rate(ask(what)) for _ in range(options.rounds)]))
    missed = [] if line["ratio_p99"] <= 1.3 else [f"p99 is {line['ratio_p99']} times that of the bare look-up, over 1.3"]
    return publish({**line, "aim": 1.3, "missed": missed})


def resident(machine, options):
    """p99 of a page of a resident's lines, each proven, against the bare SQL that finds them (and that reads all that the proofs need)"""
    return [question(machine, options, "resident")]


def person(machine, options):
    """the same of an acting person's lines"""
    return [question(machine, options, "person")]
