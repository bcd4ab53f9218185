"""The parts that `make gpu` runs, the most informative first."""

from tests.gpu.runner import Part

_PYTEST = ("-m", "pytest", "-q", "-rf", "--color=no", "-p", "no:cacheprovider")


def list_parts(device: str) -> tuple[Part, ...]:
    """Return the parts for a device; on a CPU, benchmarks are as short as possible."""
    quick = device == "cpu"
    small_clips = (
        "--seconds", "1", "--threads", "1",
        "--frame-size", "96", "128", "--train-size", "96", "128",
    )  # fmt: skip
    short_rows = ("--seconds", "0", "--map", "45x60", "--frames", "1", "2")

    def tests(name: str, *selection: str) -> Part:
        return Part(name, (*_PYTEST, *selection))

    def benchmark(name: str, *options: str) -> Part:
        script = f"benchmarks/{name}.py"
        return Part(f"benchmark {name}", (script, "--device", device, *options), is_table=True)

    return (
        tests("heads", "tests/vss/models/heads"),
        tests(
            "attention",
            "tests/vss/models/test_attention.py",
            "tests/vss/models/test_pyramid_tokens.py",
        ),
        tests("streams", "tests/vss/inference/test_streaming.py"),
        tests("batches", "tests/gpu/test_batches.py"),
        tests("training steps", "tests/gpu/test_training.py", "-k", "not compiled"),
        tests("measurement", "tests/gpu/test_measurement.py"),
        tests("two processes", "tests/gpu/test_two_processes.py"),
        tests("compiled steps", "tests/gpu/test_training.py", "-k", "compiled"),
        tests("command", "tests/gpu/test_command.py"),
        benchmark("networks", *(small_clips if quick else ("--seconds", "10"))),
        benchmark("data", "--steps", "2" if quick else "20"),
        benchmark("attention", *(short_rows if quick else ("--seconds", "0.1"))),
    )
