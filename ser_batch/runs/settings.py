"""The settings of a run: its options, completed by the model's card."""

from ser_batch.audio.denoise import ENGINES
from ser_batch.audio.front_end import WINDOW_SECONDS
from ser_batch.engine import processes
from ser_batch.engine.job import Options, Settings
from ser_batch.errors import UsageError
from ser_batch.extras import require
from ser_batch.model.bundle import Bundle, load_bundle
from ser_batch.runs.adapting import check_options
from ser_batch.runs.progress import Progress
from ser_batch.runs.run_json import model_record
from ser_batch.runs.tables import check_formats


def prepare(options: Options, progress: Progress) -> tuple[Bundle, Settings]:
    """Load the model and resolve the settings; warn if the model was trained with other noise reduction.

    Raises:
        UsageError: an unknown model or format, or invalid options.
        SerBatchError: the model is broken, or the current folder does not exist.
    """
    processes.check_current_folder()
    check_formats(options.formats)
    if options.ray is not None:
        require("--ray", "ray")
    bundle = load_bundle(options.model)
    settings = resolve_settings(options, bundle)
    check_options(options, model_record(bundle))
    if (settings.denoise == "off") != (bundle.denoise == "off"):
        progress.warn(
            f"{bundle.name} was trained with denoise {bundle.denoise}; with {settings.denoise} its labels are worse"
        )
    return bundle, settings


def resolve_settings(options: Options, bundle: Bundle) -> Settings:
    """Return the settings that change results; the model's card gives what the options leave out.

    Raises:
        UsageError: invalid options.
    """
    if not 0.1 <= options.window <= WINDOW_SECONDS:
        raise UsageError(
            f"a window of {options.window} s: too short or too long: give 0.1 to {WINDOW_SECONDS} s"
        )
    if not 0.01 <= options.hop <= options.window:
        raise UsageError(
            f"a hop of {options.hop} s: too short or too long: give 0.01 s to the window's {options.window} s"
        )
    denoise = options.denoise or bundle.denoise
    if denoise not in ENGINES:
        raise UsageError(f"denoise {denoise!r}: unknown: choose from {', '.join(ENGINES)}")
    if denoise == "noisereduce":
        require("denoise noisereduce", "noisereduce")
    if not 0 <= options.min_speech <= WINDOW_SECONDS:
        raise UsageError(f"--min-speech {options.min_speech}: give 0 to {WINDOW_SECONDS} s")
    min_speech = options.min_speech if options.voice else None
    return Settings(str(bundle.path), options.window, options.hop, denoise, min_speech)
