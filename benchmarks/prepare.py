"""A corpus of books as token ids on the disk: streamed, split into sentences, checked; beside `tokenizers` and Python.

    python -m benchmarks.prepare --texts ../shared/data/books/books.txt.gz \\
        --vocabulary ../shared/data/vocab/bert-base-uncased/vocab.txt            about 10 minutes on 2 cores
    ... --quick            two rounds; with books_small.txt.gz about 2 minutes

- ours: `prepare_corpus` with boundaries of documents and sentences, hashes and a manifest, read back with `open_corpus`.
- ours, no sentences: the same without boundaries of sentences: what the peer does.
- tokenizers: the Rust tokenizer of BERT with `encode_batch_fast` on all cores, five hundred paragraphs for each core at a time
  (from 100 to 2,000 make no difference); ids appended as uint16 to one file, document boundaries as int64 from Python.
  No checks, no restart, no sentences.

All use all cores and write to the same disk. Each run is a process of its own; packages are imported and the tokenizer has
worked once before the clock starts (seconds of that are told apart). The peers take turns, A B C, C B A, ...; runs during
which other work kept more than a tenth of a core busy are repeated (within `--patience`). Before anything is timed the tokens
of all are compared.

Expected result: `benchmarks/results/prepare.json` and a table with seconds, MB of text a second, processor seconds, peak
memory, also of the texts four times over (flat memory), and round by round the ratio of seconds to the peer's; beside them the
seconds that only unpacking and reading the files takes, which nobody can go below. Aims, for ours with sentences: 4 times as
fast as `tokenizers`, below 1,500 MB at the peak, at most 1.1 times as much memory for four times the texts. No seed.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Nothing else is imported up here: a worker measures what its peer needs to import.

_PACKAGES = ("keras-bert-lab", "tensorflow", "tensorflow-text", "tokenizers", "numpy")
_LINES = 500
_FASTER, _MEGABYTES, _MORE_MEMORY = 4.0, 1500.0, 1.1  # the aims


def ours(vocabulary: str, sentences: bool) -> Callable[[list[str], str], int]:
    import keras_bert_lab as kbl
    from keras_bert_lab.batches.prepare_corpus import prepare_corpus

    tokenizer = kbl.WordPieceTokenizer.from_file(vocabulary)
    tokenizer.tokenize(["ready"])

    def prepare(texts: list[str], output: str) -> int:
        return prepare_corpus(texts, tokenizer, output, sentences=sentences, show_progress=False).tokens

    return prepare


def theirs(vocabulary: str) -> Callable[[list[str], str], int]:
    import numpy as np
    import tokenizers

    cores = len(os.sched_getaffinity(0))
    model = tokenizers.models.WordPiece.from_file(vocabulary, unk_token="[UNK]")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    tokenizer.encode("ready")

    def batches(texts: list[str]) -> Iterator[tuple[list[str], list[int]]]:
        """Paragraphs, and which of them begin a document."""
        lines: list[str] = []
        begins: list[int] = []
        new = True
        for path in texts:
            with gzip.open(path, "rt", encoding="utf-8") as file:
                for line in file:
                    if line.isspace():
                        new = True
                        continue
                    if new:
                        begins.append(len(lines))
                    new = False
                    lines.append(line)
                    if len(lines) == _LINES * cores:
                        yield lines, begins
                        lines, begins = [], []
            new = True
        yield lines, begins

    def prepare(texts: list[str], output: str) -> int:
        Path(output).mkdir()
        count = 0
        documents: list[int] = []
        with Path(output, "tokens.bin").open("wb") as file:
            for lines, begins in batches(texts):
                encoded = tokenizer.encode_batch_fast(lines, add_special_tokens=False)
                first = set(begins)
                for place, row in enumerate(encoded):
                    if place in first:
                        documents.append(count)
                    ids = np.array(row.ids, np.uint16)
                    file.write(ids.tobytes())
                    count += len(ids)
        np.save(Path(output, "documents.npy"), np.array([*documents, count]))
        return count

    return prepare


_PEERS: dict[str, Callable[[str], Callable[[list[str], str], int]]] = {
    "ours": lambda vocabulary: ours(vocabulary, sentences=True),
    "ours, no sentences": lambda vocabulary: ours(vocabulary, sentences=False),
    "tokenizers": theirs,
}


def work(peer: str, texts: list[str], vocabulary: str, output: str) -> dict[str, Any]:
    """One run, in a process of its own."""
    start = time.perf_counter()
    prepare = _PEERS[peer](vocabulary)
    ready = time.perf_counter() - start
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    from benchmarks.measure import timed_run

    counts: list[int] = []
    processor = time.process_time()
    answer = timed_run(lambda: counts.append(prepare(texts, output)), 1)
    memory = {"before_mib": before, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    return answer | {"ready": ready, "processor": time.process_time() - processor, "memory": memory, "tokens": counts[0]}


def run(peer: str, texts: list[Path], vocabulary: Path, keep: Path | None = None) -> dict[str, Any]:
    """One run in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        output = str(keep or Path(folder, "corpus"))
        command = [sys.executable, "-m", "benchmarks.prepare", "--worker", peer, "--vocabulary", str(vocabulary)]
        command += ["--corpus", output, "--texts", *map(str, texts)]
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "2", "TOKENIZERS_PARALLELISM": "true"}
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | quiet | {"KERAS_BACKEND": "tensorflow"}
        )
    return json.loads(done.stdout.splitlines()[-1])


