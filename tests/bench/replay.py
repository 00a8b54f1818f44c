"""How fast the log is decided again by a policy that is not in force."""
import json
import subprocess
import sys
import time

from machine import cpu_of, cpu_of_machine, say

LINES, AIM_S = 1000000, 30


def replay(machine, options, case):
    """a million lines decided again by a draft, page by page, by vaultctl policy simulate: seconds"""
    machine.start_vaultd()
    machine.certificate("officer-wang", "vault://dev/officers/officer-wang")
    program = machine.program("bench-replay", "--database", machine.conninfo, "--root-key", machine.folder / "root.key")
    say(f"policy replay: {LINES} lines are appended")
    program.obey("lines", LINES)
    program.close()
    machine.sql("VACUUM (ANALYZE) line")
    draft, ca = machine.folder / "draft.json", machine.folder / "ca"
    policy = json.loads((machine.folder / "init/policy.json").read_text())
    next(r for r in policy["rules"] if r["id"] == "clinic-reveal")["fields"].remove("phone")
    draft.write_text(json.dumps(policy, ensure_ascii=False))

    def once():
        watch = {"vaultd": lambda: cpu_of(machine.vaultd.pid), "postgres": machine.cpu_of_postgres, "machine": cpu_of_machine}
        began, before = time.monotonic(), {name: read() for name, read in watch.items()}
        told = subprocess.run([machine.programs / "vaultctl", "policy", "simulate", draft, "--json", "--server", machine.server, "--ca", ca / "ca.crt",
                               "--cert", ca / "officer-wang.crt", "--key", ca / "officer-wang.key"], stdout=subprocess.PIPE, text=True, check=False)
        seconds, cpu = time.monotonic() - began, {name: read() - before[name] for name, read in watch.items()}
        found = json.loads(told.stdout)
        if told.returncode != 1 or found["would_refuse"] != LINES // 8 or found["would_allow"] or found["open"]:
            sys.exit(f"bench: the replay says {told.stdout[:400]}")
        return seconds, cpu

    say("policy replay")
    runs = sorted((once() for _ in range(min(options.rounds, 3))), key=lambda run: run[0])
    seconds, cpu = runs[len(runs) // 2]
    line = {"bench": "policy", "case": case, "unit": "s", "ours": round(seconds, 2), "limit": AIM_S, "ratio": round(AIM_S / seconds, 3),
            "spread": [round(runs[0][0], 2), round(runs[-1][0], 2)], "rounds": len(runs), "ratio_by_cpu": "", "lines": LINES,
            "us_per_line": round(1e6 * seconds / LINES, 2), "us_vaultd": round(1e6 * cpu["vaultd"] / LINES, 2), "us_postgres": round(1e6 * cpu["postgres"] / LINES, 2),
            "cpu_share_others": round(1 - (cpu["vaultd"] + cpu["postgres"]) / max(0.01, cpu["machine"]), 3)}
    return {**line, "aim": 1, "missed": [] if seconds <= AIM_S else [f"more than {AIM_S} s"]}
