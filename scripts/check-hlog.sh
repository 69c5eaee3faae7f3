#!/usr/bin/env bash
# Do HdrHistogram's own tools read a run's latencies.hlog, and see in it what the lab sees? The Java one (HistogramLogProcessor) and
# the Python one (PyPI: hdrhistogram) merge the intervals of each phase; what each has counted up to each value of the lab's and of Java's
# percentile distributions must be the same, and so must the values that the two give for each share.
# usage: check-hlog.sh LAB RUN_FOLDER
# needs: apt-get install libhdrhistogram-java default-jre-headless python3-venv
set -euo pipefail

lab=${1:?the lab program}
run=${2:?the folder of a run, such as results/latest}
jar=/usr/share/java/hdrhistogram.jar
log=$run/latencies.hlog
[ -r "$log" ] || { echo "check-hlog: $log is not there; name the folder of a run" >&2; exit 2; }
[ -r "$jar" ] || { echo "check-hlog: $jar is not there: apt-get install libhdrhistogram-java" >&2; exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet hdrhistogram
cp -r "$(readlink -f "$run")" "$work/run"
# The exit code is that of the run's verdict, which is not asked here.
"$lab" report "$work/run" --hgrm > /dev/null || true

cat > "$work/compare.py" <<'PY'
import glob, re, subprocess, sys
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

jar, log, folder = sys.argv[1:]


def of_text(path):
    """The lines of a percentile distribution: value, share, count up to there."""
    rows = [line.split()[:3] for line in open(path) if re.match(r"\s*[0-9]", line)]
    return [(float(value), float(share), int(count)) for value, share, count in rows]


def lab(tag):
    paths = glob.glob(f"{glob.escape(folder)}/run/hgrm/*.{tag}.hgrm")
    if len(paths) != 1:
        sys.exit(f"check-hlog: {len(paths)} trials have the tag {tag}, which the log adds up; name a run without --repeat")
    return of_text(paths[0])


def java(tag):
    out = f"{folder}/{tag}.java"
    command = ["java", "-cp", jar, "org.HdrHistogram.HistogramLogProcessor", "-i", log, "-o", out, "-tag", tag]
    subprocess.run([*command, "-outputValueUnitRatio", "1"], check=True, stdout=subprocess.DEVNULL)
    return of_text(f"{out}.hgrm")


def python(tag):
    """How many values there are up to each: Python's percentiles are of the nearest rank, the others' of the next one above."""
    # HdrHistogram_py knows no tags when it reads: each tag's lines are handed in alone.
    path, mine = f"{folder}/{tag}.hlog", f"Tag={tag},"
    with open(log) as lines, open(path, "w") as out:
        for line in lines:
            if line.startswith(mine):
                out.write(line[len(mine):])
            elif not line.startswith("Tag="):
                out.write(line)
    whole = HdrHistogram(1, 60_000_000, 3)
    reader = HistogramLogReader(path, whole)
    while reader.add_next_interval_histogram():
        pass
    reader.close()
    return {item.value_iterated_to: item.total_count_to_this_value for item in whole.get_recorded_iterator()}


def at(rows, share):
    return next(value for value, upto, _ in rows if upto >= share)


with open(log) as lines:
    tags = sorted({line[4:].split(",", 1)[0] for line in lines if line.startswith("Tag=")})
print(f"{'':46} {'count':>7} {'p50':>8} {'p99':>8} {'p99.9':>8} {'max':>8}  us")
apart = 0
for tag in tags:
    ours, theirs, counted = lab(tag), java(tag), python(tag)
    count = ours[-1][2]
    figures = [at(ours, 0.5), at(ours, 0.99), at(ours, 0.999), ours[-1][0]]
    print(f"{tag:46} {count:7}" + "".join(f" {value:8.0f}" for value in figures))
    # Where a share of the count is a whole number, the last bit of a product decides which of two neighbours is meant.
    tied = lambda share: share < 1 and abs(share * count - round(share * count)) < 1e-6
    java_says = {share: value for value, share, _ in theirs}
    wrong = [f"Java has {java_says.get(share)} at {share}, the lab {value}"
             for value, share, _ in ours if not tied(share) and java_says.get(share) != value]
    wrong += [f"Python has {counted.get(int(value))} values up to {value}, {who} {upto}"
              for who, rows in [("the lab", ours), ("Java", theirs)]
              for value, _, upto in rows if counted.get(int(value)) != upto]
    wrong += [f"counts differ: {count}, {theirs[-1][2]}, {max(counted.values())}"] * (
        not count == theirs[-1][2] == max(counted.values()))
    apart += bool(wrong)
    for line in wrong[:5]:
        print(f"  {line}")
print(f"{len(tags)} distributions, each read by Java and by Python; {apart} are not the lab's")
sys.exit(apart > 0)
PY
"$work/venv/bin/python" "$work/compare.py" "$jar" "$log" "$work"
