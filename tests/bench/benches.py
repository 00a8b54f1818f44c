"""The benches, each a function of the machine and the options that yields its lines."""
import subprocess

import decisions
import provable
import questions
import rotation
import verification
from machine import ROOT, cpu_of, cpu_of_machine, say
from rounds import ends, interleave, middle, publish, rate, summary


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
        pairs = interleave(options.rounds, lambda: client.obey("reveal", flight, options.seconds, watch=watch,
                                                                profile=machine.profile(f"reveal-{case}")),
                           lambda: client.obey("health", flight, options.seconds, watch=watch))
        line = summary("reveal", case, "calls/s", pairs, connections=min(options.connections, flight))
        line["cpu_ratio_vaultd"] = round(line["cpu_us_vaultd"] / max(0.01, line["limit_cpu_us_vaultd"]), 3)
        line = judge(line, {64: 0.45, 256: 0.55}.get(flight, 0), **{"p50 alone is above 1 ms": flight > 1 or line["p50_ms"] <= 1,
                     "vaultd's CPU is above 1.6 times the health check's": line["cpu_ratio_vaultd"] <= 1.6})
        lines.append(publish(line))
    return lines


def batches(machine, options, name, unit):
    client, lines = machine.residents(), []
    items = options.batch or 1000
    for case in cases(options, [f"items={items}"]):
        say(f"{name} {case}")
        client.obey(name, items, 4, 2.0)  # warm, and lines for the bare side
        bare = machine.program("bench-bare", "--database", machine.conninfo, "--root-key", machine.folder / "root.key",
                               "--connections", options.workers)
        bare.obey("prepare")
        machine.sql("CHECKPOINT")
        watch, watch_bare = machine.watch(client), machine.watch(bare)
        ours = lambda profile: client.obey(name, items, 4, options.seconds, watch=watch, profile=profile)
        pairs = interleave(options.rounds, lambda: ours(machine.profile(f"{name}-{case}")),
                           lambda: bare.obey(name, items, options.seconds, watch=watch_bare))
        bare.close()
        line = summary(name, case, unit, pairs, inflight=4, connections=options.connections, workers=options.workers,
                       limit_connections=options.workers)
        lines.append(publish(judge(machine.stages(line, ours), 0.6)))
    return lines


def reveal_batch(machine, options):
    """values of BatchReveal of 1,000 items, against bare reads, line inserts and the bare cipher on as many connections as workers"""
    return batches(machine, options, "reveal-batch", "values/s")


def issue_batch(machine, options):
    """tokens of BatchIssue of 1,000 items by ID number, against bare reads by natural key and line inserts on as many connections as workers"""
    return batches(machine, options, "issue-batch", "tokens/s")


def search(machine, options):
    """searches by terms, the first 100 of those found, against the bare SQL of the same terms (and, in limit_whole, with rows and lines)"""
    client, lines = machine.residents(), []
    flight = 1 if options.batch is None else options.batch
    client.obey("search", "suffix", flight, 2.0)  # lines for the bare side
    bare = machine.program("bench-bare", "--database", machine.conninfo, "--root-key", machine.folder / "root.key", "--connections", 1)
    bare.obey("prepare")
    watch, watch_bare = machine.watch(client), machine.watch(bare)
    for case in cases(options, ["equality", "suffix", "ngram", "and"]):
        say(f"search {case}")
        client.obey("search", case, flight, 2.0)  # warm
        ours = lambda: client.obey("search", case, flight, options.seconds, watch=watch, profile=machine.profile(f"search-{case}"))
        whole = interleave(options.rounds, ours, lambda: bare.obey("search-whole", case, options.seconds, watch=watch_bare))
        pairs = interleave(options.rounds, ours, lambda: bare.obey("search", case, options.seconds, watch=watch_bare))
        line = summary("search", case, "calls/s", pairs, inflight=flight, residents=options.residents)
        beside = summary("search", case, "calls/s", whole)
        line["p50_times_bare"] = round(line["p50_ms"] / line["limit_p50_ms"], 2)
        line["p50_times_whole"] = round(beside["p50_ms"] / beside["limit_p50_ms"], 2)
        line["p99_times_whole"] = round(beside["p99_ms"] / beside["limit_p99_ms"], 2)
        line["whole_p50_ms"], line["whole_p99_ms"] = beside["limit_p50_ms"], beside["limit_p99_ms"]
        lines.append(publish(line))
    bare.close()
    return lines