def check_equal(texts: list[Path], vocabulary: Path) -> int:
    """Compare the tokens of all; this also fills the file cache.

    Raises:
        ValueError: tokens or documents differ.
    """
    import numpy as np

    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for number, peer in enumerate(_PEERS):
            path = Path(folder, str(number))
            run(peer, texts, vocabulary, path)
            path = path / "shard-00000-of-00001" if peer.startswith("ours") else path
            found[peer] = np.fromfile(path / "tokens.bin", np.uint16), np.load(path / "documents.npy")
    first = found.pop("tokenizers")
    for peer, other in found.items():
        if not all(map(np.array_equal, first, other)):
            raise ValueError(f"All must give the same tokens. Received: {len(other[0])} of {peer}, {len(first[0])} of the peer")
    return len(first[0])


def read_seconds(texts: list[Path]) -> float:
    """Seconds to unpack the files on one core and do nothing with them, the best of three times."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        for path in texts:
            with gzip.open(path, "rb") as file:
                while file.read(1 << 20):
                    pass
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def aims_of(row: dict[str, Any], times: int) -> dict[str, bool]:
    """Whether our row reaches the aims."""
    peak, more = row["peak_mib"]["median"], row["peak_mib_of_more_texts"]
    found = {
        f"at least {_FASTER:g} times as fast as tokenizers": row["times_as_fast_as_tokenizers"]["median"] >= _FASTER,
        f"peak below {_MEGABYTES:,.0f} MB": max(peak, more or 0.0) * 2**20 < _MEGABYTES * 1e6,
    }
    return found | (
        {}
        if more is None
        else {f"at most {_MORE_MEMORY:g} times the memory for {times} times the texts": more <= _MORE_MEMORY * peak}
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=Path, required=True, nargs="+", help="gzipped text files")
    parser.add_argument("--vocabulary", type=Path, required=True, help="vocab.txt of an uncased BERT")
    parser.add_argument("--quick", action="store_true", help="two rounds")
    parser.add_argument("--rounds", type=int, help="7; with --quick 2")
    parser.add_argument(
        "--times", type=int, default=4, help="how often the texts are given in the test of flat memory; 0 = not"
    )
    parser.add_argument("--patience", type=float, default=900, help="seconds to wait for a quiet machine, over all rounds")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--worker", choices=list(_PEERS), help=argparse.SUPPRESS)
    parser.add_argument("--corpus", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(work(options.worker, list(map(str, options.texts)), str(options.vocabulary), options.corpus)))
        return

    import numpy as np

    from benchmarks.measure import QUIET, alternate, machine, summary, versions

    default = Path(__file__).parent / "results" / "prepare.json"
    output = options.output or (Path(tempfile.gettempdir()) / "prepare_quick.json" if options.quick else default)
    rounds = options.rounds or (2 if options.quick else 7)
    size = sum(len(gzip.decompress(path.read_bytes())) for path in options.texts) / 1e6
    tokens = check_equal(options.texts, options.vocabulary)
    print(f"{size:.1f} MB of text, {tokens:,} tokens, the same of all", flush=True)
    answers: dict[str, list[dict[str, Any]]] = {peer: [] for peer in _PEERS}

    def measured(peer: str) -> dict[str, Any]:
        answers[peer].append(run(peer, options.texts, options.vocabulary))
        return answers[peer][-1]

    seconds, others = alternate({peer: lambda peer=peer: measured(peer) for peer in _PEERS}, rounds, options.patience)
    counted = {peer: [answer for answer in answers[peer] if answer["seconds"][0] in seconds[peer]] for peer in _PEERS}
    rows = []
    for peer, found in counted.items():
        large = run(peer, options.texts * options.times, options.vocabulary) if options.times and peer == "ours" else None
        rows.append(
            {
                "peer": peer,
                "seconds": summary(seconds[peer]),
                "megabytes_per_second": summary([size / each for each in seconds[peer]]),
                "processor_seconds": summary([each["processor"] for each in found]),
                "seconds_to_be_ready": summary([each["ready"] for each in found]),
                "peak_mib": summary([each["memory"]["peak_mib"] for each in found]),
                "mib_before": summary([each["memory"]["before_mib"] for each in found]),
                "peak_mib_of_more_texts": large and large["memory"]["peak_mib"],
                "times_as_fast_as_tokenizers": summary(
                    [b["seconds"][0] / a["seconds"][0] for a, b in zip(found, counted["tokenizers"], strict=True)]
                ),
                "times_less_processor_than_tokenizers": summary(
                    [b["processor"] / a["processor"] for a, b in zip(found, counted["tokenizers"], strict=True)]
                ),
                "cores_busy_with_other_work": others[peer],
                "rounds": found,
            }
        )
    more_texts = f"x {options.times}"
    print(
        f"{'':20} {'seconds':>8} {'MB/s':>7} {'processor s':>12} {'peak MiB':>9} {more_texts:>7} {'ratio':>7} {'of proc.':>9}"
    )
    for row in rows:
        medians = [row[name]["median"] for name in ("seconds", "megabytes_per_second", "processor_seconds", "peak_mib")]
        more = row["peak_mib_of_more_texts"] or float("nan")
        ratio, of_processor = (row[f"times_{name}_tokenizers"]["median"] for name in ("as_fast_as", "less_processor_than"))
        print(
            f"{row['peer']:20} {medians[0]:8.2f} {medians[1]:7.1f} {medians[2]:12.2f} {medians[3]:9.0f} {more:7.0f} "
            f"{ratio:6.2f}x {of_processor:8.2f}x"
            f"{' !' if row['cores_busy_with_other_work'] > QUIET else ''}"
        )
    limit, aims = read_seconds(options.texts), aims_of(rows[0], options.times)
    print(f"unpacking and reading alone: {limit:.2f} s")
    for aim, reached in aims.items():
        print(f"{aim}: {'yes' if reached else 'NO'}")
    report = {
        "command": f"python -m benchmarks.prepare --rounds {rounds}",
        "texts": [path.name for path in options.texts],
        "megabytes": float(np.round(size, 3)),
        "tokens": tokens,
        "more_texts": options.times,
        "machine": machine(),
        "versions": versions(_PACKAGES),
        "seconds_to_unpack_and_read": limit,
        "aims": aims,
        "peers": rows,
    }
    output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(f"Written: {output}")


if __name__ == "__main__":
    main()
