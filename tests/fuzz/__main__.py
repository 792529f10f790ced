"""Fuzz run: thousands of damaged files through real worker processes: `python -m tests.fuzz --cases 20000`.

Every fourth file is a whole one, whose annotation must be the one that it has when nothing else is around.
"""

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from ser_batch.engine import pool
from ser_batch.engine.job import Settings
from ser_batch.engine.result import Annotation, Failure
from ser_batch.inputs.sources import Source
from ser_batch.model.bundle import load_bundle
from tests.fuzz.mutations import mutate
from tests.fuzz.seeds import make_seeds

WHOLE_EVERY = 4


def main():
    """Run the campaign, print its report as JSON, and fail if a whole file was lost or an input was not answered."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000, help="damaged files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--timeout", type=float, default=20.0, help="seconds, as of `annotate`")
    parser.add_argument("--keep", type=Path, help="folder for files that cost a worker its life")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = Campaign(Path(folder), options).run()
    print(json.dumps(report, indent=2))
    sys.exit(bool(report["whole_files_lost"] or report["unanswered"]))


class Campaign:
    """Damaged files from `seed`, made as the workers take them and removed when they are answered."""

    def __init__(self, folder, options):
        self.options = options
        self.folder = folder
        (folder / "seeds").mkdir()
        self.seeds = make_seeds(folder / "seeds")
        self.expected = {}  # path of a whole file that is under way → the annotation that it must get
        self.open = set()
        self.deaths = Counter()
        pool.Failure = self.note_death  # the pool reports a crash only when the file crashes again, alone

    def note_death(self, stage, error, message):
        self.deaths[error] += 1
        return Failure(stage, error, message)

    def run(self):
        began = time.monotonic()
        undisturbed = dict(self.annotate(map(source, self.seeds)))
        whole = {Path(s.path).name: a.record() for s, a in undisturbed.items() if isinstance(a, Annotation)}
        assert len(whole) == len(self.seeds), [
            a for a in undisturbed.values() if not isinstance(a, Annotation)
        ]
        outcomes, lost = Counter(), []
        for case, outcome in self.annotate(self.cases(whole)):
            self.open.remove(case.path)
            expected = self.expected.pop(case.path, None)
            if expected is None:
                outcomes[kind(outcome)] += 1
                if self.options.keep and getattr(outcome, "stage", "") == "worker":
                    self.options.keep.mkdir(exist_ok=True)
                    (self.options.keep / Path(case.path).name).write_bytes(Path(case.path).read_bytes())
            elif not isinstance(outcome, Annotation) or outcome.record() != expected:
                lost.append(Path(case.path).name)
            Path(case.path).unlink()
        return {
            "damaged": outcomes.total(),
            "whole": self.options.cases // (WHOLE_EVERY - 1),
            "formats": len(self.seeds),
            "outcomes": dict(outcomes.most_common()),
            "worker_deaths": dict(self.deaths),
            "whole_files_lost": lost,
            "unanswered": len(self.open),
            "largest_worker_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
            "seconds": round(time.monotonic() - began),
        }

    def annotate(self, sources):
        bundle = load_bundle("crema-d")
        settings = Settings(str(bundle.path), 3.0, 1.5, bundle.denoise)
        return pool.annotate(sources, settings, self.options.jobs, self.options.timeout, lambda: False)

    def cases(self, whole):
        rng = random.Random(self.options.seed)
        contents = [seed.read_bytes() for seed in self.seeds]
        for number in range(self.options.cases):
            k = rng.randrange(len(self.seeds))
            name = self.seeds[k].name
            yield self.case(f"{number:06} {name}", mutate(contents[k], contents, rng))
            if number % (WHOLE_EVERY - 1) == WHOLE_EVERY - 2:
                k = rng.randrange(len(self.seeds))
                path = self.folder / f"{number:06} whole {self.seeds[k].name}"
                self.expected[str(path)] = whole[self.seeds[k].name]
                yield self.case(path.name, contents[k])

    def case(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        self.open.add(str(path))
        return source(path)


def source(path):
    status = path.stat()
    return Source(str(path), status.st_size, status.st_mtime_ns)


def kind(outcome):
    return "annotated" if isinstance(outcome, Annotation) else f"{outcome.stage}: {outcome.error}"


if __name__ == "__main__":
    main()