def put(machine, options):
    """residents of 20 fields by BatchPut of 512, against binary COPY of the same sealed rows into the same emptied tables"""
    client, lines = machine.client(), []
    for case in cases(options, [f"rows={options.residents}"]):
        say(f"put {case}")
        bare = machine.program("bench-bare", "--database", machine.database(), "--root-key", machine.folder / "root.key",
                               "--connections", options.workers)
        watch, watch_bare = machine.watch(client), machine.watch(bare)

        def emptied(program, *words, **more):
            machine.sql("TRUNCATE resident, resident_key, resident_term, request; CHECKPOINT")
            result = program.obey(*words, **more)
            if result["units"] != options.residents or int(machine.sql("SELECT count(*) FROM resident")) != options.residents:
                raise SystemExit(f"bench: {result['units']} of {options.residents} residents went in")
            return result

        emptied(client, "put", 8)
        bare.obey("dump")
        pairs = interleave(options.rounds, lambda: emptied(client, "put", 8, watch=watch, profile=machine.profile(f"put-{case}")),
                           lambda: emptied(bare, "put", watch=watch_bare))
        bare.close()
        line = summary("put", case, "residents/s", pairs, inflight=8, items=512, connections=options.connections, workers=options.workers,
                       limit_connections=options.workers)
        line = machine.stages(line, lambda profile: emptied(client, "put", 8, profile=profile))
        machine.loaded = False  # what came back last has ids that no token knows
        machine.sql("TRUNCATE resident, resident_key, resident_term, request")
        lines.append(publish(judge(line, 0.5)))
    return lines


def import_file(machine, options):
    """residents of a CSV file of 20 fields by vaultctl import, against binary COPY of the same sealed rows into the same emptied tables"""
    client, lines = machine.client(), []
    for case in cases(options, [f"rows={options.residents}"]):
        say(f"import {case}")
        bare = machine.program("bench-bare", "--database", machine.database(), "--root-key", machine.folder / "root.key",
                               "--connections", options.workers)
        file = machine.csv(options.residents)

        def emptied(run):
            machine.sql("TRUNCATE resident, resident_key, resident_term, correction, request; CHECKPOINT")
            result = run()
            if result["units"] != options.residents or int(machine.sql("SELECT count(*) FROM resident")) != options.residents:
                raise SystemExit(f"bench: {result['units']} of {options.residents} residents went in")
            return result

        emptied(lambda: machine.vaultctl_import(file))
        bare.obey("dump")
        watch = machine.watch(bare)
        pairs = interleave(options.rounds, lambda: emptied(lambda: machine.vaultctl_import(file, machine.profile(f"import-{case}"))),
                           lambda: emptied(lambda: bare.obey("put", watch=watch)))
        bare.close()
        machine.loaded = False
        machine.sql("TRUNCATE resident, resident_key, resident_term, request")
        line = summary("import", case, "residents/s", pairs, workers=options.workers, limit_connections=options.workers,
                       rss_mb_vaultctl=round(max(o["rss_mb"] for o, _ in pairs)), rss_mb_vaultd=machine.peak_of_vaultd())
        lines.append(publish(judge(line, 0.4)))
    del client
    return lines


def start(machine, options):
    """vaultd from exec to ready with 10,000 persons and 1,000 rules, against the same with the few of tests/support/town"""
    say("start persons=10000")
    ours, limits = [], []
    crowded, few = machine.crowd("crowd", persons=10000, rules=1000), machine.crowd("few", persons=0, rules=0)
    for _ in range(options.rounds):
        ours.append(machine.time_start(crowded))
        limits.append(machine.time_start(few))
    line = {"bench": "start", "case": "persons=10000", "unit": "s", "ours": middle(ours), "limit": middle(limits),
            "ratio": round(middle(limits) / middle(ours), 3), "spread": ends(ours), "rounds": options.rounds, "ratio_by_cpu": ""}
    return [publish(judge(line, 0, **{"start-up takes more than 1 s": line["ours"] <= 1}))]


def control(machine, options):
    """the stamp of the control rows in the append of a line, against the same append without it (one connection, in turns)"""
    program, lines = machine.program("bench-log", "--database", machine.new_database("stamp")), []
    watch = machine.watch(program)
    watch.pop("vaultd", None)
    for case in cases(options, ["waiting=1", "waiting=64"]):
        say(f"control {case}")
        waiting = int(case.split("=")[1])
        pairs = interleave(options.rounds, lambda: program.obey("ours", waiting, options.seconds, watch=watch),
                           lambda: program.obey("unstamped", waiting, options.seconds, watch=watch))
        lines.append(publish(judge(summary("control", case, "lines/s", pairs, connections=1), 0.97)))
    program.close()
    return lines


APPENDS = ["waiting=1", "waiting=16", "waiting=64", "waiting=256"]


