"""Writes the measured part of Documentation/Performance.md, between its two marks.

    python3 Benchmarks/performance_table.py LIMITS.json RECORDS.tsv PAGE

LIMITS is what `measure-limits` printed, RECORDS what the scripts in Scripts/bench noted.
"""

import json
import platform
import sys
from datetime import date

MARKS = "<!-- measured -->\n", "<!-- end of what is measured -->\n"


def processor():
    with open("/proc/cpuinfo") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.processor()


def main():
    limits_path, records_path, page_path = sys.argv[1:]
    with open(limits_path) as file:
        limits = json.load(file)
    with open(records_path) as file:
        records = [line.rstrip("\n").split("\t") for line in file]
    runs = next((record[1] for record in records if record[0] == "runs"), "some")
    lines = [f"{processor()}, {limits['threads']} threads, {date.today().isoformat()}. Medians; runs in turn: {runs}.\n"]
    lines += ["| limit | |", "|---|---|"]
    for kind in ("f32", "bf16"):
        if peak := limits.get(f"peak_gigaflops_{kind}"):
            lines.append(f"| matrix products, {kind}, at best | {peak:.0f} GFLOP/s |")
    lines.append(f"| memory, reading and writing | {limits['memory_gigabytes_per_second']:.1f} GB/s |")
    if rate := limits.get("read_gigabytes_per_second"):
        lines.append(f"| a file of 269 MB, read as it stood in the page cache | {rate:.1f} GB/s |")
    lines += ["", "| work | `profs` | peer | ratio | script |", "|---|---|---|---|---|"]
    for record in records:
        if len(record) == 6:
            what, _, peer, ours, theirs, script = record
            ours, theirs = float(ours), float(theirs)
            lines.append(f"| {what} | {ours:.2f} s | {peer}: {theirs:.2f} s | {theirs / ours:.2f} | `{script}` |")
    for record in records:
        if record[0] == "rate":
            rate, peak = float(record[2]), limits[f"peak_gigaflops_{record[1]}"]
            lines.append(f"| the fit's products, {record[1]} | {rate:.0f} GFLOP/s | the limit: {peak:.0f} GFLOP/s "
                         f"| {rate / peak:.0%} | `Scripts/bench/edit.sh` |")
        elif record[0] == "start":
            lines.append(f"| start-up | {float(record[1]) * 1e3:.0f} ms | | | `Scripts/bench/startup.sh` |")
    with open(page_path, encoding="utf-8") as file:
        page = file.read()
    before, rest = page.split(MARKS[0], 1)
    after = rest.split(MARKS[1], 1)[1]
    with open(page_path, "w", encoding="utf-8") as file:
        file.write(before + MARKS[0] + "\n" + "\n".join(lines) + "\n\n" + MARKS[1] + after)


if __name__ == "__main__":
    main()