def appends(machine, options):
    names, lines = [case for case in APPENDS if not options.case or case in options.case], []
    program = machine.program("bench-log", "--database", machine.new_database("log"))
    watch = machine.watch(program)
    watch.pop("vaultd", None)
    for case in names:
        waiting = int(case.split("=")[1])
        say(f"log {case}")
        pairs = interleave(options.rounds, lambda: program.obey("ours", waiting, options.seconds, watch=watch,
                                                                profile=machine.profile(f"log-{case}")),
                           lambda: program.obey("limit", waiting, options.seconds, watch=watch))
        lines.append(publish(judge(summary("log", case, "lines/s", pairs, connections=1), 0.7)))
    program.close()
    return lines


# case of ./bench log: what measures it
LOG = {**{case: appends for case in APPENDS}, "receipt": provable.receipt, "verify": provable.verify, "trace": provable.trace,
       "query resident": questions.resident, "query person": questions.person}


def log(machine, options):
    """durable lines against bare INSERT ... unnest of the same bytes; receipts against none; vault-verify against SHA-256"""
    lines = []
    for measure in dict.fromkeys(LOG[case] for case in cases(options, list(LOG))):
        lines += measure(machine, options)
    return lines


def tokens(machine, options):
    """tokens in memory by one thread: pseudonyms against a bare AES block each, format-preserving ID numbers against ten"""
    program, lines = machine.program("bench-tokens"), []
    watch = {"client": lambda: cpu_of(program.pid), "machine": cpu_of_machine}
    # case: what is measured, its limit, the aim for the ratio, what else is told, tokens a second that are aimed at
    sides = {"pseudonym issue": ("issue", "block", 0.5, "seal", 0), "pseudonym open": ("open", "block", 0.5, "unseal", 0),
             "ff1 id": ("ff1", "ten", 0, "unff1", 500000)}
    for case in cases(options, list(sides)):
        ours, limit, aim, other, least = sides[case]
        say(f"tokens {case}")
        pairs = interleave(options.rounds, lambda: program.obey(ours, options.seconds, watch=watch),
                           lambda: program.obey(limit, options.seconds, watch=watch))
        line = summary("tokens", case, "tokens/s", pairs)
        line[other] = round(middle([rate(program.obey(other, options.seconds)) for _ in range(options.rounds)]))
        line[f"{other}_ratio"] = round(line[other] / line["limit"], 3)
        lines.append(publish(judge(line, aim, **{f"below {least} a second": line["ours"] >= least})))
    program.close()
    return lines


def values(machine, options, names):
    """seal and open: KIND BYTES SUITE"""
    if not names:
        return []
    program, lines = machine.program("bench-keys"), []
    watch = {"client": lambda: cpu_of(program.pid), "machine": cpu_of_machine}
    for case in names:
        kind, size, suite = case.split()
        say(f"keys {case}")
        pairs = interleave(options.rounds, lambda: program.obey(kind, size, suite, options.seconds, watch=watch),
                           lambda: program.obey(f"{kind}-bare", size, suite, options.seconds, watch=watch))
        line = summary("keys", case, "values/s", pairs)
        if kind == "seal":  # each under another key: what setting one costs
            new = [rate(program.obey("seal-new", size, suite, options.seconds)) for _ in range(options.rounds)]
            line["new_key"] = round(middle(new))
        lines.append(publish(judge(line, 0.7)))
    program.close()
    return lines


# case of ./bench keys: what measures it
KEYS = {f"{kind} {size} {suite}": values for kind in ("seal", "open") for size in (18, 64) for suite in ("intl", "gm")}


KEYS["rewrap"] = rotation.rewrap
KEYS["verify rows"] = verification.rows


def keys(machine, options):
    """values sealed and opened by one thread, against libgcrypt's bare cipher with the same padding"""
    lines, asked = [], cases(options, list(KEYS))
    for measure in dict.fromkeys(KEYS[case] for case in asked):
        lines += measure(machine, options, [case for case in asked if KEYS[case] is measure])
    return lines


def faults(machine, options):
    """1,000 rounds of kill -9 and immediate stops under load: a test that prints how many plaintexts it accounted for"""
    del machine  # it has a city of its own
    program = ["/usr/bin/python3", ROOT / "tests/integration/faults.py", "--rounds", str(options.asked_rounds or 1000)]
    subprocess.run(program, check=True)
    return []


BENCHES = {"reveal": reveal, "reveal-batch": reveal_batch, "issue-batch": issue_batch, "search": search, "put": put, "import": import_file,
           "start": start, "control": control, "tokens": tokens, "keys": keys, "log": log, "faults": faults,
           "rotation": rotation.reveals, "rotation-faults": rotation.faults, "policy": decisions.policy}
